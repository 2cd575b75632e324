//! `--metrics`: what Prometheus and a health check are told of a run.

use serde_json::Value;

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON, eventually, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::launch::Launch;
use crate::harness::ports::free_port;
use crate::harness::program::Program;
use crate::harness::scraping::{Answer, Scrape, ask, scrape};
use crate::harness::{publisher, subscriber};

const FRAMES: u64 = 60;

/// Frames of footage, kept until the consumer `archive` has them.
fn camera(broker: &Broker, spool: &Folder) -> Launch {
    publisher(broker)
        .flags("--metrics 127.0.0.1:0 --frames 60 --fps 0 --confirm archive --spool-dir")
        .arg(spool.path())
        .arg("--source")
        .arg(&footage().file)
}

fn archive(broker: &Broker, out: &Folder) -> Launch {
    subscriber(broker, out.path()).flags("--metrics 127.0.0.1:0 --consumer archive --receipts")
}

/// The scrape in which `holds`.
#[track_caller]
fn scrape_once(program: &Program, what: &str, holds: impl Fn(&Scrape) -> bool) -> Scrape {
    eventually(SOON, what, || Some(scrape(program)).filter(&holds))
}

fn publisher_name(name: &str) -> String {
    format!("framebridge_publisher_{name}{{camera=\"door\"}}")
}

fn subscriber_name(name: &str) -> String {
    format!("framebridge_subscriber_{name}{{camera=\"door\"}}")
}

fn outcome(outcome: &str) -> String {
    format!("framebridge_subscriber_messages_total{{outcome=\"{outcome}\"}}")
}

#[test]
fn figures_of_both_programs_agree_with_their_summaries() {
    let broker = Broker::start();
    let (spool, out) = (Folder::new(), Folder::new());
    let camera = camera(&broker, &spool).start();
    let waiting = scrape_once(&camera, "all frames to wait for the consumer", |scrape| {
        scrape.count(&publisher_name("frames_captured_total")) == FRAMES
            && scrape.count(&publisher_name("frames_in_flight")) == 0
    });
    let count = |name| waiting.count(&publisher_name(name));
    assert_eq!(count("frames_spooled"), FRAMES);
    assert_eq!(count("frames_delivered_total"), 0);
    assert_eq!(count("connected"), 1);
    let (bytes, limit) = (count("spooled_bytes"), count("spool_limit_bytes"));
    assert!(0 < bytes && bytes < limit, "{bytes} of {limit}");
    let given_up =
        "framebridge_publisher_frames_dropped_total{camera=\"door\",reason=\"spool_full\"}";
    assert_eq!(waiting.count(given_up), 0);
    waiting.passes_promtool();

    let storing = archive(&broker, &out).start();
    let stored = scrape_once(&storing, "all frames to be stored", |scrape| {
        scrape.count(&outcome("stored")) == FRAMES
    });
    stored.passes_promtool();
    let camera = camera.wait(A_RUN).succeeded();
    assert_eq!(camera.count("captured"), FRAMES);
    camera.publisher_balances();

    let online = subscriber_name("camera_online");
    let stored = scrape_once(&storing, "the camera to be offline", |scrape| {
        scrape.has(&online) && scrape.count(&online) == 0
    });
    let storing = {
        storing.interrupt();
        storing.wait(SOON).succeeded()
    };
    storing.subscriber_balances();
    for (figure, in_summary) in [
        (outcome("stored"), "stored"),
        (outcome("duplicate"), "duplicates"),
        (outcome("quarantined"), "quarantined"),
        (outcome("foreign"), "foreign"),
        (subscriber_name("frames_stored_total"), "stored"),
        (subscriber_name("frames_missing"), "missing"),
        (subscriber_name("frame_gaps"), "gaps"),
        (subscriber_name("frames_given_up"), "given_up"),
        (subscriber_name("latency_seconds_count"), "stored"),
        (
            "framebridge_subscriber_reconnects_total".to_owned(),
            "reconnects",
        ),
        (
            "framebridge_subscriber_all_frames_missing".to_owned(),
            "missing",
        ),
    ] {
        assert_eq!(stored.count(&figure), storing.count(in_summary), "{figure}");
    }
    let jpegs: usize = (0..60).map(|nth| footage().frames[nth].len()).sum();
    assert_eq!(
        stored.count(&subscriber_name("received_bytes_total")),
        jpegs as u64
    );
    assert_eq!(
        stored.count(&subscriber_name("last_frame_sequence")),
        FRAMES
    );
}

