//! Values on the command line that several programs take.

use std::time::Duration;

use bytesize::ByteSize;

/// No camera's picture is smaller.
const SMALLEST_FRAME_LIMIT: ByteSize = ByteSize::kib(1);

/// A duration such as `10s` or `5m`, longer than nothing.
pub fn some_time(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_let_nothing_through_is_refused() {
        assert!(some_time("0s").is_err());
        assert_eq!(some_time("1500ms"), Ok(Duration::from_millis(1500)));
        assert!(frame_bytes("1").is_err());
        assert_eq!(frame_bytes("32MiB"), Ok(ByteSize::mib(32)));
    }
}
