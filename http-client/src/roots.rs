//! The certificate authorities that are trusted.

use std::path::{Path, PathBuf};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// Where certificate authorities come from. Extra files are trusted on top of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roots {
    /// Mozilla's list as compiled in: costs microseconds, which a Lambda's cold start notices.
    Embedded,
    /// The system's store, where a company's own authorities lie; the embedded list on a system without one.
    System,
}

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

/// An extra file of authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// It cannot be read, or is not PEM.
    #[error("the CA file `{}` cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
    /// It holds no certificate.
    #[error("the CA file `{}` holds no certificate: PEM (-----BEGIN CERTIFICATE-----) is expected", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

pub(crate) fn load(roots: Roots, extra: &[PathBuf]) -> Result<RootCertStore, RootsError> {
    let mut store = RootCertStore::empty();
    if roots == Roots::System {
        // Stores hold odd old certificates; one that does not parse must not take the others along.
        store.add_parsable_certificates(system_certificates());
    }
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for path in extra {
        add_file(&mut store, path)?;
    }
    Ok(store)
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
fn add_file(store: &mut RootCertStore, path: &Path) -> Result<(), RootsError> {
    let unreadable = |cause: String| RootsError::Unreadable { path: path.to_owned(), cause };
    let before = store.len();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        store.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if store.len() == before {
        return Err(RootsError::Empty { path: path.to_owned() });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn load_extra(content: &[u8]) -> Result<RootCertStore, RootsError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        load(Roots::Embedded, &[file.path().to_owned()])
    }

    #[test]
    fn embedded_roots_are_there() {
        assert!(load(Roots::Embedded, &[]).unwrap().len() > 50);
    }

    #[test]
    fn a_missing_empty_or_garbled_file_is_named() {
        let missing = load(Roots::Embedded, &[PathBuf::from("/nonexistent/ca.pem")]).unwrap_err();
        assert!(missing.to_string().starts_with("the CA file `/nonexistent/ca.pem` cannot be read: "), "{missing}");
        assert!(matches!(load_extra(b""), Err(RootsError::Empty { .. })));
        assert!(matches!(load_extra(b"no PEM in here"), Err(RootsError::Empty { .. })));
        let garbled = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(load_extra(garbled), Err(RootsError::Unreadable { .. })));
    }
}
