//! The shipper's own configuration, read for words: parsers of three formats would be three more sources of mistakes.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Check, Shipper};
use crate::error::Error;

/// Where packages put it.
fn usual_places(shipper: Shipper) -> &'static [&'static str] {
    match shipper {
        Shipper::Vector => &["/etc/vector/credvend.yaml", "/etc/vector/vector.yaml", "/etc/vector/vector.toml"],
        Shipper::FluentBit => &[
            "/etc/fluent-bit/credvend.yaml",
            "/etc/fluent-bit/credvend.conf",
            "/etc/fluent-bit/fluent-bit.yaml",
            "/etc/fluent-bit/fluent-bit.conf",
            "/fluent-bit/etc/fluent-bit.conf",
        ],
        Shipper::Logstash => &["/etc/logstash/conf.d/credvend.conf", "/etc/logstash/conf.d/logstash.conf"],
    }
}

pub(super) fn check(
    check: &mut Check<'_>,
    given: Option<&Path>,
    identity: &dyn Fn(&str) -> Option<String>,
) -> Result<(), Error> {
    let usual = || usual_places(check.shipper).iter().map(PathBuf::from).find(|path| path.exists());
    let Some(path) = given.map(Path::to_owned).or_else(usual) else {
        let fix = "name it with --shipper-config";
        return check.warn("config", "no configuration in the usual places", fix);
    };
    let text = match (check.reader.problem(&path), fs::read_to_string(&path)) {
        (None, Ok(text)) => text,
        (problem, _) => {
            let problem = problem.unwrap_or_else(|| "it is not text".to_owned());
            return check.fail(
                "config",
                format_args!("`{}`: {problem}", path.display()),
                "let the shipper's user read it",
            );
        }
    };
    let settings = Settings::parse(&text);
    let mut has_found = check.traps(&settings)?;
    for (variable, what) in [("S3_BUCKET", "bucket"), ("S3_PATH_PREFIX", "prefix")] {
        let wanted = identity(variable).map(|wanted| wanted.trim().trim_matches('/').to_owned());
        if let Some(wanted) = wanted.filter(|wanted| !wanted.is_empty() && !settings.hold(wanted)) {
            let fix = format!("write there, under the identity's {what}; elsewhere it may not");
            check.warn("config", format_args!("no setting names `{wanted}` ({variable})"), &fix)?;
            has_found = true;
        }
    }
    if has_found { Ok(()) } else { check.ok("config", format_args!("`{}`: no known trap", path.display())) }
}

impl Check<'_> {
    /// Whether one was found.
    fn traps(&mut self, settings: &Settings) -> Result<bool, Error> {
        let mut has_found = false;
        for key in ["access_key_id", "secret_access_key", "session_token"] {
            if settings.value(key).is_some() {
                let detail = format!("`{key}` is set: it wins over the environment, and stays when it ends");
                self.fail("config", detail, "remove it: without it the shipper asks the SDK's chain")?;
                has_found = true;
            }
        }
        for key in ["aws_credentials_file", "credentials_file"] {
            if settings.value(key).is_some() {
                let fix = "remove it, or have `credential-daemon --on-refresh` restart the shipper";
                self.warn("config", format_args!("`{key}` is set: {}", self.shipper.rereading()), fix)?;
                has_found = true;
            }
        }
        for key in ["role_arn", "assume_role"] {
            if settings.value(key).is_some() {
                let fix = "remove it: credvend's credentials are the role's already";
                self.warn("config", format_args!("`{key}` is set: the shipper assumes a second role"), fix)?;
                has_found = true;
            }
        }
        // Fluent Bit's `env` and Logstash's variables can stand in the configuration itself.
        if settings.is_localhost() && self.shipper == Shipper::FluentBit {
            let detail = "AWS_CONTAINER_CREDENTIALS_FULL_URI names `localhost`, which Fluent Bit refuses";
            self.fail("config", detail, "write 127.0.0.1")?;
            has_found = true;
        }
        Ok(self.probes(settings)? || has_found)
    }

    /// What a shipper does at its start that an identity held to a prefix may not.
    fn probes(&mut self, settings: &Settings) -> Result<bool, Error> {
        match self.shipper {
            Shipper::Vector if !settings.has_no_health_check() => {
                let detail = "the health check asks for the bucket itself, which an identity held to a prefix may not";
                self.warn("config", detail, "healthcheck: {enabled: false}")?;
            }
            Shipper::Logstash if settings.value("validate_credentials_on_root_bucket") != Some("false") => {
                let detail =
                    "at its start it writes to the root of the bucket, which an identity held to a prefix may not";
                self.fail("config", detail, "validate_credentials_on_root_bucket => false")?;
            }
            Shipper::Vector | Shipper::Logstash | Shipper::FluentBit => return Ok(false),
        }
        Ok(true)
    }
}

