//! The HTTP client: one connection pool, TLS by rustls, no redirects, bounded time and size.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{ClientBuilder, NoProxy};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;

use crate::endpoint::Endpoint;
use crate::error::RequestError;
use crate::request::Request;
use crate::response::Response;
use crate::roots::{self, Roots, RootsError};

/// Bounds of every request of an [`HttpClient`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// Until the last byte of the answer.
    pub total: Duration,
    /// Size of an answer's body.
    pub max_body: usize,
}

/// The proxy for `https`, as a program's own variables say it.
#[derive(Clone, Default)]
pub struct Proxy {
    /// `HTTPS_PROXY`. None: no proxy.
    pub https: Option<String>,
    /// `NO_PROXY`.
    pub no_proxy: Option<String>,
}

/// Sends [`Request`]s. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct HttpClient {
    /// Through the proxy that `HTTPS_PROXY` and `NO_PROXY` say.
    proxied: reqwest::Client,
    /// For plain http, which is loopback by construction: a proxy would carry the secret off this machine.
    direct: reqwest::Client,
    limits: Limits,
}

/// Why no client could be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file of certificate authorities.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// TLS could not be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The proxy's URL, which is not repeated: it may hold a password.
    #[error("HTTPS_PROXY is not the URL of a proxy, for example `http://proxy.example.com:3128`")]
    Proxy,
    /// The HTTP library refused its configuration.
    #[error("the HTTP client cannot be set up: {0}")]
    Http(String),
}

impl HttpClient {
    /// Reads the trusted roots and sets up TLS; connects to nothing yet. The proxy is the one that the process's own
    /// `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    ///
    /// # Errors
    /// When an extra CA file is unusable.
    pub fn new(roots: Roots, extra_ca: &[PathBuf], limits: Limits) -> Result<Self, BuildError> {
        Self::build(roots, extra_ca, limits, Ok)
    }

    /// As [`HttpClient::new`], with the proxy of a program that reads its variables from elsewhere too.
    ///
    /// # Errors
    /// When an extra CA file or the proxy is unusable.
    pub fn with_proxy(roots: Roots, extra_ca: &[PathBuf], proxy: &Proxy, limits: Limits) -> Result<Self, BuildError> {
        Self::build(roots, extra_ca, limits, |builder| {
            let Some(url) = &proxy.https else { return Ok(builder.no_proxy()) };
            let exceptions = proxy.no_proxy.as_deref().and_then(NoProxy::from_string);
            Ok(builder.proxy(reqwest::Proxy::https(url).map_err(|_| BuildError::Proxy)?.no_proxy(exceptions)))
        })
    }

    fn build(
        roots: Roots,
        extra_ca: &[PathBuf],
        limits: Limits,
        set_proxy: impl Fn(ClientBuilder) -> Result<ClientBuilder, BuildError>,
    ) -> Result<Self, BuildError> {
        let store = roots::load(roots, extra_ca)?;
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(store)
            .with_no_client_auth();
        let proxied = finish(set_proxy(builder(tls.clone(), limits))?)?;
        let direct = finish(builder(tls, limits).no_proxy())?;
        Ok(Self { proxied, direct, limits })
    }

    /// Sends a request and reads its whole answer. Every status is an answer, 500 too.
    ///
    /// # Errors
    /// When no whole answer came, in time and within the size limit.
    pub async fn send(&self, request: Request) -> Result<Response, RequestError> {
        let limit = request.timeout.map_or(self.limits.total, |own| own.min(self.limits.total));
        let endpoint = request.endpoint.clone();
        match tokio::time::timeout(limit, self.exchange(request)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(RequestError::Timeout { endpoint, after: limit }),
        }
    }

    async fn exchange(&self, request: Request) -> Result<Response, RequestError> {
        let headers = request.headers()?;
        let Request { endpoint, method, body, .. } = request;
        let failed = |error: reqwest::Error| RequestError::from_reqwest(&error, &endpoint, self.limits.connect);
        let client = if endpoint.is_plain_http() { &self.direct } else { &self.proxied };
        let mut outgoing = client.request(method, endpoint.url().clone()).headers(headers);
        if let Some((_, bytes)) = body {
            outgoing = outgoing.body(bytes);
        }
        let mut incoming = outgoing.send().await.map_err(failed)?;
        let status = incoming.status().as_u16();
        let headers = incoming.headers().clone();
        let body = self.read_body(&mut incoming, &endpoint).await?;
        Ok(Response { status, body, headers })
    }

