//! How Home Assistant finds a camera by itself: MQTT discovery of a device and its entities (Home Assistant 2024.11 and newer).
//!
//! One retained message on `<discovery prefix>/device/<id>/config` names the topics that the camera has anyway. An empty one takes
//! device and entities away.

use serde_json::{Value, json};

use crate::topic::{CameraName, OFFLINE, ONLINE, TopicPrefix};

/// Home Assistant's own setting, unless it was changed there.
pub const DISCOVERY_PREFIX: &str = "homeassistant";

/// What names the device, for ever: the camera with the topics above it. A slash may not stand in it; no two cameras have one id.
#[must_use]
pub fn device_id(prefix: &TopicPrefix, camera: &CameraName) -> String {
    let levels = format!("{prefix}/{camera}");
    format!(
        "framebridge-{}",
        levels.replace('_', "__").replace('/', "_-")
    )
}

/// Where a camera announces its device.
#[must_use]
pub fn config_topic(discovery: &TopicPrefix, prefix: &TopicPrefix, camera: &CameraName) -> String {
    format!("{discovery}/device/{}/config", device_id(prefix, camera))
}

/// Where Home Assistant says that it has started.
#[must_use]
pub fn status_topic(discovery: &TopicPrefix) -> String {
    format!("{discovery}/status")
}

/// A camera, as it is announced.
#[derive(Debug, Clone)]
pub struct Device<'a> {
    /// Its name, which becomes the device's.
    pub camera: &'a CameraName,
    /// The first levels of its topics.
    pub prefix: &'a TopicPrefix,
    /// Of the program.
    pub version: &'a str,
    /// Whether the newest picture is retained on `latest`.
    pub has_latest: bool,
    /// Whether frames wait in a spool, and not in memory.
    pub has_spool: bool,
}

impl Device<'_> {
    /// The message.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let (prefix, camera) = (self.prefix, self.camera);
        let device = json!({
            "device": {
                "identifiers": [device_id(prefix, camera)],
                "name": camera.as_str(),
                "manufacturer": "Framebridge",
                "model": "frame-publisher",
                "sw_version": self.version,
            },
            "origin": { "name": "Framebridge", "sw_version": self.version },
            "availability_topic": prefix.status(camera),
            "payload_available": ONLINE,
            "payload_not_available": OFFLINE,
            "state_topic": prefix.stats(camera),
            "qos": 1,
            "components": self.components(),
        });
        device.to_string().into_bytes()
    }

    fn components(&self) -> Value {
        let mut components = json!({
            "fps": self.sensor("fps", "Frame rate", "{{ value_json.fps | round(1) }}", json!({
                "unit_of_measurement": "fps",
                "state_class": "measurement",
            })),
            "delivered": self.sensor("delivered", "Frames delivered", "{{ value_json.delivered }}", json!({
                "unit_of_measurement": "frames",
                "state_class": "total_increasing",
                "entity_category": "diagnostic",
            })),
            "dropped": self.sensor("dropped", "Frames dropped", "{{ value_json.dropped }}", json!({
                "unit_of_measurement": "frames",
                "state_class": "total_increasing",
                "entity_category": "diagnostic",
            })),
            "waiting": self.sensor(
                "waiting",
                if self.has_spool { "Frames in the spool" } else { "Frames waiting" },
                if self.has_spool { "{{ value_json.spooled_frames }}" } else { "{{ value_json.queued_frames }}" },
                json!({
                    "unit_of_measurement": "frames",
                    "state_class": "measurement",
                    "entity_category": "diagnostic",
                }),
            ),
        });
        if self.has_spool {
            components["spool"] = self.sensor(
                "spool",
                "Spool",
                "{{ value_json.spooled_bytes }}",
                json!({
                    "device_class": "data_size",
                    "unit_of_measurement": "B",
                    "suggested_unit_of_measurement": "MB",
                    "state_class": "measurement",
                    "entity_category": "diagnostic",
                }),
            );
        }
        if self.has_latest {
            components["picture"] = json!({
                "platform": "camera",
                "name": "Picture",
                "unique_id": self.unique_id("picture"),
                "topic": self.prefix.latest(self.camera),
            });
        }
        components
    }

    fn sensor(&self, key: &str, name: &str, template: &str, more: Value) -> Value {
        let mut sensor = json!({
            "platform": "sensor",
            "name": name,
            "unique_id": self.unique_id(key),
            "value_template": template,
        });
        if let (Some(sensor), Value::Object(more)) = (sensor.as_object_mut(), more) {
            sensor.extend(more);
        }
        sensor
    }

    fn unique_id(&self, key: &str) -> String {
        format!("{}_{key}", device_id(self.prefix, self.camera))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(has_latest: bool, has_spool: bool) -> Value {
        let device = Device {
            camera: &"door".parse().unwrap(),
            prefix: &"site/cameras".parse().unwrap(),
            version: "1.2.3",
            has_latest,
            has_spool,
        };
        serde_json::from_slice(&device.to_json()).unwrap()
    }

    #[test]
    fn topics_are_home_assistants_and_name_the_camera() {
        let (prefix, door) = ("site/cameras".parse().unwrap(), "door".parse().unwrap());
        let discovery = DISCOVERY_PREFIX.parse().unwrap();
        assert_eq!(
            config_topic(&discovery, &prefix, &door),
            "homeassistant/device/framebridge-site_-cameras_-door/config"
        );
        assert_eq!(status_topic(&discovery), "homeassistant/status");
    }

    #[test]
    fn no_two_cameras_have_one_id() {
        let id = |prefix: &str, camera: &str| {
            device_id(&prefix.parse().unwrap(), &camera.parse().unwrap())
        };
        let ids = [
            id("a/b", "c"),
            id("a_b", "c"),
            id("a", "b_c"),
            id("a", "b-c"),
            id("a-", "c"),
            id("a_", "-c"),
            id("a/-b", "c"),
        ];
        let different: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(different.len(), ids.len(), "{ids:?}");
    }

    #[test]
    fn entities_are_what_the_camera_publishes() {
        let names = |value: &Value| {
            let mut names: Vec<_> = value["components"]
                .as_object()
                .unwrap()
                .keys()
                .cloned()
                .collect();
            names.sort();
            names.join(" ")
        };
        let all = announced(true, true);
        assert_eq!(names(&all), "delivered dropped fps picture spool waiting");
        assert_eq!(
            all["components"]["picture"]["topic"],
            "site/cameras/door/latest"
        );
        assert_eq!(all["state_topic"], "site/cameras/door/stats");
        assert_eq!(all["availability_topic"], "site/cameras/door/status");
        assert_eq!(
            names(&announced(false, false)),
            "delivered dropped fps waiting"
        );
    }

    #[test]
    fn entities_are_told_apart() {
        let all = announced(true, true);
        let entities = all["components"].as_object().unwrap();
        let ids: std::collections::HashSet<_> = entities
            .values()
            .map(|entity| entity["unique_id"].as_str().unwrap())
            .collect();
        assert_eq!(ids.len(), entities.len());
    }
}
