//! What will not heal: one clear line, at once, and the exit code that goes with it.

use std::fs;

use tempfile::tempdir;

use crate::harness::broker::{Broker, Setup};
use crate::harness::certificates::{Authority, Certificate};
use crate::harness::eventually::SOON;
use crate::harness::folder::Folder;
use crate::harness::launch::Launch;
use crate::harness::namespace::with_read_only_disk;
use crate::harness::{publisher, publisher_at, subscriber, subscriber_at};

#[test]
fn a_bad_url_is_a_usage_error() {
    let out = Folder::new();
    for url in [
        "localhost:1883",
        "http://localhost",
        "mqtt://",
        "mqtt://host:notaport",
        "",
    ] {
        publisher_at(url)
            .flags("--source test")
            .run(SOON)
            .failed(2, "--broker");
        subscriber_at(url, out.path())
            .run(SOON)
            .failed(2, "--broker");
    }
}

#[test]
fn a_wrong_password_is_not_tried_again() {
    let broker = Setup::default().user("ali", "open sesame").start();
    for protocol in ["5", "3.1.1"] {
        both_fail(&broker, "password", |program| {
            program
                .flags("--username ali --protocol")
                .arg(protocol)
                .env("FRAMEBRIDGE_PASSWORD", "open barley")
        });
    }
}

#[test]
fn a_missing_password_is_not_tried_again() {
    let broker = Setup::default().user("ali", "open sesame").start();
    both_fail(&broker, "password", |program| program);
}

#[test]
fn a_missing_password_file_is_named() {
    let broker = Broker::absent();
    both_fail(&broker, "/no/such/password", |program| {
        program.flags("--username ali --password-file /no/such/password")
    });
}

#[test]
fn a_password_is_never_printed() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("password");
    fs::write(&file, "open barley").unwrap();
    let broker = Setup::default().user("ali", "open sesame").start();
    let refused = publisher(&broker)
        .flags("--source test --username ali --password-file")
        .arg(&file)
        .env("RUST_LOG", "trace")
        .run(SOON)
        .exited_with(1);
    assert!(!refused.stderr().contains("open barley"));
}

#[test]
fn an_unknown_authority_is_refused() {
    let broker = Setup::default()
        .encrypted(Authority::new().sign_local())
        .start();
    // The system's own authorities do not know ours either.
    let stranger = Authority::named("Stranger");
    both_fail(&broker, "unknown CA", |program| {
        program.arg("--ca-file").arg(stranger.certificate())
    });
    both_fail(&broker, "unknown CA", |program| program);
}

#[test]
fn an_authority_that_was_made_again_is_another() {
    let broker = Setup::default()
        .encrypted(Authority::new().sign_local())
        .start();
    let before = Authority::new();
    both_fail(&broker, "unknown CA", |program| {
        program.arg("--ca-file").arg(before.certificate())
    });
}

#[test]
fn a_certificate_of_another_host_is_refused() {
    let authority = Authority::new();
    let elsewhere = authority.sign("elsewhere", "DNS:elsewhere.example");
    let broker = Setup::default().encrypted(elsewhere).start();
    both_fail(&broker, "host name", |program| {
        program.arg("--ca-file").arg(authority.certificate())
    });
}

#[test]
fn an_authority_s_certificate_as_the_broker_s_own_is_said_to_be_one() {
    let authority = Authority::new();
    let broker = Setup::default().encrypted(authority.own()).start();
    both_fail(&broker, "shows a CA's certificate", |program| {
        program.arg("--ca-file").arg(authority.certificate())
    });
}

#[test]
fn a_key_behind_a_password_or_of_another_certificate_is_named() {
    let authority = Authority::new();
    let own = authority.sign_local();
    let broker = Setup::default().encrypted(own.clone()).start();
    for (pair, words) in [
        (authority.locked(&own), "openssl pkey"),
        (
            Certificate {
                key: authority.own().key,
                ..own
            },
            "do not belong together",
        ),
    ] {
        both_fail(&broker, words, |program| {
            program
                .arg("--ca-file")
                .arg(authority.certificate())
                .arg("--cert-file")
                .arg(&pair.certificate)
                .arg("--key-file")
                .arg(&pair.key)
        });
    }
}

