//! Credentials as environment variables, in the syntax of a shell.

use clap::ValueEnum;
use serde_json::Map;

use crate::credentials::Credentials;
use crate::timestamp;

/// Who reads the variables.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dialect {
    /// Every shell that knows POSIX's `export`: bash, dash, zsh, ksh
    #[value(alias = "sh", alias = "zsh")]
    Bash,
    Fish,
    #[value(alias = "pwsh")]
    Powershell,
    Json,
}

/// `NAME`, value.
pub(crate) type Variables = Vec<(&'static str, String)>;

pub(crate) fn pairs(credentials: &Credentials, region: Option<&str>) -> Variables {
    let mut variables = vec![
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.expose().to_owned()),
        ("AWS_SESSION_TOKEN", credentials.session_token.expose().to_owned()),
        ("AWS_CREDENTIAL_EXPIRATION", timestamp::format(credentials.expires_at)),
    ];
    variables.extend(credentials.account_id.clone().map(|id| ("AWS_ACCOUNT_ID", id)));
    variables.extend(self::region(region));
    variables
}

/// Both names of the region: boto3 and the AWS CLI of version 1 read only the second one.
pub(crate) fn region(region: Option<&str>) -> Variables {
    let names = region.map(|region| ["AWS_REGION", "AWS_DEFAULT_REGION"].map(|name| (name, region.to_owned())));
    names.into_iter().flatten().collect()
}

pub(crate) fn format(variables: &Variables, dialect: Dialect) -> String {
    let lines = |line: fn(&str, &str) -> String| {
        let lines: Vec<_> = variables.iter().map(|(name, value)| line(name, value)).collect();
        lines.concat()
    };
    match dialect {
        Dialect::Bash => lines(|name, value| format!("export {name}={}\n", posix(value))),
        Dialect::Fish => lines(|name, value| format!("set -gx {name} {}\n", fish(value))),
        Dialect::Powershell => lines(|name, value| format!("$env:{name} = {}\n", powershell(value))),
        Dialect::Json => {
            let object: Map<_, _> =
                variables.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
            format!("{}\n", serde_json::Value::Object(object))
        }
    }
}

/// `NAME=value`, as systemd's `EnvironmentFile=` and `docker run --env-file` want it.
pub(crate) fn format_plain(variables: &Variables) -> String {
    let lines: Vec<_> = variables.iter().map(|(name, value)| format!("{name}={}\n", posix(value))).collect();
    lines.concat()
}

/// POSIX.1-2017, Shell Command Language, 2.2.2: within single quotes nothing is special but the quote itself. Without
/// quotes where there is no need, for those who read the file by other means than a shell.
fn posix(value: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=:._-".contains(&byte);
    if !value.is_empty() && value.bytes().all(is_plain) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// fish, "Quotes": within single quotes the backslash escapes itself and the quote.
fn fish(value: &str) -> String {
    format!("'{}'", value.replace('\\', r"\\").replace('\'', r"\'"))
}

/// PowerShell, `about_Quoting_Rules`: a doubled quote is one. Its parser takes four typographic quotes for single quotes,
/// too.
fn powershell(value: &str) -> String {
    let mut quoted = String::from("'");
    for character in value.chars() {
        if matches!(character, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(character);
        }
        quoted.push(character);
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::tests::credentials;

    fn formatted(dialect: Dialect) -> String {
        format(&pairs(&credentials("k/e+y", "it's $HOME\\"), Some("eu-west-1")), dialect)
    }

    #[test]
    fn bash() {
        assert_eq!(
            formatted(Dialect::Bash),
            "export AWS_ACCESS_KEY_ID=ASIAEXAMPLE\nexport AWS_SECRET_ACCESS_KEY=k/e+y\n\
             export AWS_SESSION_TOKEN='it'\\''s $HOME\\'\nexport AWS_CREDENTIAL_EXPIRATION=2026-01-01T00:00:00Z\n\
             export AWS_REGION=eu-west-1\nexport AWS_DEFAULT_REGION=eu-west-1\n"
        );
    }

    #[test]
    fn fish_shell() {
        assert_eq!(
            formatted(Dialect::Fish),
            "set -gx AWS_ACCESS_KEY_ID 'ASIAEXAMPLE'\nset -gx AWS_SECRET_ACCESS_KEY 'k/e+y'\n\
             set -gx AWS_SESSION_TOKEN 'it\\'s $HOME\\\\'\nset -gx AWS_CREDENTIAL_EXPIRATION '2026-01-01T00:00:00Z'\n\
             set -gx AWS_REGION 'eu-west-1'\nset -gx AWS_DEFAULT_REGION 'eu-west-1'\n"
        );
    }

    #[test]
    fn power_shell() {
        let quoted = formatted(Dialect::Powershell);
        assert!(quoted.starts_with("$env:AWS_ACCESS_KEY_ID = 'ASIAEXAMPLE'\n"));
        assert!(quoted.contains("\n$env:AWS_SESSION_TOKEN = 'it''s $HOME\\'\n"));
        assert_eq!(powershell("a\u{2019}b"), "'a\u{2019}\u{2019}b'");
    }

    #[test]
    fn one_json_object() {
        assert_eq!(
            formatted(Dialect::Json),
            "{\"AWS_ACCESS_KEY_ID\":\"ASIAEXAMPLE\",\"AWS_CREDENTIAL_EXPIRATION\":\"2026-01-01T00:00:00Z\",\
             \"AWS_DEFAULT_REGION\":\"eu-west-1\",\"AWS_REGION\":\"eu-west-1\",\"AWS_SECRET_ACCESS_KEY\":\"k/e+y\",\
             \"AWS_SESSION_TOKEN\":\"it's $HOME\\\\\"}\n"
        );
    }
}
