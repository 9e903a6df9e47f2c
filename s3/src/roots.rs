//! The certificate authorities that are trusted: the system's, and those of extra files on top.

use std::path::{Path, PathBuf};

use aws_smithy_http_client::tls::{TlsContext, TrustStore};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;

/// Bundles of the larger distributions, in one file: Debian, Red Hat and Amazon, SUSE, Alpine. They are tried before
/// `rustls_native_certs`, which would read a further file a certificate, and which would read *nothing but*
/// `SSL_CERT_FILE` when that is set, where we promise "on top of the system's".
const SYSTEM_BUNDLES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Certificate authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RootsError {
    #[error("the CA file `{}` cannot be read: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: String },
    #[error("the CA file `{}` holds no certificate: PEM (-----BEGIN CERTIFICATE-----) is expected", path.display())]
    Empty { path: PathBuf },
    #[error(
        "this system has no certificate authorities: install its package ca-certificates, or name a PEM file in \
         SSL_CERT_FILE"
    )]
    None,
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

/// The SDK takes authorities as PEM, and panics on one that does not parse: only what parses is handed to it.
pub(crate) fn tls_context(extra: &[PathBuf]) -> Result<TlsContext, RootsError> {
    let mut pem = String::new();
    for certificate in system_certificates() {
        // Stores hold odd old certificates; one that does not parse must not take the others along.
        if RootCertStore::empty().add(certificate.clone()).is_ok() {
            push_pem(&mut pem, &certificate);
        }
    }
    for path in extra {
        for certificate in read_file(path)? {
            push_pem(&mut pem, &certificate);
        }
    }
    if pem.is_empty() {
        return Err(RootsError::None);
    }
    let roots = TrustStore::empty().with_pem_certificate(pem);
    TlsContext::builder().with_trust_store(roots).build().map_err(|error| RootsError::Tls(error.to_string()))
}

fn system_certificates() -> Vec<CertificateDer<'static>> {
    SYSTEM_BUNDLES
        .iter()
        .map(Path::new)
        .filter(|bundle| bundle.exists())
        .map(|bundle| rustls_native_certs::load_certs_from_paths(Some(bundle), None).certs)
        .find(|certificates| !certificates.is_empty())
        .unwrap_or_else(|| rustls_native_certs::load_native_certs().certs)
}

/// A file that was named on purpose is used whole or is an error: a typo must not surface as "unknown issuer" later.
fn read_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let unreadable = |cause: String| RootsError::Unreadable { path: path.to_owned(), cause };
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        RootCertStore::empty().add(certificate.clone()).map_err(|error| unreadable(error.to_string()))?;
        found.push(certificate);
    }
    if found.is_empty() { Err(RootsError::Empty { path: path.to_owned() }) } else { Ok(found) }
}

fn push_pem(pem: &mut String, certificate: &CertificateDer<'_>) {
    pem.push_str("-----BEGIN CERTIFICATE-----\n");
    BASE64_STANDARD.encode_string(certificate, pem);
    pem.push_str("\n-----END CERTIFICATE-----\n");
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn extra(content: &[u8]) -> Result<TlsContext, RootsError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        tls_context(&[file.path().to_owned()])
    }

    #[test]
    fn a_missing_empty_or_garbled_file_is_named() {
        let missing = tls_context(&[PathBuf::from("/nonexistent/ca.pem")]).err().unwrap();
        assert!(missing.to_string().starts_with("the CA file `/nonexistent/ca.pem` cannot be read: "), "{missing}");
        assert!(matches!(extra(b""), Err(RootsError::Empty { .. })));
        let garbled = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(extra(garbled), Err(RootsError::Unreadable { .. })));
    }
}
