//! Many, slow and large: what the page costs is bounded, and storing does not wait for it.

use std::fs::{self, File};
use std::io::{BufWriter, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::start_view;
use crate::harness::broker::Broker;
use crate::harness::browser::Browser;
use crate::harness::eventually::{A_RUN, SOON, eventually};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::http::Site;
use crate::harness::program::Program;
use crate::harness::{publisher, subscriber};

/// Ten slow readers may cost so much: a picture each in the program, and what a socket takes.
const TEN_READERS_KIB: u64 = 48 * 1024;

const FPS: u32 = 30;

/// A camera that sends the footage for ever, a subscriber with a page, and frames on its disk.
struct Scene {
    broker: Broker,
    _out: Folder,
    storing: Program,
    camera: Program,
    site: Site,
}

impl Scene {
    fn new() -> Self {
        let (broker, out) = (Broker::start(), Folder::new());
        let storing = subscriber(&broker, out.path())
            .flags("--consumer archive --view 127.0.0.1:0 --metrics 127.0.0.1:0")
            .start();
        let site = Site::of(&storing);
        broker.await_subscriptions(1, "cameras/+/frames");
        let camera = publisher(&broker)
            .flags(&format!("--loop --fps {FPS} --source"))
            .arg(&footage().file)
            .start();
        let scene = Self {
            broker,
            _out: out,
            storing,
            camera,
            site,
        };
        eventually(A_RUN, "a hundred frames", || {
            (scene.stored() > 100).then_some(())
        });
        scene
    }

    /// Frames on disk, by the program's own figures.
    fn stored(&self) -> u64 {
        let log = self.storing.stderr();
        let (_, url) = log.split_once("figures are shown at http://").unwrap();
        let site = Site {
            address: url.split_once('/').unwrap().0.to_owned(),
        };
        site.json("/figures.json")["stored"].as_u64().unwrap()
    }

    /// Watches for a while: frames are stored as fast as they come, each soon.
    fn keeps_storing(&self) {
        let (began, before) = (Instant::now(), self.stored());
        let wanted = before + 5 * u64::from(FPS);
        eventually(A_RUN, "five seconds of frames", || {
            (self.stored() >= wanted).then_some(())
        });
        let took = began.elapsed();
        assert!(
            took < Duration::from_secs(8),
            "five seconds of frames took {took:?}"
        );
    }

    /// Every frame of the camera arrives once.
    fn ends_well(self) {
        self.camera.interrupt();
        let delivered = self.camera.wait(A_RUN).succeeded().count("delivered");
        eventually(A_RUN, "the last frame", || {
            (self.stored() >= delivered).then_some(())
        });
        self.storing.interrupt();
        let outcome = self.storing.wait(SOON).succeeded();
        assert_eq!(outcome.count("missing"), 0);
        assert_eq!(outcome.count("stored"), delivered);
        drop(self.broker);
    }
}

/// A page that asks for picture after picture, and reads none.
fn slow_page(site: &Site) -> TcpStream {
    let mut connection = site.connect();
    let host = &site.address;
    let hello = format!(
        "GET /live HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    );
    connection.write_all(hello.as_bytes()).unwrap();
    let mut head = [0; 12];
    connection.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 101");
    connection
}

fn ask_for_a_picture(connection: &mut TcpStream) {
    let words = br#"{"want":["door"]}"#;
    // A client masks what it says; by nothing, here.
    let mut message = vec![0x81, 0x80 | u8::try_from(words.len()).unwrap(), 0, 0, 0, 0];
    message.extend_from_slice(words);
    // One that was let go of says no more.
    let _ = connection.write_all(&message);
}

#[test]
fn ten_slow_readers_cost_bounded_memory_and_storing_does_not_wait_for_them() {
    let scene = Scene::new();
    let before = scene.storing.memory_kib("VmRSS");
    let mut pages: Vec<_> = (0..10).map(|_| slow_page(&scene.site)).collect();
    let downloads: Vec<_> = (0..10)
        .map(|nth| {
            let kind = ["zip", "mjpeg"][nth % 2];
            let mut connection = scene.site.connect();
            let host = &scene.site.address;
            let request = format!(
                "GET /download/door/{kind}?from=0&to=4000000000000000 HTTP/1.1\r\nHost: {host}\r\n\r\n"
            );
            connection.write_all(request.as_bytes()).unwrap();
            connection
        })
        .collect();
    for _ in 0..200 {
        pages.iter_mut().for_each(ask_for_a_picture);
    }
    scene.keeps_storing();
    for _ in 0..200 {
        pages.iter_mut().for_each(ask_for_a_picture);
    }
    scene.keeps_storing();
    let after = scene.storing.memory_kib("VmRSS");
    assert!(
        after < before + TEN_READERS_KIB,
        "{before} KiB became {after}"
    );
    drop((pages, downloads));
    scene.ends_well();
}

#[test]
fn ten_tabs_all_move_and_storing_keeps_its_pace() {
    let scene = Scene::new();
    let before = scene.storing.memory_kib("VmRSS");
    let browser = Browser::start(900, 700, false);
    let url = format!("http://{}/#door", scene.site.address);
    let mut tabs = vec![browser.window()];
    tabs.extend((1..10).map(|_| browser.open_window()));
    for tab in &tabs {
        browser.go_to_window(tab);
        browser.open(&url);
        browser.await_that(
            "a picture",
            "return document.getElementById('picture').naturalWidth === 1280",
        );
    }
    scene.keeps_storing();
    // The one in front moves; each does when it comes to the front.
    for tab in &tabs {
        browser.go_to_window(tab);
        browser.await_that("the tab in front", "return !document.hidden");
        let number = "return Number(document.getElementById('large').dataset.sequence)";
        let at = browser.run(number).as_u64().unwrap();
        browser.await_that(
            "ten frames more",
            &format!(
                "return Number(document.getElementById('large').dataset.sequence) > {}",
                at + 10
            ),
        );
    }
    let after = scene.storing.memory_kib("VmRSS");
    assert!(
        after < before + TEN_READERS_KIB,
        "{before} KiB became {after}"
    );
    drop(browser);
    scene.ends_well();
}

#[test]
fn a_million_frames_are_summed_up_in_little_memory_and_found_at_once() {
    const MINUTES: u32 = 500;
    const EACH: u32 = 2000;
    let out = Folder::new();
    for minute in 0..MINUTES {
        let folder = out.path().join(format!(
            "door/2026-11-26/{:02}/{:02}",
            minute / 60,
            minute % 60
        ));
        fs::create_dir_all(&folder).unwrap();
        let mut index = BufWriter::new(File::create(folder.join("index.jsonl")).unwrap());
        for nth in 0..EACH {
            let (second, micros) = (nth * 3 / 100, nth % 100 * 10_000);
            let sequence = minute * EACH + nth + 1;
            // One second of each hour never came.
            if minute % 60 == 30 && second == 30 {
                continue;
            }
            writeln!(
                index,
                "{{\"file\":\"{sequence}.jpg\",\"camera\":\"door\",\"stream\":\"01a218de-b3fd-703c-bdf1-57ab54fbd4ba\",\
                 \"sequence\":{sequence},\"time\":\"2026-11-26T{:02}:{:02}:{second:02}.{micros:06}Z\",\"bytes\":100000,\
                 \"crc32c\":\"00000000\",\"received\":\"2026-11-26T00:00:00Z\"}}",
                minute / 60,
                minute % 60,
            )
            .unwrap();
        }
    }
    let (view, site) = start_view(out.path());
    let everything = "/timeline/door?from=0&to=4000000000000000&slots=1000";
    let missing = MINUTES / 60 * 33 + if MINUTES % 60 > 30 { 33 } else { 0 };
    let began = Instant::now();
    let timeline = eventually(Duration::from_mins(3), "all frames", || {
        let timeline = site.json(everything);
        let frames = timeline["frames"].as_u64().unwrap();
        (frames + u64::from(missing) + 10 >= u64::from(MINUTES * EACH)).then_some(timeline)
    });
    let took = began.elapsed();
    let gaps: u64 = timeline["gaps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|gap| gap["frames"].as_u64().unwrap())
        .sum();
    assert_eq!(
        timeline["frames"].as_u64().unwrap() + gaps,
        u64::from(MINUTES * EACH)
    );
    let memory = view.memory_kib("VmRSS");
    println!("a million lines read in {took:?}, {memory} KiB");
    assert!(memory < 64 * 1024, "{memory} KiB");
    let asked = Instant::now();
    let frames: Vec<Value> = [7, 333_333, 999_999]
        .iter()
        .map(|sequence| {
            let (minute, nth) = ((sequence - 1) / EACH, (sequence - 1) % EACH);
            let second = minute * 60 + nth * 3 / 100;
            // 2026-11-26T00:00:00Z
            let time =
                (1_795_651_200 + u64::from(second)) * 1_000_000 + u64::from(nth % 100) * 10_000;
            let frame = site.json(&format!("/frames/door?at={time}"))[0].clone();
            assert_eq!(frame["time"], time);
            frame
        })
        .collect();
    assert_eq!(frames.len(), 3);
    let answered = asked.elapsed();
    assert!(
        answered < Duration::from_secs(3),
        "three questions took {answered:?}"
    );
}
