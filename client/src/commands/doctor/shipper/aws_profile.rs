//! A profile of the AWS SDKs' two files, as the shipper would take it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::profile_file::{Kind, Section};
use super::settings::Settings;
use super::{Check, Shipper};
use crate::error::Error;

impl Check<'_> {
    /// Whether a profile gives credentials: that which an output names, else that of the environment.
    pub(super) fn profile(&mut self, configuration: Option<&Settings>) -> Result<bool, Error> {
        // Vector's `auth.profile`, Fluent Bit's `profile`; Logstash has none.
        let is_known = self.shipper != Shipper::Logstash;
        let outputs = configuration.filter(|_| is_known).map(|settings| settings.values("profile").collect::<Vec<_>>());
        let mut named: Vec<String> = outputs.unwrap_or_default().into_iter().map(str::to_owned).collect();
        named.dedup();
        if named.is_empty() {
            let variables = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
            named.extend(variables.iter().find_map(|name| self.surroundings.get(name)));
        }
        if named.is_empty() {
            return self.one_profile("default", false);
        }
        for name in named {
            self.one_profile(&name, true)?;
        }
        Ok(true)
    }

    fn one_profile(&mut self, profile: &str, is_named: bool) -> Result<bool, Error> {
        let Some(sections) = self.sections(profile)? else { return Ok(true) };
        // The SDKs read both files as one; what the credentials file says wins.
        let mut settings = HashMap::new();
        for section in &sections {
            settings.extend(section.settings.iter().map(|(key, value)| (key.clone(), value.clone())));
        }
        let holds = |key: &str| settings.get(key).map(String::as_str);
        if self.shipper == Shipper::FluentBit && self.strict(profile, &sections)? {
            return Ok(true);
        }
        if let Some(role) = holds("role_arn") {
            return self.second_role(profile, role, &settings);
        }
        if let Some(command) = holds("credential_process") {
            self.credential_process(profile, command)?;
            return Ok(true);
        }
        if holds("aws_access_key_id").is_some() {
            self.keys_in_a_file(profile, holds("aws_session_token").is_some())?;
            return Ok(true);
        }
        if is_named {
            let fix = "`credvend setup aws-config` prints a profile; AWS_CONFIG_FILE names the file with it";
            self.fail("profile", format_args!("no profile `{profile}` with credentials"), fix)?;
        }
        Ok(is_named)
    }

    /// The profile in each of the files; `None`: one that somebody asked for cannot be read.
    fn sections(&mut self, profile: &str) -> Result<Option<Vec<Section>>, Error> {
        let mut sections = Vec::new();
        for (variable, own, kind) in [
            ("AWS_CONFIG_FILE", ".aws/config", Kind::Config),
            ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", Kind::Credentials),
        ] {
            let Some((path, is_asked_for)) = self.file(variable, own) else { continue };
            match self.reader.read(&path) {
                Ok(text) => sections.extend(Section::find(&text, profile, kind)),
                Err(problem) if is_asked_for => {
                    let fix = format!("let the shipper's user read the file that {variable} names");
                    self.fail("profile", format_args!("`{}`: {problem}", path.display()), &fix)?;
                    return Ok(None);
                }
                Err(_) => {}
            }
        }
        Ok(Some(sections))
    }

    /// The file, and whether somebody asked for it.
    fn file(&self, variable: &str, own: &str) -> Option<(PathBuf, bool)> {
        match self.surroundings.get(variable) {
            Some(path) => Some((path.into(), true)),
            None => Some((Path::new(&self.surroundings.get("HOME")?).join(own), false)),
        }
    }

    /// Fluent Bit has a reader of its own (`flb_aws_credentials_profile.c`): commands are in the config file, keys in the
    /// credentials file, and a header is compared letter by letter. Whether something that the SDKs would take is lost.
    fn strict(&mut self, profile: &str, sections: &[Section]) -> Result<bool, Error> {
        let (way, file) = ("credential_process", "AWS_CONFIG_FILE");
        for section in sections {
            let misplaced = match section.kind {
                Kind::Credentials => section.settings.contains_key(way).then_some((way, file)),
                Kind::Config => {
                    let keys = section.settings.contains_key("aws_access_key_id");
                    keys.then_some(("aws_access_key_id", "AWS_SHARED_CREDENTIALS_FILE"))
                }
            };
            if let Some((key, file)) = misplaced {
                let detail =
                    format!("Fluent Bit reads `{key}` of the profile `{profile}` from the file in {file} alone");
                self.fail("profile", detail, "move it into that file; `credvend setup aws-config` prints a profile")?;
                return Ok(true);
            }
            if let Some(problem) = &section.strict_problem {
                let fix = "write it as `credvend setup aws-config` prints it, with newlines alone";
                self.fail("profile", format_args!("the profile `{profile}`: {problem}"), fix)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The SDKs look at `role_arn` first, and then for what assumes it; Fluent Bit knows neither.
    fn second_role(&mut self, profile: &str, role: &str, settings: &HashMap<String, String>) -> Result<bool, Error> {
        let fix = "remove `role_arn`: credvend's credentials are the role's already";
        if let Some(token) = settings.get("web_identity_token_file").filter(|_| self.shipper != Shipper::FluentBit) {
            self.token_file(token)?;
        } else if self.shipper == Shipper::FluentBit {
            let detail = format!("Fluent Bit passes over `role_arn` of the profile `{profile}`");
            self.warn("profile", detail, fix)?;
            if let Some(command) = settings.get("credential_process") {
                self.credential_process(profile, command)?;
            }
        } else if settings.contains_key("source_profile") || settings.contains_key("credential_source") {
            let detail = format!("the profile `{profile}` assumes a second role, {role}");
            self.warn("profile", detail, fix)?;
        } else {
            let detail =
                format!("the profile `{profile}` has `role_arn`, and no `source_profile` that could assume it");
            self.fail("profile", detail, fix)?;
        }
        Ok(true)
    }

    fn keys_in_a_file(&mut self, profile: &str, have_an_end: bool) -> Result<(), Error> {
        if !have_an_end {
            let detail = format!("the profile `{profile}` holds keys without an end");
            let fix = "use credvend's own instead: a key that never ends is a key that leaks";
            return self.fail("profile", detail, fix);
        }
        let detail = format!("the profile `{profile}` holds keys that end, and {}", self.shipper.rereading());
        let fix = "use the endpoint (`credvend setup` with the shipper's name), or have the shipper restarted at each refresh";
        self.warn("profile", detail, fix)
    }
}
