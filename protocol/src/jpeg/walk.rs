//! The one walker through a picture's segments: splitter, [`super::prepare()`] and [`super::check`] all use it.
//!
//! It is given the same picture again and again, with more bytes each time, and goes on where it had stopped. It finds
//! the picture's end, or the place where the picture proves broken. It knows nothing of what stands around a picture.

use memchr::{memchr, memmem};

use super::JpegError;
use super::segment::{self, Destinations, FrameHeader, Segment};
use super::thumbnail;

/// How a picture begins: SOI and the first byte of whatever marker follows. SOI alone is too common in other data.
pub(super) const BEGIN: [u8; 3] = [0xFF, segment::SOI, 0xFF];

/// More segments than a header usually has. The search for the next picture goes back over no more than these, so that
/// hostile bytes cannot have long chains of segments walked again and again.
const MAX_SUSPECTS: usize = 16;

/// What was learned on the way from SOI to EOI.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outline {
    /// Bytes from SOI to EOI.
    pub(super) len: usize,
    pub(super) width: u16,
    pub(super) height: u16,
    /// Where the first scan's SOS marker stands.
    pub(super) first_scan: usize,
    /// Whether decoders have to fall back on the standard Huffman tables.
    pub(super) lacks_tables: bool,
}

/// What stood where a marker was due.
#[derive(Debug, PartialEq, Eq)]
enum Passed {
    /// A segment, all of it.
    Segment,
    /// EOI.
    End,
    /// Too few bytes to tell.
    Nothing,
}

/// A walk through one picture; positions count from its SOI.
#[derive(Debug)]
pub(super) struct Walker {
    /// The next byte to look at: where a marker is due, or in entropy-coded data.
    at: usize,
    /// Where to look for the next picture if this one is broken.
    retreat: usize,
    /// Segments passed since `retreat`.
    suspects: usize,
    /// Where the last Exif segment begins.
    exif: Option<usize>,
    in_scan: bool,
    header: Option<FrameHeader>,
    first_scan: Option<usize>,
    has_tables: bool,
    quantization: Destinations,
}

impl Walker {
    /// At the first marker behind an SOI.
    pub(super) fn behind_soi() -> Self {
        Self {
            at: 2,
            retreat: 2,
            suspects: 0,
            exif: None,
            in_scan: false,
            header: None,
            first_scan: None,
            has_tables: false,
            quantization: 0,
        }
    }

    /// Goes on through `picture`, which begins with SOI and with all bytes of earlier calls. `None`: its end is not in
    /// there yet. Each byte is looked at once, however many calls there are.
    pub(super) fn walk(&mut self, picture: &[u8]) -> Result<Option<Outline>, JpegError> {
        loop {
            if self.in_scan && !self.pass_entropy_coded_data(picture) {
                return Ok(None);
            }
            match self.pass_marker(picture)? {
                Passed::Segment => {}
                Passed::End => return self.outline().map(Some),
                Passed::Nothing => return Ok(None),
            }
        }
    }

    /// Goes to the first scan. Width and height; `None`: there is no scan in `picture`.
    pub(super) fn walk_header(&mut self, picture: &[u8]) -> Result<Option<(u16, u16)>, JpegError> {
        while !self.in_scan {
            if self.pass_marker(picture)? != Passed::Segment {
                return Ok(None);
            }
        }
        Ok(self.header.map(|header| (header.width, header.height)))
    }

    /// Passes the marker that is due here, with its segment.
    fn pass_marker(&mut self, picture: &[u8]) -> Result<Passed, JpegError> {
        match self.marker(picture)? {
            Some(segment::EOI) => Ok(Passed::End),
            Some(segment::SOI) => {
                self.retreat_here();
                Err(JpegError::Truncated)
            }
            Some(code) if self.pass_segment(picture, code)? => Ok(Passed::Segment),
            Some(_) | None => Ok(Passed::Nothing),
        }
    }

    /// Where to look for the next picture if this one is broken.
    ///
    /// Bytes that were lost from a segment make its length reach into what follows, perhaps over the beginning of the
    /// next picture; where it lands, there may even be a marker. So nothing in the header is sure to be this picture's.
    /// Entropy-coded data is: an SOI would show.
    pub(super) fn retreat(&self) -> usize {
        self.retreat
    }

