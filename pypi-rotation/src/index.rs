//! Does the index take this token? The one question that can be asked without publishing anything.
//!
//! There is no route for it: the token is tried by an upload that no index stores. Its form is complete and valid, so
//! that Warehouse (pypi.org), which first reads the form and then looks whether the token may upload to that very
//! project, gets that far; its file has a name without version and suffix, and a digest of something else. 400 is then
//! said about the file, by an index that has let the token in.
//!
//! An index that looks at the file first says 400 to everybody. Therefore the same upload goes out with a wrong token
//! before, and that one must be refused.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use environment::{Endpoint, Proxy};
use http_client::{BuildError, HttpClient, Limits, Request, RequestError, Roots};
use thiserror::Error;

use crate::secret_value::SecretValue;

/// A response is looked at for its status alone.
const LIMITS: Limits = Limits { connect: Duration::from_secs(3), total: Duration::from_secs(10), max_body: 256 * 1024 };
const BOUNDARY: &str = "credvend-rotation-5f1d7a90c2";
const CONTENT_TYPE: &str = "multipart/form-data; boundary=credvend-rotation-5f1d7a90c2";
/// Names that twine knows, and what they stand for.
const KNOWN: [(&str, &str); 2] =
    [("pypi", "https://upload.pypi.org/legacy/"), ("testpypi", "https://test.pypi.org/legacy/")];
/// Characters at a token's end in which the wrong one differs. They lie in the signature of PyPI's tokens.
const CHANGED: usize = 24;
/// The last characters of Base64 may stand for less than they could: another one can mean the same.
const SPARED: usize = 3;

/// Which index, and how it is reached.
pub struct IndexSettings {
    /// `INDEX_UPLOAD_URL`.
    pub upload_url: Option<Endpoint>,
    /// `INDEX_USERNAME`.
    pub username: String,
    /// Certificate authorities beside Mozilla's.
    pub extra_ca_files: Vec<PathBuf>,
    /// The way out.
    pub proxy: Proxy,
}

/// An index that has not accepted a token. No variant repeats what it said.
#[derive(Debug, Error)]
pub enum IndexError {
    /// The secret does not say where it is.
    #[error(
        "it is not known where to try the token: set INDEX_UPLOAD_URL of the function, or `repository` of the secret to \
         `pypi`, `testpypi` or the index's upload URL (https)"
    )]
    Unknown,
    /// The secret's jobs publish elsewhere.
    #[error(
        "the secret's `repository` names another index than INDEX_UPLOAD_URL ({configured}): make them the same, or the token \
         would be tried where it is not used"
    )]
    Another {
        /// The function's.
        configured: Endpoint,
    },
    /// 401 or 403.
    #[error(
        "{endpoint} refuses the staged token ({status}): it was revoked, belongs to another index or account, or may not \
         upload to `{package}`. Stage another one and rotate again; the current token stays in use"
    )]
    Refused {
        /// The upload URL.
        endpoint: Endpoint,
        /// The status.
        status: u16,
        /// For which package.
        package: String,
    },
    /// What it says about uploads says nothing about tokens.
    #[error(
        "{endpoint} answers {status} to an upload with a wrong token, and 401 or 403 is expected: whether it accepts the staged \
         one cannot be found out there. Is it the upload URL?"
    )]
    Blind {
        /// The upload URL.
        endpoint: Endpoint,
        /// The status.
        status: u16,
    },
    /// Neither accepted nor refused.
    #[error("{endpoint} answers {status} to an upload that only tries the token, and 400 is expected{hint}")]
    Unexpected {
        /// The upload URL.
        endpoint: Endpoint,
        /// The status.
        status: u16,
        /// What it may be.
        hint: &'static str,
    },
    /// No response.
    #[error("the index cannot be asked: {0}")]
    Unreachable(#[from] RequestError),
}

/// The index that tokens are tried at.
pub struct Index {
    http: HttpClient,
    upload_url: Option<Endpoint>,
    username: String,
}

impl Index {
    /// Opens no connection.
    ///
    /// # Errors
    /// When an extra CA file is unusable.
    pub fn new(settings: IndexSettings) -> Result<Self, BuildError> {
        let http = HttpClient::new(Roots::Embedded, &settings.extra_ca_files, &settings.proxy, LIMITS)?;
        Ok(Self { http, upload_url: settings.upload_url, username: settings.username })
    }

