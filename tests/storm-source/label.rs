//! What makes each picture of the storm's camera itself: a label in it, and a line in the record of its run.
//!
//! A label is a comment segment (ITU T.81, B.2.4.5) right behind the picture's first segment:
//! `storm <run, 16 hex digits> <number, 10 digits> `, then bytes without meaning. The record of a run is a file
//! `<run>.txt` with one line a picture: `<number> <CRC-32C, 8 hex digits> <length>`. `tests/storm/camera.rs` reads both.

const COMMENT: [u8; 2] = [0xff, 0xfe];

/// Which picture it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Label {
    /// The camera's run: random.
    pub(crate) run: u64,
    /// From 1, in the order of emission.
    pub(crate) number: u64,
}

impl Label {
    /// `jpeg` with this label, and `filling` behind it in the same segment.
    pub(crate) fn put_into(self, jpeg: &[u8], filling: &[u8]) -> Vec<u8> {
        // Behind the first segment: some readers want JFIF's to be the first.
        let first = u16::from_be_bytes([jpeg[4], jpeg[5]]);
        let (head, tail) = jpeg.split_at(4 + usize::from(first));
        let mut comment = format!("storm {:016x} {:010} ", self.run, self.number).into_bytes();
        comment.extend_from_slice(filling);
        let length = u16::try_from(2 + comment.len()).expect("a comment fits its segment");
        [head, &COMMENT, &length.to_be_bytes(), &comment, tail].concat()
    }
}

/// The name of the record of `run`.
pub(crate) fn record_file(run: u64) -> String {
    format!("{run:016x}.txt")
}

/// The record's line for `picture`, which is the `number`th of its run.
pub(crate) fn record_line(number: u64, picture: &[u8]) -> String {
    format!(
        "{number} {:08x} {}\n",
        crc32c::crc32c(picture),
        picture.len()
    )
}
