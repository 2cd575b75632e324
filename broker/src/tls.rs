//! The door that encrypts: which certificate it shows.

use std::path::Path;
use std::sync::Arc;

use runtime::pem::{PemError, certificates, private_key};
use rustls::ServerConfig;
use tokio_rustls::TlsAcceptor;

/// Why the door cannot encrypt: always something that a person must change.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read or holds something else.
    #[error(transparent)]
    File(#[from] PemError),
    /// Certificate and key do not fit each other.
    #[error("the broker's certificate and private key do not belong together")]
    Pair,
    /// The certificate is not for this.
    #[error("the broker's certificate is not usable: {0}")]
    Certificate(rustls::Error),
}

/// What agrees on encryption with each who comes.
pub(crate) fn acceptor(certificate: &Path, key: &Path) -> Result<TlsAcceptor, TlsError> {
    let chain = certificates("certificate", certificate)?;
    let private = private_key(key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => TlsError::Pair,
            other => TlsError::Certificate(other),
        })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
