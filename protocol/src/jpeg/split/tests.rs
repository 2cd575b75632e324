use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::{check, prepare, samples};
use super::*;

const LIMIT: usize = 1 << 20;

static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(samples::all);

/// All that is found in a stream, and how much was skipped.
type Found = (Vec<Split>, u64);

fn split(max_frame_bytes: usize, chunks: impl IntoIterator<Item: AsRef<[u8]>>) -> Found {
    let mut splitter = Splitter::new(max_frame_bytes);
    let mut found = Vec::new();
    for chunk in chunks {
        splitter.push(chunk.as_ref());
        found.extend(std::iter::from_fn(|| splitter.next_split()));
    }
    found.extend(std::iter::from_fn(|| splitter.finish()));
    (found, splitter.skipped_bytes())
}

fn pictures(found: &Found) -> Vec<&[u8]> {
    let mut pictures = Vec::new();
    for split in &found.0 {
        if let Split::Picture(jpeg) = split {
            pictures.push(&jpeg.bytes()[..]);
        }
    }
    pictures
}

fn errors(found: &Found) -> Vec<JpegError> {
    let error = |split: &Split| match split {
        Split::Picture(_) => None,
        Split::Broken(error) => Some(*error),
    };
    found.0.iter().filter_map(error).collect()
}

#[test]
fn pictures_of_all_kinds_come_out_as_they_went_in() {
    let found = split(LIMIT, SAMPLES.iter());
    assert_eq!(pictures(&found), *SAMPLES);
    assert_eq!((errors(&found), found.1), (vec![], 0));
}

#[test]
fn a_picture_comes_with_its_last_byte() {
    let mut splitter = Splitter::new(LIMIT);
    for jpeg in SAMPLES.iter() {
        let (last, before) = jpeg.split_last().unwrap();
        splitter.push(before);
        assert_eq!(splitter.next_split(), None);
        splitter.push(&[*last]);
        assert_eq!(
            splitter.next_split(),
            Some(Split::Picture(jpeg.clone().into()))
        );
    }
}

#[test]
fn a_multipart_body_is_pictures_with_garbage_between() {
    let part = |jpeg: &Vec<u8>| {
        let head = format!(
            "--b\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            jpeg.len()
        );
        [head.as_bytes(), jpeg, b"\r\n"].concat()
    };
    let body: Vec<u8> = SAMPLES.iter().flat_map(part).collect();
    let found = split(LIMIT, body.chunks(1000));
    assert_eq!(pictures(&found), *SAMPLES);
    let garbage = body.len() - SAMPLES.iter().map(Vec::len).sum::<usize>();
    assert_eq!((errors(&found), found.1), (vec![], garbage as u64));
}

#[test]
fn nothing_gives_nothing() {
    assert_eq!(split(LIMIT, [b""]), (vec![], 0));
    assert_eq!(split(LIMIT, [b"\xFF\xD8"]), (vec![], 2));
}

#[test]
fn a_picture_torn_at_the_end_of_the_stream_is_truncated() {
    for jpeg in SAMPLES.iter() {
        for len in BEGIN.len()..jpeg.len() {
            let found = split(LIMIT, [&jpeg[..len]]);
            assert_eq!(found.0, [Split::Broken(JpegError::Truncated)], "{len}");
        }
    }
}

#[test]
fn a_torn_picture_does_not_take_the_next_one_with_it() {
    for jpeg in SAMPLES.iter() {
        let mut merged = 0;
        for len in BEGIN.len()..jpeg.len() {
            let found = split(LIMIT, [&jpeg[..len], jpeg, jpeg]);
            let [first, second] = pictures(&found)[..] else {
                panic!("torn at {len}: {:?}", errors(&found))
            };
            assert!(second == jpeg, "torn at {len}");
            if first == jpeg {
                assert_eq!(errors(&found).len(), 1, "torn at {len}");
            } else {
                merged += 1;
            }
        }
        // The tear that cannot be seen: see the documentation of `Splitter`.
        assert!(merged <= 12, "{merged} of {} tears", jpeg.len());
    }
}