    /// Tries the token of a value.
    ///
    /// # Errors
    /// Unless the index has said beyond doubt that it accepts it.
    pub async fn accepts(&self, value: &SecretValue) -> Result<(), IndexError> {
        let endpoint = upload_url(self.upload_url.as_ref(), value.repository())?;
        let wrong = self.status_of(&endpoint, &wrong_token(value.token.expose()), &value.package).await?;
        if !matches!(wrong, 401 | 403) {
            return Err(about_wrong_token(endpoint, wrong));
        }
        let status = self.status_of(&endpoint, value.token.expose(), &value.package).await?;
        judge(endpoint, status, &value.package)
    }

    async fn status_of(&self, endpoint: &Endpoint, token: &str, package: &str) -> Result<u16, IndexError> {
        let request = Request::post(endpoint, CONTENT_TYPE, upload(package));
        // RFC 7617 §2: the pair as it is.
        let pair = STANDARD.encode(format!("{}:{token}", self.username));
        Ok(self.http.send(request.authorization(&format!("Basic {pair}"))).await?.status)
    }
}

/// Where to try a token: what the function says, which must not contradict the secret.
fn upload_url(configured: Option<&Endpoint>, repository: Option<&str>) -> Result<Endpoint, IndexError> {
    let named = repository.and_then(|name| {
        let url = KNOWN.iter().find(|(known, _)| *known == name).map_or(name, |(_, url)| *url);
        Endpoint::parse(url).ok()
    });
    match (configured, named) {
        (Some(configured), Some(named)) if configured.as_str() != named.as_str() => {
            Err(IndexError::Another { configured: configured.clone() })
        }
        (Some(configured), _) => Ok(configured.clone()),
        (None, Some(named)) => Ok(named),
        (None, None) => Err(IndexError::Unknown),
    }
}

fn about_wrong_token(endpoint: Endpoint, status: u16) -> IndexError {
    match status {
        429 | 500.. => IndexError::Unexpected { endpoint, status, hint: ": try again later" },
        _ => IndexError::Blind { endpoint, status },
    }
}

/// What a status means, once a wrong token was refused.
fn judge(endpoint: Endpoint, status: u16, package: &str) -> Result<(), IndexError> {
    let hint = match status {
        400 => return Ok(()),
        401 | 403 => return Err(IndexError::Refused { endpoint, status, package: package.to_owned() }),
        200..=299 => ": it takes files that are no packages, and may have stored `credvend-rotation-test` as one",
        300..=399 => {
            ": a redirect is not followed, since it would carry the token elsewhere. Set the URL that it leads to"
        }
        404 | 405 => ": is it the upload URL?",
        429 | 500.. => ": try again later",
        _ => "",
    };
    Err(IndexError::Unexpected { endpoint, status, hint })
}

/// The upload that no index stores (docs.pypi.org, "Upload API").
fn upload(package: &str) -> Vec<u8> {
    let no_digest = "0".repeat(64);
    let fields = [
        (":action", "file_upload"),
        ("protocol_version", "1"),
        ("metadata_version", "2.1"),
        ("name", package),
        ("version", "0.0.0.dev0"),
        ("filetype", "sdist"),
        ("pyversion", "source"),
        ("sha256_digest", &no_digest),
    ];
    let file = "name=\"content\"; filename=\"credvend-rotation-test\"\r\nContent-Type: application/octet-stream";
    let parts: String = fields.map(|(name, value)| part(&format!("name=\"{name}\""), value)).concat();
    let file = part(file, "not a distribution: credvend tries a token");
    format!("{parts}{file}--{BOUNDARY}--\r\n").into_bytes()
}

