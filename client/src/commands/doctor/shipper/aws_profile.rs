//! A profile of the AWS SDKs' two files, as the shipper would take it.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::Check;
use crate::error::Error;

/// Keys and values of one profile.
type Settings = HashMap<String, String>;

impl Check<'_> {
    /// Whether a profile gives credentials.
    pub(super) fn profile(&mut self) -> Result<bool, Error> {
        let named = self.surroundings.get("AWS_PROFILE");
        let profile = named.clone().unwrap_or_else(|| "default".to_owned());
        let mut settings = Settings::new();
        for (variable, own, prefix) in
            [("AWS_CONFIG_FILE", ".aws/config", "profile "), ("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials", "")]
        {
            let Some((path, is_asked_for)) = self.place(variable, own) else { continue };
            match (self.reader.problem(&path), fs::read_to_string(&path)) {
                (None, Ok(text)) => settings.extend(section(&text, &profile, prefix)),
                (problem, _) if is_asked_for => {
                    let problem = problem.unwrap_or_else(|| "it is not text".to_owned());
                    let fix = format!("let the shipper's user read the file that {variable} names");
                    self.fail("profile", format_args!("`{}`: {problem}", path.display()), &fix)?;
                    return Ok(true);
                }
                _ => {}
            }
        }
        if let Some(command) = settings.get("credential_process") {
            self.credential_process(&profile, command)?;
            return Ok(true);
        }
        if settings.contains_key("aws_access_key_id") {
            self.keys_in_a_file(&profile, settings.contains_key("aws_session_token"))?;
            return Ok(true);
        }
        if let Some(named) = named {
            let fix = "`credvend setup aws-config` prints a profile; AWS_CONFIG_FILE names the file with it";
            self.fail("profile", format_args!("no profile `{named}` with credentials"), fix)?;
            return Ok(true);
        }
        Ok(false)
    }

    /// The file, and whether somebody asked for it.
    fn place(&self, variable: &str, own: &str) -> Option<(PathBuf, bool)> {
        match self.surroundings.get(variable) {
            Some(path) => Some((path.into(), true)),
            None => Some((Path::new(&self.surroundings.get("HOME")?).join(own), false)),
        }
    }

    fn keys_in_a_file(&mut self, profile: &str, have_an_end: bool) -> Result<(), Error> {
        if !have_an_end {
            let detail = format!("the profile `{profile}` holds keys without an end");
            return self.fail(
                "profile",
                detail,
                "use credvend's own instead: a key that never ends is a key that leaks",
            );
        }
        let detail = format!("the profile `{profile}` holds keys that end, and {}", self.shipper.rereading());
        let fix = "use the endpoint (`credvend setup` with the shipper's name), or have `credential-daemon --on-refresh` \
                   restart the shipper";
        self.warn("profile", detail, fix)
    }
}

/// AWS SDKs and Tools Reference Guide, "Shared config and credentials files": only in the one file do sections of other
/// profiles than the default begin with `profile`.
fn section(text: &str, profile: &str, prefix: &str) -> Settings {
    let wanted = [format!("{prefix}{profile}"), profile.to_owned()];
    let names: &[String] = if profile == "default" { &wanted } else { &wanted[..1] };
    let mut is_inside = false;
    let mut settings = Settings::new();
    for line in text.lines() {
        if let Some(name) = line.trim().strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            is_inside = names.iter().any(|wanted| name.split_whitespace().eq(wanted.split_whitespace()));
        } else if let Some((key, value)) = line.split_once('=')
            // An indented line continues the one before it, and a comment is none.
            && is_inside && line.starts_with(|first: char| first.is_ascii_alphanumeric())
        {
            settings.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_of_a_profile() {
        let config =
            "[default]\nregion = a\n#[profile x]\n[profile  x]\nregion=b\ns3 =\n  region = c\n[y]\nregion = d\n";
        let region = |profile, prefix| section(config, profile, prefix).get("region").cloned();
        assert_eq!(region("default", "profile ").as_deref(), Some("a"));
        assert_eq!(region("x", "profile ").as_deref(), Some("b"));
        assert_eq!(region("y", "profile "), None);
        assert_eq!(region("y", "").as_deref(), Some("d"));
    }
}
