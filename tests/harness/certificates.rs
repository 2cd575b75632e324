//! Certificate authorities of a test, and what they sign, made with `openssl`.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::eventually::SOON;
use super::launch::Launch;

/// A certificate authority that only this test knows.
pub(crate) struct Authority {
    folder: TempDir,
}

/// A certificate and its key.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    /// The certificate, PEM.
    pub(crate) certificate: PathBuf,
    /// Its private key, PEM.
    pub(crate) key: PathBuf,
}

impl Authority {
    /// A new authority, by the name that all have here.
    pub(crate) fn new() -> Self {
        Self::named("Test-Authority")
    }

    /// A new authority.
    pub(crate) fn named(name: &str) -> Self {
        let folder = TempDir::new().expect("making the authority's folder");
        openssl(
            folder.path(),
            &format!(
                "req -x509 -out ca.crt -days 2 -subj /CN={name} -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key"
            ),
        );
        Self { folder }
    }

    /// Its own certificate: what a client trusts.
    pub(crate) fn certificate(&self) -> PathBuf {
        self.folder.path().join("ca.crt")
    }

    /// Its own certificate and key, which it signs others with.
    pub(crate) fn own(&self) -> Certificate {
        Certificate {
            certificate: self.certificate(),
            key: self.folder.path().join("ca.key"),
        }
    }

    /// `certificate` with a key that only a password opens.
    pub(crate) fn locked(&self, certificate: &Certificate) -> Certificate {
        let key = self.folder.path().join("locked.key");
        let (from, to) = (certificate.key.display(), key.display());
        openssl(
            self.folder.path(),
            &format!("pkey -in {from} -aes256 -passout pass:secret -out {to}"),
        );
        Certificate {
            certificate: certificate.certificate.clone(),
            key,
        }
    }

    /// A certificate for `name`, valid for the given names: `DNS:localhost,IP:127.0.0.1`.
    pub(crate) fn sign(&self, name: &str, alternative_names: &str) -> Certificate {
        let folder = self.folder.path();
        fs::write(
            folder.join("names"),
            format!("subjectAltName={alternative_names}\n"),
        )
        .expect("writing the names");
        openssl(
            folder,
            &format!(
                "req -new -out {name}.csr -subj /CN={name} -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {name}.key"
            ),
        );
        openssl(
            folder,
            &format!(
                "x509 -req -in {name}.csr -out {name}.crt -days 2 -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names"
            ),
        );
        Certificate {
            certificate: folder.join(format!("{name}.crt")),
            key: folder.join(format!("{name}.key")),
        }
    }

    /// A certificate for a server on this machine.
    pub(crate) fn sign_local(&self) -> Certificate {
        self.sign("local", "DNS:localhost,IP:127.0.0.1")
    }
}

fn openssl(folder: &Path, words: &str) {
    Launch::new("openssl", "openssl")
        .in_folder(folder)
        .flags(words)
        .run(SOON)
        .succeeded();
}
