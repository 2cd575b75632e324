//! The segments of a JPEG: which markers a single picture may hold, and what is well-formed (ITU-T T.81, annex B).
//!
//! Strict where libjpeg is strict. It knows nothing of the order in which segments may stand.

use std::ops::RangeInclusive;

use super::JpegError;

pub(super) const DHT: u8 = 0xC4;
const JPG: u8 = 0xC8;
const DAC: u8 = 0xCC;
pub(super) const SOI: u8 = 0xD8;
pub(super) const EOI: u8 = 0xD9;
pub(super) const SOS: u8 = 0xDA;
const DQT: u8 = 0xDB;
const DNL: u8 = 0xDC;
const DRI: u8 = 0xDD;
pub(super) const COM: u8 = 0xFE;

/// Decoders in use read no more components than CMYK has, and a scan holds no more than this (B.2.3).
const MAX_COMPONENTS: usize = 4;

/// Table destinations, 0 to 3, as a set of bits.
pub(super) type Destinations = u8;

/// What the frame header (`SOFn`) says of the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct FrameHeader {
    pub(super) width: u16,
    pub(super) height: u16,
    /// SOF0 or SOF1: decoders take the standard tables where this coding comes with none.
    pub(super) is_sequential_huffman: bool,
    /// The quantization tables that its components need.
    pub(super) needs: Destinations,
}

/// A well-formed segment, as far as the walker has to know it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Segment {
    FrameHeader(FrameHeader),
    HuffmanTables,
    QuantizationTables(Destinations),
    ScanHeader,
    Other,
}

/// Lengths, counting the length field, that a segment with this marker can have. `None`: a marker without a segment,
/// or one that is in no picture we take.
pub(super) fn lengths(code: u8) -> Option<RangeInclusive<usize>> {
    let lengths = match code {
        DHT => 2 + 17..=2 + 8 * (17 + 256),
        DQT => 2 + 65..=2 + 4 * 129,
        DAC => 2 + 2..=2 + 8 * 2,
        DNL | DRI => 4..=4,
        SOS => 6 + 2..=6 + 2 * MAX_COMPONENTS,
        COM => 2..=0xFFFF,
        code if is_application(code) => 2..=0xFFFF,
        code if is_frame_header(code) => 8 + 3..=8 + 3 * MAX_COMPONENTS,
        _ => return None,
    };
    Some(lengths)
}

/// APP0 to APP15 and COM: the program that wrote the picture put into it what it liked, a thumbnail for example.
pub(super) fn is_opaque(code: u8) -> bool {
    is_application(code) || code == COM
}

/// Reads what stands behind the length field.
pub(super) fn read(code: u8, payload: &[u8]) -> Result<Segment, JpegError> {
    let segment = match code {
        DHT => tables(payload, huffman_table_len).map(|_| Segment::HuffmanTables),
        DQT => tables(payload, quantization_table_len).map(Segment::QuantizationTables),
        SOS => is_scan_header(payload).then_some(Segment::ScanHeader),
        code if is_frame_header(code) => frame_header(code, payload).map(Segment::FrameHeader),
        _ => Some(Segment::Other),
    };
    segment.ok_or(JpegError::Malformed)
}

fn is_application(code: u8) -> bool {
    (0xE0..=0xEF).contains(&code)
}

fn is_frame_header(code: u8) -> bool {
    (0xC0..=0xCF).contains(&code) && ![DHT, JPG, DAC].contains(&code)
}

fn frame_header(code: u8, payload: &[u8]) -> Option<FrameHeader> {
    let &[_precision, y1, y0, x1, x0, components, ref specs @ ..] = payload else {
        return None;
    };
    let is_lossless = code & 3 == 3;
    let needs = specs
        .iter()
        .skip(2)
        .step_by(3)
        .fold(0, |needs, table| needs | 1 << (table & 3));
    let header = FrameHeader {
        width: u16::from_be_bytes([x1, x0]),
        height: u16::from_be_bytes([y1, y0]),
        is_sequential_huffman: code <= 0xC1,
        needs: if is_lossless { 0 } else { needs },
    };
    let well_formed = header.width > 0
        && header.height > 0
        && components > 0
        && specs.len() == 3 * usize::from(components);
    well_formed.then_some(header)
}

fn is_scan_header(payload: &[u8]) -> bool {
    payload.first().is_some_and(|&components| {
        components > 0 && payload.len() == 4 + 2 * usize::from(components)
    })
}

/// Where the tables go that fill the payload exactly, each as long as `table_len` reads from its beginning.
fn tables(payload: &[u8], table_len: impl Fn(&[u8]) -> Option<usize>) -> Option<Destinations> {
    let (mut rest, mut destinations) = (payload, 0);
    while let Some(selector) = rest.first() {
        destinations |= 1 << (selector & 3);
        rest = rest.get(table_len(rest)?..)?;
    }
    Some(destinations)
}

/// B.2.4.2: class and destination, sixteen counts, then as many symbols.
fn huffman_table_len(table: &[u8]) -> Option<usize> {
    let (&selector, rest) = table.split_first()?;
    let symbols: usize = rest.get(..16)?.iter().map(|&n| usize::from(n)).sum();
    let well_formed = selector >> 4 <= 1 && selector & 0x0F <= 3 && symbols <= 256;
    well_formed.then_some(17 + symbols)
}

/// B.2.4.1: precision and destination, then 64 elements of one or two bytes.
fn quantization_table_len(table: &[u8]) -> Option<usize> {
    let selector = *table.first()?;
    let well_formed = selector >> 4 <= 1 && selector & 0x0F <= 3;
    well_formed.then_some(1 + (64 << (selector >> 4)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sof(height: u16, width: u16, components: u8) -> Result<Segment, JpegError> {
        let mut payload = vec![8];
        payload.extend(height.to_be_bytes());
        payload.extend(width.to_be_bytes());
        payload.push(components);
        payload.extend([1, 0x11, 0].repeat(components.into()));
        read(0xC0, &payload)
    }

    #[test]
    fn a_frame_header_gives_the_size() {
        let Ok(Segment::FrameHeader(header)) = sof(720, 1280, 3) else {
            panic!("refused")
        };
        assert_eq!((header.width, header.height), (1280, 720));
    }

    #[test]
    fn a_picture_without_extent_is_malformed() {
        for refused in [sof(0, 8, 3), sof(8, 0, 3), sof(8, 8, 0)] {
            assert!(matches!(refused, Err(JpegError::Malformed)));
        }
    }

    #[test]
    fn tables_must_fill_their_segment() {
        let table = [&[0x00; 1][..], &[0, 1], &[0; 14], &[5]].concat();
        assert!(read(DHT, &table).is_ok());
        assert!(read(DHT, &table[..table.len() - 1]).is_err());
        assert!(read(DHT, &[&table[..], &[0]].concat()).is_err());
        assert!(read(DQT, &[0; 65]).is_ok());
        assert!(read(DQT, &[0; 66]).is_err());
        assert!(read(DQT, &[[0x10].as_slice(), &[0; 128]].concat()).is_ok());
    }

    #[test]
    fn markers_that_no_picture_holds_have_no_length() {
        for code in [
            0x00, 0x01, 0x02, 0xBF, 0xD0, 0xD7, SOI, EOI, JPG, 0xDE, 0xF0, 0xFF,
        ] {
            assert!(lengths(code).is_none(), "{code:02X}");
        }
    }
}
