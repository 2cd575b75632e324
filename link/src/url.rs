//! Where the broker is: `mqtt://`, `mqtts://`, `ws://` and `wss://` URLs, and `embedded:` for one inside the program.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// A broker's address, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUrl {
    scheme: Scheme,
    host: String,
    port: u16,
    path: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Mqtt,
    Mqtts,
    Ws,
    Wss,
    Embedded,
}

/// Why a broker URL was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a URL at all.
    #[error("{0}; write it as mqtt://HOST:PORT")]
    Syntax(#[from] url::ParseError),
    /// A scheme that no broker speaks.
    #[error("scheme {0:?} is unknown; use mqtt, mqtts, ws or wss")]
    Scheme(String),
    /// No host.
    #[error("the host is missing; write it as mqtt://HOST:PORT")]
    Host,
    /// Port 0, where nothing can listen.
    #[error("no broker listens on port 0; write it as mqtt://HOST:PORT")]
    Port,
    /// Credentials would show in process lists and logs.
    #[error("credentials do not belong in the URL; use --username and --password-file")]
    Credentials,
    /// A path, query or fragment where there can be none.
    #[error("mqtt and mqtts URLs end after the port")]
    Path,
    /// TLS needs a name to check the certificate against.
    #[error("an IPv6 address cannot be used with TLS here; use the broker's host name")]
    Ipv6Tls,
    /// A broker inside the program, without an address to listen on.
    #[error(
        "write it as embedded:ADDRESS:PORT, such as embedded:127.0.0.1:1883 for this machine or embedded:0.0.0.0:1883 for the network"
    )]
    Embedded,
}

/// What stands before the address of a broker inside the program.
const EMBEDDED: &str = "embedded:";

impl BrokerUrl {
    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.scheme, Scheme::Mqtts | Scheme::Wss)
    }

    /// Whether MQTT travels inside a WebSocket.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        matches!(self.scheme, Scheme::Ws | Scheme::Wss)
    }

    /// Whether the broker is on this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.starts_with("127.") || self.host == "[::1]"
    }

    /// Where the broker inside the program listens, if that is what is asked for: then nothing can be connected to yet.
    #[must_use]
    pub fn embedded(&self) -> Option<SocketAddr> {
        let address = || format!("{}:{}", self.host, self.port).parse().ok();
        (self.scheme == Scheme::Embedded).then(address).flatten()
    }

    /// What rumqttc calls the broker address: a host, or the whole URL of a WebSocket.
    pub(crate) fn address(&self) -> String {
        if self.is_websocket() {
            self.to_string()
        } else {
            self.host.clone()
        }
    }

    /// Host and port, for a connection without MQTT.
    pub(crate) fn socket(&self) -> (&str, u16) {
        (self.host.trim_matches(['[', ']']), self.port)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl FromStr for BrokerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        if let Some(address) = text.strip_prefix(EMBEDDED) {
            return inside(address);
        }
        let url = url::Url::parse(text)?;
        let (scheme, default_port, default_path) = match url.scheme() {
            "mqtt" => (Scheme::Mqtt, 1883, ""),
            "mqtts" => (Scheme::Mqtts, 8883, ""),
            "ws" => (Scheme::Ws, 80, "/mqtt"),
            "wss" => (Scheme::Wss, 443, "/mqtt"),
            other => return Err(UrlError::Scheme(other.to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::Credentials);
        }
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or(UrlError::Host)?
            .to_owned();
        let path = if url.path() == "/" { "" } else { url.path() };
        let beyond_port = url.query().is_some() || url.fragment().is_some();
        let url = Self {
            scheme,
            host,
            port: url.port().unwrap_or(default_port),
            path: if path.is_empty() { default_path } else { path }.to_owned(),
        };
        if url.port == 0 {
            return Err(UrlError::Port);
        }
        if beyond_port || (!url.is_websocket() && !url.path.is_empty()) {
            return Err(UrlError::Path);
        }
        if url.is_tls() && url.host.starts_with('[') {
            return Err(UrlError::Ipv6Tls);
        }
        Ok(url)
    }
}

/// A broker inside the program, which listens on `address`.
fn inside(address: &str) -> Result<BrokerUrl, UrlError> {
    let address: SocketAddr = address.parse().map_err(|_| UrlError::Embedded)?;
    if address.port() == 0 {
        return Err(UrlError::Embedded);
    }
    let host = match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    };
    Ok(BrokerUrl {
        scheme: Scheme::Embedded,
        host,
        port: address.port(),
        path: String::new(),
    })
}

impl fmt::Display for BrokerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Mqtt => "mqtt",
            Scheme::Mqtts => "mqtts",
            Scheme::Ws => "ws",
            Scheme::Wss => "wss",
            Scheme::Embedded => return write!(f, "{EMBEDDED}{}:{}", self.host, self.port),
        };
        write!(f, "{scheme}://{}:{}{}", self.host, self.port, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_paths_have_the_usual_defaults() {
        for (text, full) in [
            ("mqtt://pi", "mqtt://pi:1883"),
            ("mqtts://pi", "mqtts://pi:8883"),
            ("ws://pi", "ws://pi:80/mqtt"),
            ("wss://pi:9001/broker", "wss://pi:9001/broker"),
            ("mqtt://[::1]:2000", "mqtt://[::1]:2000"),
            ("mqtt://127.0.0.1/", "mqtt://127.0.0.1:1883"),
        ] {
            assert_eq!(text.parse::<BrokerUrl>().unwrap().to_string(), full);
        }
    }

    #[test]
    fn what_cannot_be_a_broker_is_refused() {
        for text in [
            "",
            "pi",
            "pi:1883",
            "http://pi",
            "mqtt://",
            "mqtt://user:secret@pi",
            "mqtt://pi:99999",
            "mqtt://pi:0",
            "mqtt://pi/topic",
            "mqtt://pi?x=1",
            "mqtts://[::1]",
            "embedded:",
            "embedded:1883",
            "embedded:127.0.0.1",
            "embedded:127.0.0.1:0",
            "embedded:pi:1883",
            "embedded://0.0.0.0:1883",
        ] {
            assert!(text.parse::<BrokerUrl>().is_err(), "{text:?} was accepted");
        }
    }

    #[test]
    fn a_broker_inside_is_an_address_to_listen_on() {
        for text in ["embedded:0.0.0.0:1883", "embedded:[::1]:2000"] {
            let url: BrokerUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), text);
            assert_eq!(
                url.embedded(),
                Some(text["embedded:".len()..].parse().unwrap())
            );
        }
        let elsewhere: BrokerUrl = "mqtt://127.0.0.1".parse().unwrap();
        assert_eq!(elsewhere.embedded(), None);
    }
}
