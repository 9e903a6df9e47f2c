//! `AWS_CONTAINER_CREDENTIALS_FULL_URI`, asked as the shipper would ask it.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use http_client::{Endpoint, HttpClient, Limits, Proxy, Request, Response, Roots};
use serde_json::Value;
use zeroize::Zeroizing;

use super::{Check, Shipper};
use crate::consequence::Kind;
use crate::error::Error;
use crate::exchange::error::ExchangeError;
use crate::freshness::call::CallError;
use crate::freshness::error::FetchError;
use crate::freshness::fetch;
use crate::timestamp;

/// How long Vector and Fluent Bit wait; no shipper waits less.
const DEADLINE: Duration = Duration::from_secs(5);
const LIMITS: Limits = Limits { connect: DEADLINE, total: DEADLINE, max_body: 64 * 1024 };
/// Old builds of Fluent Bit refresh no credentials that come with less (`flb_aws_credentials.c`).
const SHORTEST_LIFE: Duration = Duration::from_secs(600);
/// Letters of a reason that are shown.
const MAX_REASON: usize = 500;
const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";

impl Check<'_> {
    /// Whether an endpoint gives credentials.
    pub(super) fn endpoint(&mut self, given: Option<&str>) -> Result<bool, Error> {
        if self.surroundings.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI").is_some() {
            let detail = format!("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI is set, and wins over {FULL_URI}");
            self.fail("endpoint", detail, "remove it from the shipper's environment: it belongs to ECS")?;
            return Ok(true);
        }
        let Some(url) = given.map(str::to_owned).or_else(|| self.surroundings.get(FULL_URI)) else {
            self.proxy(None)?;
            return Ok(false);
        };
        let Some(endpoint) = self.address(&url)? else { return Ok(true) };
        self.proxy(Some(host(&url)))?;
        if let Ok(token) = self.authorization()? {
            self.response(&endpoint, token.as_deref().map(String::as_str))?;
        }
        Ok(true)
    }

    /// An address that the shipper's parser takes.
    fn address(&mut self, url: &str) -> Result<Option<Endpoint>, Error> {
        let endpoint = match Endpoint::parse(url) {
            Ok(endpoint) => endpoint,
            Err(error) => {
                let fix = "http://127.0.0.1:9911/credentials is what `credvend serve` offers";
                self.fail("endpoint", format_args!("{FULL_URI}: {error}"), fix)?;
                return Ok(None);
            }
        };
        let fix = format!("http://127.0.0.1:9911/credentials, and not a name, is what everybody takes in {FULL_URI}");
        let is_by_number = host(url).starts_with("127.") || host(url).contains("::1");
        let is_https = url.starts_with("https:");
        // flb_aws_credentials_http.c: this name with this path only, and TLS for no scheme.
        let is_for_fluent_bit = !is_https
            && (is_by_number || (host(url) == "localhost" && endpoint.path() == "/2016-11-01/credentialprovider/"));
        if self.shipper == Shipper::FluentBit && !is_for_fluent_bit {
            let detail =
                format!("{endpoint}: Fluent Bit takes plain http, and addresses that begin with 127. or hold ::1");
            self.fail("endpoint", detail, &fix)?;
            return Ok(None);
        }
        if is_https {
            let detail = format!("{endpoint}: SDKs take no certificate authority of your own here");
            self.warn("endpoint", detail, &fix)?;
        } else if is_by_number {
            self.ok("endpoint", &endpoint)?;
        } else {
            self.warn("endpoint", format_args!("{endpoint}: the name may lead to ::1 first"), &fix)?;
        }
        Ok(Some(endpoint))
    }

    /// What goes into `Authorization`, verbatim; `Err` when there is no point in asking with it.
    fn authorization(&mut self) -> Result<Result<Option<Zeroizing<String>>, ()>, Error> {
        let Some(path) = self.surroundings.get(TOKEN_FILE) else {
            return Ok(Ok(self.surroundings.get(TOKEN).map(Zeroizing::new)));
        };
        let file = Path::new(&path);
        let token = match self.reader.read(file).map(Zeroizing::new) {
            Ok(token) => token,
            Err(problem) => {
                let is_missing = fs::metadata(file).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
                let fix = if is_missing {
                    "start `credvend serve --token-file` with this path: it writes the file, and removes it when it ends"
                } else {
                    "let the shipper's user read it: `serve --token-file-mode 0640`, and the group of `serve`'s user"
                };
                self.fail("token file", format_args!("`{path}`: {problem}"), fix)?;
                return Ok(Err(()));
            }
        };
        if self.shipper == Shipper::FluentBit && token.ends_with(['\n', '\r']) {
            let fix = "write the token and nothing else, as `credvend serve` does";
            self.warn("token file", format_args!("`{path}` ends in a newline, which only Fluent Bit removes"), fix)?;
            return Ok(Ok(Some(Zeroizing::new(token.trim_end().to_owned()))));
        }
        if token.is_empty() || token.contains(|c: char| c.is_ascii_control()) {
            let detail = format!("`{path}` is empty, or holds a newline, which SDKs send along or refuse");
            self.fail("token file", detail, "write the token and nothing else, as `credvend serve` does")?;
            return Ok(Err(()));
        }
        self.ok("token file", format_args!("`{path}` can be read, and ends without a newline"))?;
        Ok(Ok(Some(token)))
    }

    fn response(&mut self, endpoint: &Endpoint, token: Option<&str>) -> Result<(), Error> {
        let http = HttpClient::new(Roots::System, &[], &Proxy::default(), LIMITS).map_err(FetchError::from)?;
        let mut request = Request::get(endpoint);
        if let Some(token) = token {
            request = request.authorization(token);
        }
        let response = fetch::block_on(async { Ok::<_, Error>(http.send(request).await) })?;
        match response {
            Ok(response) => self.credentials_in(endpoint, &response, token),
            Err(error) => {
                let error = Error::from(ExchangeError::from(CallError::from(error)));
                let fix = "does `credvend serve` run at this address? It answers from memory, once it has credentials";
                self.report.fail_with("answer", &error, Some(fix), error.kind())
            }
        }
    }

    fn credentials_in(&mut self, endpoint: &Endpoint, response: &Response, token: Option<&str>) -> Result<(), Error> {
        if response.status != 200 {
            let detail = format!("{endpoint} answered {}{}", response.status, reason(&response.body, token));
            let fix = fix(response.status);
            return self.report.fail_with("answer", detail, Some(fix), Kind::of_status(response.status));
        }
        match judge(&response.body, timestamp::now()) {
            Ok(end) => self.ok("answer", format_args!("credentials until {}", timestamp::format(end))),
            Err(Verdict::Wrong(problem)) => {
                self.fail("answer", format_args!("{endpoint}: {problem}"), "is `credvend serve` what answers there?")
            }
            Err(Verdict::Short(end)) => {
                let detail = format!("credentials until {}: less than 10 min", timestamp::format(end));
                self.warn(
                    "answer",
                    detail,
                    "old builds of Fluent Bit do not refresh these: see what `serve` says in /readyz",
                )
            }
        }
    }
}