#[test]
fn a_port_that_encrypts_and_one_that_does_not_are_not_mistaken_in_silence() {
    let authority = Authority::new();
    let open = Broker::start();
    let encrypted = Setup::default().encrypted(authority.sign_local()).start();
    let plain_word = publisher_at(&format!("mqtt://localhost:{}", encrypted.port()));
    let secret_word = publisher_at(&format!("mqtts://localhost:{}", open.port()))
        .arg("--ca-file")
        .arg(authority.certificate());
    for (program, hint) in [
        (plain_word, "wants mqtts://"),
        (secret_word, "wants mqtt://"),
    ] {
        let program = program.flags("--source test").start();
        program.says(hint);
        program.kill();
    }
}

#[test]
fn a_broker_that_asks_for_a_certificate_gets_none_and_says_so() {
    let authority = Authority::new();
    let broker = Setup::default()
        .encrypted(authority.sign_local())
        .client_certificates_of(&authority.certificate())
        .start();
    both_fail(&broker, "--cert-file", |program| {
        program.arg("--ca-file").arg(authority.certificate())
    });
}

#[test]
fn a_missing_authority_file_is_named() {
    let broker = Setup::default()
        .encrypted(Authority::new().sign_local())
        .start();
    both_fail(&broker, "/no/such/ca", |program| {
        program.flags("--ca-file /no/such/ca")
    });
}

#[test]
fn a_denied_topic_ends_the_camera() {
    let folder = tempdir().unwrap();
    let list = folder.path().join("acl");
    fs::write(&list, "user ali\ntopic readwrite cameras/gate/#\n").unwrap();
    let broker = Setup::default()
        .user("ali", "open sesame")
        .line(&format!("acl_file {}", list.display()))
        .start();
    publisher(&broker)
        .flags("--source test --resolution 320x240 --username ali")
        .env("FRAMEBRIDGE_PASSWORD", "open sesame")
        .run(SOON)
        .failed(1, "denies");
}

#[test]
fn an_illegal_name_is_a_usage_error() {
    let broker = Broker::absent();
    let out = Folder::new();
    for name in [
        "front/door",
        "+",
        "#",
        "",
        "../etc",
        "türe",
        &"x".repeat(65),
    ] {
        publisher(&broker)
            .flags("--source test --camera")
            .arg(name)
            .run(SOON)
            .failed(2, "name");
        subscriber(&broker, out.path())
            .flags("--consumer")
            .arg(name)
            .run(SOON)
            .failed(2, "name");
        if name != "+" {
            subscriber(&broker, out.path())
                .flags("--camera")
                .arg(name)
                .run(SOON)
                .failed(2, "name");
        }
    }
    publisher(&broker)
        .flags("--source test --topic-prefix a//b")
        .run(SOON)
        .failed(2, "prefix");
}

#[test]
fn a_folder_that_nobody_can_write_to_is_said_at_once() {
    let broker = Broker::start();
    let out = Folder::new();
    subscriber(&broker, out.path())
        .inside(with_read_only_disk(out.path()))
        .run(SOON)
        .failed(1, &out.path().display().to_string());
}

#[test]
fn a_file_in_the_place_of_the_folder_is_said_at_once() {
    let broker = Broker::start();
    let folder = tempdir().unwrap();
    let file = folder.path().join("frames");
    fs::write(&file, "I was here first").unwrap();
    subscriber(&broker, &file)
        .run(SOON)
        .failed(1, &file.display().to_string());
    assert_eq!(fs::read(&file).unwrap(), b"I was here first");
}

/// Asserts that publisher and subscriber, both completed by `complete`, end with code 1 and one line with `words`.
#[track_caller]
fn both_fail(broker: &Broker, words: &str, complete: impl Fn(Launch) -> Launch) {
    let out = Folder::new();
    complete(publisher(broker).flags("--source test"))
        .run(SOON)
        .failed(1, words);
    complete(subscriber(broker, out.path()))
        .run(SOON)
        .failed(1, words);
    assert!(out.pictures().is_empty());
}