/// Lines without comments, each a key and what follows it: `key: value`, `key = value`, `key => value`, `key value`.
struct Settings(Vec<(String, String)>);

impl Settings {
    fn parse(text: &str) -> Self {
        let lines = text.lines().map(|line| line.split_once(" #").map_or(line, |(before, _)| before).trim());
        let settings = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| {
            let line = line.trim_start_matches("- ").trim_start_matches('"');
            let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c))).unwrap_or(line.len());
            let (key, value) = line.split_at(end);
            let is_sign = |c: char| "\"',:=> ".contains(c);
            (key.to_ascii_lowercase(), value.trim_matches(is_sign).to_owned())
        });
        Self(settings.collect())
    }

    /// Of a key on a line of its own, in TOML also at the end of a path (`auth.access_key_id`); or of a line with the key
    /// in braces (`auth: {access_key_id: …}`).
    fn value(&self, wanted: &str) -> Option<&str> {
        let is_inside =
            |value: &str| value.split(['{', ',', ' ', '"']).any(|word| word.trim_end_matches([':', '=']) == wanted);
        let is_it = |key: &str| key.rsplit('.').next() == Some(wanted);
        self.0.iter().find(|(key, value)| is_it(key) || is_inside(value)).map(|(_, value)| value.as_str())
    }

    fn hold(&self, text: &str) -> bool {
        self.0.iter().any(|(_, value)| value.contains(text))
    }

    fn is_localhost(&self) -> bool {
        let is_it = |text: &str| text.to_ascii_lowercase().contains("aws_container_credentials_full_uri");
        self.0.iter().any(|(key, value)| value.contains("//localhost") && (is_it(key) || is_it(value)))
    }

    /// On its own line, or on the next one (`enabled`).
    fn has_no_health_check(&self) -> bool {
        let mut lines =
            self.0.iter().skip_while(|(key, value)| ![key, value].iter().any(|text| text.contains("healthcheck")));
        let own = lines.next().is_some_and(|(_, value)| value.contains("false"));
        own || lines.next().is_some_and(|(key, value)| key == "enabled" && value == "false")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_every_format() {
        for text in [
            "role_arn: arn",
            "  - role_arn: 'arn'",
            "role_arn = \"arn\"",
            "role_arn => \"arn\",",
            "    role_arn arn",
            "ROLE_ARN  arn # why",
            "sinks.s3.auth.role_arn = \"arn\"",
            "\"role_arn\": \"arn\"",
        ] {
            assert_eq!(Settings::parse(text).value("role_arn"), Some("arn"), "{text}");
        }
        assert!(Settings::parse("auth: {region: x, role_arn: y}").value("role_arn").is_some());
        for text in ["# role_arn: x", "sts_role_arn: x", "a: b # role_arn: x", ""] {
            assert!(Settings::parse(text).value("role_arn").is_none(), "{text}");
        }
    }

    #[test]
    fn health_checks() {
        for text in [
            "healthcheck: {enabled: false}",
            "healthcheck:\n  # why\n  enabled: false",
            "healthcheck: false",
            "healthcheck.enabled = false",
            "[sinks.s3.healthcheck]\nenabled = false",
        ] {
            assert!(Settings::parse(text).has_no_health_check(), "{text}");
        }
        for text in ["", "healthcheck:\n  enabled: true", "enabled: false", "healthcheck:\nbuffer: x\nenabled: false"] {
            assert!(!Settings::parse(text).has_no_health_check(), "{text}");
        }
    }
}
