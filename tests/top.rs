//! `frame-subscriber top`: the figures of a running subscriber, in a terminal.

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::launch::Launch;
use crate::harness::ports::free_port;
use crate::harness::scraping::{address, ask};
use crate::harness::{bare_subscriber, publisher, publisher_at, subscriber};

/// `top` in a terminal of its own, where somebody presses q.
fn top(at: &str) -> Launch {
    let keys = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(keys.path(), "q").expect("writing a key");
    let program = env!("CARGO_BIN_EXE_subscriber-under-test");
    Launch::new("top", "script")
        .flags("--quiet --return --command")
        .arg(format!(
            "stty rows 24 cols 120 && exec '{program}' top --metrics {at}"
        ))
        .arg("/dev/null")
        .stdin_from(keys.path())
}

#[test]
fn a_camera_s_figures_are_shown_until_q_is_pressed() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--metrics 127.0.0.1:0")
        .start();
    broker.await_subscriptions(1, "cameras/+/status");
    publisher(&broker)
        .flags("--frames 47 --fps 0 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    out.await_pictures(47);
    // Figures are made each second.
    eventually_true("the figures", || {
        ask(&storing, "/figures.json")
            .body
            .contains("\"stored\":47")
    });
    let shown = top(&address(&storing)).run(SOON).succeeded().text();
    for word in ["frame-subscriber", "connected", "door", "offline", "47"] {
        assert!(shown.contains(word), "no {word:?} in {shown:?}");
    }
}

#[test]
fn that_nothing_answers_is_said() {
    let at = format!("127.0.0.1:{}", free_port());
    let outcome = top(&at).run(SOON).exited_with(1);
    let shown = outcome.text();
    assert!(
        shown.contains(&format!("error: nothing answers at {at}")),
        "{shown:?}"
    );
}

#[test]
fn a_publisher_s_figures_are_told_from_a_subscriber_s() {
    let camera = publisher_at("mqtt://127.0.0.1:1")
        .flags("--metrics 127.0.0.1:0 --source test --resolution 320x240")
        .start();
    let shown = top(&address(&camera)).run(SOON).exited_with(1).text();
    assert!(shown.contains("is no frame-subscriber"), "{shown:?}");
}

#[test]
fn without_a_terminal_it_says_where_scripts_find_the_figures() {
    bare_subscriber()
        .flags("top --metrics 9464")
        .run(SOON)
        .failed(2, "http://127.0.0.1:9464/figures.json");
}
