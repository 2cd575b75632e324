use std::path::{Component, Path};

use bytes::Bytes;
use proptest::prelude::*;
use protocol::frame::{FrameId, StreamId};

use super::*;

const TEMPLATES: [&str; 8] = [
    "minutes",
    "images",
    "flat",
    "%d.jpg",
    "{camera}_{stream8}_{sequence}.jpeg",
    "{stream}/{second}/{camera} %01d.jpg",
    "{date}/{sequence:03}.JPG",
    "{sequence:01}_{stream8}{camera}.jpg",
];

fn frame(camera: &str, stream: u128, sequence: u64, captured_at: Timestamp) -> Frame {
    let hex = format!("{stream:032x}");
    let stream = [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-");
    Frame {
        id: FrameId {
            camera: camera.parse().unwrap(),
            stream: StreamId::parse(&stream).unwrap(),
            sequence,
        },
        captured_at,
        width: 0,
        height: 0,
        crc32c: 0,
        dropped: 0,
        jpeg: Bytes::new(),
    }
}

fn on_22_november(sequence: u64) -> Frame {
    let at = "2026-11-22T14:30:05.123456Z".parse().unwrap();
    frame("front-door", 0x1a2b_3c4d, sequence, at)
}

fn path(layout: &str, frame: &Frame) -> String {
    let path = layout.parse::<Layout>().unwrap().path(frame);
    path.to_str().unwrap().replace('\\', "/")
}

/// Cameras that differ only in case, that Windows reserves, and that take our own names.
fn cameras() -> impl Strategy<Value = String> {
    prop_oneof![
        "[aA1]{1,2}",
        "(CON|con|com1|LPT0|quarantine|Quarantine|foreign)",
        "[A-Za-z0-9_-]{1,64}",
    ]
}

fn assert_legal(path: &Path) {
    for component in path.components() {
        let Component::Normal(name) = component else {
            panic!("{} is not a plain relative path", path.display());
        };
        let name = name.to_str().unwrap();
        assert!(!name.chars().any(windows::is_forbidden), "{name}");
        assert!(
            !name.ends_with(['.', ' ']) && !name.starts_with('.'),
            "{name}"
        );
        assert_eq!(windows::legal(name.to_owned()), name);
        assert!(name.len() <= 245, "{name}");
    }
}

proptest! {
    #[test]
    fn every_path_is_legal_on_windows(
        camera in cameras(),
        stream: u128,
        sequence in 1..u64::MAX,
        micros in -1_000_000_000_000_i64..253_402_000_000_000_000,
        payload in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let at = Timestamp::from_microsecond(micros).unwrap();
        let frame = frame(&camera, stream, sequence, at);
        for template in TEMPLATES {
            let path = template.parse::<Layout>().unwrap().path(&frame);
            assert_legal(&path);
            prop_assert!(!path.starts_with(QUARANTINE));
        }
        assert_legal(&foreign_path(&frame.id.camera, at, 7));
        assert_legal(&quarantine_path(&frame.id.camera, &payload));
    }

    #[test]
    fn two_frames_never_share_a_path_even_where_case_is_ignored(
        cameras in [cameras(), cameras()],
        streams in prop_oneof![[0_u32..20, 0_u32..20], [any::<u32>(), any::<u32>()]],
        sequences in prop_oneof![[1_u64..2000, 1_u64..2000], [any::<u64>(), any::<u64>()]],
    ) {
        // A stream is one camera's, so two cameras have two streams.
        prop_assume!(cameras[0] == cameras[1] || streams[0] != streams[1]);
        prop_assume!(streams[0] != streams[1] || sequences[0] != sequences[1]);
        let [one, two] = [0, 1].map(|i| {
            frame(&cameras[i], streams[i].into(), sequences[i], Timestamp::UNIX_EPOCH)
        });
        for template in TEMPLATES {
            prop_assert_ne!(
                path(template, &one).to_lowercase(),
                path(template, &two).to_lowercase()
            );
        }
    }

    #[test]
    fn no_template_panics(text in r"([a-z./\\:%0-9{} ]|\{(sequence|camera|time)(:09)?\}|%0[0-9]+d|\PC){0,12}(\.jpg)?") {
        if let Ok(layout) = text.parse::<Layout>() {
            assert_legal(&layout.path(&on_22_november(1)));
        }
    }
}

#[test]
fn the_default_is_minute_folders() {
    assert_eq!(
        path("minutes", &on_22_november(123)),
        "front-door/2026-11-22/14/30/20261122T143005.123456Z_1a2b3c4d_000000123.jpg"
    );
    assert_eq!(
        Layout::default().path(&on_22_november(123)),
        "minutes"
            .parse::<Layout>()
            .unwrap()
            .path(&on_22_november(123))
    );
}

#[test]
fn a_numbered_series_rolls_over_before_it_overflows() {
    for (sequence, expected) in [
        (1, "front-door/1a2b3c4d/image000001.jpg"),
        (999_999, "front-door/1a2b3c4d/image999999.jpg"),
        (1_000_000, "front-door/1a2b3c4d-1/image000000.jpg"),
        (2_500_000, "front-door/1a2b3c4d-2/image500000.jpg"),
    ] {
        assert_eq!(path("images", &on_22_november(sequence)), expected);
    }
}

#[test]
fn camera_and_stream_are_added_only_where_the_template_lacks_them() {
    for (template, expected) in [
        ("%d.jpg", "front-door/1a2b3c4d/7.jpg"),
        ("a/{camera}/%03d.jpg", "a/front-door/1a2b3c4d/007.jpg"),
        ("{stream8}_%d.jpg", "front-door/1a2b3c4d_7.jpg"),
        ("100%%/{sequence}.jpeg", "front-door/100%/1a2b3c4d/7.jpeg"),
        (
            "{camera}-{second}/{stream8}_{sequence}.jpg",
            "front-door-05/1a2b3c4d_7.jpg",
        ),
    ] {
        assert_eq!(path(template, &on_22_november(7)), expected);
    }
}

#[test]
fn unusable_templates_are_refused_by_name() {
    use LayoutError as E;
    let refused = |text: &str| text.parse::<Layout>().unwrap_err();
    assert_eq!(refused("{frame}.jpg"), E::Placeholder("frame".into()));
    assert_eq!(
        refused("{sequence:9}.jpg"),
        E::Placeholder("sequence:9".into())
    );
    assert_eq!(refused("{sequence.jpg"), E::Stray('{'));
    assert_eq!(refused("%s%d.jpg"), E::Stray('%'));
    assert_eq!(refused("a?_%d.jpg"), E::Forbidden('?'));
    assert_eq!(refused(r"{camera}\%d.jpg"), E::Forbidden('\\'));
    assert_eq!(refused("c:/%d.jpg"), E::Forbidden(':'));
    assert_eq!(refused("../%d.jpg"), E::Component("..".into()));
    assert_eq!(refused("a//%d.jpg"), E::Component(String::new()));
    assert_eq!(refused("a /%d.jpg"), E::Component("a ".into()));
    assert_eq!(refused("/tmp/%d.jpg"), E::Absolute);
    assert_eq!(refused("{time}.jpg"), E::Sequence);
    assert_eq!(refused("%d/{sequence}.jpg"), E::Sequence);
    assert_eq!(refused("{stream8}%d.jpg"), E::Beside);
    assert_eq!(refused("cam1%d.jpg"), E::Beside);
    assert_eq!(refused("%d.png"), E::Extension);
    assert_eq!(
        refused(&format!("{}%d.jpg", "x".repeat(217))),
        E::TooLong(241)
    );
}

#[test]
fn reserved_camera_names_are_escaped_everywhere() {
    let con: CameraName = "CON".parse().unwrap();
    let quarantine: CameraName = "quarantine".parse().unwrap();
    let at = Timestamp::UNIX_EPOCH;
    assert!(path("images", &frame("CON", 1, 1, at)).starts_with("CON_/"));
    assert!(path("flat", &frame("quarantine", 1, 1, at)).starts_with("quarantine_/"));
    assert!(foreign_path(&con, at, 1).starts_with("CON_"));
    assert!(foreign_path(&quarantine, at, 1).starts_with("quarantine_"));
    assert!(quarantine_path(&con, b"x").starts_with("quarantine/CON_"));
}
