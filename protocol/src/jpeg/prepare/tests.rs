use bytes::Bytes;
use memchr::memmem;
use proptest::prelude::*;

use super::super::samples::{self, HEIGHT, WIDTH};
use super::*;

const LIMIT: usize = 1 << 20;

fn prepared(jpeg: &[u8]) -> Result<Picture, JpegError> {
    prepare(Bytes::copy_from_slice(jpeg), LIMIT)
}

#[test]
fn complete_pictures_are_shared_as_they_are() {
    for jpeg in samples::complete().into_iter().map(Bytes::from) {
        let picture = prepare(jpeg.clone(), LIMIT).unwrap();
        assert_eq!((picture.width, picture.height), (WIDTH, HEIGHT));
        assert_eq!(picture.jpeg, jpeg);
        assert_eq!(picture.jpeg.as_ptr(), jpeg.as_ptr());
    }
}

#[test]
fn a_picture_without_tables_is_given_the_standard_ones() {
    for whole in samples::with_standard_tables() {
        let stripped = samples::without_tables(&whole);
        assert!(stripped.len() < whole.len());
        let repaired = prepared(&stripped).unwrap().jpeg;
        assert_eq!(samples::decode(&repaired), samples::decode(&whole));
        assert_eq!(prepared(&repaired).unwrap().jpeg, repaired);
        // Decoders that know the standard tables by heart would hide that they are missing.
        assert_eq!(samples::header(&repaired).0.last().unwrap().0, 0xC4);
    }
}

#[test]
fn the_standard_tables_are_those_an_encoder_writes() {
    let tables = |jpeg: &[u8]| {
        let (segments, _) = samples::header(jpeg);
        let payloads = segments.iter().filter(|(marker, _)| *marker == 0xC4);
        payloads
            .flat_map(|(_, segment)| segment[4..].to_vec())
            .collect::<Vec<u8>>()
    };
    let whole = samples::plain();
    let repaired = prepared(&samples::without_tables(&whole)).unwrap().jpeg;
    assert_eq!(tables(&repaired), tables(&whole));
}

#[test]
fn a_progressive_picture_is_never_given_tables() {
    let stripped =
        samples::without_tables(&samples::color(|encoder| encoder.set_progressive(true)));
    assert_eq!(prepared(&stripped).unwrap().jpeg, stripped);
}

#[test]
fn what_follows_the_end_is_cut_off_without_a_copy() {
    for padding in [
        &[0; 100][..],
        &[0xFF; 7],
        b"\xFF\xD8\xFF",
        &samples::plain(),
    ] {
        let whole = samples::plain();
        let padded = Bytes::from([&whole[..], padding].concat());
        let picture = prepare(padded.clone(), LIMIT).unwrap();
        assert_eq!(picture.jpeg, whole);
        assert_eq!(picture.jpeg.as_ptr(), padded.as_ptr());
        assert_eq!(check(&padded), Ok((WIDTH, HEIGHT)));
    }
}

#[test]
fn a_picture_cut_anywhere_is_truncated() {
    for whole in samples::all() {
        for len in 0..whole.len() {
            let refused = if len < 2 {
                JpegError::NoStart
            } else {
                JpegError::Truncated
            };
            assert_eq!(
                check(&whole[..len]),
                Err(refused),
                "{len} of {}",
                whole.len()
            );
            let padded = [&whole[..len], &[0; 9]].concat();
            assert!(prepared(&padded).is_err(), "{len} of {}", whole.len());
        }
    }
}

#[test]
fn the_limit_is_for_what_is_handed_on() {
    let whole = Bytes::from(samples::plain());
    assert!(prepare(whole.clone(), whole.len()).is_ok());
    let refused = prepare(whole.clone(), whole.len() - 1);
    assert_eq!(refused, Err(JpegError::TooLarge));

    let padded = Bytes::from([&whole[..], &[0; 1000]].concat());
    assert!(prepare(padded, whole.len()).is_ok());

    let stripped = Bytes::from(samples::without_tables(&whole));
    let len = prepared(&stripped).unwrap().jpeg.len();
    assert!(prepare(stripped.clone(), len).is_ok());
    assert_eq!(prepare(stripped, len - 1), Err(JpegError::TooLarge));
}

#[test]
fn segments_out_of_place_are_malformed() {
    let whole = samples::plain();
    let (segments, scan) = samples::header(&whole);
    let frame_header = segments
        .iter()
        .find(|(marker, _)| *marker == 0xC0)
        .unwrap()
        .1;
    let soi = &[0xFF, 0xD8][..];
    for wrong in [
        [soi, scan].concat(),
        [soi, frame_header, frame_header, scan].concat(),
        [soi, frame_header, &[0xFF, 0xD9]].concat(),
        [soi, frame_header, &[0xFF, 0xD0], scan].concat(),
        [soi, &[0xFF, 0x01], frame_header, scan].concat(),
        [soi, frame_header, b"junk", scan].concat(),
        [soi, &[0xFF, 0xE1, 0, 1], frame_header, scan].concat(),
    ] {
        assert_eq!(check(&wrong), Err(JpegError::Malformed));
    }
}

#[test]
fn a_scan_without_its_quantization_tables_is_malformed() {
    let whole = samples::plain();
    let (segments, scan) = samples::header(&whole);
    let others = segments.iter().filter(|(marker, _)| *marker != 0xDB);
    let others: Vec<u8> = others.flat_map(|(_, segment)| segment.to_vec()).collect();
    let jpeg = [&[0xFF, 0xD8][..], &others, scan].concat();
    assert_eq!(check(&jpeg), Err(JpegError::Malformed));
}

#[test]
fn a_height_that_is_told_later_is_refused() {
    let mut jpeg = samples::plain();
    let at = memmem::find(&jpeg, &[0xFF, 0xC0]).unwrap();
    jpeg[at + 5..at + 7].fill(0);
    assert_eq!(check(&jpeg), Err(JpegError::Malformed));
}

#[test]
fn a_frame_is_checked_at_its_header_and_its_end() {
    for whole in samples::complete() {
        assert_eq!(check_frame(&whole), check(&whole));
        assert_eq!(check_frame(&[&whole[..], &[0; 64]].concat()), check(&whole));
        assert_eq!(
            check_frame(&whole[..whole.len() - 2]),
            Err(JpegError::Truncated)
        );
        assert!(check_frame(&whole[4..]).is_err());
    }
    assert!(check_frame(&[0xFF, 0xD8, 0xFF, 0xD9]).is_err());
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes: Vec<u8>, begins: bool) {
        let jpeg = if begins { [&[0xFF, 0xD8, 0xFF][..], &bytes].concat() } else { bytes };
        prop_assert_eq!(check(&jpeg).is_ok(), prepared(&jpeg).is_ok());
        prop_assert!(check(&jpeg).is_err() || check_frame(&jpeg) == check(&jpeg));
    }

    #[test]
    fn a_damaged_picture_never_panics(
        mut jpeg in prop::sample::select(samples::all()),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        for (at, byte) in damage {
            let at = at.index(jpeg.len());
            jpeg[at] = byte;
        }
        if let Ok(picture) = prepared(&jpeg) {
            prop_assert_eq!(check(&picture.jpeg), Ok((picture.width, picture.height)));
        }
    }
}
