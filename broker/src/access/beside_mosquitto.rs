//! The rights here beside those that `broker-config/make-credentials` writes for Mosquitto: who moves from one broker to the other
//! must find the same.

use std::path::{Path, PathBuf};
use std::process::Command;

use mqtt5::topic_matches_filter;

use super::User;

const USERS: [(&str, &str); 4] = [
    ("camera", "nest"),
    ("consumer", "office"),
    ("controller", "desk"),
    ("home-assistant", "home"),
];

/// A line of the access list: `topic write cameras/nest/frames`.
struct Right {
    verb: String,
    filter: String,
}

fn make_credentials(folder: &Path, words: &[&str]) {
    let script =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../broker-config/make-credentials");
    let made = Command::new(script)
        .args(words)
        .env("FRAMEBRIDGE_CREDENTIALS", folder)
        .env_remove("FRAMEBRIDGE_TOPIC_PREFIX")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr);
    assert!(made.status.success(), "{words:?}: {said}");
}

/// What stands between the user's two comment lines.
fn rights(list: &str, kind: &str, name: &str) -> Vec<Right> {
    let begin = format!("# begin {kind} {name}\n");
    let block = list.split_once(&begin).unwrap().1;
    let block = block.split_once("# end ").unwrap().0;
    let lines = block.lines().filter_map(|line| line.strip_prefix("topic "));
    let rights = lines.map(|line| {
        let (verb, filter) = line.split_once(' ').unwrap();
        Right {
            verb: verb.to_owned(),
            filter: filter.to_owned(),
        }
    });
    rights.collect()
}

/// Every topic that means something, of the user's own name and of others'.
fn topics() -> Vec<String> {
    let mut topics: Vec<String> = [
        "cameras/nest",
        "homeassistant/status",
        "homeassistant/switch/x/config",
        "homeassistant/device/framebridge-cameras_-nest/config",
        "homeassistant/device/framebridge-cameras_-door/config",
        "elsewhere/nest/frames",
    ]
    .map(str::to_owned)
    .into();
    let names = ["nest", "door", "office", "desk", "home", "other"];
    topics.extend(names.map(|name| format!("consumers/{name}/status")));
    for camera in ["nest", "door"] {
        for leaf in [
            "frames", "ledger", "latest", "status", "stats", "control", "unknown",
        ] {
            topics.push(format!("cameras/{camera}/{leaf}"));
        }
        for (leaf, name) in ["resend", "receipts", "answers"]
            .into_iter()
            .flat_map(|leaf| names.map(|name| (leaf, name)))
        {
            topics.push(format!("cameras/{camera}/{leaf}/{name}"));
        }
    }
    topics
}

#[test]
fn every_kind_of_user_has_the_rights_that_mosquitto_gives_it() {
    let folder = tempfile::tempdir().unwrap();
    make_credentials(folder.path(), &["init", "--host", "pc.lan"]);
    for (kind, name) in USERS {
        make_credentials(folder.path(), &[kind, name]);
    }
    let list = std::fs::read_to_string(folder.path().join("acl")).unwrap();
    for (kind, name) in USERS {
        let (user, rights) = (User::parse(kind, name).unwrap(), rights(&list, kind, name));
        assert!(!rights.is_empty());
        let mosquitto_lets = |verb: &str, topic: &str| {
            let lets = |right: &Right| right.verb == verb || right.verb == "readwrite";
            rights
                .iter()
                .any(|right| lets(right) && topic_matches_filter(topic, &right.filter))
        };
        for topic in topics() {
            assert_eq!(
                user.may_publish("cameras", &topic),
                mosquitto_lets("write", &topic),
                "{user} publishes on {topic}"
            );
            assert_eq!(
                user.may_subscribe("cameras", &topic),
                mosquitto_lets("read", &topic),
                "{user} reads {topic}"
            );
        }
        // What is read with a wildcard there is subscribed to with one here.
        for right in rights.iter().filter(|right| right.verb != "write") {
            assert!(
                user.may_subscribe("cameras", &right.filter),
                "{user}: {}",
                right.filter
            );
        }
    }
}
