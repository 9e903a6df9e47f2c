//! The credentials at work: AWS itself says whose they are. `GetCallerIdentity` needs no permission, so a refusal is about
//! the credentials or the signature.

use http_client::{Request, Response};

use super::hops::Walk;
use super::targets::Targets;
use crate::consequence::Kind;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::exchange::error::Problem;
use crate::exchange::sts_response::StsResponse;
use crate::exchange::vending_api::is_showable;
use crate::signature_v4::{Service, sign};
use crate::timestamp;
use environment::is_host;

/// The outcome of a request that may well be denied.
pub(super) enum Tried {
    Done,
    /// By a policy: bucket, region, signature and clock are right.
    Denied,
    Failed,
}

impl Tried {
    pub(super) fn of(response: &Response, credentials: &Credentials) -> Self {
        let code = || problem(response, credentials).code;
        match response.status {
            200..=299 => Self::Done,
            403 if code().as_deref() == Some("AccessDenied") => Self::Denied,
            _ => Self::Failed,
        }
    }
}

impl Walk<'_> {
    /// Everything that is tried with the credentials.
    pub(super) async fn aws(&mut self, credentials: &Credentials, targets: &Targets) -> Result<(), Error> {
        self.shown = Some(targets.clone());
        let Some(region) = targets.s3.region.as_deref() else {
            let fix = "set AWS_REGION";
            return self.report.warn("identity", "not tried, and neither is S3: the region is not known", fix);
        };
        if self.caller_identity(credentials, targets, region).await? {
            self.s3(credentials, targets, region).await?;
        }
        Ok(())
    }

    /// Whether AWS knows the credentials.
    async fn caller_identity(
        &mut self,
        credentials: &Credentials,
        targets: &Targets,
        region: &str,
    ) -> Result<bool, Error> {
        let Some(endpoint) = targets.sts(region) else {
            let detail = format!("`{region}` cannot be part of a host name");
            self.report.fail_with("identity", detail, Some("correct AWS_REGION"), Kind::Configuration)?;
            return Ok(false);
        };
        let fields = [("Action", "GetCallerIdentity"), ("Version", "2011-06-15")];
        let request = Request::post_form(&endpoint, &fields);
        let Some(response) = self.signed("identity", request, Service::Sts, region, credentials).await? else {
            return Ok(false);
        };
        let arn = StsResponse::parse(&response.body).and_then(|parsed| parsed.text("Arn").map(str::to_owned));
        let arn = arn.filter(|arn| response.status == 200 && is_showable(arn, credentials.session_token.expose()));
        match &arn {
            Some(arn) => self.report.ok("identity", arn)?,
            None => self.refused("identity", &endpoint, &response, credentials)?,
        }
        Ok(arn.is_some())
    }

    /// Signs and sends; `None` when there was no response, which has been reported.
    pub(super) async fn signed(
        &mut self,
        hop: &str,
        request: Request,
        service: Service,
        region: &str,
        credentials: &Credentials,
    ) -> Result<Option<Response>, Error> {
        let request = match sign(request, service, region, credentials.into(), timestamp::now()) {
            Ok(request) => request,
            Err(error) => {
                self.report.fail_with(hop, error, Some("correct AWS_REGION"), Kind::Configuration)?;
                return Ok(None);
            }
        };
        match self.send(request).await {
            Ok(response) => Ok(Some(response)),
            Err(error) => {
                self.report.fail(hop, &Error::from(error))?;
                Ok(None)
            }
        }
    }

    /// A response of AWS that is not a success.
    pub(super) fn refused(
        &mut self,
        hop: &str,
        url: &dyn std::fmt::Display,
        response: &Response,
        credentials: &Credentials,
    ) -> Result<(), Error> {
        let problem = problem(response, credentials);
        let (fix, kind) = advice(response.status, problem.code.as_deref());
        // Amazon S3 API Reference, HeadBucket: said with a refusal, too.
        let region = response.header("x-amz-bucket-region").filter(|region| is_host(region));
        let region = region.map(|region| format!("; the bucket's region is {region}")).unwrap_or_default();
        let detail = format!("{url} answered {}{problem}{region}", response.status);
        self.report.fail_with(hop, detail, Some(fix), kind)
    }
}

/// Code and message of a refusal. AWS repeats parts of the request in some responses, though never in these two elements.
fn problem(response: &Response, credentials: &Credentials) -> Problem {
    let session = credentials.session_token.expose();
    StsResponse::parse(&response.body).map(|parsed| parsed.problem(session)).unwrap_or_default()
}

/// IAM User Guide, "Troubleshoot Signature Version 4"; Amazon S3 API Reference, "Error responses".
fn advice(status: u16, code: Option<&str>) -> (&'static str, Kind) {
    match code {
        Some("RequestTimeTooSkewed" | "SignatureDoesNotMatch" | "InvalidSignatureException") => {
            ("set this machine's clock, by NTP; does a proxy change requests on their way?", Kind::Configuration)
        }
        Some("InvalidClientTokenId" | "InvalidAccessKeyId" | "UnrecognizedClientException" | "InvalidToken") => (
            "AWS does not know these credentials there: do AWS_REGION and AWS_ENDPOINT_URL… belong to the account?",
            Kind::Refused,
        ),
        Some("ExpiredToken" | "ExpiredTokenException") => {
            ("the credentials have expired by AWS's clock: compare the clocks", Kind::Refused)
        }
        Some("NoSuchBucket") => ("correct S3_BUCKET: there is no such bucket", Kind::Configuration),
        Some("AuthorizationHeaderMalformed" | "PermanentRedirect" | "IllegalLocationConstraintException") => {
            ("the bucket is in another region: correct AWS_REGION", Kind::Configuration)
        }
        Some("AccessDenied") => (
            "the role's policy, the session policy or the bucket's own must allow it on this prefix: compare \
             S3_PATH_PREFIX with the prefix that the role was given",
            Kind::Refused,
        ),
        _ if status == 429 || status >= 500 => ("try again later", Kind::Unavailable),
        _ => ("see what answers at this URL: AWS_REGION, AWS_ENDPOINT_URL…, a proxy?", Kind::of_status(status)),
    }
}
