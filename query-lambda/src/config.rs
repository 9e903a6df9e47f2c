//! The environment, read once at start: everything behind it is typed.

use authenticate::{AuthenticationSettings, check_pool, pool_issuer};
use aws_calls::{AwsSettings, Caller};
use entrance::Entrance;
use environment::{ConfigError, Lookup, RoleArn, Variables};
use grant::role_mapping::Purpose;
use grant::session::SessionIdentity;
use grant::table::table_name;
use grant::terms::Terms;

use crate::output::Output;
use crate::roles::VariableRoles;
use crate::scopes::QueryScopes;

/// How the service runs.
pub struct Config {
    /// Whose tokens are accepted.
    pub authentication: AuthenticationSettings,
    /// What every client must meet.
    pub terms: Terms,
    /// What a token may ask for.
    pub scopes: QueryScopes,
    /// DynamoDB table of client mappings, where there is one.
    pub table: Option<String>,
    /// The roles of deployments of old, where they are set.
    pub variable_roles: Option<VariableRoles>,
    /// The database of a query that names none.
    pub database: String,
    /// Where results go.
    pub output: Output,
    /// Athena's workgroup; its own default where none is set.
    pub workgroup: Option<String>,
    /// Where the AWS APIs are and whose credentials call them.
    pub aws: AwsSettings,
    /// Where requests come from, and where what is said about them goes.
    pub entrance: Entrance,
}

/// As it stands in `AWS_ENDPOINT_URL_…`.
pub(crate) const ATHENA: &str = "ATHENA";
const POOL_REGIONS: [&str; 3] = ["COGNITO_REGION", "REGION", "AWS_REGION"];
const SUPER_ROLE: &str = "LF_SUPER_ROLE_ARN";
const DEV_ROLE: &str = "LF_DEV_ROLE_ARN";
const ROLE_EXAMPLE: &str = "arn:aws:iam::123456789012:role/lake-formation-dev";

impl Config {
    /// Reads all variables through `lookup`. An empty value counts as absent.
    ///
    /// # Errors
    /// All faults at once, each with the variable's name and what is wrong.
    pub fn from_env(lookup: Lookup<'_>) -> Result<Self, ConfigError> {
        let with_pool = |name: &str| {
            let pool = || pool_issuer(lookup, &POOL_REGIONS);
            lookup(name).or_else(|| (name == "COGNITO_ISSUER").then(pool).flatten())
        };
        let variables = Variables::new(&with_pool);
        let config = Self::read(&variables);
        variables.finish(config)
    }

    /// Everything is read before the first value that is missing ends it.
    fn read(variables: &Variables<'_>) -> Option<Self> {
        check_pool(variables, &POOL_REGIONS);
        let authentication = AuthenticationSettings::from_env(variables);
        let table = table_name(variables, Purpose::Queries);
        let variable_roles = variable_roles(variables, authentication.cognito_issuer.as_deref());
        if table.is_none() && variable_roles.is_none() {
            let hint = format!("or {SUPER_ROLE} and {DEV_ROLE}; for example `credvend-query-clients`");
            variables.missing(Purpose::Queries.table_variable(), hint);
        }
        // The roles that the two variables name trust `sts:AssumeRole` alone.
        let identity = if table.is_none() { SessionIdentity::Name } else { SessionIdentity::Tags };
        let terms = Terms::from_env(variables, authentication.cognito_issuer.clone(), identity);
        let resource_server = variables.optional("QUERY_RESOURCE_SERVER").unwrap_or_else(|| "athena-api".to_owned());
        let (database, output) = (variables.required("DATABASE_NAME", "sales"), Output::from_env(variables));
        let region_variable = if variables.is_set("REGION") { "REGION" } else { "AWS_REGION" };
        let services = &[grant::aws_clients::DYNAMODB, grant::aws_clients::STS, ATHENA];
        let aws = AwsSettings::from_env(variables, &Caller { program: "query-lambda", region_variable, services });
        let entrance = Entrance::from_env(variables);
        Some(Self {
            authentication,
            terms,
            scopes: QueryScopes::of(&resource_server),
            table,
            variable_roles,
            database: database?,
            output: output?,
            workgroup: variables.optional("ATHENA_WORKGROUP"),
            aws: aws?,
            entrance,
        })
    }
}

