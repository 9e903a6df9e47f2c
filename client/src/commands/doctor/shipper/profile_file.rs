//! A profile in one of the AWS SDKs' two files: as the SDKs read it, and as Fluent Bit does, which is stricter.

use std::collections::HashMap;

/// Which of the two files.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Config,
    Credentials,
}

/// One profile's keys and values in one file.
pub(super) struct Section {
    pub(super) kind: Kind,
    pub(super) settings: HashMap<String, String>,
    /// What Fluent Bit makes of it (`flb_aws_credentials_profile.c`); `None`: the same.
    pub(super) strict_problem: Option<String>,
}

impl Section {
    /// AWS SDKs and Tools Reference Guide, "Shared config and credentials files": only in the config file do sections of
    /// other profiles than the default begin with `profile`.
    pub(super) fn find(text: &str, profile: &str, kind: Kind) -> Option<Self> {
        let mut found: Option<Self> = None;
        let mut is_inside = false;
        for line in text.split('\n') {
            let has_return = line.ends_with('\r');
            let line = line.trim_end_matches('\r');
            if let Some(header) = header(line) {
                is_inside = is_of(header, profile, kind);
                if is_inside {
                    let section = found.get_or_insert_with(|| Self::new(kind));
                    if !is_exact(line, profile, kind) {
                        section.strict_problem = Some(format!(
                            "`{}` is not `[{}]`, letter by letter: Fluent Bit passes over it",
                            line.trim(),
                            exact(profile, kind)
                        ));
                    }
                }
            } else if let (true, Some(section)) = (is_inside, found.as_mut()) {
                section.add(line, has_return);
            }
        }
        found
    }

    fn new(kind: Kind) -> Self {
        Self { kind, settings: HashMap::new(), strict_problem: None }
    }

    fn add(&mut self, line: &str, has_return: bool) {
        // An indented line continues the one before it, and a comment is not a setting.
        let Some((key, value)) = line.split_once('=').filter(|_| line.starts_with(|c: char| c.is_ascii_alphanumeric()))
        else {
            return;
        };
        let key = key.trim().to_ascii_lowercase();
        if has_return && key == "credential_process" && self.strict_problem.is_none() {
            let problem = "its line ends in CR LF, and Fluent Bit takes the CR for a letter of the last word";
            self.strict_problem = Some(problem.to_owned());
        }
        self.settings.insert(key, value.trim().to_owned());
    }
}

/// Between the brackets.
fn header(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix('[')?.split(']').next()
}

fn is_of(header: &str, profile: &str, kind: Kind) -> bool {
    let words = header.split_whitespace();
    let is_default = profile == "default" && words.clone().eq(["default"]);
    is_default || words.eq(exact_words(profile, kind).iter().flat_map(|word| word.split_whitespace()))
}

fn exact_words(profile: &str, kind: Kind) -> Vec<&str> {
    match kind {
        Kind::Config => vec!["profile", profile],
        Kind::Credentials => vec![profile],
    }
}

fn exact(profile: &str, kind: Kind) -> String {
    exact_words(profile, kind).join(" ")
}

/// At the beginning of its line, with one blank between the words.
fn is_exact(line: &str, profile: &str, kind: Kind) -> bool {
    let inside = line.strip_prefix('[').and_then(|rest| rest.split_once(']')).map(|(inside, _)| inside);
    inside.is_some_and(|inside| inside == exact(profile, kind) || (profile == "default" && inside == "default"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_section_of_a_profile() {
        let config =
            "[default]\nregion = a\n#[profile x]\n[profile  x]\nregion=b\ns3 =\n  region = c\n[y]\nregion = d\n";
        let region = |profile, kind| Section::find(config, profile, kind)?.settings.remove("region");
        assert_eq!(region("default", Kind::Config).as_deref(), Some("a"));
        assert_eq!(region("x", Kind::Config).as_deref(), Some("b"));
        assert_eq!(region("y", Kind::Config), None);
        assert_eq!(region("y", Kind::Credentials).as_deref(), Some("d"));
    }

    #[test]
    fn what_fluent_bit_does_not_read() {
        let problem = |text: &str| Section::find(text, "x", Kind::Config).unwrap().strict_problem;
        for text in
            ["[profile x]\ncredential_process = /a", "[profile x] # why\r\ncredential_process = /a\nregion = a\r\n"]
        {
            assert_eq!(problem(text), None, "{text:?}");
        }
        for text in [
            "[profile  x]\n",
            "[profile\tx]\n",
            "[ profile x ]\n",
            "  [profile x]\n",
            "[profile x]\r\ncredential_process = /a b\r\n",
        ] {
            assert!(problem(text).is_some(), "{text:?}");
        }
        let default = Section::find("[default]\ncredential_process = /a", "default", Kind::Config).unwrap();
        assert!(default.strict_problem.is_none());
        assert!(Section::find("[x ]\n", "x", Kind::Credentials).unwrap().strict_problem.is_some());
    }
}
