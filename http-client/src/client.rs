//! The HTTP client: one connection pool, TLS by rustls, no redirects, bounded time and size.

use std::io::Read as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use environment::{Endpoint, Proxy};
use flate2::read::MultiGzDecoder;
use reqwest::ClientBuilder;
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use reqwest::redirect::Policy;
use roots::{Roots, RootsError};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;
use url::Url;

use crate::error::RequestError;
use crate::request::Request;
use crate::resolver::{LoopbackNames, SystemNames};
use crate::response::Response;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Bounds of every request of an [`HttpClient`].
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// Until the last byte of the response.
    pub total: Duration,
    /// Size of a response's body.
    pub max_body: usize,
}

/// Sends [`Request`]s. Cheap to clone; clones share the connections.
#[derive(Clone)]
pub struct HttpClient {
    /// Through the proxy that `HTTPS_PROXY` and `NO_PROXY` say.
    proxied: reqwest::Client,
    /// For plain http, which is loopback by construction: a proxy would carry the secret off this machine.
    direct: reqwest::Client,
    proxy: Proxy,
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
    /// The HTTP library refused its configuration.
    #[error("the HTTP client cannot be set up: {0}")]
    Http(String),
}

impl HttpClient {
    /// Reads the trusted roots and sets up TLS; connects to nothing yet. Variables of the process that name a proxy are
    /// not looked at: the caller has read them, perhaps from a file.
    ///
    /// # Errors
    /// When an extra CA file is unusable.
    pub fn new(roots: Roots, extra_ca: &[PathBuf], proxy: &Proxy, limits: Limits) -> Result<Self, BuildError> {
        let tls = tls_config(roots, extra_ca)?;
        let proxied = finish(with_proxy(builder(tls.clone(), limits), proxy).dns_resolver(Arc::new(SystemNames)))?;
        let direct = finish(builder(tls, limits).no_proxy().dns_resolver(Arc::new(LoopbackNames)))?;
        Ok(Self { proxied, direct, proxy: proxy.clone(), limits })
    }

    /// Sends a request and reads its whole response. Every status is a response, 500 too.
    ///
    /// # Errors
    /// When no whole response came, in time and within the size limit.
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
        let failed = |error: reqwest::Error| self.request_error(&error, &endpoint);
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

    /// Some servers and caches compress although `identity` alone is asked for. The cap holds for what comes out.
    fn decompress(&self, body: &[u8], endpoint: &Endpoint) -> Result<Vec<u8>, RequestError> {
        let mut plain = Vec::new();
        let limit = self.limits.max_body;
        let mut decoder = MultiGzDecoder::new(body).take(limit as u64 + 1);
        if let Err(error) = decoder.read_to_end(&mut plain) {
            return Err(RequestError::Interrupted { endpoint: endpoint.clone(), cause: format!("gzip: {error}") });
        }
        if plain.len() > limit {
            return Err(RequestError::TooLarge { endpoint: endpoint.clone(), limit });
        }
        Ok(plain)
    }

    fn request_error(&self, error: &reqwest::Error, endpoint: &Endpoint) -> RequestError {
        let (host, port) = endpoint.host_and_port();
        let proxy = if endpoint.is_plain_http() { None } else { self.proxy.for_host(host, port) };
        RequestError::from_reqwest(error, endpoint, proxy, self.limits.connect)
    }

    /// Chunk by chunk: a body is never held beyond its cap, whatever `Content-Length` says or leaves out.
    async fn read_body(&self, incoming: &mut reqwest::Response, endpoint: &Endpoint) -> Result<Vec<u8>, RequestError> {
        let mut body = Vec::new();
        while let Some(chunk) = incoming.chunk().await.map_err(|error| self.request_error(&error, endpoint))? {
            if body.len() + chunk.len() > self.limits.max_body {
                return Err(RequestError::TooLarge { endpoint: endpoint.clone(), limit: self.limits.max_body });
            }
            body.extend_from_slice(&chunk);
        }
        if is_gzip(incoming.headers()) {
            body = self.decompress(&body, endpoint)?;
        }
        // RFC 8259 §8.1: a byte order mark may be ignored rather than taken for an error.
        if body.starts_with(BYTE_ORDER_MARK) {
            body.drain(..BYTE_ORDER_MARK.len());
        }
        Ok(body)
    }
}

/// TLS as every outgoing connection of ours speaks it, for programs that connect by themselves.
///
/// # Errors
/// When an extra CA file is unusable.
pub fn tls_config(roots: Roots, extra_ca: &[PathBuf]) -> Result<ClientConfig, BuildError> {
    let store = roots::store(roots, extra_ca)?;
    let provider = Arc::new(aws_lc_rs::default_provider());
    let versions = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(versions.with_root_certificates(store).with_no_client_auth())
}

/// RFC 9110 §8.4.1.3: `x-gzip` is the same.
fn is_gzip(headers: &HeaderMap) -> bool {
    let coding = headers.get(CONTENT_ENCODING).map(|coding| coding.as_bytes().trim_ascii());
    coding.is_some_and(|coding| coding.eq_ignore_ascii_case(b"gzip") || coding.eq_ignore_ascii_case(b"x-gzip"))
}