/// What `serve` says with each status (endpoint/refusal.rs): 401 is about the token that was sent, 403 about the identity
/// or the caller.
fn fix(status: u16) -> &'static str {
    match status {
        401 => "the token is that of another start of `serve`, or of another endpoint: name its own token file",
        403 => {
            "the reason is the identity's, or this caller's, and not the token's: `credvend doctor` for the identity \
             names the hop"
        }
        404 => "the path is /credentials, or /credentials/NAME for one of several identities",
        _ => "`credvend doctor` for the identity says why there are no credentials",
    }
}

/// The reason in an error's body, which Vector's log does not show. Whatever listens there has written it.
fn reason(body: &[u8], token: Option<&str>) -> String {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else { return String::new() };
    let text = |names: &[&str]| names.iter().find_map(|name| members.get(*name)?.as_str()).unwrap_or_default();
    let code = text(&["code", "Code", "error", "__type"]);
    let message = text(&["message", "Message", "error_description"]);
    let reason = [code, message].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    let shows_token = token.is_some_and(|token| !token.is_empty() && reason.contains(token));
    if reason.is_empty() || shows_token {
        return String::new();
    }
    format!(" {}", reason.chars().take(MAX_REASON).collect::<String>())
}

/// Between the scheme and the port.
fn host(url: &str) -> &str {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.strip_prefix('[') {
        Some(address) => address.split(']').next().unwrap_or_default(),
        None => authority.split(':').next().unwrap_or_default(),
    }
}

