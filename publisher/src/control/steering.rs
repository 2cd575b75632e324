//! Capture's side of control: a source that obeys orders between two pictures.
//!
//! While it is paused it gives no pictures. A live source, a camera say, is let go of meanwhile, so that other programs
//! may use it; a file or pipe is left where it is. A new mode must show itself in a picture, or the old one is restored.

mod helm;

use std::pin::pin;
use std::time::Duration;

use protocol::frame::Frame;
use runtime::deadline::reached;

use self::helm::Helm;
use super::CaptureEnd;
use crate::source::{Captured, FrameSource, SourceOptions, SourceSpec};

/// A source, and whoever may steer it.
pub(crate) struct SteeredSource {
    source: FrameSource,
    helm: Option<Helm>,
}

impl SteeredSource {
    /// Opens the source. Without a `line` nobody steers it.
    pub(crate) fn open(
        spec: &SourceSpec,
        options: &SourceOptions,
        line: Option<CaptureEnd>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            source: FrameSource::open(spec, options)?,
            helm: line.map(|line| Helm::new(spec, options, line)),
        })
    }

    /// The next picture, however long it is paused. As [`FrameSource::next`].
    pub(crate) async fn next(&mut self) -> anyhow::Result<Captured> {
        let Some(helm) = &mut self.helm else {
            return self.source.next().await;
        };
        helm.end_shown_trial();
        loop {
            let change = {
                let mut next = pin!(self.source.next());
                loop {
                    let trial_over = helm.trial_over();
                    let is_paused = helm.is_paused();
                    tokio::select! {
                        biased;
                        Some(order) = helm.line.orders.recv() => {
                            if let Some(change) = helm.take(order) {
                                break change;
                            }
                        }
                        () = reached(trial_over) => {
                            if let Some(change) = helm.end_trial_in_vain() {
                                break change;
                            }
                        }
                        captured = &mut next, if !is_paused => {
                            helm.saw(&captured);
                            return captured;
                        }
                    }
                }
            };
            helm.apply(change, &mut self.source).await;
        }
    }

    /// Does `work`, and obeys orders meanwhile.
    pub(crate) async fn while_obeying<T>(&mut self, work: impl Future<Output = T>) -> T {
        let Some(helm) = &mut self.helm else {
            return work.await;
        };
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(order) = helm.line.orders.recv() => {
                    if let Some(change) = helm.take(order) {
                        helm.apply(change, &mut self.source).await;
                    }
                }
            }
        }
    }

    /// A picture of this source has become `frame`.
    pub(crate) fn became(&self, frame: &Frame) {
        if let Some(helm) = &self.helm {
            helm.line.state.set_newest(frame.clone());
        }
    }

    /// How long it has been paused in all.
    pub(crate) fn paused(&self) -> Duration {
        self.helm.as_ref().map_or(Duration::ZERO, Helm::paused)
    }
}

#[cfg(test)]
mod tests;
