//! Orders, one by one: what each does to the source, and when it is answered.

use std::time::Duration;

use protocol::control::{Controls, Snapshot};
use protocol::jpeg;
use tokio::time::{Instant, timeout};
use tracing::{info, warn};

use super::super::CaptureEnd;
use super::super::order::{Order, Outcome, Reply, Wish};
use crate::source::{
    Captured, ControlSetting, FrameSource, Resolution, SourceClass, SourceOptions, SourceSpec,
    set_controls,
};

/// How long a picture may take that was asked for, or that is to show a new mode: whoever asked waits. A slow rate gets the
/// time of two pictures.
const PATIENCE: Duration = Duration::from_secs(4);

/// What was ordered of a source, and what becomes of it.
pub(super) struct Helm {
    spec: SourceSpec,
    /// As last asked for.
    options: SourceOptions,
    pub(super) line: CaptureEnd,
    paused_since: Option<Instant>,
    paused_before: Duration,
    trial: Option<Trial>,
}

/// A new mode that no picture has shown yet.
struct Trial {
    reply: Reply,
    until: Instant,
    /// What is restored if none does.
    before: SourceOptions,
    has_picture: bool,
}

/// What an order does to the source itself, for which a picture that was waited for is abandoned.
pub(super) enum Change {
    Release(Reply),
    TakeOne(Reply),
    Mode(SourceOptions, Reply),
    Restore(SourceOptions, Reply),
}

impl Helm {
    pub(super) fn new(spec: &SourceSpec, options: &SourceOptions, line: CaptureEnd) -> Self {
        Self {
            spec: spec.clone(),
            options: options.clone(),
            line,
            paused_since: None,
            paused_before: Duration::ZERO,
            trial: None,
        }
    }

    /// When a picture must have shown the new mode.
    pub(super) fn trial_over(&self) -> Option<Instant> {
        self.trial.as_ref().map(|trial| trial.until)
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused_since.is_some()
    }

    pub(super) fn paused(&self) -> Duration {
        let now = self.paused_since.map(|since| since.elapsed());
        self.paused_before + now.unwrap_or_default()
    }

    /// Carries out an order as far as that leaves the source alone; gives what does not.
    pub(super) fn take(&mut self, Order { wish, reply }: Order) -> Option<Change> {
        match wish {
            Wish::Pause => return self.pause(reply),
            Wish::Resume => self.resume(reply),
            Wish::Snapshot if self.is_paused() && self.is_live() => {
                return Some(Change::TakeOne(reply));
            }
            Wish::Snapshot => reply.give(Outcome::Newest),
            Wish::Set(controls) => match set_controls(&self.spec, &settings(&controls)) {
                Ok(()) => {
                    info!("controls set: {controls}");
                    reply.done();
                }
                Err(why) => reply.refuse(why.to_string()),
            },
            Wish::Fps(_) | Wish::Resolution(_) if !self.spec.has_mode() => reply.refuse(format!(
                "this source's pictures come as they are: neither rate nor size of {} can be asked for",
                self.spec
            )),
            Wish::Fps(_) | Wish::Resolution(_) if self.trial.is_some() => {
                reply.give(Outcome::Busy);
            }
            Wish::Fps(fps) => {
                let mut options = self.options.clone();
                options.fps = Some(fps);
                return Some(Change::Mode(options, reply));
            }
            Wish::Resolution(size) => {
                let mut options = self.options.clone();
                options.resolution = Resolution {
                    width: size.width(),
                    height: size.height(),
                };
                return Some(Change::Mode(options, reply));
            }
        }
        None
    }

    fn pause(&mut self, reply: Reply) -> Option<Change> {
        if let Some(trial) = self.trial.take() {
            // Whether the mode is given will show when the pause is over.
            trial.reply.done();
        }
        if self.is_paused() {
            reply.done();
            return None;
        }
        self.paused_since = Some(Instant::now());
        self.line.state.set_paused(true);
        info!("paused: no pictures are taken until somebody says resume");
        if self.is_live() {
            return Some(Change::Release(reply));
        }
        reply.done();
        None
    }

