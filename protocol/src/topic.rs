//! Topics, and the names that may stand in them.
//!
//! | topic | QoS, retain | payload |
//! |---|---|---|
//! | `<prefix>/<camera>/frames` | 1 or 0, never retained | a frame ([`crate::event`]) |
//! | `<prefix>/<camera>/resend/<consumer>` | 1 | a frame that this consumer lacks |
//! | `<prefix>/<camera>/ledger` | 1, retained | what can still be had ([`crate::ledger`]) |
//! | `<prefix>/<camera>/receipts/<consumer>` | 1, retained | what the consumer has ([`crate::receipt`]) |
//! | `<prefix>/<camera>/latest` | 0, retained | the newest JPEG |
//! | `<prefix>/<camera>/status` | 1, retained, last will | `online` or `offline` |
//! | `<prefix>/<camera>/stats` | 0 | JSON figures |
//! | `<prefix>/<camera>/control` | 1, never retained | a request ([`crate::control`]) |
//! | `<prefix>/<camera>/answers/<consumer>` | 1 | the answer to a request of this consumer |
//! | `consumers/<consumer>/status` | 1, retained, last will | `online` or `offline` |
//! | `homeassistant/device/<id>/config` | 1, retained | the camera as a device ([`crate::home_assistant`]) |

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The longest camera or consumer name, in characters.
pub const MAX_NAME_LEN: usize = 64;

/// Payload of a status topic while its program is connected.
pub const ONLINE: &str = "online";
/// Payload of a status topic once its program has gone; also its last will.
pub const OFFLINE: &str = "offline";

/// Why a name or prefix was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Not `[A-Za-z0-9_-]{1,64}`.
    #[error("{0:?} is not a valid name: use 1 to 64 of the characters A-Z a-z 0-9 _ -")]
    Name(String),
    /// Not usable as the first levels of a topic.
    #[error(
        "{0:?} is not a valid topic prefix: use levels of A-Z a-z 0-9 _ - separated by single slashes"
    )]
    Prefix(String),
}

fn is_name(text: &str) -> bool {
    (1..=MAX_NAME_LEN).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if is_name(text) { Ok(Self(text.into())) } else { Err(NameError::Name(text.to_owned())) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// A camera's name: nothing that could climb a path or a topic tree.
    CameraName
}
name_type! {
    /// A consumer's name, by the same rule as a camera's.
    ConsumerName
}

impl CameraName {
    /// A valid name as close to `text` (a host name, say) as the rule allows; `camera` if nothing is left of it.
    #[must_use]
    pub fn sanitized(text: &str) -> Self {
        let kept: String = text
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || c == '_' || c == '-' {
                    c
                } else {
                    '-'
                }
            })
            .take(MAX_NAME_LEN)
            .collect();
        let kept = kept.trim_matches('-');
        Self(if kept.is_empty() {
            "camera".into()
        } else {
            kept.into()
        })
    }
}

/// The first levels of every camera topic, `cameras` by default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPrefix(Arc<str>);

impl TopicPrefix {
    /// Where frames of `camera` go.
    #[must_use]
    pub fn frames(&self, camera: &CameraName) -> String {
        self.of(camera, "frames")
    }

    /// Filter for the frames of `camera`, or of every camera.
    #[must_use]
    pub fn frames_filter(&self, camera: Option<&CameraName>) -> String {
        self.filter(camera, "frames")
    }

    /// Where frames of `camera` go that `consumer` asked for again.
    #[must_use]
    pub fn resend(&self, camera: &CameraName, consumer: &ConsumerName) -> String {
        self.of(camera, &format!("resend/{consumer}"))
    }

    /// Filter for what is sent again to `consumer`, by `camera` or by every camera.
    #[must_use]
    pub fn resend_filter(&self, camera: Option<&CameraName>, consumer: &ConsumerName) -> String {
        self.filter(camera, &format!("resend/{consumer}"))
    }

    /// Where `camera` says what can still be had of it.
    #[must_use]
    pub fn ledger(&self, camera: &CameraName) -> String {
        self.of(camera, "ledger")
    }

    /// Filter for the ledger of `camera`, or of every camera.
    #[must_use]
    pub fn ledger_filter(&self, camera: Option<&CameraName>) -> String {
        self.filter(camera, "ledger")
    }

    /// Where `consumer` says what it has of `camera`.
    #[must_use]
    pub fn receipt(&self, camera: &CameraName, consumer: &ConsumerName) -> String {
        self.of(camera, &format!("receipts/{consumer}"))
    }

    /// Where the newest JPEG of `camera` is retained.
    #[must_use]
    pub fn latest(&self, camera: &CameraName) -> String {
        self.of(camera, "latest")
    }

    /// Where `camera` says whether it is connected.
    #[must_use]
    pub fn status(&self, camera: &CameraName) -> String {
        self.of(camera, "status")
    }

    /// Filter for the status of `camera`, or of every camera.
    #[must_use]
    pub fn status_filter(&self, camera: Option<&CameraName>) -> String {
        self.filter(camera, "status")
    }

    /// The camera whose status topic `topic` is, if it is one.
    #[must_use]
    pub fn camera_of_status(&self, topic: &str) -> Option<CameraName> {
        self.camera_before(topic, "/status")
    }

    /// Where `camera` publishes its figures.
    #[must_use]
    pub fn stats(&self, camera: &CameraName) -> String {
        self.of(camera, "stats")
    }

    /// Where `camera` takes requests.
    #[must_use]
    pub fn control(&self, camera: &CameraName) -> String {
        self.of(camera, "control")
    }

    /// Where `camera` answers the requests of `consumer`.
    #[must_use]
    pub fn answers(&self, camera: &CameraName, consumer: &ConsumerName) -> String {
        self.of(camera, &format!("answers/{consumer}"))
    }

