//! The options of `top`: whose figures are shown.

use std::net::SocketAddr;

use clap::Args;

/// Options of `top`.
#[derive(Debug, Args)]
pub struct TopArgs {
    /// Where the running frame-subscriber shows its figures, as its own --metrics says; HOST:PORT for one on another machine
    #[arg(long, env = "FRAMEBRIDGE_METRICS", value_name = "ADDR", default_value = "127.0.0.1:9464", value_parser = address)]
    pub(crate) metrics: String,
}

/// What can be connected to. A program that listens everywhere listens on this machine, too.
fn address(text: &str) -> Result<String, String> {
    if text.parse::<u16>().is_ok() {
        return Ok(format!("127.0.0.1:{text}"));
    }
    if let Ok(address) = text.parse::<SocketAddr>()
        && address.ip().is_unspecified()
    {
        let loopback = if address.is_ipv4() {
            "127.0.0.1"
        } else {
            "[::1]"
        };
        return Ok(format!("{loopback}:{}", address.port()));
    }
    match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
            Ok(text.to_owned())
        }
        _ => Err("use a port (9464), or a host and a port (office-pc:9464)".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_subscriber_listens_is_where_it_is_asked() {
        for (text, asked) in [
            ("9464", "127.0.0.1:9464"),
            ("0.0.0.0:9464", "127.0.0.1:9464"),
            ("[::]:9464", "[::1]:9464"),
            ("office-pc:9464", "office-pc:9464"),
            ("192.168.1.7:9464", "192.168.1.7:9464"),
        ] {
            assert_eq!(address(text).as_deref(), Ok(asked));
        }
        for text in ["", "office-pc", ":9464", "office-pc:99999"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
