//! Reading variables so that all faults are reported at once.

use std::cell::RefCell;
use std::fmt;
use std::net::SocketAddr;
use std::path::Path;

use ipnet::IpNet;

use crate::endpoint::Endpoint;
use crate::network::parse_cidr;

/// Looks a variable up, in the process's environment or in whatever stands in front of it.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The process's own variable. Bytes that are not UTF-8 arrive as U+FFFD, which [`Variables`] refuses: a value that is
/// silently left out would look like a variable that is not set.
#[allow(clippy::disallowed_methods, reason = "the one reader that every `from_env` is given")]
#[must_use]
pub fn process(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

/// Looks variables up and collects what is wrong with them. An empty value counts as missing. Values are trimmed, and
/// a control character inside one is a fault: no value of ours holds one, and no header, URL or file name should.
pub struct Variables<'a> {
    lookup: Lookup<'a>,
    found: RefCell<Found>,
}

#[derive(Default)]
struct Found {
    missing: Vec<String>,
    faults: Vec<String>,
    assumption: Option<&'static str>,
}

/// Everything that is wrong with the environment, in one message. It shows no value of a secret.
#[derive(Debug)]
pub struct ConfigError {
    missing: Vec<String>,
    faults: Vec<String>,
    assumption: Option<&'static str>,
}

impl<'a> Variables<'a> {
    /// A reader with nothing noted yet.
    #[must_use]
    pub fn new(lookup: Lookup<'a>) -> Self {
        Self { lookup, found: RefCell::default() }
    }