fn builder(tls: ClientConfig, limits: Limits) -> ClientBuilder {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        // A redirect would carry the token to a host that is not configured.
        .redirect(Policy::none())
        .connect_timeout(limits.connect)
        .user_agent(concat!("credvend/", env!("CARGO_PKG_VERSION")))
}

/// The library gets the proxy without its credentials and asks us for each request, so that it neither parses the URL
/// nor the exceptions in its own way.
fn with_proxy(builder: ClientBuilder, proxy: &Proxy) -> ClientBuilder {
    let Some(url) = &proxy.https else { return builder.no_proxy() };
    let credentials = url.credentials().map(|(user, password)| (user.to_owned(), password.to_owned()));
    let proxy = proxy.clone();
    let choose = move |url: &Url| {
        let proxy = proxy.for_host(url.host_str()?, url.port_or_known_default()?)?;
        Url::parse(&proxy.url()).ok()
    };
    let mut intercept = reqwest::Proxy::custom(choose);
    if let Some((user, password)) = credentials {
        intercept = intercept.basic_auth(&user, &password);
    }
    builder.proxy(intercept)
}

fn finish(builder: ClientBuilder) -> Result<reqwest::Client, BuildError> {
    builder.build().map_err(|error| BuildError::Http(error.without_url().to_string()))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use environment::{NoProxy, ProxyUrl};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const LIMITS: Limits = Limits { connect: Duration::from_secs(2), total: Duration::from_secs(5), max_body: 64 };

    /// Answers one connection with the given bytes and hangs up.
    async fn server(response: &'static [u8]) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await.unwrap();
            stream.write_all(response).await.unwrap();
        });
        Endpoint::parse(&format!("http://127.0.0.1:{port}/path?key=secret")).unwrap()
    }

    async fn send(response: &'static [u8]) -> Result<Response, RequestError> {
        let client = HttpClient::new(Roots::Embedded, &[], &Proxy::default(), LIMITS).unwrap();
        client.send(Request::get(&server(response).await).bearer("t")).await
    }

    #[tokio::test]
    async fn an_answer_is_read_whole() {
        let response = send(b"HTTP/1.1 503 Busy\r\nretry-after: 3\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
        assert_eq!((response.status, response.body.as_slice()), (503, b"hello".as_slice()));
        assert_eq!(response.header("Retry-After"), Some("3"));
    }

    #[tokio::test]
    async fn a_byte_order_mark_is_no_part_of_the_body() {
        for (response, expected) in [
            (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n\xef\xbb\xbf{}".as_slice(), b"{}".as_slice()),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n\xef\xbb\xbf", b""),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xef\xbb", b"\xef\xbb"),
        ] {
            assert_eq!(send(response).await.unwrap().body, expected);
        }
    }

    fn gzipped(body: &[u8]) -> &'static [u8] {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        std::io::Write::write_all(&mut encoder, body).unwrap();
        let body = encoder.finish().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: GZIP\r\ncontent-length: {}\r\n\r\n", body.len());
        Box::leak([head.as_bytes(), &body].concat().into_boxed_slice())
    }

    #[tokio::test]
    async fn a_compressed_body_is_read_within_the_same_cap() {
        assert_eq!(send(gzipped(b"{\"keys\":[]}")).await.unwrap().body, b"{\"keys\":[]}");
        assert_eq!(send(gzipped(&[b' '; 64])).await.unwrap().body, [b' '; 64]);
        assert!(matches!(send(gzipped(&[b' '; 65])).await, Err(RequestError::TooLarge { limit: 64, .. })));
        assert!(matches!(send(gzipped(&vec![b' '; 1 << 20])).await, Err(RequestError::TooLarge { .. })));
        for torn in [
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}".as_slice(),
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\n\x1f\x8b\x08\x00",
        ] {
            assert!(matches!(send(torn).await, Err(RequestError::Interrupted { .. })));
        }
    }

    #[tokio::test]
    async fn redirects_are_not_followed() {
        let response = send(b"HTTP/1.1 302 F\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n").await;
        assert_eq!(response.unwrap().status, 302);
    }

    #[tokio::test]
    async fn a_large_body_is_cut_with_or_without_a_length() {
        for response in [
            b"HTTP/1.1 200 OK\r\ncontent-length: 65\r\n\r\n_________________________________________________________________".as_slice(),
            b"HTTP/1.1 200 OK\r\n\r\n_________________________________________________________________",
        ] {
            assert!(matches!(send(response).await, Err(RequestError::TooLarge { limit: 64, .. })));
        }
    }

    #[tokio::test]
    async fn half_an_answer_and_garbage_are_interruptions() {
        for response in
            [b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".as_slice(), b"HTTP/1.1 2", b"", b"SSH-2.0\r\n\r\n"]
        {
            let error = send(response).await.err().unwrap();
            assert!(matches!(error, RequestError::Interrupted { .. }), "{error:?}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn nobody_listening_is_a_connect_error() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        drop(listener);
        let client = HttpClient::new(Roots::Embedded, &[], &Proxy::default(), LIMITS).unwrap();
        let error = client.send(Request::get(&Endpoint::parse(&url).unwrap())).await.err().unwrap();
        assert!(matches!(error, RequestError::Connect { .. }), "{error:?}");
        assert!(error.to_string().contains("Connection refused"), "{error}");
    }

    #[tokio::test]
    async fn plain_text_where_tls_is_expected_is_a_tls_error() {
        let plain = server(b"HTTP/1.1 400 Bad\r\n\r\n").await;
        let url = plain.as_str().replacen("http:", "https:", 1);
        let client = HttpClient::new(Roots::Embedded, &[], &Proxy::default(), LIMITS).unwrap();
        let error = client.send(Request::get(&Endpoint::parse(&url).unwrap())).await.err().unwrap();
        assert!(matches!(error, RequestError::Tls { .. }), "{error:?}");
        assert!(error.to_string().contains("is it plain http"), "{error}");
    }

    /// A client with this proxy, and a request to a host that does not exist.
    fn through(proxy: &str, no_proxy: &str) -> (HttpClient, Request) {
        let proxy = Proxy { https: Some(ProxyUrl::parse(proxy).unwrap()), no_proxy: NoProxy::parse(no_proxy) };
        let client = HttpClient::new(Roots::Embedded, &[], &proxy, LIMITS).unwrap();
        (client, Request::get(&Endpoint::parse("https://idp.invalid/").unwrap()))
    }

    fn authority(endpoint: &Endpoint) -> String {
        format!("127.0.0.1:{}", endpoint.host_and_port().1)
    }

    #[tokio::test]
    async fn https_goes_through_the_proxy_unless_no_proxy_says_otherwise_and_loopback_http_never_does() {
        let proxy = authority(&server(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n").await);
        let (client, far) = through(&proxy, "");
        let error = client.send(far.clone()).await.err().unwrap();
        assert!(matches!(&error, RequestError::Proxy { proxy: named, .. } if named.ends_with(&proxy)), "{error}");
        for exception in ["idp.invalid", "*.invalid", "idp.invalid:443", "a.test IDP.invalid."] {
            let (client, far) = through(&proxy, exception);
            let error = client.send(far).await.err().unwrap();
            assert!(matches!(&error, RequestError::Connect { .. }), "{exception}: {error}");
        }
        let near = Request::get(&server(b"HTTP/1.1 204 No\r\n\r\n").await);
        assert_eq!(client.send(near).await.unwrap().status, 204);
    }

    #[tokio::test]
    async fn a_proxy_that_is_down_or_refuses_the_password_is_named_without_it() {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let (client, far) = through(&format!("http://user:hunter2@{gone}"), "");
        let error = client.send(far).await.err().unwrap();
        assert_eq!(
            error.to_string(),
            format!("https://idp.invalid/: the proxy http://{gone} cannot be used: Connection refused (os error 111)")
        );
        let refusing = b"HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n";
        let proxy = authority(&server(refusing).await);
        let (client, far) = through(&format!("http://DOM\\user:hunter2@{proxy}"), "");
        let error = client.send(far).await.err().unwrap();
        assert!(matches!(error, RequestError::ProxyAuthentication { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(&format!("http://{proxy}")) && !message.contains("hunter2"), "{message}");
    }

    #[tokio::test]
    async fn the_proxy_gets_user_and_password_decoded() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, far) = through(&format!("http://DOM\\user:p@%23@{}", listener.local_addr().unwrap()), "");
        let seen = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4096];
            let length = stream.read(&mut buffer).await.unwrap();
            String::from_utf8_lossy(&buffer[..length]).into_owned()
        });
        client.send(far).await.err().unwrap();
        let seen = seen.await.unwrap().to_lowercase();
        let expected = format!("proxy-authorization: basic {}", STANDARD.encode("DOM\\user:p@#")).to_lowercase();
        assert!(seen.contains(&expected), "{seen}");
    }

    #[tokio::test]
    async fn names_of_loopback_lead_to_loopback() {
        for name in ["localhost", "bucket.localhost"] {
            let port = server(b"HTTP/1.1 204 No\r\n\r\n").await.host_and_port().1;
            let client = HttpClient::new(Roots::Embedded, &[], &Proxy::default(), LIMITS).unwrap();
            let endpoint = Endpoint::parse(&format!("http://{name}:{port}/")).unwrap();
            assert_eq!(client.send(Request::get(&endpoint)).await.unwrap().status, 204, "{name}");
        }
    }

    #[tokio::test]
    async fn silence_is_a_timeout() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = Endpoint::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let client = HttpClient::new(Roots::Embedded, &[], &Proxy::default(), LIMITS).unwrap();
        let error = client.send(Request::get(&endpoint).timeout(Duration::from_millis(20))).await.err().unwrap();
        assert_eq!(error.to_string(), format!("{endpoint}: no response within 20 ms"));
    }
}
