//! A camera that comes, goes and comes back.

use std::fs::{self, File};
use std::os::unix::fs::symlink;

use super::desk::Desk;
use super::plugged::{VIDEO, Webcam, nodes};
use crate::harness::eventually::eventually_true;
use crate::harness::program::Program;

const SOME: usize = 25;

/// How often the cable is pulled.
const ROUNDS: usize = 3;

const UNPLUGGED: &str = "/dev/video0: was unplugged; trying again until it works";
const BACK: &str = "gives pictures after an outage of ";

pub(crate) fn a_camera_that_is_not_there_is_waited_for() {
    let desk = Desk::new();
    let publisher = desk.publisher().start();
    publisher.says("/dev/video0: does not exist; there is no /dev/video* at all; trying again");
    let webcam = Webcam::plug_in();
    publisher.says(BACK);
    webcam.await_pictures(SOME);
    desk.reckon(&publisher).are_all_but(&[], &webcam.record());
}

pub(crate) fn an_unplugged_camera_goes_on_when_it_is_plugged_in_again() {
    let (desk, mut webcam) = (Desk::new(), Webcam::plug_in());
    let publisher = desk.publisher().start();
    webcam.await_pictures(SOME);
    let mut record = Vec::new();
    for round in 1..=ROUNDS {
        record.extend(webcam.unplug());
        says_for_the_nth_time(&publisher, UNPLUGGED, round);
        webcam = Webcam::plug_in_with(&[&first_number(round)]);
        assert!(nodes().contains(&VIDEO.into()), "{:?}", nodes());
        says_for_the_nth_time(&publisher, BACK, round);
        webcam.await_pictures(SOME);
    }
    let arrived = desk.reckon(&publisher);
    record.extend(webcam.record());
    arrived.are_all_but(&[], &record);
}

pub(crate) fn a_camera_that_comes_back_as_another_device_is_followed_by_its_link() {
    let (desk, webcam) = (Desk::new(), Webcam::plug_in());
    // Such a link is udev's work, which finds the camera by its name wherever it is plugged in.
    let link = "/dev/v4l/by-id/usb-Framebridge_Webcam-video-index0";
    fs::create_dir_all("/dev/v4l/by-id").expect("making udev's folder");
    symlink(VIDEO, link).expect("linking");
    let publisher = desk.publisher_of(link).start();
    webcam.await_pictures(SOME);
    // Somebody else holds the old device, so its name is not free.
    let held = File::open(VIDEO).expect("opening the camera");
    let mut record = webcam.unplug();
    publisher.says("trying again until it works");
    let webcam = Webcam::plug_in_with(&[&first_number(1)]);
    assert!(!nodes().contains(&VIDEO.into()), "{:?}", nodes());
    publisher.says("/dev/video1 (Framebridge Webcam");
    fs::remove_file(link).expect("removing the old link");
    symlink("/dev/video1", link).expect("linking anew");
    publisher.says(BACK);
    webcam.await_pictures(SOME);
    let arrived = desk.reckon(&publisher);
    drop(held);
    fs::remove_file(link).expect("removing the link");
    record.extend(webcam.record());
    arrived.are_all_but(&[], &record);
}

pub(crate) fn a_busy_camera_is_waited_for() {
    let (desk, other_desk, webcam) = (Desk::new(), Desk::new(), Webcam::plug_in());
    let other = other_desk.publisher().start();
    webcam.await_pictures(SOME);
    let publisher = desk.publisher().start();
    publisher.says("/dev/video0: is in use by another program (`fuser -v` names it); trying again");
    let arrived = other_desk.reckon(&other);
    let mut record = webcam.record();
    record.retain(|sent| sent.stream == 0);
    arrived.are_all_but(&[], &record);
    publisher.says(BACK);
    webcam.await_pictures(SOME);
    let arrived = desk.reckon(&publisher);
    record = webcam.record();
    record.retain(|sent| sent.stream > 0);
    arrived.are_all_but(&[], &record);
}

/// The number of the first picture after the cable was pulled so often: every picture is told from all others.
fn first_number(round: usize) -> String {
    format!("--first-number={}", 1_000_000 * round)
}

fn says_for_the_nth_time(publisher: &Program, words: &str, nth: usize) {
    eventually_true(&format!("{words:?} for time {nth}"), || {
        publisher.stderr().matches(words).count() >= nth
    });
}
