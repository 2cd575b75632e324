//! The options of every program that say how to reach the broker.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use crate::options::Protocol;
use crate::tls::{self, TlsError};
use crate::url::BrokerUrl;

/// Holds the password, where a file is not wanted. There is no flag for it: process lists show flags.
const PASSWORD_VARIABLE: &str = "FRAMEBRIDGE_PASSWORD";

/// How to reach the broker.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Broker")]
pub struct BrokerArgs {
    /// Where the broker is: mqtt://, mqtts:// (TLS), ws:// or wss:// (WebSocket)
    #[arg(
        long,
        env = "FRAMEBRIDGE_BROKER",
        value_name = "URL",
        default_value = "mqtt://127.0.0.1:1883",
        hide_env_values = true
    )]
    pub broker: BrokerUrl,

    /// User name at the broker; with our access list, the name of the camera or consumer
    #[arg(long, env = "FRAMEBRIDGE_USERNAME", value_name = "NAME")]
    pub username: Option<String>,

    /// File that holds the password, without it the variable `FRAMEBRIDGE_PASSWORD` is read
    #[arg(long, env = "FRAMEBRIDGE_PASSWORD_FILE", value_name = "FILE")]
    pub password_file: Option<PathBuf>,

    /// CA certificate (PEM) to check the broker against; without it, the system's CAs
    #[arg(long, env = "FRAMEBRIDGE_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,

    /// Client certificate (PEM), if the broker asks for one
    #[arg(
        long,
        env = "FRAMEBRIDGE_CERT_FILE",
        value_name = "FILE",
        requires = "key_file"
    )]
    pub cert_file: Option<PathBuf>,

    /// Private key (PEM) of the client certificate
    #[arg(
        long,
        env = "FRAMEBRIDGE_KEY_FILE",
        value_name = "FILE",
        requires = "cert_file"
    )]
    pub key_file: Option<PathBuf>,

    /// MQTT version; 3.1.1 has no user properties, so frames travel as JSON
    #[arg(long, env = "FRAMEBRIDGE_PROTOCOL", value_enum, default_value = "5")]
    pub protocol: Protocol,

    /// Seconds after which an idle connection is probed; a dead one is noticed within twice that
    #[arg(long, env = "FRAMEBRIDGE_KEEP_ALIVE", value_name = "SECONDS", default_value = "15",
          value_parser = clap::value_parser!(u16).range(5..=3600))]
    pub keep_alive: u16,
}

/// What [`BrokerArgs`] come to, once their files are read.
pub struct BrokerAccess {
    /// User name and password.
    pub credentials: Option<(String, String)>,
    /// Present exactly if the URL asks for TLS.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Probe interval.
    pub keep_alive: Duration,
}

/// Why broker options do not make a connection: always something that a person must change.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// The password file cannot be read.
    #[error("cannot read the password file {}: {error}", path.display())]
    PasswordFile {
        /// Its path.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// A password for nobody.
    #[error("a password is given but no --username")]
    NoUsername,
    /// Certificates for a connection that has none.
    #[error("certificates are given but {0} is not encrypted: use mqtts:// or wss://")]
    NoTls(BrokerUrl),
    /// A broker inside a program that has none.
    #[error(
        "there is no broker inside this program: use mqtt://HOST:PORT, or frame-subscriber --broker {0}"
    )]
    Embedded(BrokerUrl),
    /// Certificates or keys are not usable.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

impl AccessError {
    /// Whether the options contradict each other, rather than that a file is not what it should be.
    #[must_use]
    pub fn is_contradiction(&self) -> bool {
        matches!(self, Self::NoUsername | Self::NoTls(_) | Self::Embedded(_))
    }
}

impl BrokerArgs {
    /// Reads the files that the options name.
    pub fn access(&self) -> Result<BrokerAccess, AccessError> {
        if self.broker.embedded().is_some() {
            return Err(AccessError::Embedded(self.broker.clone()));
        }
        let password = match &self.password_file {
            Some(path) => Some(read_password(path)?),
            None => std::env::var(PASSWORD_VARIABLE).ok(),
        };
        let credentials = match (self.username.clone(), password) {
            (Some(username), password) => Some((username, password.unwrap_or_default())),
            (None, Some(_)) => return Err(AccessError::NoUsername),
            (None, None) => None,
        };
        // Only a person can know whether the network is trusted, so this is said and not refused.
        if credentials.is_some() && !self.broker.is_tls() && !self.broker.is_loopback() {
            tracing::warn!(
                "the password goes to {} unencrypted: prefer mqtts://",
                self.broker
            );
        }
        let tls = if self.broker.is_tls() {
            let client = self.cert_file.as_deref().zip(self.key_file.as_deref());
            Some(tls::client_config(self.ca_file.as_deref(), client)?)
        } else if self.ca_file.is_some() || self.cert_file.is_some() {
            return Err(AccessError::NoTls(self.broker.clone()));
        } else {
            None
        };
        let keep_alive = Duration::from_secs(self.keep_alive.into());
        Ok(BrokerAccess {
            credentials,
            tls,
            keep_alive,
        })
    }
}

/// The first line of the file: editors end it with a newline that is not part of the password.
fn read_password(path: &Path) -> Result<String, AccessError> {
    let text = fs::read_to_string(path).map_err(|error| AccessError::PasswordFile {
        path: path.to_owned(),
        error,
    })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
