//! The page in a real browser: what a person sees and does.
//!
//! With `FRAMEBRIDGE_SCREENSHOTS=DIR` these tests leave the pictures of the documentation there (`make screenshots`).

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{recorded, start_view, view};
use crate::harness::broker::Broker;
use crate::harness::browser::Browser;
use crate::harness::eventually::{SOON, eventually};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::http::Site;
use crate::harness::launch::Launch;
use crate::harness::program::Program;
use crate::harness::{publisher, subscriber};

const LEFT: char = '\u{e012}';
const RIGHT: char = '\u{e014}';
const HOME: char = '\u{e011}';
const END: char = '\u{e010}';
const ESCAPE: char = '\u{e00c}';

/// The keep-alive of the cameras in these tests, and the longest that a broker takes to miss one.
const KEEP_ALIVE: u64 = 5;
const MISSED_AFTER: Duration = Duration::from_millis(KEEP_ALIVE * 1500);

fn camera(broker: &Broker, name: &str, flags: &str) -> Program {
    publisher(broker)
        .env("FRAMEBRIDGE_CAMERA", name)
        .flags(&format!("--keep-alive {KEEP_ALIVE} --loop --source"))
        .arg(&footage().file)
        .flags(flags)
        .start()
}

fn receiving(broker: &Broker, out: &Folder) -> (Program, Site) {
    let program = subscriber(broker, out.path())
        .flags("--consumer archive --view 127.0.0.1:0")
        .start();
    let site = Site::of(&program);
    broker.await_subscriptions(1, "cameras/+/frames");
    (program, site)
}

fn page(browser: &Browser, site: &Site, path: &str) {
    browser.open(&format!("http://{}/{path}", site.address));
}

fn tile(camera: &str, rest: &str) -> String {
    format!("li[data-camera={camera}] {rest}")
}

fn sequence(browser: &Browser, selector: &str) -> u64 {
    let script = format!("return Number(document.querySelector('{selector}').dataset.sequence)");
    browser.run(&script).as_u64().unwrap_or(0)
}

/// Where somebody wants pictures for the documentation.
fn wants_pictures() -> Option<OsString> {
    env::var_os("FRAMEBRIDGE_SCREENSHOTS")
}

/// Leaves a picture, if somebody wants it.
fn leave_picture(browser: &Browser, name: &str) {
    if let Some(folder) = wants_pictures() {
        let scratch = tempfile::tempdir().unwrap();
        let png = scratch.path().join("page.png");
        browser.take_picture(&png);
        // Photographs are large as PNG.
        Launch::new("ffmpeg", "ffmpeg")
            .flags("-nostdin -loglevel error -y -i")
            .arg(&png)
            .flags("-q:v 4")
            .arg(Path::new(&folder).join(format!("{name}.jpg")))
            .run(SOON)
            .succeeded();
    }
}

#[test]
fn pictures_move_numbers_change_and_a_killed_camera_goes_offline() {
    let (broker, out) = (Broker::start(), Folder::new());
    let (storing, site) = receiving(&broker, &out);
    let _door = camera(&broker, "front-door", "--fps 20");
    let yard = camera(&broker, "yard", "--fps 8");
    let _shed = camera(&broker, "shed", "--fps 5");
    let browser = Browser::start(1120, 640, false);
    page(&browser, &site, "");
    for camera in ["front-door", "yard", "shed"] {
        let online = format!(
            "return document.querySelector('{}')?.innerText === 'Online'",
            tile(camera, ".status")
        );
        browser.await_that(&format!("{camera} online"), &online);
        let image = tile(camera, "img");
        browser.await_that(
            "a picture",
            &format!("return document.querySelector('{image}').naturalWidth === 1280"),
        );
    }

    // What is seen changes, not only what is said of it.
    let pixels = format!(
        "const canvas = document.createElement('canvas'); canvas.width = 16; canvas.height = 9; \
         const pen = canvas.getContext('2d'); pen.drawImage(document.querySelector('{}'), 0, 0, 16, 9); \
         return pen.getImageData(0, 0, 16, 9).data.join()",
        tile("front-door", "img")
    );
    let (picture, number) = (
        browser.run(&pixels),
        sequence(&browser, "li[data-camera=front-door]"),
    );
    eventually(SOON, "another picture", || {
        (browser.run(&pixels) != picture).then_some(())
    });
    assert!(sequence(&browser, "li[data-camera=front-door]") > number);
    let totals = browser.text("#totals");
    eventually(SOON, "other numbers", || {
        (browser.text("#totals") != totals).then_some(())
    });
    eventually(SOON, "a latency", || {
        browser
            .text(&tile("front-door", ".latency-words"))
            .contains("p99")
            .then_some(())
    });
    eventually(SOON, "the right rate", || {
        let figures = browser.text(&tile("front-door", ".figures"));
        (figures.contains("fps\n20.") || figures.contains("fps\n19.")).then_some(())
    });

    yard.kill();
    let killed = Instant::now();
    let offline = format!(
        "return document.querySelector('{}').innerText === 'Offline'",
        tile("yard", ".status")
    );
    browser.await_that("yard offline", &offline);
    assert!(
        killed.elapsed() < MISSED_AFTER + Duration::from_secs(2),
        "{:?}",
        killed.elapsed()
    );
    if wants_pictures().is_some() {
        let stored = "return Number(document.querySelectorAll('#totals dd')[2].innerText.replace(/\\D/g, '')) > 900";
        browser.await_that("latencies of a while", stored);
    }
    leave_picture(&browser, "view-live");

    // The large picture is as fast as the camera, and the subscriber's end is said.
    browser.click(&tile("front-door", ".open"));
    browser.await_that(
        "the large picture",
        "return document.getElementById('picture').naturalWidth === 1280",
    );
    let began = sequence(&browser, "#large");
    eventually(SOON, "twenty more frames", || {
        (sequence(&browser, "#large") > began + 20).then_some(())
    });
    assert_eq!(browser.complaints(), Vec::<String>::new());
    storing.interrupt();
    browser.await_that(
        "the loss to be said",
        "return document.getElementById('connection').classList.contains('lost')",
    );
    storing.wait(SOON).succeeded().subscriber_balances();
}

