use bytes::Bytes;
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::frame::StreamId;

fn any_request() -> impl Strategy<Value = Request> {
    let name = "[a-z0-9_]{1,32}";
    let controls = prop::collection::btree_map(name, any::<i64>(), 1..=MAX_CONTROLS);
    prop_oneof![
        Just(Request::Pause {}),
        Just(Request::Resume {}),
        Just(Request::Snapshot {}),
        Just(Request::Status {}),
        (1_u32..=100_000).prop_map(|cents| Request::Fps {
            fps: f64::from(cents) / 100.0
        }),
        (16_u32..=7680, 16_u32..=7680).prop_map(|(width, height)| Request::Resolution {
            size: format!("{width}x{height}").parse().unwrap()
        }),
        controls.prop_map(|controls| Request::Set {
            controls: Controls::new(controls.into_iter().collect()).unwrap()
        }),
    ]
}

fn why(json: &str) -> String {
    Request::from_json(json.as_bytes()).unwrap_err().to_string()
}

proptest! {
    #[test]
    fn a_request_is_read_as_it_was_written(request in any_request()) {
        let json = request.to_json();
        prop_assume!(json.len() <= MAX_REQUEST_BYTES);
        prop_assert_eq!(Request::from_json(&json).unwrap(), request);
    }

    #[test]
    fn any_bytes_are_read_or_refused_in_one_short_line(bytes in prop::collection::vec(any::<u8>(), 0..1500)) {
        if let Err(error) = Request::from_json(&bytes) {
            let line = error.to_string();
            prop_assert!(line.len() < 1000 && !line.contains(char::is_control));
        }
        let _ = Answer::from_json(&bytes);
        let _ = Snapshot::read(&[], bytes.into());
    }

    #[test]
    fn a_damaged_request_is_read_or_refused(
        request in any_request(),
        at in any::<prop::sample::Index>(),
        with in any::<u8>(),
    ) {
        let mut json = request.to_json();
        let at = at.index(json.len());
        json[at] = with;
        if let Err(error) = Request::from_json(&json) {
            prop_assert!(!error.to_string().contains(char::is_control));
        }
    }

    #[test]
    fn what_a_stranger_writes_never_reaches_a_terminal_raw(word in "\\PC{0,20}[\\x00-\\x1f\\x7f]\\PC{0,20}") {
        let json = serde_json::json!({ "command": word }).to_string();
        prop_assert!(!why(&json).contains(char::is_control));
        let json = serde_json::json!({ "answer": "busy", "why": word }).to_string();
        let read = Answer::from_json(json.as_bytes()).unwrap();
        for answer in [Answer::refused(&word), read] {
            let (Answer::Refused { why } | Answer::Busy { why }) = answer else { unreachable!() };
            prop_assert!(!why.contains(char::is_control));
        }
    }
}

#[test]
fn unknown_members_are_refused_wherever_they_are() {
    for json in [
        r#"{"command":"pause","for":"10s"}"#,
        r#"{"command":"status","x":null}"#,
        r#"{"command":"fps","fps":5,"resolution":"640x480"}"#,
        r#"{"command":"resolution","size":"640x480","x":1}"#,
        r#"{"command":"set","controls":{"gain":1},"x":1}"#,
    ] {
        assert!(why(json).contains("unknown field"), "{json}: {}", why(json));
    }
    for json in [
        r#"{"command":"fps","fps":5,"fps":6}"#,
        r#"{"command":"pause","command":"resume"}"#,
        r#"{"command":"pause"}{}"#,
        r#"{"command":"pause"} x"#,
    ] {
        why(json);
    }
}

#[test]
fn wrong_values_are_refused_in_plain_words() {
    for (json, words) in [
        ("", "no request"),
        ("null", "no request"),
        (r#"["pause"]"#, "no JSON object"),
        (r#"{"command":"reboot"}"#, "reboot"),
        (r#"{"command":"fps"}"#, "missing field"),
        (r#"{"command":"fps","fps":"15"}"#, "f64"),
        (
            r#"{"command":"fps","fps":0}"#,
            "fps must be from 0.01 to 1000",
        ),
        (r#"{"command":"fps","fps":1e999}"#, "out of range"),
        (r#"{"command":"fps","fps":-1}"#, "fps must be"),
        (
            r#"{"command":"resolution","size":"7681x16"}"#,
            "each side from 16 to 7680",
        ),
        (
            r#"{"command":"resolution","size":"+640x480"}"#,
            "a size is such as",
        ),
        (
            r#"{"command":"resolution","size":"640"}"#,
            "a size is such as",
        ),
        (r#"{"command":"set","controls":{}}"#, "1 to 16 controls"),
        (
            r#"{"command":"set","controls":{"gain":1,"gain":2}}"#,
            "twice",
        ),
        (r#"{"command":"set","controls":{"gain":1.5}}"#, "i64"),
        (
            r#"{"command":"set","controls":{"Gain":1}}"#,
            "a control's name",
        ),
    ] {
        assert!(why(json).contains(words), "{json}: {}", why(json));
    }
    let long = format!(r#"{{"command":"pause"{}}}"#, " ".repeat(MAX_REQUEST_BYTES));
    assert!(why(&long).contains("at most 1024 bytes"));
}

#[test]
fn an_answer_of_a_newer_camera_is_understood() {
    let json = r#"{"answer":"refused","why":"no","hint":"x"}"#;
    assert_eq!(
        Answer::from_json(json.as_bytes()).unwrap(),
        Answer::refused("no")
    );
}

#[test]
fn a_status_is_read_as_it_was_written_however_long_its_source() {
    let status = Status {
        state: State::Paused,
        source: "exec:".to_owned() + &"long ".repeat(10_000),
        stream: StreamId::new(),
        uptime_seconds: 1,
        resolution: Some("640x480".to_owned()),
        fps: 29.97,
        asked: Some(Asked {
            resolution: "16384x16384".to_owned(),
            fps: None,
        }),
        captured: 1,
        delivered: 2,
        dropped: 3,
        invalid: 4,
        queued_frames: 5,
        spooled_frames: 6,
        reconnects: 7,
    };
    let answer = Answer::done(status);
    assert_eq!(Answer::from_json(&answer.to_json()).unwrap(), answer);
}

#[test]
fn a_snapshot_arrives_whole_or_not_at_all() {
    let jpeg = Bytes::from_static(b"\xff\xd8picture\xff\xd9");
    let camera = "door".parse().unwrap();
    let mut snapshot = Snapshot::unnumbered(jpeg.clone(), Timestamp::now(), 640, 480);
    for place in [None, Some((StreamId::new(), 7))] {
        snapshot.place = place;
        let properties = snapshot.user_properties(&camera);
        assert_eq!(
            Snapshot::read(&properties, jpeg.clone()),
            Some(snapshot.clone())
        );
        assert_eq!(Snapshot::read(&properties, jpeg.slice(1..)), None);
        assert_eq!(Snapshot::read(&properties[1..4], jpeg.clone()), None);
    }
}
