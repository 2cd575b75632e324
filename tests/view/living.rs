//! What happens now, in a real browser: pictures, figures, and who may see them.

use std::time::{Duration, Instant};

use super::screen::{leave_picture, page, sequence, tile, wants_pictures};
use super::{recorded, view};
use crate::harness::broker::Broker;
use crate::harness::browser::Browser;
use crate::harness::eventually::{SOON, eventually};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::http::Site;
use crate::harness::program::Program;
use crate::harness::{publisher, subscriber};

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
    eventually(SOON, "a later number", || {
        (sequence(&browser, "li[data-camera=front-door]") > number).then_some(())
    });
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
