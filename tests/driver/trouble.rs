//! A camera that is there and does not do what it should.

use std::fs;
use std::thread::sleep;
use std::time::{Duration, Instant};

use webcam::order::{Fate, Order};

use super::desk::{Arrived, Desk};
use super::plugged::Webcam;
use crate::harness::program::Program;

/// More than the driver's pace is judged by.
const SOME: usize = 25;

/// The driver waits five seconds for an answer.
const DRIVER_PATIENCE: Duration = Duration::from_secs(6);

pub(crate) fn a_truncated_picture_is_counted_as_invalid() {
    let (arrived, _) = with_one_picture(Fate::Truncated, "a broken picture (");
    assert_eq!(arrived.publisher.count("invalid"), 1);
}

pub(crate) fn a_picture_with_the_error_flag_is_counted_as_dropped_by_the_driver() {
    let said = "/dev/video0: pictures missing: 1 dropped by the driver, 0 lost on the bus or exposed for longer";
    let (arrived, _) = with_one_picture(Fate::Faulty, said);
    assert_eq!(arrived.publisher.count("invalid"), 0);
}

pub(crate) fn a_picture_with_the_error_flag_that_the_driver_hands_over_is_invalid() {
    let hand_over = |word| {
        fs::write("/sys/module/uvcvideo/parameters/nodrop", word)
            .expect("setting an option of the driver");
    };
    hand_over("1");
    let (arrived, _) = with_one_picture(Fate::Faulty, "a broken picture (");
    hand_over("0");
    assert_eq!(arrived.publisher.count("invalid"), 1);
}

pub(crate) fn a_picture_lost_on_the_bus_is_seen_by_the_time() {
    // The driver tells pictures apart by a bit that each changes: without the lost one, the next looks like the one
    // before, and is dropped as well. Neither had a number.
    let said = "/dev/video0: pictures missing: 0 dropped by the driver, 2 lost on the bus or exposed for longer";
    let (arrived, missing) = with_one_picture(Fate::Lost, said);
    assert_eq!(missing.len(), 2);
    assert_eq!(arrived.publisher.count("invalid"), 0);
}

pub(crate) fn a_short_stall_costs_nothing() {
    let (desk, webcam, publisher) = running();
    webcam.order(Order::Stall);
    // Long for a picture, and short for a camera: nothing is to happen.
    sleep(Duration::from_secs(2));
    webcam.order(Order::Resume);
    webcam.await_pictures(SOME);
    let arrived = desk.reckon(&publisher);
    let record = webcam.record();
    arrived.are_all_but(&[], &record);
    assert!(
        record.iter().all(|sent| sent.stream == 0),
        "it was opened again"
    );
}

pub(crate) fn a_camera_that_hangs_is_opened_again_until_it_works() {
    let (desk, webcam, publisher) = running();
    webcam.order(Order::Stall);
    publisher.says("/dev/video0: no picture for 5 s; trying again until it works");
    webcam.order(Order::Resume);
    publisher.says("/dev/video0: gives pictures after an outage of ");
    webcam.await_pictures(SOME);
    let arrived = desk.reckon(&publisher);
    let record = webcam.record();
    arrived.are_all_but(&[], &record);
    assert!(
        record.iter().any(|sent| sent.stream > 0),
        "it was not opened again"
    );
}

pub(crate) fn a_camera_that_hangs_does_not_hold_up_the_end() {
    let (_desk, webcam, publisher) = running();
    webcam.order(Order::Stall);
    publisher.interrupt();
    let ended = publisher.wait(Duration::from_secs(5)).succeeded();
    assert_eq!(ended.lines_with("cannot be stopped"), 0);
}

pub(crate) fn a_camera_that_does_not_answer_is_asked_again_until_it_does() {
    let (desk, webcam) = (Desk::new(), Webcam::plug_in());
    webcam.order(Order::Deafen);
    let publisher = desk.publisher().start();
    publisher.says("/dev/video0: does not answer (setting the format); if this lasts, unplug it and plug it in again; trying again");
    webcam.order(Order::Hear);
    publisher.says("/dev/video0: gives pictures after an outage of ");
    webcam.await_pictures(SOME);
    desk.reckon(&publisher).are_all_but(&[], &webcam.record());
}

pub(crate) fn a_camera_that_does_not_answer_holds_up_the_end_no_longer_than_the_driver_waits() {
    let (desk, webcam) = (Desk::new(), Webcam::plug_in());
    webcam.order(Order::Deafen);
    let publisher = desk.publisher().start();
    publisher.says("connected to ");
    // Until it waits in the driver, and nothing can wake it there.
    sleep(Duration::from_secs(1));
    let asked = Instant::now();
    publisher.interrupt();
    publisher.wait(DRIVER_PATIENCE).succeeded();
    println!(
        "FIGURE ended {:.1} s after it was asked to, the camera not answering",
        asked.elapsed().as_secs_f64()
    );
}

/// A publisher that has taken some pictures.
fn running() -> (Desk, Webcam, Program) {
    let (desk, webcam) = (Desk::new(), Webcam::plug_in());
    let publisher = desk.publisher().start();
    webcam.await_pictures(SOME);
    (desk, webcam, publisher)
}

/// One picture meets its fate amid good ones, which all arrive. Returns the numbers of those that cannot.
fn with_one_picture(fate: Fate, said: &str) -> (Arrived, Vec<u32>) {
    let (desk, webcam, publisher) = running();
    webcam.order(Order::Next(fate));
    publisher.says(said);
    webcam.await_pictures(SOME);
    let arrived = desk.reckon(&publisher);
    let record = webcam.record();
    let met = record.iter().find(|sent| sent.fate == fate);
    let number = met.expect("the order was obeyed").number;
    let missing = match fate {
        Fate::Lost => vec![number, number + 1],
        _ => vec![number],
    };
    arrived.are_all_but(&missing, &record);
    (arrived, missing)
}
