//! Frames from a script: what any program can publish that knows CloudEvents.

use std::path::Path;

use super::broker::Broker;
use super::eventually::SOON;
use super::mosquitto_pub;

/// The stream of these frames.
pub(crate) const STREAM: &str = "0199a000-0000-7000-8000-0000deadbeef";

/// Publishes `picture` on `topic` as frame `number` of [`STREAM`] of the camera `door`, its checksum said to be `crc`.
/// Frames are a second apart.
#[track_caller]
pub(crate) fn publish_event(broker: &Broker, topic: &str, picture: &Path, number: usize, crc: u32) {
    let time = format!("2026-11-22T14:30:{number:02}.000000Z");
    publish_event_taken_at(&time, broker, topic, picture, number, crc);
}

/// [`publish_event`] of a frame that was taken at `time`.
#[track_caller]
pub(crate) fn publish_event_taken_at(
    time: &str,
    broker: &Broker,
    topic: &str,
    picture: &Path,
    number: usize,
    crc: u32,
) {
    let mut message = mosquitto_pub(broker)
        .flags("-V mqttv5 -q 1 -D publish content-type image/jpeg -t")
        .arg(topic);
    for (name, value) in [
        ("specversion", "1.0"),
        ("id", &format!("{STREAM}-{number:020}")),
        ("source", "/cameras/door"),
        ("type", "framebridge.frame.v1"),
        ("time", time),
        ("sequence", &format!("{number:020}")),
        ("stream", STREAM),
        ("dropped", "0"),
        ("framewidth", "1280"),
        ("frameheight", "720"),
        ("crc32c", &format!("{crc:08x}")),
    ] {
        message = message.flags(&format!("-D publish user-property {name} {value}"));
    }
    message.arg("-f").arg(picture).run(SOON).succeeded();
}
