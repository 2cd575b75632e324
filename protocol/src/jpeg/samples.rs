//! Pictures for tests, made by an encoder that shares nothing with the code under test.

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

pub(super) const WIDTH: u16 = 37;
pub(super) const HEIGHT: u16 = 21;

/// A picture of 37 by 21 pixels, 4:2:0 unless `options` say otherwise.
pub(super) fn color(options: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    encode(ColorType::Rgb, 3, options)
}

pub(super) fn plain() -> Vec<u8> {
    color(|_| ())
}

pub(super) fn grey() -> Vec<u8> {
    encode(ColorType::Luma, 1, |_| ())
}

pub(super) fn with_exif_thumbnail() -> Vec<u8> {
    let thumbnail = grey();
    color(|encoder| encoder.add_exif_metadata(&exif(&thumbnail, true)).unwrap())
}

/// Baseline pictures that use the standard Huffman tables.
pub(super) fn with_standard_tables() -> Vec<Vec<u8>> {
    use SamplingFactor::{R_4_2_0, R_4_2_2, R_4_4_4};
    let mut pictures: Vec<_> = [R_4_2_0, R_4_2_2, R_4_4_4]
        .map(|sampling| color(|encoder| encoder.set_sampling_factor(sampling)))
        .into();
    pictures.push(grey());
    pictures.push(with_exif_thumbnail());
    pictures.push(color(|encoder| encoder.set_restart_interval(1)));
    pictures
}

/// All kinds that have their tables.
pub(super) fn complete() -> Vec<Vec<u8>> {
    let mut pictures = with_standard_tables();
    pictures.push(color(|encoder| encoder.set_progressive(true)));
    pictures.push(color(|encoder| encoder.set_optimized_huffman_tables(true)));
    pictures.push(with_fill_bytes(&plain()));
    pictures
}

/// All kinds that a camera may send.
pub(super) fn all() -> Vec<Vec<u8>> {
    let mut pictures = complete();
    pictures.extend(
        with_standard_tables()
            .iter()
            .map(|jpeg| without_tables(jpeg)),
    );
    pictures
}

/// The first directory is empty, the second holds the thumbnail's place.
pub(super) fn exif(thumbnail: &[u8], is_big_endian: bool) -> Vec<u8> {
    let u16 = |n: u16| {
        if is_big_endian {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let u32 = |n: u32| {
        if is_big_endian {
            n.to_be_bytes()
        } else {
            n.to_le_bytes()
        }
    };
    let len = u32::try_from(thumbnail.len()).unwrap();
    let mut tiff = if is_big_endian {
        b"MM".to_vec()
    } else {
        b"II".to_vec()
    };
    tiff.extend(u16(42));
    tiff.extend(u32(8));
    tiff.extend(u16(0));
    tiff.extend(u32(14));
    tiff.extend(u16(2));
    for (tag, value) in [(0x0201, 44), (0x0202, len)] {
        tiff.extend([u16(tag), u16(4)].concat());
        tiff.extend([u32(1), u32(value)].concat());
    }
    tiff.extend(u32(0));
    assert_eq!(tiff.len(), 44);
    tiff.extend_from_slice(thumbnail);
    tiff.extend_from_slice(b"after the thumbnail");
    tiff
}

/// Header segments as (marker, bytes with marker and length), up to and without SOS; then all the rest.
pub(super) fn header(jpeg: &[u8]) -> (Vec<(u8, &[u8])>, &[u8]) {
    let (mut segments, mut rest) = (Vec::new(), &jpeg[2..]);
    while rest[1] != 0xDA {
        let len = 2 + usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        let (segment, behind) = rest.split_at(len);
        segments.push((segment[1], segment));
        rest = behind;
    }
    (segments, rest)
}

pub(super) fn without_tables(jpeg: &[u8]) -> Vec<u8> {
    rebuilt(jpeg, |&(marker, segment)| {
        if marker == 0xC4 {
            Vec::new()
        } else {
            segment.to_vec()
        }
    })
}

pub(super) fn with_fill_bytes(jpeg: &[u8]) -> Vec<u8> {
    rebuilt(jpeg, |(_, segment)| [&[0xFF; 3], *segment].concat())
}

fn rebuilt(jpeg: &[u8], each: impl FnMut(&(u8, &[u8])) -> Vec<u8>) -> Vec<u8> {
    let (segments, rest) = header(jpeg);
    let segments: Vec<u8> = segments.iter().flat_map(each).collect();
    [&[0xFF, 0xD8][..], &segments, rest].concat()
}

/// A picture of exactly `len` bytes, most of them entropy-coded data that no decoder would like.
pub(super) fn padded_to(len: usize) -> Vec<u8> {
    let mut jpeg = plain();
    let eoi = jpeg.split_off(jpeg.len() - 2);
    let mut data = b"\xFF\x00entropy-coded data \xFF\xD0".iter().cycle();
    while jpeg.len() + eoi.len() < len {
        jpeg.push(*data.next().unwrap());
    }
    if jpeg.last() == Some(&0xFF) {
        *jpeg.last_mut().unwrap() = 0;
    }
    [jpeg, eoi].concat()
}

pub(super) fn decode(jpeg: &[u8]) -> Vec<u8> {
    JpegDecoder::new(ZCursor::new(jpeg))
        .decode()
        .expect("a picture that decodes")
}

fn encode(
    color: ColorType,
    channels: usize,
    options: impl FnOnce(&mut Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let pixels: Vec<u8> = (0..usize::from(WIDTH) * usize::from(HEIGHT) * channels)
        .map(|n| (n * n / 7 % 251).to_le_bytes()[0])
        .collect();
    let mut jpeg = Vec::new();
    let mut encoder = Encoder::new(&mut jpeg, 80);
    options(&mut encoder);
    encoder.encode(&pixels, WIDTH, HEIGHT, color).unwrap();
    jpeg
}
