use anyhow::anyhow;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use runtime::disk_space::Space;
use runtime::latency_buckets::LatencyBuckets;

use super::*;
use crate::figures::{LastPicture, Latency};

/// What stands on a terminal of this size, line by line.
fn lines(screen: &Screen, width: u16, height: u16) -> Vec<String> {
    lines_at(screen, screen.heard_at, width, height)
}

fn lines_at(screen: &Screen, now: Instant, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| screen.draw(frame, now)).unwrap();
    let cells = terminal.backend().buffer().content();
    let rows = cells.chunks(width.into());
    let text = rows.map(|row| {
        row.iter()
            .map(ratatui::buffer::Cell::symbol)
            .collect::<String>()
    });
    text.map(|line| line.trim_end().to_owned()).collect()
}

fn camera(name: &str) -> CameraFigures {
    CameraFigures {
        name: name.parse().unwrap(),
        status: CameraStatus::Online,
        stored: 1234,
        bytes: 1,
        duplicates: 0,
        quarantined: 0,
        gaps: 1,
        missing: 3,
        given_up: 0,
        frames_per_second: 29.97,
        bytes_per_second: 3_600_000.0,
        latency: Some(Latency {
            p50_seconds: 0.0042,
            p99_seconds: 0.0311,
        }),
        latencies: LatencyBuckets::default(),
        last: Some(LastPicture {
            sequence: Some(1234),
            taken_at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(89),
        }),
        available: None,
        clock_ahead_seconds: Some(3.0),
    }
}

fn screen(cameras: Vec<CameraFigures>) -> Screen {
    let start = Timestamp::UNIX_EPOCH;
    let figures = Figures {
        at: start + SignedDuration::from_secs(90),
        is_connected: true,
        received: 1240,
        stored: 1234,
        disk: Some(Space {
            free: 1 << 30,
            total: 1 << 40,
        }),
        cameras,
        ..Figures::at_start(start)
    };
    Screen::new("127.0.0.1:9464".to_owned(), figures, Instant::now())
}

#[test]
fn a_camera_is_a_line_below_the_whole() {
    let lines = lines(&screen(vec![camera("front-door")]), 110, 8);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(lines[0].starts_with("frame-subscriber"), "{lines:#?}");
    assert!(
        lines[0].contains("at 127.0.0.1:9464   connected   running for 90s"),
        "{lines:#?}"
    );
    assert!(
        lines[1].ends_with("disk 1.0 GiB free of 1.0 TiB"),
        "{lines:#?}"
    );
    assert!(
        lines[2].starts_with("received 1240   stored 1234   duplicates 0"),
        "{lines:#?}"
    );
    assert_eq!(
        words(&lines[4]),
        "camera status fps bytes/s p50 ms p99 ms stored missing given up last clock"
    );
    assert_eq!(
        words(&lines[5]),
        "front-door online 30.0 3.6 MB 4.2 31.1 1234 3 0 1.0s +3.0s"
    );
    assert_eq!(words(&lines[7]), "q quits 1 cameras, arrows scroll");
}

#[test]
fn that_nothing_answers_any_more_is_said_with_how_long_since_beside_what_was_last_known() {
    let mut screen = screen(vec![camera("front-door")]);
    let heard_at = screen.heard_at;
    let later = heard_at + Duration::from_secs(80);
    // The one who is asked may also hang.
    let hanging = lines_at(&screen, later, 110, 8);
    assert_eq!(hanging[7], "no figures for 80s, q quits: no answer yet");
    screen.update(Err(anyhow!("nothing answers at 127.0.0.1:9464")), later);
    let shown = lines_at(&screen, later, 110, 8);
    assert!(shown[0].contains("as it was last known"), "{shown:#?}");
    assert!(shown[5].contains("front-door"), "{shown:#?}");
    assert_eq!(
        shown[7],
        "no figures for 80s, q quits: nothing answers at 127.0.0.1:9464"
    );
    let figures = screen.figures.clone();
    screen.update(Ok(figures), later);
    let again = lines_at(&screen, later, 110, 8);
    assert!(again[7].starts_with("q quits"), "{again:#?}");
    assert!(again[0].contains("   connected   "), "{again:#?}");
}

#[test]
fn more_cameras_than_fit_are_scrolled_through() {
    let cameras: Vec<_> = (10..60)
        .map(|number| camera(&format!("camera{number}")))
        .collect();
    let mut screen = screen(cameras);
    let first = |screen: &Screen| lines(screen, 110, 10)[5][..8].to_owned();
    assert_eq!(first(&screen), "camera10");
    screen.scroll(10);
    screen.scroll(-1);
    assert_eq!(first(&screen), "camera19");
    screen.scroll(1000);
    assert_eq!(first(&screen), "camera59");
    screen.scroll(-1000);
    assert_eq!(first(&screen), "camera10");
}

#[test]
fn a_terminal_of_any_size_is_drawn_on() {
    let screen = screen(vec![camera("front-door")]);
    for (width, height) in [(1, 1), (20, 3), (500, 200)] {
        lines(&screen, width, height);
    }
}

#[test]
fn a_disk_that_takes_no_frames_is_said_before_anything_else() {
    let mut screen = screen(vec![camera("front-door")]);
    screen.figures.store_refuses = true;
    let first = &lines(&screen, 110, 8)[0];
    assert!(first.contains("the disk takes no frames"), "{first}");
}
