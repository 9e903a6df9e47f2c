//! Reading variables so that all faults are told at once.

use std::fmt;

use http_client::Endpoint;

/// Looks variables up and collects what is wrong with them.
pub(crate) struct Variables<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    missing: Vec<String>,
    faults: Vec<String>,
    assumption: Option<&'static str>,
}

/// Everything that is wrong with the configuration.
#[derive(Debug)]
pub(crate) struct ConfigError {
    missing: Vec<String>,
    faults: Vec<String>,
    assumption: Option<&'static str>,
}

impl<'a> Variables<'a> {
    pub(crate) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, missing: Vec::new(), faults: Vec::new(), assumption: None }
    }

    /// A value without the space around it. Empty means missing.
    pub(crate) fn optional(&self, name: &str) -> Option<String> {
        Some(self.verbatim(name)?.trim().to_owned())
    }

    /// A value as it is: in a secret, space may count, as long as there is more than that.
    pub(crate) fn verbatim(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.trim().is_empty())
    }

    /// A value that must be there; otherwise it is noted as missing, with an example.
    pub(crate) fn required(&mut self, name: &str, example: &str) -> Option<String> {
        let value = self.optional(name);
        if value.is_none() {
            self.missing(name, format_args!("for example `{example}`"));
        }
        value
    }

    pub(crate) fn missing(&mut self, name: &str, hint: impl fmt::Display) {
        self.missing.push(format!("{name} ({hint})"));
    }

    pub(crate) fn fault(&mut self, name: &str, problem: impl fmt::Display) {
        self.faults.push(format!("{name}: {problem}"));
    }

    /// Parses a value as a URL that secrets may be sent to.
    pub(crate) fn endpoint(&mut self, name: &str, value: &str, example: &str) -> Option<Endpoint> {
        Endpoint::parse(value).map_err(|error| self.fault(name, format_args!("{error}, for example `{example}`"))).ok()
    }

    /// A host name that must be there, without a scheme and a path.
    pub(crate) fn host(&mut self, name: &str, example: &str) -> Option<String> {
        let host = self.required(name, example)?;
        if !is_host(&host) {
            let problem = "a host name is expected, without https:// and path";
            self.fault(name, format_args!("{problem}, for example `{example}`"));
            return None;
        }
        Some(host)
    }

    /// What was taken for granted; said beside what is missing, since that may be missing for no other reason.
    pub(crate) fn assume(&mut self, assumption: &'static str) {
        self.assumption = Some(assumption);
    }

    /// Ends the reading: the value, when nothing was noted on the way to it.
    pub(crate) fn finish<T>(self, value: Option<T>) -> Result<T, ConfigError> {
        match value {
            Some(value) if self.missing.is_empty() && self.faults.is_empty() => Ok(value),
            _ => Err(ConfigError { missing: self.missing, faults: self.faults, assumption: self.assumption }),
        }
    }
}

/// Made of what host names are made of, so that it cannot bring a path or a user's name into a URL.
pub(crate) fn is_host(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = self.faults.clone();
        if !self.missing.is_empty() {
            let because = self.assumption.map(|assumption| format!(" ({assumption})")).unwrap_or_default();
            parts.insert(0, format!("missing environment variables: {}{because}", self.missing.join(", ")));
        }
        formatter.write_str(&parts.join("; "))
    }
}

impl std::error::Error for ConfigError {}
