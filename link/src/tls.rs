//! TLS: which certificates are trusted, and which one is shown.

use std::path::Path;
use std::sync::Arc;

use runtime::pem::{PemError, certificates, private_key};
use rustls::{ClientConfig, RootCertStore};

/// Why TLS cannot be set up: always something that a person must change.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate or key file cannot be read or holds something else.
    #[error(transparent)]
    File(#[from] PemError),
    /// None of the certificates of `--ca-file` can be trusted.
    #[error("no certificate in {0} is usable as a CA's")]
    NoUsableCa(String),
    /// The system has no trusted CAs.
    #[error("this system has no trusted CAs: give the broker's CA with --ca-file")]
    NoSystemCas,
    /// Certificate and key do not fit each other.
    #[error(
        "the certificate of --cert-file and the private key of --key-file do not belong together"
    )]
    ClientPair,
    /// The certificate is not for this.
    #[error("the client certificate is not usable: {0}")]
    ClientCertificate(rustls::Error),
}

/// Trusts the CAs of `ca_file`, or the system's, and shows the certificate of `client` if the broker asks.
pub(crate) fn client_config(
    ca_file: Option<&Path>,
    client: Option<(&Path, &Path)>,
) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            roots.add_parsable_certificates(certificates("CA certificate", path)?);
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(match ca_file {
            Some(path) => TlsError::NoUsableCa(path.display().to_string()),
            None => TlsError::NoSystemCas,
        });
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring has the cipher suites of TLS 1.2 and 1.3")
        .with_root_certificates(roots);
    let config = match client {
        Some((cert_file, key_file)) => {
            let chain = certificates("client certificate", cert_file)?;
            builder
                .with_client_auth_cert(chain, private_key(key_file)?)
                .map_err(|error| match error {
                    rustls::Error::InconsistentKeys(_) => TlsError::ClientPair,
                    other => TlsError::ClientCertificate(other),
                })?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}
