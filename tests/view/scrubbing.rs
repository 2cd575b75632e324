//! What is on disk, in a real browser: along the timeline, by keys, and on a phone.

use serde_json::Value;

use super::screen::{await_frame, leave_picture, open_folder};
use super::{recorded, start_view};
use crate::harness::browser::Browser;
use crate::harness::eventually::{SOON, eventually};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;

const LEFT: char = '\u{e012}';
const RIGHT: char = '\u{e014}';
const HOME: char = '\u{e011}';
const END: char = '\u{e010}';
const ESCAPE: char = '\u{e00c}';

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
