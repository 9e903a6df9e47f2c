//! Canned answers over TLS on loopback, under a certificate authority that exists for this run only.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A certificate authority, and one certificate of it for the loopback address.
pub struct Authority {
    pem: String,
    config: Arc<ServerConfig>,
}

impl Authority {
    pub fn new() -> anyhow::Result<Self> {
        let mut authority = CertificateParams::new(Vec::<String>::new())?;
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "credvend bench");
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let mut leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        leaf.use_authority_key_identifier_extension = true;
        let leaf = leaf.signed_by(&key, &authority)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![leaf.der().clone()], key)?;
        Ok(Self { pem: authority.pem(), config: Arc::new(config) })
    }

    /// Writes the authority's certificate, for `SSL_CERT_FILE` and its like.
    pub fn write_pem(&self, file: &Path) -> anyhow::Result<()> {
        std::fs::write(file, &self.pem).with_context(|| format!("{} cannot be written", file.display()))
    }
}

/// One answer to every request, over TLS, until dropped.
pub struct HttpsServer {
    pub url: String,
    task: JoinHandle<()>,
}

impl HttpsServer {
    pub async fn start(authority: &Authority, body: &str) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://{}", listener.local_addr()?);
        let acceptor = TlsAcceptor::from(Arc::clone(&authority.config));
        let answer: Arc<[u8]> = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
        .into();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A client that hangs up at its end is no failure of the bench; one that fails says so itself.
                tokio::spawn(serve(stream, acceptor.clone(), Arc::clone(&answer)));
            }
        });
        Ok(Self { url, task })
    }
}

impl Drop for HttpsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, answer: Arc<[u8]>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    while read_request(&mut stream).await? {
        stream.write_all(&answer).await?;
        stream.flush().await?;
    }
    Ok(())
}

/// Reads one request to its end; `false` when there is none any more.
async fn read_request(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) -> std::io::Result<bool> {
    let mut request = Vec::with_capacity(4096);
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(false);
        }
        let Some(head) = request.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let headers = String::from_utf8_lossy(&request[..head]).to_ascii_lowercase();
        let length = headers.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        if request.len() >= head + 4 + length.unwrap_or(0) {
            return Ok(true);
        }
    }
}
