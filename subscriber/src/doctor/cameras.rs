//! What was heard of the cameras: are they there, do their frames come, and does their clock agree with ours?

use std::collections::BTreeMap;
use std::time::Duration;

use bytesize::ByteSize;
use jiff::{SignedDuration, Timestamp};
use link::{Heard, Hearing};
use protocol::event::{self, Decoded};
use protocol::topic::{CameraName, ONLINE};
use runtime::findings::Findings;

use crate::config::FrameArgs;

const CHECK: &str = "camera";

/// As the running program has it: a frame that comes so long before it was taken.
const FUTURE: SignedDuration = SignedDuration::from_millis(-100);
const LATE: SignedDuration = SignedDuration::from_secs(2);

/// What was heard of one camera.
#[derive(Debug, Default)]
struct Camera {
    is_online: Option<bool>,
    frames: u32,
    /// Messages that are no frames of ours: bare pictures, or anything else.
    others: u32,
    bytes: usize,
    /// Of the quickest frame.
    transit: Option<SignedDuration>,
}

/// Enters a line for each camera. Gives the bytes a second that come from all.
pub(super) fn judge(
    findings: &mut Findings,
    frames: &FrameArgs,
    hearing: &Hearing,
    listening: Duration,
) -> f64 {
    let cameras = sort(frames, &hearing.heard);
    if cameras.is_empty() {
        findings.warning(CHECK, nothing_heard(frames));
    }
    for (name, camera) in &cameras {
        if hearing.is_the_programs {
            tell_what_waits(findings, name, camera);
        } else {
            tell(findings, name, camera, listening);
        }
    }
    if hearing.is_the_programs {
        // What has waited says nothing of what comes.
        return 0.0;
    }
    let bytes: usize = cameras.values().map(|camera| camera.bytes).sum();
    bytes as f64 / listening.as_secs_f64()
}

fn sort(frames: &FrameArgs, heard: &[Heard]) -> BTreeMap<CameraName, Camera> {
    let mut cameras: BTreeMap<CameraName, Camera> = BTreeMap::new();
    let prefix = &frames.topic_prefix;
    for Heard { message, at } in heard {
        if let Some(name) = prefix.camera_of_status(&message.topic) {
            cameras.entry(name).or_default().is_online = Some(message.payload == ONLINE);
        } else if let Some(name) = prefix.camera_of_frames(&message.topic) {
            let camera = cameras.entry(name.clone()).or_default();
            camera.bytes += message.payload.len();
            let decoded = event::decode(
                &name,
                message.content_type.as_deref(),
                &message.user_properties,
                message.payload.clone(),
            );
            if let Ok(Decoded::Frame(frame)) = decoded {
                camera.frames += 1;
                let arrived = Timestamp::try_from(*at).unwrap_or_default();
                let transit = arrived.duration_since(frame.captured_at);
                camera.transit = Some(camera.transit.map_or(transit, |least| least.min(transit)));
            } else {
                camera.others += 1;
            }
        }
    }
    cameras
}

fn nothing_heard(frames: &FrameArgs) -> String {
    let who = match frames.camera.one() {
        Some(camera) => format!("camera {camera}"),
        None => "any camera".to_owned(),
    };
    format!(
        "nothing is heard of {who}: it has never been here, or its name or --topic-prefix is another, or this user may not read \
         its topics (Mosquitto does not say so)"
    )
}

