//! An index without what does not belong into it. Pure: bytes in, bytes out.

use std::collections::HashSet;

use crate::index::{Entry, parse_line};

/// What is left of an index, and what was taken out.
#[derive(Debug, Default)]
pub(super) struct Mended {
    /// The lines that stay, as they were.
    pub(super) kept: Vec<u8>,
    /// Lines that are no entries, as they were.
    pub(super) unreadable: Vec<u8>,
    pub(super) unreadable_lines: u64,
    /// Entries that were taken out.
    pub(super) doubled: u64,
    /// Whether the last line was cut short, and is left out.
    pub(super) was_torn: bool,
    /// The files that the entries name.
    pub(super) names: HashSet<String>,
    /// Where each line ended, and where what is kept up to there ends.
    ends: Vec<(u64, u64)>,
}

impl Mended {
    /// Takes out of `index` what is no entry, and what `keeps` does not want.
    pub(super) fn new(index: &[u8], mut keeps: impl FnMut(&Entry) -> bool) -> Self {
        let (mut mended, mut end) = (Self::default(), 0);
        for line in index.split_inclusive(|byte| *byte == b'\n') {
            let is_terminated = line.ends_with(b"\n");
            end += line.len() as u64;
            match parse_line(line) {
                Some(entry) if keeps(&entry) => {
                    mended.kept.extend_from_slice(line);
                    if !is_terminated {
                        mended.kept.push(b'\n');
                    }
                    mended.names.insert(entry.file);
                }
                Some(_) => mended.doubled += 1,
                None if line.trim_ascii().is_empty() => mended.kept.extend_from_slice(line),
                None if is_terminated => {
                    mended.unreadable.extend_from_slice(line);
                    mended.unreadable_lines += 1;
                }
                None => mended.was_torn = true,
            }
            mended.ends.push((end, mended.kept.len() as u64));
        }
        mended
    }

    /// Where what stood before the byte `place` ends now.
    pub(super) fn place_now(&self, place: u64) -> u64 {
        let lines = self.ends.partition_point(|(end, _)| *end <= place);
        lines.checked_sub(1).map_or(0, |last| self.ends[last].1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::index::{Kind, to_line};

    fn line(file: &str) -> Vec<u8> {
        to_line(&Entry {
            file: file.to_owned(),
            camera: "door".parse().unwrap(),
            kind: Kind::Foreign,
            size: None,
            bytes: 1,
            crc32c: 2,
            exif_bytes: 0,
            received_at: jiff::Timestamp::UNIX_EPOCH,
        })
    }

    #[test]
    fn what_is_no_entry_is_taken_out_and_the_rest_stays_as_it_was() {
        let (one, two, three) = (line("1.jpg"), line("2.jpg"), line("3.jpg"));
        let index = [&one[..], b"nonsense\n", &two, b"\n", &three, b"{\"file\":"].concat();
        let mended = Mended::new(&index, |entry| entry.file != "2.jpg");
        assert_eq!(mended.kept, [&one[..], b"\n", &three].concat());
        assert_eq!(mended.unreadable, b"nonsense\n");
        assert_eq!(
            (mended.unreadable_lines, mended.doubled, mended.was_torn),
            (1, 1, true)
        );
        // All but the third entry was gone: now it is all but that, too.
        let place = index.len() - three.len() - b"{\"file\":".len();
        let now = mended.kept.len() - three.len();
        assert_eq!(mended.place_now(place as u64), now as u64);
        assert_eq!(mended.place_now(0), 0);
    }

    #[test]
    fn a_line_that_only_lacks_its_end_is_ended() {
        let whole = line("1.jpg");
        let mended = Mended::new(&whole[..whole.len() - 1], |_| true);
        assert_eq!(mended.kept, whole);
        assert!(!mended.was_torn);
    }

    proptest! {
        #[test]
        fn whatever_an_index_holds_it_is_mended_for_good(
            parts in prop::collection::vec(prop_oneof![
                any::<u8>().prop_map(|n| line(&format!("{n}.jpg"))),
                any::<Vec<u8>>(),
                Just(b"\n".to_vec()),
            ], 0..12),
        ) {
            let index = parts.concat();
            let mended = Mended::new(&index, |_| true);
            let again = Mended::new(&mended.kept, |_| true);
            prop_assert_eq!(&again.kept, &mended.kept);
            prop_assert_eq!(again.unreadable_lines, 0);
            prop_assert!(!again.was_torn);
            prop_assert_eq!(again.names, mended.names);
        }
    }
}
