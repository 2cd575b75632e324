//! One connection after another: for ever, with jittered back-off, unless what is wrong will not heal.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::error::LinkError;
use crate::options::LinkOptions;
use crate::session::Session;

const FIRST_DELAY: Duration = Duration::from_millis(200);
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// A connection that the broker ended within this time of CONNACK lived a short life.
const SHORT_LIFE: Duration = Duration::from_secs(1);

/// So many short lives in a row, each followed at once by a connection that succeeds, mean that two programs take turns
/// under one name. MQTT 3.1.1 has no word for it, and Mosquitto 2.0 does not always say the word that MQTT 5 has. A
/// broker that restarts looks different: it refuses the connection that follows at once.
const SHORT_LIVES_LIMIT: u32 = 8;

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
        let mut said: Option<LinkError> = None;
        if let Some(error) = lost {
            self.judge_lost_session(&error)?;
            warn!(
                "connection to {} lost: {error}; reconnecting",
                self.options.broker
            );
            // Who hung up is asked again at once: it was a restart if nobody answers, and a moment's outage if not.
            if error != LinkError::HungUp {
                self.wait().await;
            }
            said = Some(error);
        }
        loop {
            match Session::connect(&self.options).await {
                Ok(session) => {
                    self.connected_at = Some(Instant::now());
                    self.connections += 1;
                    info!("connected to {}", self.options.broker);
                    return Ok(session);
                }
                Err(error) if error.may_heal() => {
                    self.short_lives = 0;
                    if said.as_ref() != Some(&error) {
                        warn!(
                            "cannot reach {}: {error}; trying again until it answers",
                            self.options.broker
                        );
                        said = Some(error);
                    }
                }
                Err(error) => return Err(self.with_broker(error)),
            }
            self.wait().await;
        }
    }

    fn judge_lost_session(&mut self, error: &LinkError) -> Result<(), LinkError> {
        if !error.may_heal() {
            return Err(self.with_broker(error.clone()));
        }
        let short = self
            .connected_at
            .take()
            .is_some_and(|at| at.elapsed() < SHORT_LIFE);
        if !short {
            self.delay = FIRST_DELAY;
        }
        self.short_lives = if short && *error == LinkError::HungUp {
            self.short_lives + 1
        } else {
            0
        };
        if self.short_lives >= SHORT_LIVES_LIMIT {
            Err(LinkError::TakenOver)
        } else {
            Ok(())
        }
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
