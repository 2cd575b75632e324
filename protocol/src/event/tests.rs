use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::frame::{FrameId, StreamId};

fn camera() -> CameraName {
    "front-door".parse().unwrap()
}

fn frame(sequence: u64, micros: i64, jpeg: Vec<u8>) -> Frame {
    Frame {
        id: FrameId {
            camera: camera(),
            stream: StreamId::new(),
            sequence,
        },
        captured_at: Timestamp::from_microsecond(micros).unwrap(),
        width: 1280,
        height: 720,
        crc32c: crc32c::crc32c(&jpeg),
        dropped: 3,
        jpeg: jpeg.into(),
    }
}

fn through(frame: &Frame, format: Format, with_content_type: bool) -> Decoded {
    let sent = encode(frame, format);
    let content_type = with_content_type.then_some(sent.content_type);
    decode(&camera(), content_type, &sent.user_properties, sent.payload).unwrap()
}

proptest! {
    #[test]
    fn every_frame_comes_back_as_it_was(
        sequence in 1..u64::MAX,
        micros in 0..4_102_444_800_000_000_i64,
        jpeg in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let frame = frame(sequence, micros, jpeg);
        prop_assert_eq!(through(&frame, Format::Binary, true), Decoded::Frame(frame.clone()));
        prop_assert_eq!(through(&frame, Format::Json, true), Decoded::Frame(frame.clone()));
        prop_assert_eq!(through(&frame, Format::Json, false), Decoded::Frame(frame));
    }

    #[test]
    fn no_payload_panics(payload in prop::collection::vec(any::<u8>(), 0..300)) {
        for content_type in [None, Some(CONTENT_TYPE_JPEG), Some(CONTENT_TYPE_STRUCTURED)] {
            let _ = decode(&camera(), content_type, &[], payload.clone().into());
        }
    }
}

#[test]
fn binary_mode_carries_the_documented_attributes() {
    let sent = encode(
        &frame(7, 1_763_821_805_123_456, vec![0xff, 0xd8]),
        Format::Binary,
    );
    let of = |name: &str| {
        sent.user_properties
            .iter()
            .find(|(n, _)| n == name)
            .unwrap()
            .1
            .clone()
    };
    assert_eq!(of("time"), "2025-11-22T14:30:05.123456Z");
    assert_eq!(of("sequence"), "00000000000000000007");
    assert_eq!(of("source"), "/cameras/front-door");
    assert_eq!(of("id"), format!("{}-{}", of("stream"), of("sequence")));
    assert!(
        sent.user_properties
            .iter()
            .all(|(name, _)| name.len() <= 20)
    );
}

#[test]
fn a_bare_jpeg_is_foreign_whatever_its_content_type() {
    let jpeg = Bytes::from_static(&[0xff, 0xd8, 0xff, 0xd9]);
    for content_type in [
        None,
        Some(CONTENT_TYPE_JPEG),
        Some("application/octet-stream"),
    ] {
        assert_eq!(
            decode(&camera(), content_type, &[], jpeg.clone()).unwrap(),
            Decoded::Foreign(jpeg.clone())
        );
    }
}

#[test]
fn a_picture_in_another_type_of_event_is_foreign() {
    let jpeg = Bytes::from_static(&[0xff, 0xd8, 0xff, 0xd9]);
    let attributes = [("specversion", "1.0"), ("type", "org.example.photo")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(
        decode(
            &camera(),
            Some(CONTENT_TYPE_JPEG),
            &attributes,
            jpeg.clone()
        )
        .unwrap(),
        Decoded::Foreign(jpeg)
    );
}

#[test]
fn the_case_of_a_content_type_does_not_matter() {
    let frame = frame(1, 0, vec![1]);
    let payload = encode(&frame, Format::Json).payload;
    let content_type = Some("Application/CloudEvents+JSON");
    assert_eq!(
        decode(&camera(), content_type, &[], payload).unwrap(),
        Decoded::Frame(frame)
    );
}

#[test]
fn a_frame_of_another_camera_is_refused() {
    let sent = encode(&frame(1, 0, vec![]), Format::Binary);
    let back_door = "back-door".parse().unwrap();
    let refused = decode(
        &back_door,
        Some(CONTENT_TYPE_JPEG),
        &sent.user_properties,
        sent.payload,
    )
    .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "attribute `source` is not the camera of this topic"
    );
}

#[test]
fn integers_may_come_as_json_numbers() {
    let frame = frame(1, 0, vec![1]);
    let mut json: serde_json::Value =
        serde_json::from_slice(&encode(&frame, Format::Json).payload).unwrap();
    json["framewidth"] = 1280.into();
    json["dropped"] = 3.into();
    let payload = serde_json::to_vec(&json).unwrap().into();
    assert_eq!(
        decode(&camera(), None, &[], payload).unwrap(),
        Decoded::Frame(frame)
    );
}
