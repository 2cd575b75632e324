//! What a user may publish and subscribe to, as far as the broker says so.

use std::time::{Duration, SystemTime};

use runtime::findings::Findings;
use tokio::time::{Instant, timeout_at};

use super::{BROKER, Checkup, Heard, RIGHTS};
use crate::error::LinkError;
use crate::options::Protocol;
use crate::session::Session;
use crate::wire::{Event, PublishOutcome, PublishToken, Qos};

/// How long the broker may take for one answer.
const PATIENCE: Duration = Duration::from_secs(5);

const TRIAL: PublishToken = 1;

/// Retained by Mosquitto, and by brokers that do as it does.
const VERSION: &str = "$SYS/broker/version";

impl Checkup {
    /// Tries each right. In the program's own session nothing is subscribed to that the program does not subscribe to.
    pub(super) async fn try_rights(
        &self,
        session: Session,
        is_the_programs: bool,
        findings: &mut Findings,
    ) -> Vec<Heard> {
        let mut trial = Trial {
            checkup: self,
            session: Some(session),
            is_the_programs,
            heard: Vec::new(),
        };
        trial.publish_all(findings).await;
        trial.subscribe_all(findings).await;
        if !is_the_programs {
            let also = self.also_heard.iter().map(String::as_str);
            for filter in also.chain([VERSION]) {
                // Who may not hear it is not told, and need not be.
                let _ = trial.subscribe(filter, Qos::AtMostOnce).await;
            }
        }
        trial.listen(self.listening).await;
        if is_the_programs {
            findings.ok(
                BROKER,
                "its version was not asked for, for that would stay in the program's session",
            );
        } else {
            trial.tell_version(findings);
        }
        if let Some(session) = trial.session.take() {
            session.close().await;
        }
        trial.heard
    }
}

struct Trial<'a> {
    checkup: &'a Checkup,
    /// `None` once the broker has ended it.
    session: Option<Session>,
    is_the_programs: bool,
    heard: Vec<Heard>,
}

impl Trial<'_> {
    async fn publish_all(&mut self, findings: &mut Findings) {
        let checkup = self.checkup;
        let untried = checkup.untried.join(", ");
        if checkup.harmless.is_empty() {
            if !untried.is_empty() {
                findings.ok(
                    RIGHTS,
                    format!("publishing to {untried} was not tried, for that reaches others"),
                );
            }
            return;
        }
        let mut allowed = Vec::new();
        for message in &checkup.harmless {
            let topic = message.topic.clone();
            let asked = |session: &mut Session| session.publish(message.clone(), TRIAL);
            let answer = if self.session.as_mut().is_some_and(asked) {
                self.answer().await
            } else {
                Err(closed())
            };
            match answer {
                Ok(Answer::Published(PublishOutcome::Accepted | PublishOutcome::NoSubscribers)) => {
                    allowed.push(topic);
                }
                Ok(Answer::Published(PublishOutcome::Denied)) => findings.error(
                    RIGHTS,
                    format!(
                        "the broker denies publishing to {topic}: check its access list (with ours, the name must be the \
                         --username)"
                    ),
                ),
                Ok(_) => findings.error(RIGHTS, format!("the broker refuses a message to {topic}")),
                Err(error) => {
                    self.session = None;
                    findings.error(RIGHTS, format!("publishing to {topic}: {error}"));
                }
            }
        }
        if allowed.is_empty() {
            return;
        }
        if checkup.options.protocol == Protocol::V311 {
            findings.warning(
                RIGHTS,
                "MQTT 3.1.1 does not say what may be published: ask once with --protocol 5",
            );
            return;
        }
        let untried = if untried.is_empty() {
            untried
        } else {
            format!(" (not tried, for what is published there reaches others: {untried})")
        };
        findings.ok(
            RIGHTS,
            format!("may publish to {}{untried}", allowed.join(", ")),
        );
    }

    async fn subscribe_all(&mut self, findings: &mut Findings) {
        let checkup = self.checkup;
        let mut granted = Vec::new();
        for (filter, qos) in &checkup.filters {
            match self.subscribe(filter, *qos).await {
                Ok(()) => granted.push(filter.as_str()),
                Err(error) => {
                    findings.error(RIGHTS, format!("subscribing to {filter}: {error}"));
                }
            }
        }
        if !granted.is_empty() {
            findings.ok(RIGHTS, format!("may subscribe to {}", granted.join(", ")));
        }
    }

    /// A denied subscription ends the connection in `link`; the next begins with a new one, if it may.
    async fn subscribe(&mut self, filter: &str, qos: Qos) -> Result<(), LinkError> {
        if self.session.is_none() {
            self.session = Some(Session::connect(&self.checkup.options).await?);
        }
        // In a session of our own nothing is to wait for our acknowledgement.
        let qos = if self.is_the_programs {
            qos
        } else {
            Qos::AtMostOnce
        };
        let asked = self
            .session
            .as_mut()
            .is_some_and(|session| session.subscribe(filter, qos));
        let answer = if asked {
            self.answer().await
        } else {
            Err(closed())
        };
        if answer.is_err() {
            self.session = None;
        }
        answer.map(|_| ())
    }

    /// The answer to what was just asked; messages that come before it are kept.
    async fn answer(&mut self) -> Result<Answer, LinkError> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.next_event(deadline).await {
                Some(Ok(Event::Published(_, outcome))) => return Ok(Answer::Published(outcome)),
                Some(Ok(Event::Subscribed)) => return Ok(Answer::Subscribed),
                Some(Ok(Event::Received(message, _))) => self.heard.push(Heard {
                    message,
                    at: SystemTime::now(),
                }),
                Some(Err(error)) => return Err(error),
                None => return Err(LinkError::Lost("the broker does not answer".into())),
            }
        }
    }

    async fn listen(&mut self, listening: Duration) {
        let deadline = Instant::now() + listening;
        while let Some(Ok(event)) = self.next_event(deadline).await {
            // Not acknowledged: what is the program's stays the program's.
            if let Event::Received(message, _) = event {
                self.heard.push(Heard {
                    message,
                    at: SystemTime::now(),
                });
            }
        }
    }

    /// `None`: it is too late, or there is no connection.
    async fn next_event(&mut self, deadline: Instant) -> Option<Result<Event, LinkError>> {
        let session = self.session.as_mut()?;
        timeout_at(deadline, session.next_event()).await.ok()
    }

    fn tell_version(&mut self, findings: &mut Findings) {
        let told = self
            .heard
            .iter()
            .position(|heard| heard.message.topic == VERSION);
        if let Some(at) = told {
            let version = self.heard.remove(at).message.payload;
            // It may be anything, and goes to a terminal.
            let shown: String = String::from_utf8_lossy(&version)
                .chars()
                .filter(|c| !c.is_control())
                .take(100)
                .collect();
            findings.ok(BROKER, format!("it is {shown}"));
        } else {
            findings.ok(
                BROKER,
                "which program and version it is, it does not tell this user",
            );
        }
    }
}

fn closed() -> LinkError {
    LinkError::Lost("the connection is closed".into())
}

enum Answer {
    Published(PublishOutcome),
    Subscribed,
}
