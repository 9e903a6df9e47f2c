//! The hops through STS: what IAM must hold for this token, and whether it does.

use serde_json::Value;

use super::hops::{Walk, shown};
use crate::access_token::AccessToken;
use crate::consequence::Kind;
use crate::error::Error;
use crate::exchange::web_identity::WebIdentity;
use crate::idp::unverified_claims::UnverifiedClaims;
use crate::timestamp;

impl Walk<'_> {
    pub(super) async fn through_web_identity(&mut self, sts: &WebIdentity) -> Result<(), Error> {
        self.reach_and_clock(sts).await?;
        let Some(token) = self.token().await? else { return Ok(()) };
        let Some(claims) = self.claims(&token)? else { return Ok(()) };
        self.trust(&claims, &token)?;
        self.assume_role(sts, &token).await
    }

    /// Any response will do: only the `Date` header matters.
    async fn reach_and_clock(&mut self, sts: &WebIdentity) -> Result<(), Error> {
        let response = match self.get(&sts.endpoint).await {
            Ok(response) => response,
            Err(error) => return self.report.fail("STS", &Error::from(error)),
        };
        self.report.ok("STS", format_args!("{} answers", sts.endpoint))?;
        self.clock(response.date(), timestamp::now())
    }

    /// What the account's OIDC provider and the role's trust policy must say.
    fn trust(&mut self, claims: &UnverifiedClaims, token: &AccessToken) -> Result<(), Error> {
        // AWS STS API Reference, AssumeRoleWithWebIdentity, and IAM User Guide, "Create an OpenID Connect provider".
        let missing: Vec<&str> =
            ["iss", "sub", "aud", "exp", "iat"].into_iter().filter(|name| claims.get(name).is_none()).collect();
        if !missing.is_empty() {
            let detail = format!("the token has no {}, which STS asks for", missing.join(", "));
            let fix = "ask the identity provider for a token with an audience; is it an access token as JWT?";
            return self.report.fail_with("trust", detail, Some(fix), Kind::Configuration);
        }
        let issuer = shown(claims.text("iss").unwrap_or_default(), token);
        let Some((scheme, host)) = issuer.split_once("://") else {
            let fix = "IAM knows issuers by URL only";
            return self.report.fail_with("trust", "the token's iss is not a URL", Some(fix), Kind::Configuration);
        };
        let subject = shown(claims.text("sub").unwrap_or_default(), token);
        let audiences =
            audiences(claims).iter().map(|audience| shown(audience, token)).collect::<Vec<_>>().join(" or ");
        let instead = if claims.get("azp").is_some() { " (azp, which STS takes in place of aud)" } else { "" };
        let plain = if scheme == "https" { "" } else { " (AWS takes https issuers only)" };
        let detail = format!(
            "IAM needs an OIDC provider for {issuer}{plain} with the client id {audiences}{instead}, and the role's trust \
             policy {host}:aud = {audiences} and {host}:sub = {subject}"
        );
        self.report.ok("trust", detail)
    }

    async fn assume_role(&mut self, sts: &WebIdentity, token: &AccessToken) -> Result<(), Error> {
        match sts.assume_role(token, &mut self.call).await {
            Ok(assumed) => {
                let until = timestamp::format(assumed.credentials.expires_at);
                let arn = assumed.arn.map_or_else(|| sts.role_arn.to_string(), |arn| shown(&arn, token));
                self.report.ok("credentials", format_args!("{arn}, until {until}"))?;
                self.aws(&assumed.credentials, &self.targets.clone()).await
            }
            Err(error) => self.report.fail("credentials", &Error::from(error)),
        }
    }
}

/// IAM User Guide, "Available keys for AWS OIDC federation": where there is an `azp`, the key `aud` holds that.
fn audiences(claims: &UnverifiedClaims) -> Vec<String> {
    let texts = |value: &Value| match value {
        Value::Array(several) => several.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        other => other.as_str().map(str::to_owned).into_iter().collect::<Vec<_>>(),
    };
    let mut found = ["azp", "aud"].iter().filter_map(|name| claims.get(name)).map(texts);
    found.find(|texts| !texts.is_empty()).unwrap_or_default()
}
