//! Who may publish and read what. Pure. The same rules as in broker-config/acl, made from a user's name and kind, except
//! that a consumer reads all cameras, and a controller controls all.

#[cfg(all(test, unix))]
mod beside_mosquitto;

use std::fmt;

use protocol::home_assistant::{DISCOVERY_PREFIX, config_topic};
use protocol::topic::{CameraName, ConsumerName, consumer_status};

/// A user's kind and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    /// Publishes frames under its own name, and reads no frames.
    Camera(CameraName),
    /// Reads the cameras, and publishes no frames.
    Consumer(ConsumerName),
    /// Asks cameras to pause and the like, reads their answers, and no frames.
    Controller(ConsumerName),
    /// Home Assistant: finds the cameras, reads their newest pictures and figures, and says when it has started.
    HomeAssistant(ConsumerName),
}

impl User {
    /// Its name, which is also what the program gets as `--username`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Camera(camera) => camera.as_str(),
            Self::Consumer(name) | Self::Controller(name) | Self::HomeAssistant(name) => {
                name.as_str()
            }
        }
    }

    /// From a kind and a name: `camera nest`.
    pub(crate) fn parse(kind: &str, name: &str) -> Option<Self> {
        match kind {
            "camera" => name.parse().ok().map(Self::Camera),
            "consumer" => name.parse().ok().map(Self::Consumer),
            "controller" => name.parse().ok().map(Self::Controller),
            "home-assistant" => name.parse().ok().map(Self::HomeAssistant),
            _ => None,
        }
    }

    /// From what it is called in full, as [`fmt::Display`] does.
    pub(crate) fn parse_said(said: &str) -> Option<Self> {
        let (kind, name) = said.split_once(' ')?;
        Self::parse(kind, name)
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Camera(_) => "camera",
            Self::Consumer(_) => "consumer",
            Self::Controller(_) => "controller",
            Self::HomeAssistant(_) => "home-assistant",
        }
    }

    /// Whether it may publish on `topic`.
    pub(crate) fn may_publish(&self, prefix: &str, topic: &str) -> bool {
        let of_cameras = below(prefix, topic).unwrap_or_default();
        match self {
            Self::Camera(own) => match of_cameras[..] {
                [camera, "frames" | "ledger" | "latest" | "status" | "stats"]
                | [camera, "resend" | "answers", _] => camera == own.as_str(),
                _ => is_announcement(prefix, own, topic),
            },
            Self::Consumer(own) => match of_cameras[..] {
                [_, "receipts", consumer] => consumer == own.as_str(),
                _ => topic == consumer_status(own),
            },
            Self::Controller(_) => matches!(of_cameras[..], [_, "control"]),
            Self::HomeAssistant(_) => topic == of_home_assistant("status"),
        }
    }

    /// Whether it may subscribe to `filter`. What is not named here level by level is refused: a filter with `#` would take in
    /// what is said to others.
    pub(crate) fn may_subscribe(&self, prefix: &str, filter: &str) -> bool {
        let filter = shared(filter);
        let of_cameras = below(prefix, filter).unwrap_or_default();
        match self {
            Self::Camera(own) => match of_cameras[..] {
                [camera, "receipts", _] | [camera, "control" | "status"] => camera == own.as_str(),
                _ => {
                    let levels: Vec<_> = filter.split('/').collect();
                    matches!(levels[..], ["consumers", _, "status"])
                        || filter == of_home_assistant("status")
                }
            },
            Self::Consumer(own) => match of_cameras[..] {
                [_, "frames" | "ledger" | "latest" | "status" | "stats"] => true,
                [_, "resend", consumer] => consumer == own.as_str(),
                _ => false,
            },
            Self::Controller(own) => match of_cameras[..] {
                [_, "status"] => true,
                [_, "answers", asker] => asker == own.as_str(),
                _ => false,
            },
            Self::HomeAssistant(_) => {
                matches!(of_cameras[..], [_, "latest" | "stats" | "status"])
                    || filter.starts_with(&of_home_assistant(""))
            }
        }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind(), self.name())
    }
}

/// Whether the camera `own` announces itself on `topic`.
fn is_announcement(prefix: &str, own: &CameraName, topic: &str) -> bool {
    let (Ok(discovery), Ok(prefix)) = (DISCOVERY_PREFIX.parse(), prefix.parse()) else {
        return false;
    };
    topic == config_topic(&discovery, &prefix, own)
}

fn of_home_assistant(rest: &str) -> String {
    format!("{DISCOVERY_PREFIX}/{rest}")
}

/// The levels of `topic` below the cameras' prefix, which must stand there word by word.
fn below<'a>(prefix: &str, topic: &'a str) -> Option<Vec<&'a str>> {
    let rest = topic
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('/'))?;
    Some(rest.split('/').collect())
}