    /// Where the thumbnail of this broken `picture` begins, if it has Exif that says so.
    ///
    /// A picture torn just in front of its thumbnail has the next picture there. That one has Exif at the same distance
    /// from its SOI; a thumbnail has none.
    pub(super) fn thumbnail(&self, picture: &[u8]) -> Option<usize> {
        let exif = self.exif?;
        let at = exif + thumbnail::position(picture.get(exif..)?)?;
        let is_picture = picture.get(at + exif..).is_some_and(thumbnail::is_exif);
        (!is_picture).then_some(at)
    }

    /// Passes stuffed bytes (FF 00), restart markers and fill bytes. Whether a marker ends the scan within `picture`.
    fn pass_entropy_coded_data(&mut self, picture: &[u8]) -> bool {
        while let Some(ahead) = memchr(0xFF, &picture[self.at..]) {
            self.at += ahead;
            match picture.get(self.at + 1) {
                Some(0x00 | 0xD0..=0xD7) => self.at += 2,
                Some(0xFF) => self.at += 1,
                code => {
                    self.retreat_here();
                    self.in_scan = code.is_none();
                    return code.is_some();
                }
            }
        }
        self.at = picture.len();
        self.retreat_here();
        false
    }

    /// The marker that is due here, behind any fill bytes (B.1.1.2).
    fn marker(&mut self, picture: &[u8]) -> Result<Option<u8>, JpegError> {
        loop {
            match picture.get(self.at..).unwrap_or_default() {
                [] | [0xFF] => return Ok(None),
                [0xFF, 0xFF, ..] => self.at += 1,
                [0xFF, code, ..] => return Ok(Some(*code)),
                _ => return Err(JpegError::Malformed),
            }
        }
    }

    /// Whether the segment is within `picture`.
    fn pass_segment(&mut self, picture: &[u8], code: u8) -> Result<bool, JpegError> {
        let lengths = segment::lengths(code).ok_or(JpegError::Malformed)?;
        let Some(&[_, _, high, low]) = picture[self.at..].first_chunk() else {
            return Ok(false);
        };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if !lengths.contains(&len) {
            return Err(JpegError::Malformed);
        }
        if thumbnail::is_exif(&picture[self.at..]) {
            self.exif = Some(self.at);
        }
        let (payload_at, end) = (self.at + 4, self.at + 2 + len);
        // A picture goes on for two bytes at least, and the next picture's SOI may lie across the segment's end.
        if picture.len() < end + 2 {
            return Ok(false);
        }
        let hideout = if segment::is_opaque(code) {
            end - 2
        } else {
            payload_at
        };
        if let Some(ahead) = memmem::find(&picture[hideout..end + 2], &BEGIN) {
            self.retreat = hideout + ahead;
            return Err(JpegError::Truncated);
        }
        self.note(segment::read(code, &picture[payload_at..end])?)?;
        self.suspects += 1;
        if self.suspects > MAX_SUSPECTS {
            self.retreat_here();
        }
        self.at = end;
        Ok(true)
    }

    /// Takes in the segment that begins here, if it may stand here.
    fn note(&mut self, segment: Segment) -> Result<(), JpegError> {
        match segment {
            Segment::FrameHeader(_) if self.header.is_some() => return Err(JpegError::Malformed),
            Segment::FrameHeader(header) => self.header = Some(header),
            Segment::ScanHeader => {
                let header = self.header.ok_or(JpegError::Malformed)?;
                if header.needs & !self.quantization != 0 {
                    return Err(JpegError::Malformed);
                }
                self.first_scan.get_or_insert(self.at);
                self.in_scan = true;
            }
            Segment::QuantizationTables(destinations) => self.quantization |= destinations,
            Segment::HuffmanTables => self.has_tables |= self.first_scan.is_none(),
            Segment::Other => {}
        }
        Ok(())
    }

    fn retreat_here(&mut self) {
        (self.retreat, self.suspects) = (self.at, 0);
    }

    fn outline(&self) -> Result<Outline, JpegError> {
        let (Some(header), Some(first_scan)) = (self.header, self.first_scan) else {
            return Err(JpegError::Malformed);
        };
        Ok(Outline {
            len: self.at + 2,
            width: header.width,
            height: header.height,
            first_scan,
            lacks_tables: header.is_sequential_huffman && !self.has_tables,
        })
    }
}
