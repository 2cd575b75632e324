//! A camera that works.

use std::fs;

use webcam::record::Sent;

use super::clock::{ahead_ns, time_ns};
use super::desk::{Arrived, Desk};
use super::plugged::Webcam;
use crate::harness::folder::Entry;
use crate::harness::program::Program;

/// Ten seconds.
const LONG: usize = 300;
const SHORT: usize = 30;

/// A picture's time may be off by so much: the processor is slow, and the picture is stamped when its first packet is read.
const TIME_TOLERANCE_MS: f64 = 20.0;

pub(crate) fn every_picture_arrives_as_the_camera_sent_it() {
    let (desk, webcam) = (Desk::new(), Webcam::plug_in());
    let publisher = desk.publisher().start();
    publisher.says("MJPG 1280x720 at 30 fps");
    webcam.await_pictures(LONG);
    say_figures(&publisher, webcam.record().len());
    let arrived = desk.reckon(&publisher);
    let record = webcam.record();
    arrived.are_all_but(&[], &record);
    assert_eq!(arrived.publisher.count("invalid"), 0);
    assert_eq!(arrived.publisher.lines_with("dropped by the driver"), 0);

    let count = arrived.pictures.len();
    let (first, last) = (
        time_ns(&arrived.pictures[0].1),
        time_ns(&arrived.pictures[count - 1].1),
    );
    let fps = (count - 1) as f64 * 1e9 / (last - first) as f64;
    let mut late_ms = lateness_ms(&arrived, &record);
    late_ms.sort_by(f64::total_cmp);
    let (earliest, median, latest) = (late_ms[0], late_ms[count / 2], late_ms[count - 1]);
    println!(
        "FIGURE {count} pictures, none missing, {fps:.2} a second; their times are {median:.1} ms after the camera's own \
         ({earliest:.1} to {latest:.1})"
    );
    assert!((29.7..30.3).contains(&fps), "{fps} pictures a second");
    let off = earliest.abs().max(latest.abs());
    assert!(off < TIME_TOLERANCE_MS, "times are off by {off} ms");
}

pub(crate) fn size_and_rate_that_the_driver_changed_are_told_and_taken() {
    let (desk, webcam) = (Desk::new(), Webcam::plug_in());
    let publisher = desk
        .publisher_of("/dev/video0")
        .flags("--resolution 1920x1080 --fps 60")
        .start();
    publisher.says(
        "the camera gives MJPG 1280x720 at 30 fps instead of MJPG 1920x1080 at 60 fps; it offers the formats MJPG; of \
         MJPG the sizes 1280x720, 640x480; at this size the rates 30, 15",
    );
    webcam.await_pictures(SHORT);
    desk.reckon(&publisher).are_all_but(&[], &webcam.record());
}

pub(crate) fn a_name_that_is_cut_inside_a_character_does_no_harm() {
    // The driver keeps 31 bytes: of the letter ü the first of two.
    let desk = Desk::new();
    let product = "Kamera fürs Vogelhaus, links über dem Tor";
    let webcam = Webcam::plug_in_with(&["--product", product]);
    let publisher = desk.publisher().start();
    publisher.says("/dev/video0 (Kamera fürs Vogelhaus, links \u{FFFD}): MJPG 1280x720 at 30 fps");
    webcam.await_pictures(SHORT);
    desk.reckon(&publisher).are_all_but(&[], &webcam.record());
}

/// By how many milliseconds each picture's time is after the moment at which the webcam began to send it.
fn lateness_ms(arrived: &Arrived, record: &[Sent]) -> Vec<f64> {
    let ahead_ns = ahead_ns();
    let late_ms = |(number, entry): &(u32, Entry)| {
        let sent = record.iter().find(|sent| sent.number == *number);
        let began_ns = sent.expect("it was sent").began_ns;
        (time_ns(entry) - i128::from(began_ns) - ahead_ns) as f64 / 1e6
    };
    arrived.pictures.iter().map(late_ms).collect()
}

/// What a running publisher has cost so far.
fn say_figures(publisher: &Program, pictures: usize) {
    let read = |file: &str| {
        fs::read_to_string(format!("/proc/{}/{file}", publisher.id())).expect("reading /proc")
    };
    // After the name, which may contain anything: fields 14 and 15, in hundredths of a second.
    let stat = read("stat");
    let fields: Vec<&str> = stat
        .rsplit(") ")
        .next()
        .unwrap_or_default()
        .split(' ')
        .collect();
    let ticks = |nth: usize| fields[nth - 3].parse::<f64>().expect("a number of ticks");
    let seconds = (ticks(14) + ticks(15)) / 100.0;
    let status = read("status");
    let kilobytes = |name: &str| {
        let line = status
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap_or_default();
        line.split_whitespace().nth(1).unwrap_or("?").to_owned()
    };
    println!(
        "FIGURE the publisher, on a processor of 500 million instructions a second: {seconds:.2} CPU seconds for {pictures} \
         pictures, {} kB of memory, {} kB at most",
        kilobytes("VmRSS"),
        kilobytes("VmHWM")
    );
}