/// RFC 7578 §4. Names and values are ours, or a package's name, which holds no quotes and no line breaks.
fn part(disposition: &str, value: &str) -> String {
    format!("--{BOUNDARY}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
}

/// A token of the same form that nobody has made. PyPI finds a token by what stands in its beginning, and only then
/// verifies it: a made-up one would be refused by the first half of that alone. Servers log passwords that they refuse,
/// so nothing of the letters that are changed can be told from the new ones.
fn wrong_token(token: &str) -> String {
    let spared = if token.len() > 2 * SPARED { token.len() - SPARED } else { token.len() };
    let changed = spared.saturating_sub(CHANGED);
    let mut wrong: String = token
        .char_indices()
        .map(|(at, letter)| if (changed..spared).contains(&at) { another(letter) } else { letter })
        .collect();
    if wrong == token {
        wrong.push('x');
    }
    wrong
}

/// Any letter of the same kind.
fn another(letter: char) -> char {
    match letter {
        'a'..='z' => fastrand::lowercase(),
        'A'..='Z' => fastrand::uppercase(),
        '0'..='9' => fastrand::digit(10),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(url: &str) -> Endpoint {
        Endpoint::parse(url).unwrap()
    }

    #[test]
    fn where_a_token_is_tried() {
        let own = endpoint("https://pypi.example/upload/");
        let url = |configured: Option<&Endpoint>, repository| {
            upload_url(configured, repository).map(|url| url.as_str().to_owned()).map_err(|error| error.to_string())
        };
        let pypi = Ok("https://upload.pypi.org/legacy/".to_owned());
        assert_eq!(url(None, Some("pypi")), pypi);
        assert_eq!(url(None, Some("https://upload.pypi.org/legacy/")), pypi);
        assert_eq!(url(None, Some("testpypi")), Ok("https://test.pypi.org/legacy/".to_owned()));
        assert_eq!(url(Some(&own), None), Ok(own.as_str().to_owned()));
        assert_eq!(url(Some(&own), Some("https://pypi.example/upload/")), Ok(own.as_str().to_owned()));
        assert_eq!(url(Some(&own), Some("some/repository")), Ok(own.as_str().to_owned()));
        for (configured, repository, problem) in [
            (None, None, "it is not known where"),
            (None, Some("some/repository"), "it is not known where"),
            (None, Some("http://pypi.example/"), "it is not known where"),
            (Some(&own), Some("pypi"), "names another index"),
            (Some(&own), Some("https://evil.example/"), "names another index"),
        ] {
            let refused = url(configured, repository).unwrap_err();
            assert!(refused.contains(problem) && !refused.contains("evil"), "{repository:?}: {refused}");
        }
    }

    #[test]
    fn only_400_after_a_refused_wrong_token_is_an_acceptance() {
        let judged = |status| judge(endpoint("https://pypi.example/"), status, "demo");
        assert!(judged(400).is_ok());
        for status in [100, 200, 201, 204, 301, 302, 307, 308, 401, 402, 403, 404, 405, 409, 413, 422, 429, 500, 503] {
            let error = judged(status).unwrap_err();
            assert_eq!(matches!(error, IndexError::Refused { .. }), matches!(status, 401 | 403), "{status}: {error}");
        }
    }

    #[test]
    fn a_wrong_token_differs_where_the_signature_is() {
        for token in [
            "pypi-AgEIcHlwaS5vcmcCJDAwMDAwMDAwLTAwMDAtNDAwMC04MDAwAAIqWzMsIjAwMDAiXQAABiBzaWduYXR1cmVzaWduYXR1",
            "12345678",
            "zZ9zZ9zZ9",
            "--------",
        ] {
            let wrong = wrong_token(token);
            assert_ne!(wrong, token);
            assert!(crate::secret_value::Token::parse(&wrong).is_ok(), "{wrong}");
        }
        let token = format!("pypi-{}", "a".repeat(100));
        let wrong = wrong_token(&token);
        assert_eq!((&wrong[..78], &wrong[102..]), (&token[..78], &token[102..]), "{wrong}");
        assert_ne!(wrong_token(&token), wrong, "the new letters say nothing of the old ones");
    }

    #[test]
    fn the_upload_is_a_form_with_a_file() {
        let text = String::from_utf8(upload("demo")).unwrap();
        assert_eq!(text.matches(&format!("--{BOUNDARY}\r\n")).count(), 9);
        assert!(text.ends_with(&format!("\r\n--{BOUNDARY}--\r\n")) && CONTENT_TYPE.ends_with(BOUNDARY));
        assert!(text.contains("form-data; name=\"name\"\r\n\r\ndemo\r\n"), "{text}");
    }
}
