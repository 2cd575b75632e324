//! TLS: which certificates are trusted, and which one is shown.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

/// Why TLS cannot be set up: always something that a person must change.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate or key file cannot be read or holds something else.
    #[error("cannot read a {what} from {}: {problem}", path.display())]
    File {
        /// What was looked for.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        problem: String,
    },
    /// The system has no trusted CAs.
    #[error("this system has no trusted CAs: give the broker's CA with --ca-file")]
    NoSystemCas,
    /// Certificate and key do not fit each other.
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
            Some(path) => unreadable("CA certificate", path, "none in it is usable"),
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
            let key = PrivateKeyDer::from_pem_file(key_file)
                .map_err(|error| unreadable("private key", key_file, &error.to_string()))?;
            builder
                .with_client_auth_cert(certificates("client certificate", cert_file)?, key)
                .map_err(TlsError::ClientCertificate)?
        }
        None => builder.with_no_client_auth(),
    };
    Ok(Arc::new(config))
}

fn certificates(what: &'static str, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(what, path, &error.to_string()))?;
    if certificates.is_empty() {
        Err(unreadable(what, path, "no PEM certificate in it"))
    } else {
        Ok(certificates)
    }
}

fn unreadable(what: &'static str, path: &Path, problem: &str) -> TlsError {
    TlsError::File {
        what,
        path: path.to_owned(),
        problem: problem.to_owned(),
    }
}