    fn resume(&mut self, reply: Reply) {
        if let Some(since) = self.paused_since.take() {
            self.paused_before += since.elapsed();
            self.line.state.set_paused(false);
            info!("resumed after {:.1} s", since.elapsed().as_secs_f64());
        }
        reply.done();
    }

    fn is_live(&self) -> bool {
        self.spec.class() == SourceClass::Live
    }

    pub(super) async fn apply(&mut self, change: Change, source: &mut FrameSource) {
        match change {
            Change::Release(reply) => {
                source.release();
                reply.done();
            }
            Change::TakeOne(reply) => {
                let taken = timeout(PATIENCE, self.take_one(source)).await;
                source.release();
                match taken {
                    Ok(Ok(snapshot)) => reply.give(Outcome::Picture(snapshot)),
                    Ok(Err(why)) => reply.refuse(why),
                    Err(_) => reply.refuse(format!(
                        "the camera gave no picture within {} s",
                        PATIENCE.as_secs()
                    )),
                }
            }
            Change::Mode(options, reply) => {
                let before = std::mem::replace(&mut self.options, options);
                self.change_mode(source);
                if self.is_paused() {
                    reply.done();
                    return;
                }
                self.trial = Some(Trial {
                    reply,
                    until: Instant::now() + patience(&self.options),
                    before,
                    has_picture: false,
                });
            }
            Change::Restore(options, reply) => {
                let why = format!(
                    "no picture came within {} s of asking for {}: what was before is asked for again",
                    patience(&self.options).as_secs(),
                    mode_in_words(&self.options)
                );
                self.options = options;
                self.change_mode(source);
                reply.refuse(why);
            }
        }
    }

    fn change_mode(&self, source: &mut FrameSource) {
        info!("asking the source for {}", mode_in_words(&self.options));
        self.line.state.set_asked(&self.options);
        source.change_mode(&self.options);
    }

    /// A picture that is no frame: it gets no number, and stands in no book.
    async fn take_one(&self, source: &mut FrameSource) -> Result<Snapshot, String> {
        loop {
            let picture = match source.next().await {
                Ok(Captured::Picture(picture)) => picture,
                Ok(Captured::Broken(_)) => continue,
                Ok(Captured::End) => return Err("the source has ended".to_owned()),
                Err(error) => return Err(format!("{error:#}")),
            };
            if let Ok(prepared) = jpeg::prepare(picture.jpeg, self.options.max_frame_bytes) {
                return Ok(Snapshot::unnumbered(
                    prepared.jpeg,
                    picture.captured_at,
                    prepared.width,
                    prepared.height,
                ));
            }
        }
    }

    /// A picture has come, or the source has ended.
    pub(super) fn saw(&mut self, captured: &anyhow::Result<Captured>) {
        if let (Some(trial), Ok(Captured::Picture(_))) = (&mut self.trial, captured) {
            trial.has_picture = true;
        }
    }

    /// By now the picture that shows the new mode is a frame, and the answer tells its size.
    pub(super) fn end_shown_trial(&mut self) {
        if let Some(trial) = self.trial.take_if(|trial| trial.has_picture) {
            trial.reply.done();
        }
    }

    pub(super) fn end_trial_in_vain(&mut self) -> Option<Change> {
        let trial = self.trial.take()?;
        warn!("the source gives no picture as it was asked to");
        Some(Change::Restore(trial.before, trial.reply))
    }
}

fn patience(options: &SourceOptions) -> Duration {
    let two_pictures = options
        .fps
        .and_then(|fps| Duration::try_from_secs_f64(2.0 / fps).ok());
    PATIENCE.max(two_pictures.unwrap_or_default())
}

fn mode_in_words(options: &SourceOptions) -> String {
    match options.fps {
        Some(fps) => format!("{} at {fps} fps", options.resolution),
        None => format!("{} at its own rate", options.resolution),
    }
}

/// As they would be given with `--control`.
fn settings(controls: &Controls) -> Vec<ControlSetting> {
    controls
        .iter()
        .filter_map(|(name, value)| ControlSetting::new(name, &value.to_string()))
        .collect()
}
