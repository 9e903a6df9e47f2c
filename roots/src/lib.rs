//! The certificate authorities that are trusted: a base, and extra files on top of it.
//!
//! They are handed out as a rustls store for our own HTTP client, and as PEM for the AWS SDK's, which takes nothing
//! else and panics on what it cannot parse.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::fs::{Mode, OFlags};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::{PemObject as _, SectionKind};

/// Where certificate authorities come from. Extra files are trusted on top of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Roots {
    /// Mozilla's list as compiled in: costs microseconds, which a Lambda's cold start notices.
    Embedded,
    /// The system's store, where a company's own authorities lie; the embedded list on a system without one.
    System,
    /// Amazon's own authorities, which sign every endpoint of the public partitions (amazontrust.com, public data).
    Amazon,
}

const AMAZON: &[u8] = include_bytes!("amazon.pem");

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

/// The variables that name extra files.
pub const EXTRA_FILE_VARIABLES: [&str; 2] = ["SSL_CERT_FILE", "AWS_CA_BUNDLE"];

/// Certificate authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// A file cannot be read, or holds something that is not a certificate.
    #[error("the CA file `{}` cannot be used: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        cause: String,
    },
    /// A file holds no certificate.
    #[error("the CA file `{}` holds no certificate: PEM (-----BEGIN CERTIFICATE-----) is expected", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// The authorities as a rustls store.