    /// The consumer whom `camera` answers on `topic`, if it is such a topic.
    #[must_use]
    pub fn consumer_of_answers(&self, camera: &CameraName, topic: &str) -> Option<ConsumerName> {
        topic
            .strip_prefix(&self.of(camera, "answers/"))?
            .parse()
            .ok()
    }

    /// The camera whose frames topic `topic` is, if it is one.
    #[must_use]
    pub fn camera_of_frames(&self, topic: &str) -> Option<CameraName> {
        self.camera_before(topic, "/frames")
    }

    /// The camera whose frames for `consumer` are sent again on `topic`, if it is such a topic.
    #[must_use]
    pub fn camera_of_resend(&self, topic: &str, consumer: &ConsumerName) -> Option<CameraName> {
        self.camera_before(topic, &format!("/resend/{consumer}"))
    }

    /// The camera whose ledger topic `topic` is, if it is one.
    #[must_use]
    pub fn camera_of_ledger(&self, topic: &str) -> Option<CameraName> {
        self.camera_before(topic, "/ledger")
    }

    fn camera_before(&self, topic: &str, suffix: &str) -> Option<CameraName> {
        topic
            .strip_prefix(&*self.0)?
            .strip_prefix('/')?
            .strip_suffix(suffix)?
            .parse()
            .ok()
    }

    fn filter(&self, camera: Option<&CameraName>, leaf: &str) -> String {
        camera.map_or_else(
            || format!("{}/+/{leaf}", self.0),
            |camera| self.of(camera, leaf),
        )
    }

    fn of(&self, camera: &CameraName, leaf: &str) -> String {
        format!("{}/{camera}/{leaf}", self.0)
    }
}

impl FromStr for TopicPrefix {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        if text.split('/').all(is_name) {
            Ok(Self(text.into()))
        } else {
            Err(NameError::Prefix(text.to_owned()))
        }
    }
}

impl fmt::Display for TopicPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where `consumer` says whether it is connected.
#[must_use]
pub fn consumer_status(consumer: &ConsumerName) -> String {
    format!("consumers/{consumer}/status")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_climb_are_refused() {
        for bad in [
            "",
            "..",
            "a/b",
            "a+b",
            "#",
            "a b",
            "kü",
            "$SYS",
            "a.b",
            &"x".repeat(65),
        ] {
            assert!(bad.parse::<CameraName>().is_err(), "{bad:?} was accepted");
        }
        assert!("front-door_2".parse::<CameraName>().is_ok());
        assert!("x".repeat(64).parse::<CameraName>().is_ok());
    }

    #[test]
    fn host_names_become_camera_names() {
        assert_eq!(
            CameraName::sanitized("pi.garden.lan").as_str(),
            "pi-garden-lan"
        );
        assert_eq!(CameraName::sanitized("...").as_str(), "camera");
        assert!(
            CameraName::sanitized(&"ü".repeat(99))
                .as_str()
                .parse::<CameraName>()
                .is_ok()
        );
    }

    #[test]
    fn a_frames_topic_names_its_camera() {
        let prefix: TopicPrefix = "site/cameras".parse().unwrap();
        let camera: CameraName = "door".parse().unwrap();
        assert_eq!(prefix.frames(&camera), "site/cameras/door/frames");
        assert_eq!(
            prefix.camera_of_frames("site/cameras/door/frames"),
            Some(camera)
        );
        for foreign in [
            "site/cameras/door/latest",
            "cameras/door/frames",
            "site/cameras/a/b/frames",
            "site/cameras/frames",
        ] {
            assert_eq!(prefix.camera_of_frames(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn what_a_consumer_asks_for_names_its_camera() {
        let prefix: TopicPrefix = "cameras".parse().unwrap();
        let camera: CameraName = "door".parse().unwrap();
        let (pc, other) = ("pc".parse().unwrap(), "other".parse().unwrap());
        let resend = prefix.resend(&camera, &pc);
        assert_eq!(resend, "cameras/door/resend/pc");
        assert_eq!(prefix.resend_filter(None, &pc), "cameras/+/resend/pc");
        assert_eq!(prefix.camera_of_resend(&resend, &pc), Some(camera.clone()));
        assert_eq!(prefix.camera_of_resend(&resend, &other), None);
        assert_eq!(prefix.receipt(&camera, &pc), "cameras/door/receipts/pc");
        let ledger = prefix.ledger(&camera);
        assert_eq!(ledger, prefix.ledger_filter(Some(&camera)));
        assert_eq!(prefix.camera_of_ledger(&ledger), Some(camera));
    }

    #[test]
    fn a_camera_answers_under_its_own_name_alone() {
        let prefix: TopicPrefix = "cameras".parse().unwrap();
        let (door, pc) = ("door".parse().unwrap(), "pc".parse().unwrap());
        let answers = prefix.answers(&door, &pc);
        assert_eq!(answers, "cameras/door/answers/pc");
        assert_eq!(prefix.consumer_of_answers(&door, &answers), Some(pc));
        for foreign in [
            "cameras/garden/answers/pc",
            "cameras/door/answers/",
            "cameras/door/answers/a/b",
            "cameras/door/answers/+",
            "cameras/door/frames",
            "homeassistant/device/door/config",
            "",
        ] {
            assert_eq!(
                prefix.consumer_of_answers(&door, foreign),
                None,
                "{foreign}"
            );
        }
    }

    #[test]
    fn prefixes_are_levels_of_names() {
        for bad in ["", "/", "a/", "/a", "a//b", "a/#", "+"] {
            assert!(bad.parse::<TopicPrefix>().is_err(), "{bad:?} was accepted");
        }
    }
}
