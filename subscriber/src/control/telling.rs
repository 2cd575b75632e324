//! What came of a request, in words or as JSON. Pure.

use std::path::Path;

use protocol::control::{Request, Snapshot, State, Status};
use protocol::topic::CameraName;
use serde_json::json;

/// One line: `door is paused`.
pub(super) fn in_words(camera: &CameraName, request: &Request, status: &Status) -> String {
    match request {
        Request::Set { controls } => format!("{camera}: set {controls}"),
        Request::Fps { fps } => format!("{camera} is asked for {fps} fps{}", paused_hint(status)),
        Request::Resolution { size } => match &status.resolution {
            Some(given) if status.state == State::Capturing && *given != size.to_string() => {
                format!("{camera} gives {given} instead of {size}")
            }
            Some(_) if status.state == State::Capturing => format!("{camera} gives {size}"),
            _ => format!("{camera} is asked for {size}{}", paused_hint(status)),
        },
        Request::Pause {} | Request::Resume {} | Request::Snapshot {} => {
            format!("{camera} is {}", state(status))
        }
        Request::Status {} => full(camera, status),
    }
}

/// `door is capturing 1280x720 from /dev/video0 at 29.97 fps; captured 1234, delivered 1230, ...`
fn full(camera: &CameraName, status: &Status) -> String {
    let size = status
        .resolution
        .as_ref()
        .map_or_else(String::new, |size| format!(" {size}"));
    let asked = status.asked.as_ref().map_or_else(String::new, |asked| {
        let fps = asked
            .fps
            .map_or_else(String::new, |fps| format!(" at {fps} fps"));
        format!(" (asked for {}{fps})", asked.resolution)
    });
    format!(
        "{camera} is {}{size} from {} at {} fps{asked}; captured {}, delivered {}, dropped {}, invalid {}, queued {}, \
         spooled {}; {} reconnects, up {} s, stream {}",
        state(status),
        status.source,
        status.fps,
        status.captured,
        status.delivered,
        status.dropped,
        status.invalid,
        status.queued_frames,
        status.spooled_frames,
        status.reconnects,
        status.uptime_seconds,
        status.stream,
    )
}

fn state(status: &Status) -> &'static str {
    match status.state {
        State::Capturing => "capturing",
        State::Paused => "paused",
    }
}

fn paused_hint(status: &Status) -> &'static str {
    match status.state {
        State::Capturing => "",
        State::Paused => ", once it is resumed",
    }
}

pub(super) fn snapshot_in_words(camera: &CameraName, snapshot: &Snapshot, path: &Path) -> String {
    format!(
        "{camera}: {}x{} of {} in {}",
        snapshot.width,
        snapshot.height,
        snapshot.captured_at,
        path.display()
    )
}

pub(super) fn snapshot_as_json(snapshot: &Snapshot, path: &Path) -> String {
    let (stream, sequence) = snapshot
        .place
        .map(|(stream, sequence)| (stream.to_string(), sequence))
        .unzip();
    json!({
        "file": path.display().to_string(),
        "time": snapshot.captured_at.to_string(),
        "width": snapshot.width,
        "height": snapshot.height,
        "bytes": snapshot.jpeg.len(),
        "stream": stream,
        "sequence": sequence,
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::frame::StreamId;

    fn status(state: State, resolution: &str) -> Status {
        Status {
            state,
            source: "test".into(),
            stream: StreamId::new(),
            uptime_seconds: 5,
            resolution: Some(resolution.into()),
            fps: 30.0,
            asked: None,
            captured: 150,
            delivered: 149,
            dropped: 1,
            invalid: 0,
            queued_frames: 0,
            spooled_frames: 0,
            reconnects: 0,
        }
    }

    #[test]
    fn a_camera_that_gives_another_size_is_seen_through() {
        let camera = "door".parse().unwrap();
        let request = Request::Resolution {
            size: "640x480".parse().unwrap(),
        };
        for (state, given, line) in [
            (State::Capturing, "640x480", "door gives 640x480"),
            (
                State::Capturing,
                "800x600",
                "door gives 800x600 instead of 640x480",
            ),
            (
                State::Paused,
                "800x600",
                "door is asked for 640x480, once it is resumed",
            ),
        ] {
            assert_eq!(in_words(&camera, &request, &status(state, given)), line);
        }
    }

    #[test]
    fn a_status_is_one_line() {
        let camera = "door".parse().unwrap();
        let line = in_words(
            &camera,
            &Request::Status {},
            &status(State::Paused, "640x480"),
        );
        assert!(
            line.starts_with("door is paused 640x480 from test at 30 fps; captured 150,"),
            "{line}"
        );
        assert!(!line.contains('\n'));
    }
}