/// Opens the one camera of a folder, and waits until its newest frame is shown.
fn open_folder(browser: &Browser, site: &Site, last: u64) {
    page(browser, site, "");
    browser.await_that(
        "a tile",
        &format!(
            "return document.querySelector('{}')?.naturalWidth > 0",
            tile("door", "img")
        ),
    );
    browser.click(&tile("door", ".open"));
    await_frame(browser, last);
}

#[track_caller]
fn await_frame(browser: &Browser, number: u64) {
    browser.await_that(
        &format!("frame {number}"),
        &format!("return document.getElementById('large').dataset.sequence === '{number}'"),
    );
}

/// A folder of 60 frames without some of the middle ones.
fn with_a_gap() -> Folder {
    let out = recorded(60, "--layout flat");
    let index = out.pictures()[0].with_file_name("index.jsonl");
    let lines = std::fs::read_to_string(&index).unwrap();
    let lines = lines.split_inclusive('\n').zip(1..);
    let kept = lines.filter(|(_, number)| !(21..=24).contains(number));
    std::fs::write(&index, kept.map(|(line, _)| line).collect::<String>()).unwrap();
    out
}

#[test]
fn what_is_on_disk_is_scrubbed_through_and_gaps_are_red() {
    let out = with_a_gap();
    let (_view, site) = start_view(out.path());
    let browser = Browser::start(1000, 900, false);
    open_folder(&browser, &site, 60);
    eventually(SOON, "the gap to be said", || {
        (browser.text("#gaps") == "4 frames missing in 1 gap").then_some(())
    });
    let red = "const canvas = document.getElementById('timeline'); \
               const line = canvas.getContext('2d').getImageData(0, 4, canvas.width, 1).data; \
               const red = []; \
               for (let x = 0; x < canvas.width; x++) if (line[4 * x] > 180 && line[4 * x + 1] < 80) red.push(x / canvas.width); \
               return red";
    let red = browser.run(red);
    let red: Vec<f64> = red
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_f64)
        .collect();
    // Frames 21 to 24 of 60, at even distances.
    let (first, last) = (red[0], red[red.len() - 1]);
    assert!(
        (0.28..0.38).contains(&first) && (0.36..0.46).contains(&last),
        "red from {first} to {last}"
    );

    // Where one presses, that frame is shown: its very bytes.
    for part in [0.1, 0.7, 0.5] {
        let asked = browser.run("return performance.now()");
        browser.press_at("#timeline", part);
        let shown = browser.await_that(
            "the frame under the finger",
            &format!(
                "const range = (await (await fetch('/frames/door?at=0')).json())[0].time; \
                 const end = (await (await fetch('/frames/door?at=4000000000000000')).json())[0].time; \
                 const [nearest] = await (await fetch(`/frames/door?at=${{Math.round(range + {part} * (end - range))}}`)).json(); \
                 const number = Number(document.getElementById('large').dataset.sequence); \
                 return Math.abs(number - nearest.sequence) <= 1 && number"
            ),
        );
        assert!(asked.is_number());
        let number = usize::try_from(shown.as_u64().unwrap()).unwrap();
        let bytes = browser.run(
            "const answer = await fetch(document.getElementById('picture').src); \
             return [...new Uint8Array(await answer.arrayBuffer())]",
        );
        let bytes: Vec<u8> = serde_json::from_value(bytes).unwrap();
        assert!(
            bytes == footage().frames[number - 1],
            "frame {number} is another picture"
        );
    }
    leave_picture(&browser, "view-disk");
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn keys_step_play_and_lead_back() {
    let out = with_a_gap();
    let (_view, site) = start_view(out.path());
    let browser = Browser::start(1000, 900, false);
    open_folder(&browser, &site, 60);
    browser.press(LEFT);
    await_frame(&browser, 59);
    browser.press(HOME);
    await_frame(&browser, 1);
    browser.press(RIGHT);
    await_frame(&browser, 2);
    // Over the gap, and back.
    browser.press_at("#timeline", 0.33);
    let beside = browser.await_that(
        "a frame beside the gap",
        "const at = Number(document.getElementById('large').dataset.sequence); return at > 15 && at < 30 && at",
    );
    let mut number = beside.as_u64().unwrap();
    while number < 25 {
        number = if number == 20 { 25 } else { number + 1 };
        browser.press(RIGHT);
        await_frame(&browser, number);
    }
    browser.press(LEFT);
    await_frame(&browser, if number == 25 { 20 } else { number - 1 });
    browser.press(HOME);
    await_frame(&browser, 1);
    browser.press(' ');
    browser.await_that(
        "playing",
        "return Number(document.getElementById('large').dataset.sequence) > 5",
    );
    browser.press(' ');
    browser.await_that(
        "a pause",
        "return document.getElementById('play').innerText === 'Play'",
    );
    browser.press(END);
    await_frame(&browser, 60);

    // A stretch is marked and taken away.
    browser.press(HOME);
    await_frame(&browser, 1);
    browser.press('[');
    browser.press(RIGHT);
    await_frame(&browser, 2);
    browser.press(']');
    browser.await_that(
        "a link",
        "return document.getElementById('download-mjpeg').href.includes('/download/door/mjpeg')",
    );
    browser.click("#download-mjpeg");
    let expected = footage().frames[..2].concat();
    eventually(SOON, "the whole download", || {
        (browser.downloaded(".mjpeg") == expected).then_some(())
    });
    browser.press(ESCAPE);
    browser.await_that(
        "all cameras",
        "return !document.getElementById('all').hidden && document.getElementById('large').hidden",
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn a_phone_in_the_dark_shows_it_all_without_scrolling_sideways() {
    let out = recorded(40, "");
    let (_view, site) = start_view(out.path());
    // A desktop browser's window has a smallest width: 500 pixels.
    let browser = Browser::start(500, 900, true);
    open_folder(&browser, &site, 40);
    let script = "return [document.documentElement.scrollWidth, innerWidth, getComputedStyle(document.body).backgroundColor]";
    let seen = browser.run(script);
    assert!(seen[0].as_u64() <= seen[1].as_u64(), "{seen}");
    assert_eq!(seen[2], "rgb(14, 17, 22)");
    let unnamed = browser.run(
        "return [...document.querySelectorAll('button, a, img, canvas[role]')].filter((element) => !element.closest('template') && \
         !element.innerText && !element.ariaLabel && !element.alt).map((element) => element.outerHTML)",
    );
    assert_eq!(
        unnamed,
        serde_json::json!([]),
        "nobody can hear what these are"
    );
    eventually(SOON, "the timeline", || {
        (browser.text("#gaps") == "No gaps").then_some(())
    });
    leave_picture(&browser, "view-phone");
}

#[test]
fn the_token_is_asked_for_once() {
    let out = recorded(2, "");
    let program = view(out.path())
        .env("FRAMEBRIDGE_VIEW_TOKEN", "a-token-that-nobody-guesses")
        .start();
    let site = Site::of(&program);
    let browser = Browser::start(800, 600, false);
    page(&browser, &site, "");
    browser.type_into("#token", "a-token-that-somebody-guessed");
    browser.click("button");
    browser.await_that(
        "the refusal",
        "return document.querySelector('.wrong')?.innerText.includes('not the token')",
    );
    browser.type_into("#token", "a-token-that-nobody-guesses");
    browser.click("button");
    let picture = format!(
        "return document.querySelector('{}')?.naturalWidth > 0",
        tile("door", "img")
    );
    browser.await_that("the page", &picture);
    page(&browser, &site, "");
    browser.await_that("the page, at once", &picture);
    assert_eq!(browser.run("return document.cookie"), "");
}
