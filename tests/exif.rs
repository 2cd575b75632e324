//! What viewers show of a stored frame, as another program reads it.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::harness::broker::Broker;
use crate::harness::eventually::A_RUN;
use crate::harness::folder::{Entry, Folder};
use crate::harness::footage::{FRAMES, footage};
use crate::harness::{bare_subscriber, publisher, subscriber};

#[test]
fn exiftool_reads_when_and_by_which_camera_a_frame_was_taken_and_the_picture_is_untouched() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--frames 132 --exif")
        .env("TZ", "Asia/Kolkata")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = publisher(&broker).arg("--source").arg(&footage().file);
    sending.flags("--fps 0").run(A_RUN).succeeded();
    storing.wait(A_RUN).succeeded();

    let tags = tags(&out);
    let entries = out.entries();
    assert_eq!((entries.len(), tags.len()), (FRAMES, FRAMES));
    for ((entry, tags), frame) in entries.iter().zip(&tags).zip(&footage().frames) {
        assert_eq!(tags["SourceFile"], entry.path.to_str().unwrap());
        assert_eq!(tags["Model"], "door");
        assert_eq!(tags["OffsetTimeOriginal"], "+05:30");
        assert_eq!(instant(tags), entry.time.parse().unwrap());
        assert_eq!(tags["ImageUniqueID"], unique_id(entry));
        assert_eq!(tags["Warning"], Value::Null, "{tags}");
        assert!(without_exif(entry) == *frame, "{}", entry.path.display());
        assert_eq!(entry.crc32c, format!("{:08x}", crc32c::crc32c(frame)));
    }
    let verifying = bare_subscriber().arg("verify").arg(out.path());
    verifying.run(A_RUN).succeeded();
}

/// What exiftool says of each picture, in the order of their paths.
fn tags(out: &Folder) -> Vec<Value> {
    let wanted =
        "Model DateTimeOriginal SubSecTimeOriginal OffsetTimeOriginal ImageUniqueID Warning";
    let output = Command::new("exiftool")
        .args(["-json", "-recurse", "-ext", "jpg", "-fileOrder", "filename"])
        .args(wanted.split(' ').map(|tag| format!("-{tag}")))
        .arg(out.path())
        .output()
        .expect("running exiftool: `make test-prepare` installs it");
    serde_json::from_slice(&output.stdout).expect("exiftool prints JSON")
}

fn instant(tags: &Value) -> jiff::Timestamp {
    let [time, offset] = ["DateTimeOriginal", "OffsetTimeOriginal"]
        .map(|tag| tags[tag].as_str().expect("a text").to_owned());
    let (date, time) = time.split_once(' ').expect("date and time");
    // exiftool prints digits as a number: leading zeros are lost.
    let fraction = match &tags["SubSecTimeOriginal"] {
        Value::Number(digits) => format!("{:06}", digits.as_u64().expect("digits")),
        text => text.as_str().expect("digits").to_owned(),
    };
    let text = format!("{}T{time}.{fraction}{offset}", date.replace(':', "-"));
    text.parse().expect("a moment")
}

fn unique_id(entry: &Entry) -> String {
    let stream = entry.stream.replace('-', "");
    format!("{}{:016x}", &stream[16..], entry.sequence)
}

/// The file without the segment behind its first two bytes.
fn without_exif(entry: &Entry) -> Vec<u8> {
    let mut file = fs::read(&entry.path).expect("reading a picture");
    assert_eq!(file[2..4], [0xFF, 0xE1]);
    let len = 2 + usize::from(u16::from_be_bytes([file[4], file[5]]));
    file.drain(2..2 + len);
    file
}