    /// Chunk by chunk: a body is never held beyond its cap, whatever `Content-Length` says or leaves out.
    async fn read_body(&self, incoming: &mut reqwest::Response, endpoint: &Endpoint) -> Result<Vec<u8>, RequestError> {
        let mut body = Vec::new();
        while let Some(chunk) =
            incoming.chunk().await.map_err(|error| RequestError::from_reqwest(&error, endpoint, self.limits.connect))?
        {
            if body.len() + chunk.len() > self.limits.max_body {
                return Err(RequestError::TooLarge { endpoint: endpoint.clone(), limit: self.limits.max_body });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn builder(tls: ClientConfig, limits: Limits) -> ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        // A redirect would carry the token to a host that nobody configured.
        .redirect(Policy::none())
        .connect_timeout(limits.connect)
        .user_agent(concat!("credvend/", env!("CARGO_PKG_VERSION")))
}

fn finish(builder: ClientBuilder) -> Result<reqwest::Client, BuildError> {
    builder.build().map_err(|error| BuildError::Http(error.without_url().to_string()))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const LIMITS: Limits = Limits { connect: Duration::from_secs(2), total: Duration::from_secs(5), max_body: 64 };

    /// Answers one connection with the given bytes and hangs up.
    async fn server(answer: &'static [u8]) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(answer).await.unwrap();
        });
        Endpoint::parse(&format!("http://127.0.0.1:{port}/path?key=secret")).unwrap()
    }

    async fn send(answer: &'static [u8]) -> Result<Response, RequestError> {
        let client = HttpClient::new(Roots::Embedded, &[], LIMITS).unwrap();
        client.send(Request::get(&server(answer).await).bearer("t")).await
    }

    #[tokio::test]
    async fn an_answer_is_read_whole() {
        let response = send(b"HTTP/1.1 503 Busy\r\nretry-after: 3\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (503, b"hello".as_slice()));
        assert_eq!(response.header("Retry-After"), Some("3"));
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let response = send(b"HTTP/1.1 302 F\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(response.unwrap().status, 302);
    }

    #[tokio::test]
    async fn a_large_body_is_cut_with_or_without_a_length() {
        for answer in [
            b"HTTP/1.1 200 OK\r\ncontent-length: 65\r\n\r\n_________________________________________________________________".as_slice(),
            b"HTTP/1.1 200 OK\r\n\r\n_________________________________________________________________",
        ] {
            assert!(matches!(send(answer).await, Err(RequestError::TooLarge { limit: 64, .. })));
        }
    }

    #[tokio::test]
    async fn half_an_answer_and_garbage_are_interruptions() {
        for answer in
            [b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".as_slice(), b"HTTP/1.1 2", b"", b"SSH-2.0\r\n\r\n"]
        {
            let error = send(answer).await.err().unwrap();
            assert!(matches!(error, RequestError::Interrupted { .. }), "{error:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn nobody_listening_is_a_connect_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let client = HttpClient::new(Roots::Embedded, &[], LIMITS).unwrap();
        let error = client.send(Request::get(&Endpoint::parse(&url).unwrap())).await.err().unwrap();
        assert!(matches!(error, RequestError::Connect { .. }), "{error:?}");
        assert!(error.to_string().contains("Connection refused"), "{error}");
    }

    #[tokio::test]
    async fn plain_text_where_tls_is_expected_is_a_tls_error() {
        let plain = server(b"HTTP/1.1 400 Bad\r\n\r\n").await;
        let url = plain.as_str().replacen("http:", "https:", 1);
        let client = HttpClient::new(Roots::Embedded, &[], LIMITS).unwrap();
        let error = client.send(Request::get(&Endpoint::parse(&url).unwrap())).await.err().unwrap();
        assert!(matches!(error, RequestError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains("is it plain http"), "{error}");
    }

    #[tokio::test]
    async fn https_goes_through_the_proxy_unless_no_proxy_says_otherwise_and_loopback_http_never_does() {
        let proxy = server(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await;
        let proxy_url = proxy.with_path("/").as_str().split('?').next().unwrap().to_owned();
        let client = |no_proxy: Option<&str>| {
            let proxy = Proxy { https: Some(proxy_url.clone()), no_proxy: no_proxy.map(str::to_owned) };
            HttpClient::with_proxy(Roots::Embedded, &[], &proxy, LIMITS).unwrap()
        };
        let far = Request::get(&Endpoint::parse("https://idp.invalid/").unwrap());
        let through = client(None).send(far.clone()).await.err().unwrap().to_string();
        assert!(through.contains("tunnel"), "{through}");
        let past = client(Some("idp.invalid")).send(far).await.err().unwrap().to_string();
        assert!(!past.contains("tunnel"), "{past}");
        let near = Request::get(&server(b"HTTP/1.1 204 No\r\n\r\n").await);
        assert_eq!(client(None).send(near).await.unwrap().status, 204);
    }

    #[test]
    fn a_bad_proxy_is_named_without_its_password() {
        let proxy = Proxy { https: Some("http://user:hunter2@:0:0".to_owned()), no_proxy: None };
        let error = HttpClient::with_proxy(Roots::Embedded, &[], &proxy, LIMITS).err().unwrap();
        assert!(matches!(error, BuildError::Proxy), "{error}");
    }

    #[tokio::test]
    async fn silence_is_a_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let client = HttpClient::new(Roots::Embedded, &[], LIMITS).unwrap();
        let error = client.send(Request::get(&endpoint).timeout(Duration::from_millis(20))).await.err().unwrap();
        assert_eq!(error.to_string(), format!("{endpoint}: no answer within 20 ms"));
    }
}