    /// A value without the white space around it.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        self.checked(name, value.trim())
    }

    /// A value in which blanks may count, such as a secret: only a byte order mark in front and line breaks at the end
    /// are removed, since editors, `echo` and Kubernetes secrets add them.
    #[must_use]
    pub fn verbatim(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        if value.trim().is_empty() {
            return None;
        }
        self.checked(name, value.trim_start_matches('\u{feff}').trim_end_matches(['\r', '\n']))
    }

    /// A document, such as JSON, in which line breaks are white space. Its parser looks for control characters.
    #[must_use]
    pub fn document(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let document = value.trim_start_matches('\u{feff}').trim();
        (!document.is_empty()).then(|| document.to_owned())
    }

    /// A private key or a certificate in PEM, whose line breaks belong to it.
    #[must_use]
    pub fn pem(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name)?;
        let lines = value.lines().map(str::trim).filter(|line| !line.is_empty());
        let checked: Option<Vec<String>> = lines.map(|line| self.checked(name, line)).collect();
        checked.filter(|lines| !lines.is_empty()).map(|lines| lines.join("\n"))
    }

    fn checked(&self, name: &str, value: &str) -> Option<String> {
        let value = value.trim_start_matches('\u{feff}');
        if value.is_empty() {
            return None;
        }
        if value.contains(char::is_control) {
            self.fault(name, "holds a control character (a line break or a tab inside the value?): remove it");
            return None;
        }
        if value.contains(char::REPLACEMENT_CHARACTER) {
            self.fault(name, "holds bytes that are not UTF-8");
            return None;
        }
        Some(value.to_owned())
    }

    /// Checks a variable that a library reads by itself, and untrimmed.
    pub fn untouched(&self, name: &str) {
        let Some(value) = (self.lookup)(name) else { return };
        let trimmed = self.optional(name);
        if value.is_empty() {
            self.fault(name, "is set but empty, and the AWS SDK would use it: remove it");
        } else if trimmed.is_some_and(|trimmed| trimmed != value) {
            self.fault(name, "has white space around its value, and the AWS SDK would use that: remove it");
        }
    }

    /// Checks a variable that names a file which the AWS SDK reads by itself, and without a deadline: opening a named pipe
    /// waits for its writer, and a device need not have an end. `/dev/null` stands for an empty file, and a file that is
    /// missing may appear later.
    pub fn regular_file(&self, name: &str) {
        let Some(value) = self.optional(name) else { return };
        let path = Path::new(&value);
        let is_odd = path.metadata().is_ok_and(|metadata| !metadata.is_file());
        if is_odd && path.canonicalize().is_ok_and(|path| path != Path::new("/dev/null")) {
            self.fault(
                name,
                format_args!("`{value}` is not a regular file, and the AWS SDK would wait for it: name a file"),
            );
        }
    }

    /// A value that must be there; otherwise it is noted as missing, with an example.
    pub fn required(&self, name: &str, example: &str) -> Option<String> {
        let faults = self.found.borrow().faults.len();
        let value = self.optional(name);
        if value.is_none() && self.found.borrow().faults.len() == faults {
            self.missing(name, format_args!("for example `{example}`"));
        }
        value
    }

    /// Whether the variable is there at all, usable or not.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        (self.lookup)(name).is_some_and(|value| !value.trim().is_empty())
    }

    /// Notes a variable that is missing, with a hint of what belongs there.
    pub fn missing(&self, name: &str, hint: impl fmt::Display) {
        note(&mut self.found.borrow_mut().missing, format!("{name} ({hint})"));
    }

    /// Notes what is wrong with a variable.
    pub fn fault(&self, name: &str, problem: impl fmt::Display) {
        note(&mut self.found.borrow_mut().faults, format!("{name}: {problem}"));
    }

    /// Parses a value as a URL that secrets may be sent to.
    pub fn endpoint(&self, name: &str, value: &str, example: &str) -> Option<Endpoint> {
        Endpoint::parse(value).map_err(|error| self.fault(name, format_args!("{error}, for example `{example}`"))).ok()
    }

    /// The endpoint of an AWS service: `AWS_ENDPOINT_URL_{service}`, else `AWS_ENDPOINT_URL`, as the SDKs read them.
    pub fn aws_endpoint(&self, service: &str) -> Option<Endpoint> {
        let own = format!("AWS_ENDPOINT_URL_{service}");
        let name = if self.is_set(&own) { &own } else { "AWS_ENDPOINT_URL" };
        let value = self.optional(name)?;
        let example = format!("https://{}.example.com", service.to_ascii_lowercase());
        self.endpoint(name, &value, &example)
    }

    /// A host name that must be there, without a scheme and a path.
    pub fn host(&self, name: &str, example: &str) -> Option<String> {
        let host = self.required(name, example)?;
        if !is_host(&host) {
            let problem = "a host name is expected, without https:// and path";
            self.fault(name, format_args!("{problem}, for example `{example}`"));
            return None;
        }
        Some(host)
    }

    /// The region that must be there: part of host names, so made of what those are made of.
    pub fn region(&self, name: &str) -> Option<String> {
        let region = self.required(name, "eu-west-1")?;
        if !is_host(&region) {
            self.fault(name, "not a region, for example `eu-west-1`");
            return None;
        }
        Some(region)
    }

    /// Words between white space.
    #[must_use]
    pub fn words(&self, name: &str) -> Vec<String> {
        self.optional(name).unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect()
    }

    /// A whole number from `least` to `most`.
    pub fn number(&self, name: &str, least: u64, most: u64) -> Option<u64> {
        let text = self.optional(name)?;
        match text.parse() {
            Ok(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                self.fault(name, format_args!("`{text}` is not a whole number from {least} to {most}"));
                None
            }
        }
    }

    /// One of several words, in any case.
    pub fn choice<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.optional(name)?;
        let found = choices.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text)).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| *word).collect();
            self.fault(name, format_args!("`{text}` is none of {}", words.join(", ")));
        }
        found
    }

    /// `true` or `false`, in any case.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.choice(name, &[("true", true), ("false", false)])
    }

    /// An address to listen on.
    pub fn socket_address(&self, name: &str, example: &str) -> Option<SocketAddr> {
        let text = self.optional(name)?;
        let address = text.parse().ok();
        if address.is_none() {
            self.fault(name, format_args!("`{text}` is not an address and a port, for example `{example}`"));
        }
        address
    }

    /// Networks in CIDR notation, separated by blanks or commas.
    pub fn networks(&self, name: &str) -> Vec<IpNet> {
        let text = self.optional(name).unwrap_or_default();
        let words = text.split([' ', ',']).filter(|word| !word.is_empty());
        words
            .filter_map(|word| {
                let network = parse_cidr(word);
                if network.is_none() {
                    let problem = format_args!("`{word}` is not a network in CIDR notation, for example `10.0.0.0/8`");
                    self.fault(name, problem);
                }
                network
            })
            .collect()
    }

    /// What was assumed; it is reported beside what is missing, since that may be missing for no other reason.
    pub fn assume(&self, assumption: &'static str) {
        self.found.borrow_mut().assumption = Some(assumption);
    }

    /// Ends the reading: the value, when nothing was noted on the way to it.
    ///
    /// # Errors
    /// Everything that was noted.
    pub fn finish<T>(self, value: Option<T>) -> Result<T, ConfigError> {
        let Found { missing, faults, assumption } = self.found.into_inner();
        match value {
            Some(value) if missing.is_empty() && faults.is_empty() => Ok(value),
            _ => Err(ConfigError { missing, faults, assumption }),
        }
    }
}

/// A variable that is read twice is reported once.
fn note(notes: &mut Vec<String>, new: String) {
    if !notes.contains(&new) {
        notes.push(new);
    }
}

