//! What can go wrong with a connection, sorted by what the caller can do about it.

use std::error::Error;
use std::io;

use rustls::{AlertDescription, CertificateError};

use crate::url::BrokerUrl;

/// Why a connection could not be made, or ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// Trying again cannot help: a person must change something.
    #[error("{0}")]
    Fatal(String),
    /// Another client took our session: it uses the same client id.
    #[error("another program connected under the same name")]
    TakenOver,
    /// The broker hung up without a word. It may heal by itself.
    #[error("the broker closed the connection")]
    HungUp,
    /// It may heal by itself.
    #[error("{0}")]
    Lost(String),
}

impl LinkError {
    /// Whether trying again can help.
    #[must_use]
    pub fn may_heal(&self) -> bool {
        matches!(self, Self::HungUp | Self::Lost(_))
    }

    pub(crate) fn bad_credentials() -> Self {
        Self::Fatal(
            "the broker refuses the user name or password: check --username and --password-file"
                .into(),
        )
    }

    pub(crate) fn bad_client_id() -> Self {
        Self::Fatal("the broker refuses this client id: choose another name".into())
    }

    pub(crate) fn wrong_protocol() -> Self {
        Self::Fatal("the broker does not speak this MQTT version: try --protocol 3.1.1".into())
    }

    pub(crate) fn denied_subscription() -> Self {
        Self::Fatal("the broker denies the subscription: check its access list".into())
    }

    /// It hung up in place of a greeting: what may be wrong then, beside a broker that starts or ends.
    pub(crate) fn unanswered(broker: &BrokerUrl) -> Self {
        let hint = if broker.is_tls() {
            "a port without TLS wants mqtt://"
        } else {
            "a port for TLS wants mqtts://"
        };
        Self::Lost(format!(
            "the broker closed the connection before it answered ({hint})"
        ))
    }

    pub(crate) fn stuck() -> Self {
        Self::Lost("the network is stuck".into())
    }

    /// Sorts an error that came up through rumqttc: certificates that will never be right end the program.
    pub(crate) fn from_transport(error: &(dyn Error + 'static)) -> Self {
        match find_rustls_error(error) {
            Some(error) => Self::from_tls(error),
            None if is_hang_up(innermost(error)) => Self::HungUp,
            None => Self::Lost(innermost(error).to_string()),
        }
    }

    fn from_tls(error: &rustls::Error) -> Self {
        use AlertDescription as Alert;
        use CertificateError as Certificate;
        match error {
            rustls::Error::InvalidCertificate(certificate) => match certificate {
                // A CA that was made anew under its old name gives a bad signature.
                Certificate::UnknownIssuer | Certificate::BadSignature => Self::Fatal(
                    "the broker's certificate is from an unknown CA: give the CA's certificate with --ca-file".into(),
                ),
                Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => Self::Fatal(
                    "the broker's certificate is for another host name: use the name it was made for".into(),
                ),
                Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => {
                    Self::Lost("the broker's certificate is not yet valid: is this machine's clock right?".into())
                }
                Certificate::Expired | Certificate::ExpiredContext { .. } => {
                    Self::Lost("the broker's certificate has expired: renew it, or set this machine's clock".into())
                }
                // The verifier's own error type is not ours to name, but its words are stable enough for a hint.
                Certificate::Other(why) if format!("{why:?}").contains("CaUsedAsEndEntity") => Self::Fatal(
                    "the broker shows a CA's certificate as its own: give it one that the CA has signed for its host name".into(),
                ),
                other => Self::Fatal(format!("the broker's certificate is not acceptable: {other}")),
            },
            // The broker's own trouble, or a disturbed line, perhaps after days of good service.
            rustls::Error::AlertReceived(
                alert @ (Alert::InternalError | Alert::UserCanceled | Alert::UnexpectedMessage | Alert::BadRecordMac),
            ) => Self::Lost(format!("the broker ended the TLS connection ({alert:?})")),
            rustls::Error::AlertReceived(alert) => {
                Self::Fatal(format!("the broker ended the TLS handshake ({alert:?}): does it ask for --cert-file and --key-file?"))
            }
            rustls::Error::InvalidMessage(_) => {
                Self::Fatal("the broker does not speak TLS on this port: try mqtt:// or another port".into())
            }
            other => Self::Lost(format!("TLS: {other}")),
        }
    }
}

fn find_rustls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    chain(error).find_map(|error| error.downcast_ref::<rustls::Error>())
}

/// The last cause: rumqttc wraps the system's words in several layers of its own.
fn innermost<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    chain(error).last().unwrap_or(error)
}

/// Whether the other side ended the connection, politely or not.
fn is_hang_up(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind as Kind;
    error.downcast_ref::<io::Error>().is_some_and(|error| {
        matches!(
            error.kind(),
            Kind::ConnectionReset
                | Kind::ConnectionAborted
                | Kind::BrokenPipe
                | Kind::UnexpectedEof
        )
    })
}

/// `error` and its causes, looking also inside [`io::Error`], whose `source` leaves out what it holds.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|held| held as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(error: rustls::Error) -> LinkError {
        let io = io::Error::new(io::ErrorKind::InvalidData, error);
        LinkError::from_transport(&rumqttc::v5::ConnectionError::Tls(rumqttc::TlsError::Io(
            io,
        )))
    }

    #[test]
    fn an_unknown_ca_and_a_wrong_host_name_are_fatal() {
        for certificate in [
            CertificateError::UnknownIssuer,
            CertificateError::NotValidForName,
        ] {
            let error = wrapped(rustls::Error::InvalidCertificate(certificate));
            assert!(matches!(error, LinkError::Fatal(_)), "{error:?}");
        }
    }

    #[test]
    fn a_clock_that_is_wrong_heals() {
        let LinkError::Lost(why) = wrapped(rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet,
        )) else {
            panic!("not retried");
        };
        assert!(why.contains("clock"));
    }

    #[test]
    fn trouble_inside_the_broker_heals_and_a_refused_certificate_does_not() {
        for (alert, may_heal) in [
            (AlertDescription::InternalError, true),
            (AlertDescription::CertificateRequired, false),
            (AlertDescription::UnknownCA, false),
        ] {
            let error = wrapped(rustls::Error::AlertReceived(alert));
            assert_eq!(error.may_heal(), may_heal, "{error:?}");
        }
    }

    #[test]
    fn a_reset_is_a_hang_up() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        let error = rumqttc::v5::ConnectionError::Io(reset);
        assert_eq!(LinkError::from_transport(&error), LinkError::HungUp);
    }

    #[test]
    fn the_systems_own_words_are_what_is_said() {
        let refused = rumqttc::v5::ConnectionError::Io(io::Error::from_raw_os_error(111));
        assert!(
            LinkError::from_transport(&refused)
                .to_string()
                .contains("refused")
        );
    }
}