fn tell(findings: &mut Findings, name: &CameraName, camera: &Camera, listening: Duration) {
    let seconds = listening.as_secs();
    let state = match camera.is_online {
        Some(true) => "is online",
        Some(false) => "is offline",
        None => "says no status",
    };
    let come = format!(
        "{} frames ({}) in {seconds} s",
        camera.frames,
        ByteSize(camera.bytes as u64)
    );
    match (camera.transit, camera.is_online) {
        (Some(transit), _) if transit < FUTURE => findings.warning(
            CHECK,
            format!(
                "{name} {state}; {come}, {:.1} s before they were taken: its clock is ahead of this machine's; let a time service \
                 keep both",
                -transit.as_secs_f64()
            ),
        ),
        (Some(transit), _) if transit > LATE => findings.warning(
            CHECK,
            format!(
                "{name} {state}; {come}, {:.1} s after they were taken: it works off a backlog, the network is slower than the \
                 camera, or the clocks disagree",
                transit.as_secs_f64()
            ),
        ),
        (Some(transit), _) => findings.ok(
            CHECK,
            format!(
                "{name} {state}; {come}, {:.0} ms after they were taken",
                transit.as_secs_f64().max(0.0) * 1e3
            ),
        ),
        (None, _) if camera.others > 0 => findings.warning(
            CHECK,
            format!(
                "{name} {state}; {} messages that are no frames of ours in {seconds} s: bare pictures are stored under the time \
                 they come",
                camera.others
            ),
        ),
        (None, Some(true)) => findings.warning(
            CHECK,
            format!(
                "{name} is online, and no frame came in {seconds} s: does its source give pictures, and may this user read its \
                 frames?"
            ),
        ),
        (None, _) => findings.warning(
            CHECK,
            format!("{name} {state}, and no frame came in {seconds} s: does its frame-publisher run?"),
        ),
    }
}

/// In the program's own session come the frames that have waited there, as many as may be unacknowledged.
fn tell_what_waits(findings: &mut Findings, name: &CameraName, camera: &Camera) {
    if camera.frames + camera.others > 0 {
        findings.ok(
            CHECK,
            format!("{name}: frames wait at the broker, and go on waiting; so nothing can be said of its clock"),
        );
    } else {
        findings.ok(CHECK, format!("{name}: no frame waits at the broker"));
    }
}

#[cfg(test)]
mod tests {
    use runtime::findings::Verdict;

    use super::*;

    fn told(camera: &Camera) -> (Verdict, String) {
        let mut findings = Findings::new(true);
        let name = "door".parse().unwrap();
        tell(&mut findings, &name, camera, Duration::from_secs(3));
        let finding = findings.all()[0].clone();
        (finding.verdict, finding.says)
    }

    fn camera(transit_ms: i64) -> Camera {
        Camera {
            is_online: Some(true),
            frames: 90,
            bytes: 9_000_000,
            transit: Some(SignedDuration::from_millis(transit_ms)),
            ..Camera::default()
        }
    }

    #[test]
    fn a_camera_whose_frames_come_is_well() {
        let (verdict, says) = told(&camera(35));
        assert_eq!(verdict, Verdict::Ok);
        assert_eq!(
            says,
            "door is online; 90 frames (8.6 MiB) in 3 s, 35 ms after they were taken"
        );
        // A little early is what two clocks do that time services keep.
        assert_eq!(told(&camera(-50)).0, Verdict::Ok);
    }

    #[test]
    fn clocks_that_disagree_are_told_with_the_difference() {
        let (verdict, says) = told(&camera(-3_200));
        assert_eq!(verdict, Verdict::Warning);
        assert!(says.contains("3.2 s before they were taken"), "{says}");
        let (verdict, says) = told(&camera(7_200_000));
        assert_eq!(verdict, Verdict::Warning);
        assert!(
            says.contains("7200.0 s after") && says.contains("backlog"),
            "{says}"
        );
    }

    #[test]
    fn a_camera_without_frames_is_a_warning() {
        for (is_online, words) in [
            (Some(true), "is online, and no frame"),
            (Some(false), "is offline, and no frame"),
            (None, "says no status, and no frame"),
        ] {
            let silent = Camera {
                is_online,
                ..Camera::default()
            };
            let (verdict, says) = told(&silent);
            assert_eq!(verdict, Verdict::Warning);
            assert!(says.contains(words), "{says}");
        }
    }
}