///
/// # Errors
/// When an extra file cannot be used as a whole.
pub fn store(roots: Roots, extra: &[PathBuf]) -> Result<RootCertStore, RootsError> {
    let mut store = RootCertStore::empty();
    match roots {
        // Stores hold odd old certificates; one that does not parse must not take the others along.
        Roots::System => {
            store.add_parsable_certificates(system_certificates());
        }
        Roots::Amazon => {
            store.add_parsable_certificates(amazon_certificates());
        }
        Roots::Embedded => {}
    }
    if store.is_empty() {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    for path in extra {
        // `read_file` has added each of them to a store before.
        store.add_parsable_certificates(read_file(path)?);
    }
    Ok(store)
}

/// The authorities as PEM, each certificate known to parse. Empty where the system has none and no file is named.
///
/// # Errors
/// When an extra file cannot be used as a whole.
pub fn pem(roots: Roots, extra: &[PathBuf]) -> Result<String, RootsError> {
    let base = match roots {
        Roots::System => system_certificates(),
        Roots::Amazon => amazon_certificates(),
        // Mozilla's list is compiled in as trust anchors, which cannot be written as certificates.
        Roots::Embedded => Vec::new(),
    };
    let mut pem = String::new();
    for certificate in base.into_iter().filter(|certificate| parses(certificate).is_ok()) {
        push_pem(&mut pem, &certificate);
    }
    for path in extra {
        for certificate in read_file(path)? {
            push_pem(&mut pem, &certificate);
        }
    }
    Ok(pem)
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

fn amazon_certificates() -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(AMAZON).filter_map(Result::ok).collect()
}

/// A file that was named on purpose is used whole or is an error: a certificate that is left out in silence surfaces
/// as "unknown issuer" later.
fn read_file(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let unusable = |cause: String| RootsError::Unreadable { path: path.to_owned(), cause };
    let bytes = read_regular_file(path).map_err(|error| unusable(error.to_string()))?;
    // A byte order mark hides the first `-----BEGIN` from every reader of PEM.
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let text = String::from_utf8_lossy(bytes);
    if let Some(label) = text.lines().filter_map(pem_label).find(|label| label.contains("TRUSTED CERTIFICATE")) {
        // OpenSSL's own form carries trust settings behind the certificate, which no other library reads (x509(1)).
        let form =
            format!("it holds a `{label}`, OpenSSL's own form: convert it with `openssl x509 -in FILE -out CA.pem`");
        return Err(unusable(form));
    }
    let mut found = Vec::new();
    for section in <(SectionKind, Vec<u8>)>::pem_slice_iter(bytes) {
        let (kind, der) = section.map_err(|error| unusable(error.to_string()))?;
        if kind == SectionKind::Certificate {
            let certificate = CertificateDer::from(der);
            parses(&certificate).map_err(|error| unusable(format!("a certificate does not parse ({error})")))?;
            found.push(certificate);
        }
    }
    let announced = text.lines().filter_map(pem_label).filter(|label| label.contains("CERTIFICATE")).count();
    match found.len() {
        0 => Err(RootsError::Empty { path: path.to_owned() }),
        read if read < announced => {
            Err(unusable(format!("{announced} certificates begin in it, and {read} can be read")))
        }
        _ => Ok(found),
    }
}

/// Programs read a CA file more than once, and before any deadline of theirs begins: a named pipe would be waited for
/// without an end, and a device may have none. Without `NONBLOCK`, opening the pipe waits already.
fn read_regular_file(path: &Path) -> io::Result<Vec<u8>> {
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK, Mode::empty())?;
    let mut file = File::from(file);
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The label of a line that begins a PEM section, wherever in the line it begins.
fn pem_label(line: &str) -> Option<&str> {
    line.split_once("-----BEGIN ")?.1.split_once("-----").map(|(label, _)| label)
}

fn parses(certificate: &CertificateDer<'static>) -> Result<(), rustls::Error> {
    RootCertStore::empty().add(certificate.clone())
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

    fn amazon() -> String {
        pem(Roots::Amazon, &[]).unwrap()
    }

    /// Both readings of one extra file, which must agree.
    fn extra(content: &[u8]) -> Result<usize, RootsError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let files = [file.path().to_owned()];
        let as_store = store(Roots::Embedded, &files);
        let as_pem = pem(Roots::Embedded, &files);
        assert_eq!(as_store.is_ok(), as_pem.is_ok());
        as_pem.map(|pem| pem.matches("BEGIN").count())
    }

    #[test]
    fn each_base_has_authorities() {
        assert!(store(Roots::Embedded, &[]).unwrap().len() > 50);
        assert_eq!(store(Roots::Amazon, &[]).unwrap().len(), amazon().matches("BEGIN").count());
        assert!(amazon().matches("BEGIN").count() >= 4);
        assert!(!store(Roots::System, &[]).unwrap().is_empty());
    }

    #[test]
    fn a_file_is_used_whole_or_is_an_error() {
        let missing = store(Roots::Embedded, &[PathBuf::from("/nonexistent/ca.pem")]).unwrap_err();
        assert!(missing.to_string().starts_with("the CA file `/nonexistent/ca.pem` cannot be used: "), "{missing}");
        assert!(matches!(extra(b""), Err(RootsError::Empty { .. })));
        assert!(matches!(extra(b"no PEM in here"), Err(RootsError::Empty { .. })));
        let garbled = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(extra(garbled), Err(RootsError::Unreadable { .. })));
        let whole = amazon();
        let count = whole.matches("BEGIN").count();
        assert_eq!(extra(whole.as_bytes()).unwrap(), count);
        assert_eq!(extra(whole.replace('\n', "\r\n").as_bytes()).unwrap(), count);
        let cut = &whole[..whole.len() - 40];
        assert!(extra(cut.as_bytes()).is_err(), "a file that was cut");
    }

    #[test]
    fn a_byte_order_mark_is_skipped_and_openssl_s_own_form_is_an_error() {
        let marked = format!("\u{feff}{}", amazon());
        assert_eq!(extra(marked.as_bytes()).unwrap(), amazon().matches("BEGIN").count());
        let trusted = amazon().replacen("BEGIN CERTIFICATE", "BEGIN TRUSTED CERTIFICATE", 1);
        let trusted = trusted.replacen("END CERTIFICATE", "END TRUSTED CERTIFICATE", 1);
        let error = extra(trusted.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("`TRUSTED CERTIFICATE`, OpenSSL's own form: convert it"), "{error}");
        let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        assert!(matches!(extra(key.as_bytes()), Err(RootsError::Empty { .. })), "a key is no certificate");
    }
}
