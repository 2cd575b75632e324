//! What `top` shows: a line of the whole, and one of each camera.

use std::time::{Duration, Instant};

use bytesize::ByteSize;
use jiff::{SignedDuration, Timestamp};
use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout};
use ratatui::style::{Color, Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row, Table};

use crate::figures::{CameraFigures, CameraStatus, Figures};

/// The newest figures, and how they are looked at.
pub(super) struct Screen {
    pub(super) address: String,
    figures: Figures,
    /// When they came.
    heard_at: Instant,
    /// Why there are no newer ones.
    trouble: Option<String>,
    /// Cameras above the first that is shown.
    scrolled: usize,
}

impl Screen {
    pub(super) fn new(address: String, figures: Figures, now: Instant) -> Self {
        Self {
            address,
            figures,
            heard_at: now,
            trouble: None,
            scrolled: 0,
        }
    }

    /// Takes newer figures, or why there are none.
    pub(super) fn update(&mut self, answer: anyhow::Result<Figures>, now: Instant) {
        match answer {
            Ok(figures) => {
                self.figures = figures;
                self.heard_at = now;
                self.trouble = None;
            }
            Err(error) => self.trouble = Some(format!("{error:#}")),
        }
    }

    /// Moves so many cameras down; up, if negative.
    pub(super) fn scroll(&mut self, rows: isize) {
        let last = self.figures.cameras.len().saturating_sub(1);
        self.scrolled = self.scrolled.saturating_add_signed(rows).min(last);
    }

    pub(super) fn draw(&self, frame: &mut Frame, now: Instant) {
        let silent = now.saturating_duration_since(self.heard_at);
        let rows = Layout::vertical([
            Constraint::Length(4),
            Constraint::Fill(1),
            Constraint::Length(1),
        ]);
        let [head, cameras, foot] = frame.area().layout(&rows);
        frame.render_widget(self.head(silent), head);
        frame.render_widget(self.cameras(), cameras);
        frame.render_widget(self.foot(silent), foot);
    }

    fn head(&self, silent: Duration) -> Paragraph<'_> {
        let figures = &self.figures;
        let connected = if is_long(silent) {
            "as it was last known".red().bold()
        } else if figures.store_refuses {
            "the disk takes no frames".red().bold()
        } else if figures.is_connected {
            "connected".green()
        } else {
            "not connected to the broker".red().bold()
        };
        let runs = figures.at.duration_since(figures.started_at);
        let disk = figures.disk.map_or_else(String::new, |disk| {
            let (free, total) = (ByteSize(disk.free), ByteSize(disk.total));
            format!("   disk {free} free of {total}")
        });
        Paragraph::new(vec![
            Line::from(vec![
                Span::from("frame-subscriber ").bold(),
                Span::from(format!("{} at {}   ", figures.version, self.address)),
                connected,
                Span::from(format!(
                    "   running for {}   reconnects {}",
                    time(runs),
                    figures.reconnects
                )),
            ]),
            Line::from(format!(
                "{:.1} fps   {}/s   waiting {}{disk}",
                figures.frames_per_second,
                rate(figures.bytes_per_second),
                figures.waiting,
            )),
            Line::from(format!(
                "received {}   stored {}   duplicates {}   quarantined {}   foreign {}   missing {}   given up {}   skipped {}",
                figures.received,
                figures.stored,
                figures.duplicates,
                figures.quarantined,
                figures.foreign,
                figures.missing,
                figures.given_up,
                figures.skipped,
            )),
        ])
    }

    fn cameras(&self) -> Table<'_> {
        let at = self.figures.at;
        let cameras = self.figures.cameras.iter().skip(self.scrolled);
        let rows = cameras.map(|camera| row(camera, at));
        Table::new(rows, COLUMNS.map(|(_, width)| width)).header(
            Row::new(COLUMNS.map(|(title, _)| right_unless_name(title, title.into()))).bold(),
        )
    }

    fn foot(&self, silent: Duration) -> Line<'_> {
        if self.trouble.is_some() || is_long(silent) {
            let why = self.trouble.as_deref().unwrap_or("no answer yet");
            let since = time(silent.try_into().unwrap_or(SignedDuration::MAX));
            return Line::from(format!("no figures for {since}, q quits: {why}"))
                .red()
                .bold();
        }
        match self.figures.cameras.len() {
            0 => Line::from("q quits   no camera has been heard of yet").dim(),
            cameras => Line::from(format!("q quits   {cameras} cameras, arrows scroll")).dim(),
        }
    }
}

