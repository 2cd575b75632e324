//! The page and the figures of the Windows program.

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON, eventually};
use crate::harness::folder::Folder;
use crate::harness::footage::{FRAMES, footage};
use crate::harness::http::Site;
use crate::harness::ports::free_port;
use crate::{sender, subscriber};

#[test]
fn the_page_shows_what_is_on_disk_and_the_figures_count_it() {
    let (broker, out) = (Broker::start(), Folder::new());
    let figures = Site {
        address: format!("127.0.0.1:{}", free_port()),
    };
    let storing = subscriber(&broker.url(), out.path())
        .flags("--view 127.0.0.1:0 --metrics")
        .arg(&figures.address)
        .start();
    let page = Site::of(&storing);
    broker.await_subscriptions(1, "cameras/+/frames");
    sender(&broker.url(), "").run(A_RUN).succeeded();
    out.await_pictures(FRAMES);

    assert_eq!(page.get("/").status, 200);
    let frames = &footage().frames;
    let whole = eventually(SOON, "the page to know all frames", || {
        let whole = page.get("/download/door/mjpeg?from=0&to=4000000000000000");
        (whole.status == 200 && whole.body.len() == frames.concat().len()).then_some(whole)
    });
    assert!(whole.body == frames.concat());
    let first = &page.json("/frames/door?at=0")[0]["place"];
    let picture = page.get(&format!("/picture/{}", first.as_str().unwrap()));
    assert!(picture.body == frames[0]);
    let zip = page.get("/download/door/zip?from=0&to=4000000000000000");
    assert!(zip.status == 200 && zip.body.starts_with(b"PK"));

    assert_eq!(figures.get("/healthz").status, 200);
    let scraped = figures.get("/metrics").text();
    let stored = scraped
        .lines()
        .find(|line| line.starts_with("framebridge_subscriber_frames_stored_total"));
    assert!(
        stored.is_some_and(|line| line.ends_with(" 132")),
        "{scraped}"
    );
    storing.interrupt();
    storing.wait(SOON).succeeded();
}