/// The filter of a shared subscription: `$share/<group>/<filter>`.
fn shared(filter: &str) -> &str {
    filter
        .strip_prefix("$share/")
        .and_then(|rest| rest.split_once('/'))
        .map_or(filter, |(_, filter)| filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "cameras";

    fn camera() -> User {
        User::parse("camera", "nest").unwrap()
    }

    fn consumer() -> User {
        User::parse("consumer", "office").unwrap()
    }

    fn controller() -> User {
        User::parse("controller", "desk").unwrap()
    }

    #[test]
    fn a_camera_publishes_under_its_own_name_alone() {
        for topic in [
            "frames",
            "ledger",
            "latest",
            "status",
            "stats",
            "resend/office",
            "answers/desk",
        ] {
            assert!(camera().may_publish(PREFIX, &format!("cameras/nest/{topic}")));
            assert!(!camera().may_publish(PREFIX, &format!("cameras/door/{topic}")));
            assert!(!camera().may_publish(PREFIX, &format!("other/nest/{topic}")));
        }
        for topic in [
            "cameras/nest/receipts/office",
            "cameras/nest/control",
            "cameras/nest",
            "cameras/nest/frames/x",
            "camerasx/nest/frames",
            "consumers/nest/status",
            "consumers/office/status",
        ] {
            assert!(!camera().may_publish(PREFIX, topic), "{topic}");
        }
    }

    #[test]
    fn a_camera_reads_what_is_said_to_it_and_no_frames() {
        for filter in [
            "cameras/nest/receipts/office",
            "cameras/nest/receipts/+",
            "cameras/nest/control",
            "consumers/office/status",
        ] {
            assert!(camera().may_subscribe(PREFIX, filter), "{filter}");
        }
        for filter in [
            "#",
            "+/nest/frames",
            "cameras/#",
            "cameras/nest/#",
            "cameras/nest/frames",
            "cameras/+/receipts/office",
            "cameras/door/receipts/office",
            "$share/g/cameras/nest/frames",
            "$share/cameras/nest/receipts/+",
            "consumers/#",
        ] {
            assert!(!camera().may_subscribe(PREFIX, filter), "{filter}");
        }
    }

    #[test]
    fn a_consumer_reads_every_camera_and_writes_receipts_alone() {
        for filter in [
            "cameras/+/frames",
            "$share/g/cameras/nest/frames",
            "cameras/+/resend/office",
            "cameras/+/ledger",
            "cameras/nest/status",
        ] {
            assert!(consumer().may_subscribe(PREFIX, filter), "{filter}");
        }
        for filter in [
            "#",
            "+/+/frames",
            "$SYS/#",
            "other/nest/frames",
            "cameras/#",
            "cameras/nest/#",
            "cameras/nest/+",
            "cameras/+/resend/+",
            "cameras/+/resend/other",
            "cameras/+/receipts/office",
            "cameras/+/answers/desk",
            "cameras/+/control",
            "consumers/+/status",
        ] {
            assert!(!consumer().may_subscribe(PREFIX, filter), "{filter}");
        }
        for topic in ["cameras/nest/receipts/office", "consumers/office/status"] {
            assert!(consumer().may_publish(PREFIX, topic), "{topic}");
        }
        for topic in [
            "cameras/nest/frames",
            "cameras/nest/receipts/other",
            "cameras/nest/resend/office",
            "cameras/nest/control",
            "consumers/other/status",
        ] {
            assert!(!consumer().may_publish(PREFIX, topic), "{topic}");
        }
    }

    #[test]
    fn home_assistant_sees_what_cameras_announce_and_changes_nothing() {
        let home = User::parse("home-assistant", "home").unwrap();
        for filter in [
            "homeassistant/#",
            "homeassistant/+/+/config",
            "cameras/nest/latest",
            "cameras/nest/stats",
            "cameras/nest/status",
        ] {
            assert!(home.may_subscribe(PREFIX, filter), "{filter}");
        }
        for filter in ["#", "cameras/nest/frames", "cameras/#", "homeassistantx/#"] {
            assert!(!home.may_subscribe(PREFIX, filter), "{filter}");
        }
        let config = "homeassistant/device/framebridge-cameras_-nest/config";
        assert!(home.may_publish(PREFIX, "homeassistant/status"));
        for topic in [config, "cameras/nest/control", "cameras/nest/latest"] {
            assert!(!home.may_publish(PREFIX, topic), "{topic}");
        }
        assert!(camera().may_publish(PREFIX, config));
        assert!(camera().may_subscribe(PREFIX, "homeassistant/status"));
        for topic in [
            "homeassistant/status",
            "homeassistant/device/framebridge-cameras_-door/config",
            "homeassistant/switch/x/config",
        ] {
            assert!(!camera().may_publish(PREFIX, topic), "{topic}");
        }
    }

    #[test]
    fn a_controller_asks_and_reads_what_is_answered_to_it_alone() {
        assert!(controller().may_publish(PREFIX, "cameras/nest/control"));
        for topic in [
            "cameras/nest/frames",
            "cameras/nest/answers/desk",
            "cameras/nest/receipts/desk",
            "consumers/desk/status",
        ] {
            assert!(!controller().may_publish(PREFIX, topic), "{topic}");
        }
        for filter in ["cameras/nest/answers/desk", "cameras/nest/status"] {
            assert!(controller().may_subscribe(PREFIX, filter), "{filter}");
        }
        for filter in [
            "cameras/nest/answers/other",
            "cameras/nest/answers/+",
            "cameras/nest/frames",
            "cameras/nest/latest",
            "cameras/#",
        ] {
            assert!(!controller().may_subscribe(PREFIX, filter), "{filter}");
        }
    }
}
