//! The lines that the doctor prints.

use std::fmt::Display;

use http_client::RequestError;
use serde::Serialize;

use crate::commands::print;
use crate::consequence::Kind;
use crate::error::Error;
use crate::freshness::call::CallError;

/// Prints one line a hop, and remembers the first that failed.
pub(crate) struct Report {
    json: bool,
    first_failure: Option<Kind>,
}

/// The verdict on a hop.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// It works now, or the doctor cannot judge it: worth a look, not a failure.
    Warn,
    Fail,
}

#[derive(Serialize)]
struct Line<'a> {
    hop: &'a str,
    /// The verdict is not `fail`.
    ok: bool,
    verdict: Verdict,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'a str>,
}

impl Report {
    pub(crate) fn new(json: bool) -> Self {
        Self { json, first_failure: None }
    }

    pub(crate) fn first_failure(&self) -> Option<Kind> {
        self.first_failure
    }

    pub(crate) fn ok(&self, hop: &str, detail: impl Display) -> Result<(), Error> {
        self.line(hop, Verdict::Ok, &detail, None)
    }

    pub(crate) fn warn(&self, hop: &str, detail: impl Display, fix: &str) -> Result<(), Error> {
        self.line(hop, Verdict::Warn, &detail, Some(fix))
    }

    /// A failure whose message already says what to do, unless it is the network's.
    pub(crate) fn fail(&mut self, hop: &str, error: &Error) -> Result<(), Error> {
        self.fail_with(hop, error, network_fix(error), error.kind())
    }

    pub(crate) fn fail_with(
        &mut self,
        hop: &str,
        detail: impl Display,
        fix: Option<&str>,
        kind: Kind,
    ) -> Result<(), Error> {
        self.first_failure.get_or_insert(kind);
        self.line(hop, Verdict::Fail, &detail, fix)
    }

    fn line(&self, hop: &str, verdict: Verdict, detail: &dyn Display, fix: Option<&str>) -> Result<(), Error> {
        let line = Line { hop, ok: verdict != Verdict::Fail, verdict, detail: &detail.to_string(), fix };
        let mut text = if self.json {
            // Strings and a flag: serializing them cannot fail.
            serde_json::to_string(&line).unwrap_or_default()
        } else {
            line.text()
        };
        text.push('\n');
        print(text.as_bytes())
    }
}

impl Line<'_> {
    fn text(&self) -> String {
        let verdict = match self.verdict {
            Verdict::Ok => "ok  ",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        };
        // A detail repeats text of other programs and configurations: control characters would forge lines or move the cursor.
        let printable = |text: &str| text.replace(|letter: char| letter.is_control(), "?");
        let fix = self.fix.map(|fix| format!("\n{:24}fix: {}", "", printable(fix))).unwrap_or_default();
        format!("{verdict}  {:16}  {}{fix}", self.hop, printable(self.detail))
    }
}

fn network_fix(error: &Error) -> Option<&'static str> {
    let Error::Fetch(error) = error else { return None };
    let Some(CallError::Request(request)) = error.call() else { return None };
    match request {
        RequestError::Connect { .. } | RequestError::Timeout { .. } => {
            Some("check the host name, the firewall, and HTTPS_PROXY and NO_PROXY")
        }
        RequestError::Proxy { .. } => Some("check HTTPS_PROXY, and that the proxy lets this host pass"),
        RequestError::ProxyAuthentication { .. } => Some("correct user name and password in HTTPS_PROXY"),
        RequestError::Tls { .. } => Some(
            "name the file of your certificate authority in SSL_CERT_FILE or AWS_CA_BUNDLE; is the URL the right one?",
        ),
        RequestError::TooLarge { .. } | RequestError::Interrupted { .. } | RequestError::UnsendableToken { .. } => {
            Some("see what answers at this URL; a proxy in between?")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_one_line() {
        let detail = "s3://b\u{1b}[2J\nok    S3                fine";
        let line = Line { hop: "S3", ok: false, verdict: Verdict::Fail, detail, fix: Some("a\nb") };
        let fix = format!("\n{:24}fix: a?b", "");
        assert_eq!(line.text(), format!("FAIL  S3                s3://b?[2J?ok    S3                fine{fix}"));
    }
}
