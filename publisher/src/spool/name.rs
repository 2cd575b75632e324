//! A spooled frame's file name: `<number>_<capture time>_<CRC-32C>.jpg`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::custody::Facts;

const TIME: &str = "%Y%m%dT%H%M%S.%6fZ";

/// The name of frame `sequence`.
pub(super) fn of(sequence: u64, facts: Facts) -> String {
    let time = Timestamp::from_microsecond(facts.captured_micros)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .strftime(TIME);
    format!("{sequence:020}_{time}_{:08x}.jpg", facts.crc32c)
}

/// Number, capture time in microseconds and checksum. `None` if it is no name of a frame.
pub(super) fn parse(name: &str) -> Option<(u64, i64, u32)> {
    let mut parts = name.strip_suffix(".jpg")?.splitn(3, '_');
    let sequence = parts
        .next()?
        .parse()
        .ok()
        .filter(|&sequence| sequence > 0)?;
    let time = DateTime::strptime(TIME, parts.next()?).ok()?;
    let captured_at = time.to_zoned(TimeZone::UTC).ok()?.timestamp();
    let crc32c = u32::from_str_radix(parts.next()?, 16).ok()?;
    Some((sequence, captured_at.as_microsecond(), crc32c))
}

/// Whether it is the name of a file that is being written.
pub(super) fn is_partial(name: &str) -> bool {
    name.strip_suffix(".part").is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_name_says_what_it_was_made_of(
            sequence in 1_u64..,
            captured_micros in 0_i64..4_000_000_000_000_000,
            crc32c in any::<u32>(),
        ) {
            let facts = Facts { captured_micros, bytes: 0, crc32c };
            prop_assert_eq!(parse(&of(sequence, facts)), Some((sequence, captured_micros, crc32c)));
        }

        #[test]
        fn no_name_is_trouble(name in "\\PC{0,60}") {
            parse(&name);
        }
    }

    #[test]
    fn other_files_are_not_frames() {
        for name in [
            "given-up.txt",
            "00000000000000000001.jpg",
            "00000000000000000000_20261122T143005.123456Z_0a1b2c3d.jpg",
            "00000000000000000001_20261122T143005.123456Z_0a1b2c3d.part",
        ] {
            assert_eq!(parse(name), None, "{name}");
        }
    }
}