#[test]
fn a_torn_plain_picture_keeps_the_next_ones_pixels() {
    let jpeg = samples::plain();
    for len in BEGIN.len()..jpeg.len() {
        let found = split(LIMIT, [&jpeg[..len], &jpeg]);
        let [picture] = pictures(&found)[..] else {
            panic!("torn at {len}: {:?}", errors(&found))
        };
        let is_same = picture == jpeg || samples::decode(picture) == samples::decode(&jpeg);
        assert!(is_same, "torn at {len}");
    }
}

#[test]
fn a_segment_torn_to_span_several_pictures_gives_them_back() {
    let jpeg = samples::plain();
    let torn = b"\xFF\xD8\xFF\xE1\xFF\xF0Exif\0\0";
    let count = 0xFFF0 / jpeg.len() + 2;
    let stream = [&torn[..], &jpeg.repeat(count)].concat();
    for cut in [stream.len(), stream.len() - 1, torn.len() + jpeg.len() + 5] {
        let found = split(LIMIT, stream[..cut].chunks(64));
        let whole = (cut - torn.len()) / jpeg.len();
        assert_eq!(pictures(&found), vec![&jpeg; whole]);
    }
}

#[test]
fn a_picture_above_the_limit_is_broken_once_and_never_held() {
    let (small, large) = (samples::padded_to(10_000), samples::padded_to(3_000_000));
    let mut splitter = Splitter::new(small.len());
    let mut found = Vec::new();
    for chunk in [&small[..], &large, &small].concat().chunks(1000) {
        splitter.push(chunk);
        found.extend(std::iter::from_fn(|| splitter.next_split()));
        assert!(splitter.held.len() <= small.len() + chunk.len());
        assert!(splitter.held.capacity() <= 8 * small.len());
    }
    let small = Split::Picture(small.into());
    assert_eq!(
        found,
        [small.clone(), Split::Broken(JpegError::TooLarge), small]
    );
}

#[test]
fn garbage_is_never_held() {
    let mut splitter = Splitter::new(LIMIT);
    for _ in 0..100 {
        splitter.push(&[0xFF; 10_000]);
        assert_eq!(splitter.next_split(), None);
        assert!(splitter.held.len() < BEGIN.len());
    }
}

#[test]
fn twenty_megabytes_in_small_chunks_are_one_picture() {
    let jpeg = samples::padded_to(20_000_000);
    let found = split(20_000_000, jpeg.chunks(4096));
    assert_eq!(found, (vec![Split::Picture(jpeg.into())], 0));
}

/// Every SOI leads into one long chain of segments: to walk the chain for each of them would take for ever.
#[test]
fn hostile_nesting_takes_linear_time() {
    let mut stream = Vec::new();
    for n in 0..10_000_u16 {
        stream.extend([0xFF, 0xD8, 0xFF, 0xE0]);
        stream.extend((60_000 - 6 * n + 2).to_be_bytes());
    }
    stream.extend([0xFF, 0xE0, 0, 2].repeat(500_000));
    let (found, _) = split(LIMIT * 8, [stream]);
    assert!(found.len() <= 10_000);
}

#[test]
fn the_room_for_a_picture_is_taken_at_once() {
    let jpeg = samples::padded_to(100_000);
    let mut splitter = Splitter::new(LIMIT);
    splitter.push(&jpeg);
    let first = splitter.next_split();
    assert!(first.is_some());
    splitter.push(&jpeg[..1000]);
    let held = splitter.held.as_ptr();
    jpeg[1000..]
        .chunks(1000)
        .for_each(|chunk| splitter.push(chunk));
    assert_eq!(splitter.held.as_ptr(), held);
    assert_eq!(splitter.next_split(), first);
}

fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![Just(0xFF), Just(0xD8), Just(0xD9), Just(0), any::<u8>()];
    prop::collection::vec(byte, 0..40)
}

/// Whole samples with garbage in front of each and at the end, cut at random.
fn stream() -> impl Strategy<Value = Vec<(Vec<u8>, usize)>> {
    prop::collection::vec((garbage(), 0..SAMPLES.len()), 0..5)
}

