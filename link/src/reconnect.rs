//! One connection after another: for ever, with jittered back-off, unless what is wrong will not heal.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::error::LinkError;
use crate::options::LinkOptions;
use crate::session::Session;

const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(15);

/// A connection that lived shorter than this counts as lost right after CONNACK.
const SHORT_LIFE: Duration = Duration::from_secs(5);

/// So many short lives in a row on MQTT 3.1.1, which gives no reason, mean that two programs take turns.
const SHORT_LIVES_LIMIT: u32 = 5;

/// Makes sessions, one at a time.
pub struct Connector {
    options: LinkOptions,
    delay: Duration,
    connected_at: Option<Instant>,
    short_lives: u32,
    connections: u64,
}

impl Connector {
    /// Nothing is connected yet.
    #[must_use]
    pub fn new(options: LinkOptions) -> Self {
        Self {
            options,
            delay: FIRST_DELAY,
            connected_at: None,
            short_lives: 0,
            connections: 0,
        }
    }

    /// Connections made after the first.
    #[must_use]
    pub fn reconnects(&self) -> u64 {
        self.connections.saturating_sub(1)
    }

    /// Connects, waiting as long as it takes. One line a reason says why it is waiting. Cancel-safe.
    ///
    /// `lost` is why the session before has ended.
    ///
    /// # Errors
    /// Only what will not heal by itself.
    pub async fn connect(&mut self, lost: Option<LinkError>) -> Result<Session, LinkError> {
        let mut said: Option<String> = None;
        if let Some(error) = lost {
            self.judge_lost_session(&error)?;
            warn!(
                "connection to {} lost: {error}; reconnecting",
                self.options.broker
            );
            said = Some(error.to_string());
            self.wait().await;
        }
        loop {
            match Session::connect(&self.options).await {
                Ok(session) => {
                    self.connected_at = Some(Instant::now());
                    self.connections += 1;
                    info!("connected to {}", self.options.broker);
                    return Ok(session);
                }
                Err(LinkError::Lost(reason)) => {
                    if said.as_ref() != Some(&reason) {
                        warn!(
                            "cannot reach {}: {reason}; trying again until it answers",
                            self.options.broker
                        );
                        said = Some(reason);
                    }
                }
                Err(error) => return Err(self.with_broker(error)),
            }
            self.wait().await;
        }
    }

    fn judge_lost_session(&mut self, error: &LinkError) -> Result<(), LinkError> {
        let short = self
            .connected_at
            .take()
            .is_some_and(|at| at.elapsed() < SHORT_LIFE);
        if short {
            self.short_lives += 1;
        } else {
            self.short_lives = 0;
            self.delay = FIRST_DELAY;
        }
        if !matches!(error, LinkError::Lost(_)) {
            return Err(self.with_broker(error.clone()));
        }
        let silent_protocol = self.options.protocol == crate::Protocol::V311;
        if silent_protocol && self.short_lives >= SHORT_LIVES_LIMIT {
            return Err(LinkError::TakenOver);
        }
        Ok(())
    }

    fn with_broker(&self, error: LinkError) -> LinkError {
        match error {
            LinkError::Fatal(reason) => {
                LinkError::Fatal(format!("{}: {reason}", self.options.broker))
            }
            other => other,
        }
    }

    /// Waits for between half and all of the delay, which doubles each time.
    async fn wait(&mut self) {
        let delay = self.delay.mul_f64(0.5 + fastrand::f64() / 2.0);
        self.delay = (self.delay * 2).min(LONGEST_DELAY);
        sleep(delay).await;
    }
}
