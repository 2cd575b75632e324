//! The metrics of each camera.

use runtime::exposition::{Exposition, Kind};

use crate::figures::{CameraFigures, CameraStatus};

/// Enters the families of all cameras.
pub(super) fn expose(to: &mut Exposition, cameras: &[CameraFigures]) {
    for family in COUNTS.iter().chain(&STATES) {
        let name = format!("framebridge_subscriber_{}", family.name);
        let mut samples = to.family(&name, family.kind, family.help);
        for camera in cameras {
            if let Some(value) = (family.value)(camera) {
                samples.sample(&[("camera", camera.name.as_str())], value);
            }
        }
    }
    let name = "framebridge_subscriber_latency_seconds";
    let help = "From the grab to the file under its final name";
    let mut latencies = to.family(name, Kind::Histogram, help);
    for camera in cameras {
        latencies.histogram(&[("camera", camera.name.as_str())], &camera.latencies);
    }
}

/// One family.
struct Family {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    /// Absent where the camera has none.
    value: fn(&CameraFigures) -> Option<f64>,
}

/// What came, and what did not.
const COUNTS: [Family; 7] = [
    Family {
        name: "frames_stored_total",
        kind: Kind::Counter,
        help: "Pictures on disk",
        value: |camera| Some(camera.stored as f64),
    },
    Family {
        name: "received_bytes_total",
        kind: Kind::Counter,
        help: "Pictures that came, on disk or not",
        value: |camera| Some(camera.bytes as f64),
    },
    Family {
        name: "frames_duplicate_total",
        kind: Kind::Counter,
        help: "Frames that came once more",
        value: |camera| Some(camera.duplicates as f64),
    },
    Family {
        name: "frames_quarantined_total",
        kind: Kind::Counter,
        help: "What was set aside as no usable frame",
        value: |camera| Some(camera.quarantined as f64),
    },
    Family {
        name: "frame_gaps",
        kind: Kind::Gauge,
        help: "Runs of missing numbers at this moment",
        value: |camera| Some(camera.gaps as f64),
    },
    Family {
        name: "frames_missing",
        kind: Kind::Gauge,
        help: "Frames that have not come, at this moment: lost, or still to come",
        value: |camera| Some(camera.missing as f64),
    },
    Family {
        name: "frames_given_up",
        kind: Kind::Gauge,
        help: "Frames that the camera has given up",
        value: |camera| Some(camera.given_up as f64),
    },
];

/// How things stand.
const STATES: [Family; 7] = [
    Family {
        name: "frames_per_second",
        kind: Kind::Gauge,
        help: "Pictures stored in the last second",
        value: |camera| Some(camera.frames_per_second),
    },
    Family {
        name: "received_bytes_per_second",
        kind: Kind::Gauge,
        help: "Bytes that came in the last second",
        value: |camera| Some(camera.bytes_per_second),
    },
    Family {
        name: "last_frame_sequence",
        kind: Kind::Gauge,
        help: "The number of the frame that was stored last",
        value: |camera| Some(camera.last?.sequence? as f64),
    },
    Family {
        name: "last_frame_timestamp_seconds",
        kind: Kind::Gauge,
        help: "When the picture that was stored last was taken, in Unix time",
        value: |camera| Some(camera.last?.taken_at.as_microsecond() as f64 / 1e6),
    },
    Family {
        name: "camera_online",
        kind: Kind::Gauge,
        help: "Whether the camera says that it is connected; absent if it says nothing",
        value: |camera| match camera.status {
            CameraStatus::Online => Some(1.0),
            CameraStatus::Offline => Some(0.0),
            CameraStatus::Unknown => None,
        },
    },
    Family {
        name: "camera_frames_available",
        kind: Kind::Gauge,
        help: "Frames that the camera can still send, as its newest ledger says",
        value: |camera| Some(camera.available? as f64),
    },
    Family {
        name: "camera_clock_ahead_seconds",
        kind: Kind::Gauge,
        help: "How far the camera's clock is ahead of ours, behind if negative; absent while they agree",
        value: |camera| camera.clock_ahead_seconds,
    },
];