fn variable_roles(variables: &Variables<'_>, issuer: Option<&str>) -> Option<VariableRoles> {
    let role = |name| {
        let text = variables.optional(name)?;
        let role = RoleArn::parse(&text);
        if role.is_none() {
            variables.fault(name, format_args!("`{text}` is not the ARN of an IAM role, for example `{ROLE_EXAMPLE}`"));
        }
        role
    };
    let (super_role, dev_role) = (role(SUPER_ROLE), role(DEV_ROLE));
    let set = [SUPER_ROLE, DEV_ROLE].into_iter().find(|name| variables.is_set(name))?;
    let Some(issuer) = issuer else {
        variables.fault(set, "serves clients of COGNITO_ISSUER alone, which is not set");
        return None;
    };
    Some(VariableRoles { super_role, dev_role, issuer: issuer.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, String> {
        let lookup = |name: &str| pairs.iter().rfind(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Config::from_env(&lookup).map_err(|error| error.to_string())
    }

    /// What deployments of today have.
    const KEPT: [(&str, &str); 8] = [
        ("COGNITO_USER_POOL_ID", "eu-west-1_AbC"),
        ("REGION", "eu-west-1"),
        ("DATABASE_NAME", "sales"),
        ("ATHENA_OUTPUT_BUCKET", "s3://results"),
        ("LF_SUPER_ROLE_ARN", "arn:aws:iam::123456789012:role/super"),
        ("LF_DEV_ROLE_ARN", "arn:aws:iam::123456789012:role/dev"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];

    #[test]
    fn the_names_of_old_are_enough() {
        let config = read(&KEPT).unwrap();
        let issuer = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbC";
        assert_eq!(config.authentication.cognito_issuer.as_deref(), Some(issuer));
        assert_eq!(config.variable_roles.unwrap().issuer, issuer);
        assert_eq!(config.terms.session_identity, SessionIdentity::Name);
        assert_eq!((config.aws.region.as_str(), config.workgroup), ("eu-west-1", None));
    }

    #[test]
    fn sessions_carry_tags_where_there_is_a_table() {
        for (more, identity) in [
            (&[("ROLE_MAPPINGS_TABLE", "clients")][..], SessionIdentity::Tags),
            (&[("ROLE_MAPPINGS_TABLE", "clients"), ("SESSION_IDENTITY", "name")][..], SessionIdentity::Name),
            (&[("SESSION_IDENTITY", "tags")][..], SessionIdentity::Tags),
        ] {
            let config = read(&[&KEPT[..], more].concat()).unwrap();
            assert_eq!(config.terms.session_identity, identity, "{more:?}");
        }
    }

    #[test]
    fn regions_are_found_in_their_order() {
        let pool = [
            ("AWS_REGION", "us-east-1"),
            ("COGNITO_REGION", "eu-central-1"),
            ("COGNITO_USER_POOL_ID", "eu-central-1_A"),
        ];
        let config = read(&[&KEPT[..], &pool].concat()).unwrap();
        assert_eq!(config.aws.region, "eu-west-1");
        assert!(config.authentication.cognito_issuer.unwrap().contains("eu-central-1"));
    }

    #[test]
    fn all_faults_are_told_at_once() {
        let message = read(&[
            ("COGNITO_USER_POOL_ID", "us-east-1_AbC"),
            ("REGION", "eu-west-1"),
            ("ATHENA_OUTPUT_BUCKET", "results"),
            ("SESSION_DURATION_SECONDS", "60"),
            ("METRICS_NAMESPACE", "AWS/Athena"),
        ])
        .err()
        .unwrap();
        for part in [
            "is not a pool of eu-west-1",
            "DATABASE_NAME",
            "ATHENA_OUTPUT_BUCKET: `results` is not a place in S3",
            "ROLE_MAPPINGS_TABLE (or LF_SUPER_ROLE_ARN",
            "role chaining",
            "not a CloudWatch namespace",
        ] {
            assert!(message.contains(part), "{part} is not in {message}");
        }
        let nobody =
            [("TRUSTED_ISSUERS", r#"[{"issuer":"https://x","kind":"cognito"}]"#), ("COGNITO_USER_POOL_ID", "")];
        let message = read(&[&KEPT[..], &nobody].concat()).err().unwrap();
        assert!(message.contains("LF_SUPER_ROLE_ARN: serves clients of COGNITO_ISSUER alone"), "{message}");
        let message = read(&[&KEPT[..], &[("LF_DEV_ROLE_ARN", "dev")]].concat()).err().unwrap();
        assert!(message.contains("LF_DEV_ROLE_ARN: `dev` is not the ARN"), "{message}");
    }
}
