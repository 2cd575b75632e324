//! The wire is a standard: clients that know nothing of Framebridge read its frames, and it stores theirs.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;
use tempfile::tempdir;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON};
use crate::harness::folder::Folder;
use crate::harness::footage::{footage, python};
use crate::harness::launch::Launch;
use crate::harness::{mosquitto_pub, mosquitto_sub, publisher, subscriber};

#[test]
fn mosquitto_sub_receives_a_jpeg_that_decodes() {
    let broker = Broker::start();
    let receiving = mosquitto_sub(&broker)
        .flags("-q 1 -C 1 -N -t cameras/door/frames")
        .start();
    broker.await_subscriptions(1, "cameras/door/frames");
    send(publisher(&broker), 1);
    let jpeg = receiving.wait(SOON).succeeded().stdout();
    let mut decoder = JpegDecoder::new(ZCursor::new(&jpeg));
    decoder.decode().expect("the picture decodes");
    assert_eq!(decoder.dimensions(), Some((1280, 720)));
    assert!(jpeg == footage().frames[0]);
}

#[test]
fn paho_reads_the_user_properties_of_a_binary_frame() {
    let said = received_by("paho_properties.py", "5", "--format binary");
    for (event, frame) in said.iter().zip(&footage().frames) {
        assert_eq!(event["contenttype"], "image/jpeg");
        assert_eq!(
            (&event["qos"], &event["retain"]),
            (&1.into(), &false.into())
        );
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["dropped"], "0");
        assert_eq!(event["crc32c"], format!("{:08x}", crc32c::crc32c(frame)));
    }
}

#[test]
fn cloudevents_accepts_the_attributes_of_a_binary_frame() {
    let said = received_by("cloudevents_binary.py", "5", "--format binary");
    assert_eq!(said[0]["datacontenttype"], "image/jpeg");
}

#[test]
fn cloudevents_parses_a_structured_frame() {
    let said = received_by("cloudevents_structured.py", "5", "--format json");
    assert_eq!(said[0]["datacontenttype"], "image/jpeg");
    assert_eq!(
        said[0]["contenttype"],
        "application/cloudevents+json; charset=utf-8"
    );
}

#[test]
fn cloudevents_parses_a_structured_frame_of_mqtt_3_1_1() {
    received_by("cloudevents_structured.py", "3.1.1", "--protocol 3.1.1");
}

#[test]
fn a_bare_jpeg_from_mosquitto_pub_is_stored() {
    stores_a_bare_jpeg("--protocol 5", "-V mqttv5");
}

#[test]
fn a_bare_jpeg_from_mosquitto_pub_is_stored_by_mqtt_3_1_1() {
    stores_a_bare_jpeg("--protocol 3.1.1", "-V mqttv311");
}

#[track_caller]
fn stores_a_bare_jpeg(subscriber_flags: &str, mosquitto_flags: &str) {
    let broker = Broker::start();
    let (out, folder) = (Folder::new(), tempdir().unwrap());
    footage().write_into(folder.path(), 1);
    let storing = subscriber(&broker, out.path())
        .flags("--frames 1")
        .flags(subscriber_flags)
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    mosquitto_pub(&broker)
        .flags(mosquitto_flags)
        .flags("-q 1 -t cameras/esp32/frames -f")
        .arg(folder.path().join("0001.jpg"))
        .run(SOON)
        .succeeded();
    let stored = storing.wait(SOON).succeeded();
    assert_eq!(stored.subscriber_balances().count("foreign"), 1);
    let pictures = out.pictures();
    assert_eq!(pictures.len(), 1);
    assert!(
        pictures[0].starts_with(out.path().join("esp32")),
        "{pictures:?}"
    );
    assert!(fs::read(&pictures[0]).unwrap() == footage().frames[0]);
}

/// What a client script says of three frames. Asserts what holds in both modes, and that the pictures are the source's.
#[track_caller]
fn received_by(script: &str, protocol: &str, publisher_flags: &str) -> Vec<Value> {
    let broker = Broker::start();
    let folder = tempdir().unwrap();
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let receiving = Launch::new("python", python())
        // Nothing of ours is compiled into the source tree.
        .arg("-B")
        .arg(scripts.join(script))
        .flags(&format!("{} {protocol} 3", broker.port()))
        .arg(folder.path())
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let before = Timestamp::now();
    send(publisher(&broker).flags(publisher_flags), 3);
    let lines = receiving.wait(A_RUN).succeeded().text();
    let events: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events.len(), 3);
    for (event, number) in events.iter().zip(1_usize..) {
        let stream = event["stream"].as_str().expect("a stream");
        assert_eq!(event["type"], "framebridge.frame.v1");
        assert_eq!(event["source"], "/cameras/door");
        assert_eq!(event["sequence"], format!("{number:020}"));
        assert_eq!(event["id"], format!("{stream}-{number:020}"));
        assert_eq!(
            (&event["framewidth"], &event["frameheight"]),
            (&"1280".into(), &"720".into())
        );
        let taken: Timestamp = event["time"].as_str().expect("a time").parse().unwrap();
        assert!(
            before <= taken && taken <= Timestamp::now(),
            "{taken} is in the run"
        );
        let picture = fs::read(folder.path().join(format!("{number:04}.jpg"))).unwrap();
        assert!(
            picture == footage().frames[number - 1],
            "frame {number} is another picture"
        );
    }
    events
}

fn send(publisher: Launch, count: usize) {
    publisher
        .flags(&format!("--frames {count} --fps 60 --source"))
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
}
