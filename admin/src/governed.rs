//! The installation that is governed: the service's own variables, from a file, from Terraform's state or from the process.
//!
//! Whatever the service reads from its environment is read here by the same code, so a command that asks [`Governed`] goes
//! by what the service goes by.

mod state;

use std::collections::HashMap;
use std::path::Path;

use authenticate::{AuthenticationSettings, IssuerSettings};
use environment::{Lookup, Variables, parse_env_file};
use grant::observe::ObservedItems;
use grant::session::SessionIdentity;
use grant::terms::Terms;

pub(crate) use self::state::Deployment;
use crate::cli::GlobalOptions;
use crate::error::Error;

/// What is governed, as far as it is known.
pub(crate) struct Governed {
    /// `DYNAMODB_TABLE`.
    pub(crate) table: Option<String>,
    /// The service's region, where its environment says so.
    pub(crate) region: Option<String>,
    /// What Terraform's state says beside the variables.
    pub(crate) deployment: Deployment,
    /// `--issuer`.
    issuer: Option<String>,
    /// `--user-pool-id`.
    user_pool_id: Option<String>,
    /// `None` where nothing is known of the issuers: then `--issuer` is believed.
    service: Option<Service>,
}

/// What the service goes by when it decides.
pub(crate) struct Service {
    /// Whose tokens it accepts, by which rules.
    pub(crate) authentication: AuthenticationSettings,
    /// What it demands of every client, and what its sessions are and carry.
    pub(crate) terms: Terms,
    /// `S3_BUCKET`; empty where it has none.
    pub(crate) bucket: String,
}

impl Service {
    fn from_env(variables: &Variables<'_>) -> Self {
        let authentication = AuthenticationSettings::from_env(variables);
        let terms = Terms::from_env(variables, authentication.cognito_issuer.clone(), SessionIdentity::Tags);
        Self { authentication, terms, bucket: variables.optional("S3_BUCKET").unwrap_or_default() }
    }

    fn trusts(&self, url: &str) -> bool {
        self.authentication.issuers.iter().any(|issuer| issuer.rules.url == url)
    }
}

impl Governed {
    pub(crate) fn read(options: &GlobalOptions, process: Lookup<'_>) -> Result<Self, Error> {
        let (own, mut deployment) = match (&options.service_env, &options.from) {
            (Some(file), _) => (Some(read_file(file)?), Deployment::default()),
            (None, Some(folder)) => {
                let (own, deployment) = state::read(folder)?;
                (Some(own), deployment)
            }
            (None, None) => (None, Deployment::default()),
        };
        if options.function_role.is_some() {
            deployment.function_role_arn.clone_from(&options.function_role);
        }
        let lookup = |name: &str| match &own {
            Some(own) => own.get(name).cloned(),
            None => process(name),
        };
        let variables = Variables::new(&lookup);
        let knows_issuers = variables.is_set("COGNITO_ISSUER") || variables.is_set("TRUSTED_ISSUERS");
        let service = knows_issuers.then(|| Service::from_env(&variables));
        let table = options.table.clone().or_else(|| variables.optional("DYNAMODB_TABLE"));
        let region = own.is_some().then(|| variables.optional("AWS_REGION")).flatten();
        let (table, region, service) = variables.finish(Some((table, region, service)))?;
        let (issuer, user_pool_id) = (options.issuer.clone(), options.user_pool_id.clone());
        let governed = Self { table, region, deployment, issuer, user_pool_id, service };
        governed.check_issuer()?;
        Ok(governed)
    }

    fn check_issuer(&self) -> Result<(), Error> {
        match (&self.issuer, &self.service) {
            (Some(issuer), Some(service)) if !service.trusts(issuer) => {
                let trusted: Vec<_> = service.authentication.issuers.iter().map(|one| one.rules.url.as_str()).collect();
                Err(Error::UntrustedIssuer { issuer: issuer.clone(), trusted: trusted.join(", ") })
            }
            _ => Ok(()),
        }
    }

    /// What the service goes by.
    ///
    /// # Errors
    /// Where nothing says whose tokens it accepts.
    pub(crate) fn service(&self) -> Result<&Service, Error> {
        self.service.as_ref().ok_or(Error::UnknownService)
    }

    /// The issuer whose tokens are meant, `--issuer` or the default one, with its rules.
    ///
    /// # Errors
    /// Where nothing says whose tokens the service accepts, or several issuers could be meant.
    pub(crate) fn meant_issuer(&self) -> Result<&IssuerSettings, Error> {
        let service = self.service()?;
        let url = self.issuer.as_deref().or(service.authentication.default_issuer()).ok_or(Error::WhichIssuer)?;
        service.authentication.issuers.iter().find(|issuer| issuer.rules.url == url).ok_or(Error::WhichIssuer)
    }

    /// The user pool that holds the clients: `--user-pool-id`, else the last part of `COGNITO_ISSUER`.
    ///
    /// # Errors
    /// Where neither is known.
    pub(crate) fn user_pool_id(&self) -> Result<&str, Error> {
        let of_issuer = || {
            let issuer = self.service.as_ref()?.authentication.cognito_issuer.as_deref()?;
            issuer.rsplit('/').next().filter(|id| !id.is_empty())
        };
        self.user_pool_id.as_deref().or_else(of_issuer).ok_or(Error::NoUserPool)
    }

    /// The rules that the service's environment has it observe (`OBSERVE_RULES`).
    pub(crate) fn observed(&self) -> Option<&ObservedItems> {
        Some(&self.service.as_ref()?.terms.observed)
    }

