//! The lines that the doctor prints.

use std::fmt::Display;

use http_client::RequestError;
use serde::Serialize;

use crate::commands::print;
use crate::error::{Error, Kind};
use crate::exchange::ExchangeError;
use crate::idp::IdpError;

/// Prints one line a hop, and remembers the first that failed.
pub(crate) struct Report {
    json: bool,
    first_failure: Option<Kind>,
}

#[derive(Serialize)]
struct Line<'a> {
    hop: &'a str,
    ok: bool,
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
        self.line(&Line { hop, ok: true, detail: &detail.to_string(), fix: None })
    }

    /// A failure whose words already say what to do, unless it is the network's.
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
        self.line(&Line { hop, ok: false, detail: &detail.to_string(), fix })
    }

    fn line(&self, line: &Line<'_>) -> Result<(), Error> {
        let mut text = if self.json {
            // Strings and a flag: serializing them cannot fail.
            serde_json::to_string(line).unwrap_or_default()
        } else {
            let verdict = if line.ok { "ok  " } else { "FAIL" };
            let fix = line.fix.map(|fix| format!("\n{:24}fix: {fix}", "")).unwrap_or_default();
            format!("{verdict}  {:16}  {}{fix}", line.hop, line.detail)
        };
        text.push('\n');
        print(text.as_bytes())
    }
}

fn network_fix(error: &Error) -> Option<&'static str> {
    let (Error::Idp(IdpError::Request(request)) | Error::Exchange(ExchangeError::Request(request))) = error else {
        return None;
    };
    match request {
        RequestError::Connect { .. } | RequestError::Timeout { .. } => {
            Some("check the host name, the firewall, and HTTPS_PROXY and NO_PROXY")
        }
        RequestError::Tls { .. } => Some(
            "name the file of your certificate authority in SSL_CERT_FILE or AWS_CA_BUNDLE; is the URL the right one?",
        ),
        RequestError::TooLarge { .. } | RequestError::Interrupted { .. } | RequestError::UnsendableToken { .. } => {
            Some("see what answers at this URL; a proxy in between?")
        }
    }
}
