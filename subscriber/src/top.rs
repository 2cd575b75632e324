//! `top`: the figures of a running subscriber in a terminal, for those who look in over SSH.
//!
//! It asks what `--metrics` shows, so it disturbs neither broker nor files.

mod asking;
mod screen;

use std::io::{IsTerminal as _, stdout};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use runtime::program::UsageError;
use tokio::sync::mpsc;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use crate::config::TopArgs;
use crate::figures;
use asking::{ask, ask_regularly};
use screen::Screen;

/// Shows figures until somebody has seen enough, or a signal says stop: then the terminal is given back as it was, too.
///
/// # Errors
/// Nothing answers at the beginning, or this is no terminal. Later, what is wrong is shown, and it is tried again.
pub(crate) async fn run(args: TopArgs) -> anyhow::Result<()> {
    if !stdout().is_terminal() {
        let why = format!(
            "top needs a terminal; for scripts there is http://{}/figures.json",
            args.metrics
        );
        return Err(UsageError(why).into());
    }
    let figures = ask(&args.metrics).await?;
    let mut screen = Screen::new(args.metrics, figures, Instant::now());
    let stop = runtime::shutdown::on_signal();
    let mut terminal = ratatui::try_init().context("failed to take the terminal")?;
    let shown = show(&mut terminal, &mut screen, &stop).await;
    ratatui::restore();
    shown.context("failed to use the terminal")
}

async fn show(
    terminal: &mut DefaultTerminal,
    screen: &mut Screen,
    stop: &CancellationToken,
) -> std::io::Result<()> {
    let mut wishes = wishes();
    let mut answers = ask_regularly(screen.address.clone());
    // Also while no answer comes: the screen says for how long.
    let mut ticks = interval(figures::INTERVAL);
    loop {
        terminal.draw(|frame| screen.draw(frame, Instant::now()))?;
        tokio::select! {
            Some(answer) = answers.recv() => screen.update(answer, Instant::now()),
            _ = ticks.tick() => {}
            () = stop.cancelled() => return Ok(()),
            wish = wishes.recv() => match wish {
                Some(Wish::Scroll(rows)) => screen.scroll(rows),
                Some(Wish::Redraw) => {}
                Some(Wish::End) | None => return Ok(()),
            }
        }
    }
}

/// What somebody at the keyboard wants.
enum Wish {
    /// So many rows down; up, if negative.
    Scroll(isize),
    Redraw,
    End,
}

/// How often the thread that reads keys looks whether anybody still wants them.
const LOOK: Duration = Duration::from_millis(200);

/// Reads keys on a thread of its own, which ends with the receiver or with the terminal.
fn wishes() -> mpsc::UnboundedReceiver<Wish> {
    let (sender, receiver) = mpsc::unbounded_channel();
    thread::spawn(move || {
        while !sender.is_closed() {
            let wish = match event::poll(LOOK)
                .and_then(|is_there| is_there.then(event::read).transpose())
            {
                Ok(Some(event)) => wish(&event),
                Ok(None) => None,
                Err(_) => Some(Wish::End),
            };
            if let Some(wish) = wish {
                // Nobody wants it any more: the next look ends this thread.
                let _ = sender.send(wish);
            }
        }
    });
    receiver
}

fn wish(event: &Event) -> Option<Wish> {
    let key = match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => key,
        Event::Resize(..) => return Some(Wish::Redraw),
        _ => return None,
    };
    match key.code {
        KeyCode::Char('q') | KeyCode::Esc => Some(Wish::End),
        // In raw mode it is a key like others.
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Wish::End),
        KeyCode::Down | KeyCode::Char('j') => Some(Wish::Scroll(1)),
        KeyCode::Up | KeyCode::Char('k') => Some(Wish::Scroll(-1)),
        KeyCode::PageDown => Some(Wish::Scroll(10)),
        KeyCode::PageUp => Some(Wish::Scroll(-10)),
        _ => None,
    }
}