enum Verdict {
    Wrong(&'static str),
    Short(SystemTime),
}

/// By the strictest reader of them all, which is Fluent Bit's.
fn judge(body: &[u8], now: SystemTime) -> Result<SystemTime, Verdict> {
    let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
        return Err(Verdict::Wrong("the response is not an object of JSON"));
    };
    let text = |name: &str| members.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if ["AccessKeyId", "SecretAccessKey", "Token"].iter().any(|name| text(name).is_none()) {
        return Err(Verdict::Wrong("AccessKeyId, SecretAccessKey or Token is missing"));
    }
    // A name and a value each, and the object itself: its parser has room for 50.
    if members.len() * 2 + 1 > 50 || members.values().any(|value| value.is_object() || value.is_array()) {
        return Err(Verdict::Wrong(
            "the response is more than Fluent Bit's parser takes: flat, and 24 members at most",
        ));
    }
    let expiration = text("Expiration").unwrap_or_default();
    let is_plain = expiration.len() == "2026-01-01T00:00:00Z".len() && expiration.ends_with('Z');
    let Some(end) = timestamp::parse(expiration).filter(|_| is_plain) else {
        return Err(Verdict::Wrong("Expiration is not in whole seconds and Z, without which some refresh nothing"));
    };
    match end.duration_since(now) {
        Err(_) => Err(Verdict::Wrong("the credentials have expired: compare the clocks")),
        Ok(left) if left < SHORTEST_LIFE => Err(Verdict::Short(end)),
        Ok(_) => Ok(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for (url, expected) in [
            ("http://127.0.0.1:9911/credentials", "127.0.0.1"),
            ("http://[::1]:1/", "::1"),
            ("http://localhost", "localhost"),
            ("https://a.example?x", "a.example"),
        ] {
            assert_eq!(host(url), expected);
        }
    }

    #[test]
    fn reasons() {
        for (body, expected) in [
            (r#"{"code":"AccessDenied","message":"the client is refused"}"#, " AccessDenied: the client is refused"),
            (r#"{"error":"e","error_description":"d"}"#, " e: d"),
            (r#"{"message":"m"}"#, " m"),
            (r#"{"message":"the token was CANARY"}"#, ""),
            (r#"{"message":7}"#, ""),
            ("<html>", ""),
            ("", ""),
        ] {
            assert_eq!(reason(body.as_bytes(), Some("CANARY")), expected, "{body}");
        }
        let long = format!(r#"{{"message":"{}"}}"#, "a".repeat(9000));
        assert_eq!(reason(long.as_bytes(), None).len(), MAX_REASON + 1);
    }

    #[test]
    fn answers() {
        let now = timestamp::parse("2026-01-01T00:00:00Z").unwrap();
        let response = |expiration: &str, more: &str| {
            let body =
                format!(r#"{{"AccessKeyId":"a","SecretAccessKey":"s","Token":"t","Expiration":"{expiration}"{more}}}"#);
            judge(body.as_bytes(), now)
        };
        assert!(response("2026-01-01T01:00:00Z", "").is_ok());
        assert!(matches!(response("2026-01-01T00:09:59Z", ""), Err(Verdict::Short(_))));
        for (expiration, more) in [
            ("2026-01-01T01:00:00.000Z", ""),
            ("2026-01-01T01:00:00+00:00", ""),
            ("2025-12-31T23:00:00Z", ""),
            ("", ""),
            ("2026-01-01T01:00:00Z", r#","more":{"a":1}"#),
        ] {
            assert!(matches!(response(expiration, more), Err(Verdict::Wrong(_))), "{expiration}{more}");
        }
        for body in ["", "[]", r#"{"AccessKeyId":"a"}"#] {
            assert!(matches!(judge(body.as_bytes(), now), Err(Verdict::Wrong(_))), "{body}");
        }
    }
}