/// Made of what host names are made of, so that it cannot bring a path or a user's name into a URL.
#[must_use]
pub fn is_host(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T>(variables: &[(&str, &str)], read: impl Fn(&Variables<'_>) -> Option<T>) -> Result<T, String> {
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let variables = Variables::new(&lookup);
        let value = read(&variables);
        variables.finish(value).map_err(|error| error.to_string())
    }

    #[test]
    fn line_breaks_belong_to_pem_and_other_control_characters_do_not() {
        let pem = "-----BEGIN X-----\nAAAA\n-----END X-----";
        for text in [pem.to_owned(), format!("\u{feff}{pem}\n\n"), pem.replace('\n', "\r\n")] {
            assert_eq!(read(&[("A", &text)], |v| v.pem("A")).unwrap(), pem, "{text:?}");
        }
        assert!(read(&[("A", "a\n\u{0}b")], |v| v.pem("A")).unwrap_err().starts_with("A: holds a control character"));
        assert_eq!(read(&[("A", " \n")], |v| Some(v.pem("A"))).unwrap(), None);
    }

    #[test]
    fn a_value_is_trimmed_and_a_control_character_inside_is_a_fault() {
        for text in ["eu-west-1", "eu-west-1\n", " eu-west-1\r\n", "\u{feff}eu-west-1", "\teu-west-1\t"] {
            assert_eq!(read(&[("A", text)], |v| v.optional("A")).unwrap(), "eu-west-1", "{text:?}");
        }
        for text in ["eu\nwest", "eu\rwest", "eu\u{0}west", "eu\u{7f}west", "eu\twest", "eu\u{85}west"] {
            let error = read(&[("A", text)], |v| v.optional("A")).unwrap_err();
            assert!(error.starts_with("A: holds a control character"), "{text:?}: {error}");
            assert!(!error.contains("west"), "the value may be a secret: {error}");
        }
        let error = read(&[("A", "eu\u{fffd}")], |v| v.required("A", "x")).unwrap_err();
        assert_eq!(error, "A: holds bytes that are not UTF-8", "a fault is not reported as missing as well");
    }

    #[test]
    fn blanks_of_a_secret_count() {
        for (text, secret) in [(" a b ", " a b "), ("a\n", "a"), ("\u{feff}a\r\n", "a"), ("a \n", "a ")] {
            assert_eq!(read(&[("S", text)], |v| v.verbatim("S")).unwrap(), secret, "{text:?}");
        }
        assert!(read(&[("S", " \n")], |v| v.verbatim("S")).is_err());
        assert!(read(&[("S", "a\nb")], |v| v.verbatim("S")).unwrap_err().contains("control character"));
    }

    #[test]
    fn all_faults_are_in_one_message_and_each_once() {
        let error = read(&[("N", "ten"), ("C", "x"), ("E", "http://192.0.2.2/")], |v| {
            v.assume("IDP_TYPE is not set, so it is auth0");
            v.required("A", "one");
            v.required("A", "one");
            v.number("N", 1, 9);
            v.number("N", 1, 9);
            v.choice("C", &[("a", 1), ("b", 2)]);
            let value = v.optional("E")?;
            v.endpoint("E", &value, "https://x.example")
        });
        assert_eq!(
            error.unwrap_err(),
            "missing environment variables: A (for example `one`) (IDP_TYPE is not set, so it is auth0); \
             N: `ten` is not a whole number from 1 to 9; C: `x` is none of a, b; \
             E: plain http is accepted for loopback addresses only, and `192.0.2.2` is none: use https, for example \
             `https://x.example`"
        );
    }

    #[test]
    fn the_endpoint_of_a_service_wins_over_that_of_all() {
        let endpoint = |variables: &[(&str, &str)]| read(variables, |v| v.aws_endpoint("STS")).map(|e| e.to_string());
        let all = ("AWS_ENDPOINT_URL", "https://a.example/");
        assert_eq!(endpoint(&[all]).unwrap(), "https://a.example/");
        assert_eq!(endpoint(&[all, ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")]).unwrap(), "http://127.0.0.1:1/");
        assert_eq!(endpoint(&[all, ("AWS_ENDPOINT_URL_STS", " ")]).unwrap(), "https://a.example/");
        assert!(
            endpoint(&[all, ("AWS_ENDPOINT_URL_STS", "http://10.1.1.1")])
                .unwrap_err()
                .starts_with("AWS_ENDPOINT_URL_STS: ")
        );
    }

    #[test]
    fn networks_and_regions() {
        let error = read(&[("N", "10.0.0.0/8, fd00::/8 192.0.2.7 ten")], |v| Some(v.networks("N"))).unwrap_err();
        assert_eq!(error, "N: `ten` is not a network in CIDR notation, for example `10.0.0.0/8`");
        assert_eq!(read(&[("N", "10.0.0.0/8,fd00::/8")], |v| Some(v.networks("N"))).unwrap().len(), 2);
        assert!(read(&[("R", "eu-west-1/x")], |v| v.region("R")).unwrap_err().starts_with("R: not a region"));
    }
}