fn cut(stream: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut cuts: Vec<_> = cuts.iter().map(|at| at.index(stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|ends| stream[ends[0]..ends[1]].to_vec())
        .collect()
}

proptest! {
    #[test]
    fn garbage_between_pictures_is_skipped_and_counted(parts in stream(), cuts: Vec<prop::sample::Index>) {
        let (mut stream, mut expected, mut skipped) = (Vec::new(), Vec::new(), 0);
        for (garbage, kind) in parts {
            let jpeg = &SAMPLES[kind];
            let is_begin = memmem::find(&[&garbage[..], &jpeg[..1]].concat(), &BEGIN).is_some();
            let garbage = if is_begin { b"\xFF\xD8 \xFF".to_vec() } else { garbage };
            skipped += garbage.len() as u64;
            stream.extend(garbage);
            stream.extend(jpeg);
            expected.push(Split::Picture(jpeg.clone().into()));
        }
        prop_assert_eq!(split(LIMIT, cut(&stream, &cuts)), (expected, skipped));
    }

    #[test]
    fn any_chunking_finds_the_same(
        parts in stream(),
        losses in prop::collection::vec((any::<prop::sample::Index>(), 0..700_usize, garbage()), 0..5),
        cuts: Vec<prop::sample::Index>,
        limit in prop_oneof![Just(LIMIT), 0..2000_usize],
    ) {
        let mut stream: Vec<u8> = parts
            .into_iter()
            .flat_map(|(garbage, kind)| [garbage, SAMPLES[kind].clone()].concat())
            .collect();
        for (at, len, garbage) in losses {
            let at = at.index(stream.len() + 1);
            let end = stream.len().min(at + len);
            stream.splice(at..end, garbage);
        }
        let found = split(limit, [&stream]);
        prop_assert_eq!(&split(limit, cut(&stream, &cuts)), &found);
        prop_assert_eq!(&split(limit, stream.chunks(1)), &found);
        let mut accounted = found.1;
        for jpeg in pictures(&found) {
            prop_assert!(jpeg.len() <= limit);
            prop_assert!(jpeg.starts_with(&BEGIN) && jpeg.ends_with(&[0xFF, 0xD9]));
            prop_assert!(check(jpeg).is_ok());
            accounted += jpeg.len() as u64;
        }
        prop_assert!(accounted <= stream.len() as u64);
    }

    #[test]
    fn arbitrary_bytes_never_panic(parts in prop::collection::vec(prop_oneof![
        3 => Just(vec![0xFF, 0xD8]),
        2 => prop::sample::select(vec![0xC0, 0xC4, 0xDA, 0xDB, 0xDD, 0xE0, 0xE1]).prop_map(|code| vec![0xFF, code, 0]),
        1 => Just(vec![0xFF, 0xD9]),
        2 => garbage(),
    ], 0..60), limit in 0..300_usize) {
        let stream = parts.concat();
        prop_assert_eq!(split(limit, [&stream]), split(limit, stream.chunks(1)));
    }
}

#[test]
fn what_is_read_is_what_is_pushed() {
    let once = SAMPLES.concat();
    let stream = once.repeat(3 * READ_BYTES / once.len() + 1);
    assert!(stream.len() > 2 * READ_BYTES, "several readings");
    let (mut splitter, mut reader, mut found) = (Splitter::new(LIMIT), &stream[..], Vec::new());
    while splitter.read_from(&mut reader).unwrap() > 0 {
        found.extend(std::iter::from_fn(|| splitter.next_split()));
    }
    found.extend(std::iter::from_fn(|| splitter.finish()));
    assert_eq!((found, splitter.skipped_bytes()), split(LIMIT, [&stream]));
}

#[test]
fn what_the_splitter_knows_of_a_picture_is_what_a_walk_finds() {
    for split in split(LIMIT, SAMPLES.iter()).0 {
        let Split::Picture(picture) = split else {
            panic!("a whole picture");
        };
        let walked = prepare(picture.bytes().clone(), LIMIT);
        assert_eq!(prepare(picture, LIMIT), walked);
    }
}
