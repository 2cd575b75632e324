//! Consumers that come and go: nothing is lost while one is away, and no two share a name.

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::{FRAMES, footage};
use crate::harness::outcome::Outcome;
use crate::harness::program::Program;
use crate::harness::{bare_subscriber, publisher, subscriber};

#[test]
fn a_killed_consumer_misses_nothing_when_it_comes_back() {
    let broker = Broker::start();
    let out = Folder::new();
    let start = || {
        subscriber(&broker, out.path())
            .flags("--consumer archive")
            .start()
    };
    let storing = start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = publisher(&broker)
        .flags("--fps 60 --source")
        .arg(&footage().file)
        .start();
    out.await_pictures(20);
    storing.kill();
    // The rest is sent while nobody is there.
    sending.wait(A_RUN).succeeded().publisher_balances();
    assert!(out.pictures().len() < FRAMES, "killed in the middle");
    let storing = start();
    out.await_pictures(FRAMES);
    storing.interrupt();
    storing.wait(SOON).succeeded().subscriber_balances();
    out.holds("door", &footage().frames);
    bare_subscriber()
        .arg("verify")
        .arg(out.path())
        .run(A_RUN)
        .succeeded();
}

#[test]
fn a_consumer_of_mqtt_3_1_1_misses_nothing_when_it_comes_back() {
    let broker = Broker::start();
    let out = Folder::new();
    let start = || {
        subscriber(&broker, out.path())
            .flags("--consumer archive --protocol 3.1.1")
            .start()
    };
    let storing = start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = publisher(&broker)
        .flags("--format json --fps 60 --frames 40 --source")
        .arg(&footage().file)
        .start();
    out.await_pictures(5);
    storing.kill();
    sending.wait(A_RUN).succeeded();
    let storing = start();
    out.await_pictures(40);
    storing.interrupt();
    storing.wait(SOON).succeeded();
    out.holds("door", &footage().frames[..40]);
}

#[test]
fn a_consumer_that_was_held_up_misses_nothing() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--frames 132")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    let sending = publisher(&broker)
        .flags("--fps 60 --source")
        .arg(&footage().file)
        .start();
    out.await_pictures(10);
    storing.pause();
    sending.wait(A_RUN).succeeded().publisher_balances();
    storing.go_on();
    storing.wait(A_RUN).succeeded().subscriber_balances();
    out.holds("door", &footage().frames);
}

#[test]
fn a_consumer_that_stopped_after_n_frames_goes_on_where_it_was() {
    let broker = Broker::start();
    let out = Folder::new();
    let start = |frames| {
        subscriber(&broker, out.path())
            .flags(&format!("--consumer archive --frames {frames}"))
            .start()
    };
    let storing = start(5);
    broker.await_subscriptions(1, "cameras/+/frames");
    publisher(&broker)
        .flags("--fps 60 --frames 12 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    storing.wait(A_RUN).succeeded();
    assert_eq!(
        out.pictures().len(),
        5,
        "not one more than it was asked for"
    );
    start(7).wait(A_RUN).succeeded();
    out.holds("door", &footage().frames[..12]);
}

#[test]
fn a_publisher_waits_for_the_first_subscriber_and_then_delivers_everything() {
    let broker = Broker::start();
    let out = Folder::new();
    let sending = publisher(&broker)
        .flags("--fps 60 --frames 10 --source")
        .arg(&footage().file)
        .start();
    sending.says("nobody subscribes");
    assert!(sending.is_running());
    let storing = subscriber(&broker, out.path()).flags("--frames 10").start();
    let sent = sending.wait(A_RUN).succeeded();
    assert_eq!(sent.publisher_balances().count("delivered"), 10);
    storing.wait(A_RUN).succeeded();
    out.holds("door", &footage().frames[..10]);
}

#[test]
fn a_subscriber_without_a_name_says_that_it_misses_what_comes_while_it_is_away() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path()).start();
    storing.says("--consumer");
    broker.await_subscriptions(1, "cameras/+/frames");
    storing.interrupt();
    let stored = storing.wait(SOON).succeeded();
    assert_eq!(stored.lines_with("--consumer"), 1);
}

#[test]
fn two_consumers_of_one_name_do_not_take_turns_for_ever() {
    let broker = Broker::start();
    let (one, two) = (Folder::new(), Folder::new());
    let start = |out: &Folder| {
        subscriber(&broker, out.path())
            .flags("--consumer archive")
            .start()
    };
    one_gives_up([start(&one), start(&two)]);
}

#[test]
fn two_consumers_of_one_name_do_not_take_turns_for_ever_on_mqtt_3_1_1() {
    let broker = Broker::start();
    let (one, two) = (Folder::new(), Folder::new());
    let start = |out: &Folder| {
        subscriber(&broker, out.path())
            .flags("--consumer archive --protocol 3.1.1")
            .start()
    };
    one_gives_up([start(&one), start(&two)]);
}

#[test]
fn two_publishers_of_one_camera_do_not_take_turns_for_ever() {
    let broker = Broker::start();
    let start = || {
        publisher(&broker)
            .flags("--source test --resolution 320x240 --fps 5")
            .start()
    };
    let first = start();
    broker.await_connection("fb-pub-door");
    let gone = one_gives_up([first, start()]);
    assert_eq!(gone.lines_with("larger than"), 0, "no frame is to blame");
}

/// Waits until one of two programs of one name ends, saying why, and the other goes on. Gives the one that ended.
#[track_caller]
fn one_gives_up(programs: [Program; 2]) -> Outcome {
    eventually_true("one of the two to give up", || {
        programs.iter().any(|program| !program.is_running())
    });
    let [first, second] = programs;
    let (gone, other) = if first.is_running() {
        (second, first)
    } else {
        (first, second)
    };
    let outcome = gone.wait(SOON).failed(1, "name");
    goes_on(&other);
    outcome
}

#[test]
fn two_programs_do_not_write_into_one_folder() {
    let broker = Broker::start();
    let out = Folder::new();
    let first = subscriber(&broker, out.path())
        .flags("--consumer one")
        .start();
    broker.await_subscriptions(1, "cameras/+/frames");
    subscriber(&broker, out.path())
        .flags("--consumer two")
        .run(SOON)
        .failed(1, &out.path().display().to_string());
    goes_on(&first);
}

#[test]
fn a_group_shares_the_frames_and_each_is_stored_once() {
    let broker = Broker::start();
    let outs = [Folder::new(), Folder::new()];
    let members = [0, 1].map(|nth: usize| {
        subscriber(&broker, outs[nth].path())
            .flags("--group office")
            .start()
    });
    broker.await_subscriptions(2, "/cameras/+/frames");
    publisher(&broker)
        .flags("--fps 60 --frames 30 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    eventually_true("all frames on the two disks", || {
        outs.iter().map(|out| out.pictures().len()).sum::<usize>() == 30
    });
    for (member, out) in members.iter().zip(&outs) {
        goes_on(member);
        assert!(!out.pictures().is_empty(), "both have their share");
    }
}

#[track_caller]
fn goes_on(program: &Program) {
    assert!(program.is_running());
    program.interrupt();
    program.wait(SOON).succeeded();
}
