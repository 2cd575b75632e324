//! The Framebridge publisher: captures MJPEG frames and publishes each to an MQTT topic.

pub mod source;