#[test]
fn whether_a_program_is_well_depends_on_the_broker() {
    let mut broker = Broker::start();
    let (spool, out) = (Folder::new(), Folder::new());
    // The frames wait for a consumer that does not confirm.
    let camera = camera(&broker, &spool).flags("--drain-timeout 10m").start();
    let storing = subscriber(&broker, out.path())
        .flags("--metrics 127.0.0.1:0")
        .start();
    let well = Answer {
        status: 200,
        body: "ok\n".to_owned(),
    };
    let cut_off = Answer {
        status: 503,
        body: "not connected to the broker\n".to_owned(),
    };
    for program in [&camera, &storing] {
        eventually_true("health", || ask(program, "/healthz") == well);
    }
    broker.stop();
    for program in [&camera, &storing] {
        eventually_true("trouble", || ask(program, "/healthz") == cut_off);
    }
    let connected = scrape(&camera).count(&publisher_name("connected"));
    assert_eq!(connected, 0);
    broker.start_again();
    for program in [&camera, &storing] {
        eventually_true("health again", || ask(program, "/healthz") == well);
    }
    let reconnects = "framebridge_subscriber_reconnects_total";
    scrape_once(&storing, "the reconnection", |scrape| {
        scrape.count(reconnects) == 1
    });
}

#[test]
fn a_later_run_without_figures_takes_no_status_for_a_broken_frame() {
    let broker = Broker::start();
    let (spool, out) = (Folder::new(), Folder::new());
    let curious = archive(&broker, &out).start();
    broker.await_subscriptions(1, "cameras/+/status");
    curious.interrupt();
    curious.wait(SOON).succeeded();
    // The broker still has that session's subscription.
    let storing = subscriber(&broker, out.path())
        .flags("--consumer archive --receipts --frames 60")
        .start();
    camera(&broker, &spool).run(A_RUN).succeeded();
    let storing = storing.wait(A_RUN).succeeded();
    storing.subscriber_balances();
    assert_eq!(storing.count("quarantined"), 0);
    assert_eq!(storing.count("stored"), FRAMES);
    assert!(out.quarantined().is_empty());
}

#[test]
fn the_same_figures_come_as_json() {
    let broker = Broker::start();
    let (spool, out) = (Folder::new(), Folder::new());
    let storing = archive(&broker, &out).start();
    camera(&broker, &spool).run(A_RUN).succeeded();
    scrape_once(&storing, "all frames", |scrape| {
        scrape.count(&outcome("stored")) == FRAMES
    });
    let json = ask(&storing, "/figures.json");
    let figures: Value = serde_json::from_str(&json.body).expect("JSON");
    assert_eq!(figures["stored"], FRAMES);
    let camera = &figures["cameras"][0];
    assert_eq!(
        (&camera["name"], &camera["stored"]),
        (&"door".into(), &FRAMES.into())
    );
    assert_eq!(camera["last"]["sequence"], FRAMES);
    assert_eq!(ask(&storing, "/nothing").status, 404);
}

#[test]
fn an_address_that_is_taken_is_refused_before_anything_is_made() {
    let broker = Broker::start();
    let out = Folder::new();
    let port = free_port();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("a free port");
    let metrics = format!("--metrics {port}");
    let words = format!("cannot listen at --metrics 127.0.0.1:{port}");
    publisher(&broker)
        .flags(&metrics)
        .flags("--source test")
        .run(SOON)
        .failed(2, &words);
    subscriber(&broker, &out.path().join("frames"))
        .flags(&metrics)
        .run(SOON)
        .failed(2, &words);
    assert!(!out.path().join("frames").exists());
}

#[test]
fn a_publisher_whose_camera_is_away_is_not_well() {
    let broker = Broker::start();
    let camera = publisher(&broker)
        .flags("--metrics 127.0.0.1:0 --source http://127.0.0.1:1/camera")
        .start();
    eventually_true("its health to say so", || {
        let health = ask(&camera, "/healthz");
        health.status == 503 && health.body.contains("the source gives no pictures since 1")
    });
}
