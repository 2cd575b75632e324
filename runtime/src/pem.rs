//! Certificates and keys in PEM files, and what is wrong with a file in words.

use std::fs;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a file is of no use: always something that a person must change.
#[derive(Debug, thiserror::Error)]
#[error("cannot read a {what} from {}: {problem}", path.display())]
pub struct PemError {
    what: &'static str,
    path: PathBuf,
    problem: String,
}

/// The certificates of a file, of which there must be one; `what` they are, for people.
///
/// # Errors
/// The file cannot be read, or holds something else.
pub fn certificates(
    what: &'static str,
    path: &Path,
) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let text = read(what, path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(what, path, in_words(&error)))?;
    if certificates.is_empty() {
        return Err(unusable(what, path, "no PEM certificate in it"));
    }
    Ok(certificates)
}

/// The first private key of a file.
///
/// # Errors
/// The file cannot be read, holds something else, or holds a key that only a password opens.
pub fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, PemError> {
    const WHAT: &str = "private key";
    let text = read(WHAT, path)?;
    // Both of OpenSSL's forms say so in the clear: the older one as a header, the newer one in the first line.
    if String::from_utf8_lossy(&text).contains("ENCRYPTED") {
        let name = path.display();
        let problem = format!(
            "it is encrypted, and nobody is there to give its password: `openssl pkey -in {name} -out PLAIN.key` makes \
             one that is not; let nobody else read it"
        );
        return Err(unusable(WHAT, path, problem));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        let problem = match error {
            Error::NoItemsFound => "no PEM private key in it".to_owned(),
            other => in_words(&other),
        };
        unusable(WHAT, path, problem)
    })
}

fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, PemError> {
    fs::read(path).map_err(|error| unusable(what, path, error.to_string()))
}

fn in_words(error: &Error) -> String {
    format!("it is damaged ({error})")
}

fn unusable(what: &'static str, path: &Path, problem: impl Into<String>) -> PemError {
    PemError {
        what,
        path: path.to_owned(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a key file that holds `text`.
    fn said_of_key(text: &str) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        private_key(file.path()).unwrap_err().to_string()
    }

    #[test]
    fn a_key_that_only_a_password_opens_is_named_as_one_with_what_helps() {
        let newer =
            "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIC\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let older = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIC\n\
                     -----END RSA PRIVATE KEY-----\n";
        for text in [newer, older] {
            let said = said_of_key(text);
            assert!(said.contains("openssl pkey"), "{said}");
        }
    }

    #[test]
    fn a_file_without_a_key_or_with_a_broken_one_is_told_apart() {
        assert!(said_of_key("hello\n").contains("no PEM private key"));
        let broken = said_of_key("-----BEGIN PRIVATE KEY-----\n!!\n-----END PRIVATE KEY-----\n");
        assert!(broken.contains("damaged"), "{broken}");
    }

    #[test]
    fn a_file_of_something_else_or_none_holds_no_certificate() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let said = certificates("CA certificate", file.path()).unwrap_err();
        assert!(said.to_string().contains("CA certificate"));
        let missing = certificates("CA certificate", Path::new("/no/such/file")).unwrap_err();
        assert!(missing.to_string().contains("/no/such/file: "));
    }
}
