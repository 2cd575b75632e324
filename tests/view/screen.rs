//! What several tests do with a page in a browser.
//!
//! With `FRAMEBRIDGE_SCREENSHOTS=DIR` they leave the pictures of the documentation there (`make screenshots`).

use std::env;
use std::ffi::OsString;
use std::path::Path;

use crate::harness::browser::Browser;
use crate::harness::eventually::SOON;
use crate::harness::http::Site;
use crate::harness::launch::Launch;

pub(super) fn page(browser: &Browser, site: &Site, path: &str) {
    browser.open(&format!("http://{}/{path}", site.address));
}

pub(super) fn tile(camera: &str, rest: &str) -> String {
    format!("li[data-camera={camera}] {rest}")
}

pub(super) fn sequence(browser: &Browser, selector: &str) -> u64 {
    let script = format!("return Number(document.querySelector('{selector}').dataset.sequence)");
    browser.run(&script).as_u64().unwrap_or(0)
}

/// Opens the one camera of a folder, and waits until its newest frame is shown.
pub(super) fn open_folder(browser: &Browser, site: &Site, last: u64) {
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
pub(super) fn await_frame(browser: &Browser, number: u64) {
    browser.await_that(
        &format!("frame {number}"),
        &format!("return document.getElementById('large').dataset.sequence === '{number}'"),
    );
}

/// Where somebody wants pictures for the documentation.
pub(super) fn wants_pictures() -> Option<OsString> {
    env::var_os("FRAMEBRIDGE_SCREENSHOTS")
}

/// Leaves a picture, if somebody wants it.
pub(super) fn leave_picture(browser: &Browser, name: &str) {
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
