//! Values on the command line that several programs take.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytesize::ByteSize;

/// No camera's picture is smaller.
const SMALLEST_FRAME_LIMIT: ByteSize = ByteSize::kib(1);

/// Nobody waits longer: clocks end somewhere.
const LONGEST_TIME: Duration = Duration::from_hours(24 * 365 * 100);

/// A duration such as `10s` or `5m`.
pub fn a_time(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if duration > LONGEST_TIME {
        Err("must be less than 100 years".into())
    } else {
        Ok(duration)
    }
}

/// A duration such as `10s` or `5m`, longer than nothing.
pub fn some_time(text: &str) -> Result<Duration, String> {
    let duration = a_time(text)?;
    if duration.is_zero() {
        Err("must be longer than nothing".into())
    } else {
        Ok(duration)
    }
}

/// A size such as `32MiB` that can hold a frame.
pub fn frame_bytes(text: &str) -> Result<ByteSize, String> {
    let size: ByteSize = text.parse()?;
    if size < SMALLEST_FRAME_LIMIT {
        Err(format!("must be at least {SMALLEST_FRAME_LIMIT}"))
    } else {
        Ok(size)
    }
}

/// Where to listen: an address and port, or a port alone, for this machine only.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix("localhost:").unwrap_or(text);
    if let Ok(port) = port.parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    text.parse().map_err(|_| {
        "use a port for this machine only (9464), or an address and a port (0.0.0.0:9464, [::]:9464)".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_open_to_this_machine_only() {
        for text in ["9464", "localhost:9464", "127.0.0.1:9464"] {
            assert_eq!(listen_address(text).unwrap().to_string(), "127.0.0.1:9464");
        }
        assert_eq!(listen_address("[::]:1").unwrap().to_string(), "[::]:1");
        for text in ["", "0.0.0.0", "host:80", "70000", ":80"] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_would_let_nothing_through_is_refused() {
        assert!(some_time("0s").is_err());
        assert_eq!(a_time("0s"), Ok(Duration::ZERO));
        assert!(a_time("400000000000y").is_err() && some_time("101y").is_err());
        assert_eq!(some_time("1500ms"), Ok(Duration::from_millis(1500)));
        assert!(frame_bytes("1").is_err());
        assert_eq!(frame_bytes("32MiB"), Ok(ByteSize::mib(32)));
    }
}
