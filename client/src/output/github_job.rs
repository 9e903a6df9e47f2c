//! A secret for the steps of a GitHub Actions job: hidden in its log first, then a variable of the steps that follow.
//!
//! GitHub's documentation, "Workflow commands for GitHub Actions".

use zeroize::Zeroizing;

/// The runner's own, the loader's, and what decides which program runs: a secret in one of them breaks the job, or is
/// sent where nobody looks for it.
const RESERVED: [&str; 12] = [
    "BASH_ENV",
    "CI",
    "ENV",
    "HOME",
    "IFS",
    "NODE_OPTIONS",
    "PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "SHELL",
    "SHELLOPTS",
];
const RESERVED_PREFIXES: [&str; 5] = ["ACTIONS_", "DYLD_", "GITHUB_", "LD_", "RUNNER_"];

/// The name of a variable that a secret may be put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VariableName(String);

impl VariableName {
    pub(crate) fn parse(name: &str) -> Result<Self, &'static str> {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) || !name.bytes().all(is_name) {
            return Err("not the name of a variable: letters, digits and _, and no digit first");
        }
        let upper = name.to_ascii_uppercase();
        if RESERVED.contains(&upper.as_str()) || RESERVED_PREFIXES.iter().any(|prefix| upper.starts_with(prefix)) {
            return Err("belongs to the runner, the shell or the loader: choose another name");
        }
        Ok(Self(name.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Commands that hide the value, and each of its lines, from here on. A mask of white space alone is refused by the runner.
pub(crate) fn masks(value: &str) -> Zeroizing<String> {
    let lines = value.split(['\n', '\r']).filter(|line| !line.trim().is_empty());
    let whole = value.contains(['\n', '\r']).then_some(value);
    let commands = whole.into_iter().chain(lines).map(|text| format!("::add-mask::{}\n", escaped(text)));
    Zeroizing::new(commands.collect())
}

/// The percent sign first, or it would be escaped twice.
fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// What the runner reads from the file in `GITHUB_ENV`. The delimiter is random: a value that knew it could end itself and
/// go on with variables of its own.
pub(crate) fn assignment(name: &VariableName, value: &str, delimiter: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("{}<<{delimiter}\n{value}\n{delimiter}\n", name.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_variables() {
        for name in ["TWINE_PASSWORD", "a", "_x1", "UV_PUBLISH_TOKEN", "PYTHON", "PATHS", "MY_PATH"] {
            assert_eq!(VariableName::parse(name).unwrap().as_str(), name);
        }
        for name in [
            "",
            "1A",
            "A-B",
            "A B",
            "A=B",
            "A\nB",
            "Ä",
            "A<<B",
            "PATH",
            "path",
            "NODE_OPTIONS",
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "GITHUB_TOKEN",
            "github_env",
            "RUNNER_TEMP",
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "BASH_ENV",
            "PYTHONPATH",
        ] {
            assert!(VariableName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn every_line_is_hidden() {
        assert_eq!(*masks("pypi-Ag"), "::add-mask::pypi-Ag\n");
        assert_eq!(*masks("50%0A::x"), "::add-mask::50%250A::x\n");
        assert_eq!(
            *masks("a\n\n b\r\nc\n"),
            "::add-mask::a%0A%0A b%0D%0Ac%0A\n::add-mask::a\n::add-mask:: b\n::add-mask::c\n"
        );
        assert_eq!(*masks("\n \n"), "::add-mask::%0A %0A\n");
    }

    #[test]
    fn an_assignment_ends_with_its_delimiter_alone() {
        let name = VariableName::parse("TOKEN").unwrap();
        assert_eq!(*assignment(&name, "a\nEOF\nX=1", "d1"), "TOKEN<<d1\na\nEOF\nX=1\nd1\n");
        assert_eq!(*assignment(&name, "a\n", "d1"), "TOKEN<<d1\na\n\nd1\n");
    }
}