/// Figures come once a second; what is older than this is old.
fn is_long(silent: Duration) -> bool {
    silent > Duration::from_secs(3)
}

const CAMERA: &str = "camera";

/// Titles and widths.
const COLUMNS: [(&str, Constraint); 11] = [
    (CAMERA, Constraint::Fill(1)),
    ("status", Constraint::Length(7)),
    ("fps", Constraint::Length(6)),
    ("bytes/s", Constraint::Length(9)),
    ("p50 ms", Constraint::Length(7)),
    ("p99 ms", Constraint::Length(7)),
    ("stored", Constraint::Length(9)),
    ("missing", Constraint::Length(7)),
    ("given up", Constraint::Length(8)),
    ("last", Constraint::Length(7)),
    ("clock", Constraint::Length(7)),
];

fn row(camera: &CameraFigures, at: Timestamp) -> Row<'_> {
    let status = match camera.status {
        CameraStatus::Online => "online".green(),
        CameraStatus::Offline => "offline".red(),
        CameraStatus::Unknown => "".into(),
    };
    let millis = |seconds: Option<f64>| {
        seconds.map_or_else(String::new, |seconds| format!("{:.1}", seconds * 1000.0))
    };
    let last = camera
        .last
        .map_or_else(String::new, |last| time(at.duration_since(last.taken_at)));
    let clock = camera
        .clock_ahead_seconds
        .map_or_else(String::new, |seconds| format!("{seconds:+.1}s"));
    let loud_unless_0 = |count: u64| {
        let style = if count > 0 {
            Color::Yellow.into()
        } else {
            Style::new()
        };
        Span::styled(count.to_string(), style)
    };
    let texts: [Span; COLUMNS.len()] = [
        camera.name.as_str().into(),
        status,
        format!("{:.1}", camera.frames_per_second).into(),
        rate(camera.bytes_per_second).into(),
        millis(camera.latency.map(|latency| latency.p50_seconds)).into(),
        millis(camera.latency.map(|latency| latency.p99_seconds)).into(),
        camera.stored.to_string().into(),
        loud_unless_0(camera.missing),
        loud_unless_0(camera.given_up),
        last.into(),
        clock.red(),
    ];
    let titled = COLUMNS.iter().zip(texts);
    Row::new(titled.map(|((title, _), text)| right_unless_name(title, text)))
}

fn right_unless_name<'a>(title: &str, text: Span<'a>) -> Cell<'a> {
    let alignment = if title == CAMERA {
        Alignment::Left
    } else {
        Alignment::Right
    };
    Cell::from(Line::from(text).alignment(alignment))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is no negative number, and small"
)]
fn rate(bytes_per_second: f64) -> String {
    ByteSize(bytes_per_second as u64).display().si().to_string()
}

/// Roughly: seconds, minutes, hours or days.
fn time(span: SignedDuration) -> String {
    let seconds = span.as_secs_f64();
    match seconds.abs() {
        0.0..10.0 => format!("{seconds:.1}s"),
        10.0..120.0 => format!("{seconds:.0}s"),
        120.0..7200.0 => format!("{:.0}m", seconds / 60.0),
        7200.0..172_800.0 => format!("{:.0}h", seconds / 3600.0),
        _ => format!("{:.0}d", seconds / 86400.0),
    }
}

#[cfg(test)]
mod tests;