    /// Whose tokens an item without `issuer` is for.
    pub(crate) fn default_issuer(&self) -> Option<&str> {
        self.service.as_ref()?.authentication.default_issuer()
    }

    /// What `put` writes into a new item: nothing where only one issuer can be meant.
    pub(crate) fn issuer_of_a_new_item(&self) -> Result<Option<String>, Error> {
        let Some(service) = &self.service else { return Ok(self.issuer.clone()) };
        if service.authentication.issuers.len() == 1 {
            return Ok(None);
        }
        let meant = self.issuer.as_deref().or(service.authentication.default_issuer());
        meant.map(|issuer| Some(issuer.to_owned())).ok_or(Error::WhichIssuer)
    }

    /// The issuer that was named on the command line.
    pub(crate) fn named_issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }
}

/// The lines of `--service-env`, as `credvend --env-file` reads them too.
fn read_file(path: &Path) -> Result<HashMap<String, String>, Error> {
    let problem = |problem: String| Error::File { path: path.to_owned(), problem };
    let text = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    let pairs = parse_env_file(&text).map_err(|error| problem(format!("line {}: {}", error.line, error.problem)))?;
    Ok(pairs.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;

    const COGNITO: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x";
    const OTHER: &str = "https://b.example.com";
    const BOTH: &str = r#"[{"issuer":"https://b.example.com","kind":"oidc","audiences":["x"]},
                           {"issuer":"https://c.example.com","kind":"oidc","audiences":["x"]}]"#;

    fn read(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Governed, Error> {
        let words = [&["credvend-admin"], arguments, &["schema"]].concat();
        let options = Cli::try_parse_from(words).unwrap().global;
        let lookup = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Governed::read(&options, &lookup)
    }

    #[test]
    fn what_put_writes_as_issuer() {
        let cognito = ("COGNITO_ISSUER", COGNITO);
        let others = ("TRUSTED_ISSUERS", BOTH);
        for (issuer, variables, written) in [
            (None, &[][..], Some(None)),
            (Some("a"), &[][..], Some(Some("a"))),
            (None, &[cognito][..], Some(None)),
            (Some(COGNITO), &[cognito][..], Some(None)),
            (None, &[cognito, others][..], Some(Some(COGNITO))),
            (Some(OTHER), &[cognito, others][..], Some(Some(OTHER))),
            (None, &[others][..], None),
        ] {
            let arguments: Vec<_> = issuer.into_iter().flat_map(|issuer| ["--issuer", issuer]).collect();
            let found = read(&arguments, variables).unwrap().issuer_of_a_new_item().ok();
            assert_eq!(
                found,
                written.map(|issuer: Option<&str>| issuer.map(str::to_owned)),
                "{issuer:?} {variables:?}"
            );
        }
        let stranger = ["--issuer", "https://evil.example.com"];
        assert!(matches!(read(&stranger, &[cognito, others]), Err(Error::UntrustedIssuer { .. })));
        assert!(read(&stranger, &[]).is_ok());
    }

    #[test]
    fn what_the_service_goes_by() {
        let variables = [
            ("COGNITO_ISSUER", COGNITO),
            ("TRUSTED_ISSUERS", BOTH),
            ("REQUIRED_SCOPES", "a b"),
            ("SESSION_DURATION_SECONDS", "900"),
            ("SESSION_IDENTITY", "name"),
            ("S3_BUCKET", "logs"),
        ];
        let governed = read(&[], &variables).unwrap();
        let service = governed.service().unwrap();
        assert_eq!(service.terms.required_scopes, ["a", "b"]);
        assert_eq!(service.terms.session_duration, Duration::from_secs(900));
        assert_eq!(service.terms.session_identity, SessionIdentity::Name);
        assert_eq!(service.terms.plainly_named_issuer.as_deref(), Some(COGNITO));
        assert_eq!(service.bucket, "logs");
        assert_eq!(governed.meant_issuer().unwrap().rules.url, COGNITO);
        assert_eq!(read(&["--issuer", OTHER], &variables).unwrap().meant_issuer().unwrap().rules.url, OTHER);
        assert!(matches!(read(&[], &variables[1..2]).unwrap().meant_issuer(), Err(Error::WhichIssuer)));
        assert!(matches!(read(&["--issuer", OTHER], &[]).unwrap().meant_issuer(), Err(Error::UnknownService)));
        let faulty = [variables[0], ("SESSION_DURATION_SECONDS", "43200")];
        assert!(matches!(read(&[], &faulty), Err(Error::Configuration(_))));
    }

    #[test]
    fn the_user_pool_and_the_function_s_role() {
        let cognito = [("COGNITO_ISSUER", COGNITO)];
        assert_eq!(read(&[], &cognito).unwrap().user_pool_id().unwrap(), "eu-west-1_x");
        assert_eq!(read(&["--user-pool-id", "p"], &cognito).unwrap().user_pool_id().unwrap(), "p");
        assert_eq!(read(&["--user-pool-id", "p"], &[]).unwrap().user_pool_id().unwrap(), "p");
        for variables in [&[][..], &[("TRUSTED_ISSUERS", BOTH)]] {
            assert!(matches!(read(&[], variables).unwrap().user_pool_id(), Err(Error::NoUserPool)));
        }
        let role = "arn:aws:iam::123456789012:role/v";
        let governed = read(&["--function-role", role], &[]).unwrap();
        assert_eq!(governed.deployment.function_role_arn.as_deref(), Some(role));
    }
}
