//! The door that encrypts: which certificate it shows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;

/// Why the door cannot encrypt: always something that a person must change.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or holds something else.
    #[error("cannot read the broker's {what} from {}: {problem}", path.display())]
    File {
        /// What was looked for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// Certificate and key do not fit each other.
    #[error("the broker's certificate is not usable: {0}")]
    Certificate(rustls::Error),
}

/// What agrees on encryption with each who comes.
pub(crate) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let unreadable = |what, path: &Path, problem: String| TlsError::File {
        what,
        path: path.to_owned(),
        problem,
    };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable("certificate", certificate, error.to_string()))?;
    if chain.is_empty() {
        let nothing = "no PEM certificate in it".to_owned();
        return Err(unreadable("certificate", certificate, nothing));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| unreadable("private key", key, error.to_string()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(TlsError::Certificate)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
