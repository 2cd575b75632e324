//! One request, and the wait for its answer.

use std::time::Duration;

use anyhow::{anyhow, bail};
use bytes::Bytes;
use link::{
    Connector, Event, Exchange, LinkError, LinkOptions, Message, PublishOutcome, PublishToken, Qos,
    Received, Session, SessionKind,
};
use protocol::control::{CONTENT_TYPE_JSON, Request};
use protocol::topic::{CameraName, ConsumerName, OFFLINE, ONLINE, TopicPrefix};
use tokio::time::{Instant, timeout_at};

/// Names the one request.
const REQUEST: PublishToken = 1;

/// How long the broker may remember that we looked for a session, should we be ended in between.
const LOOK: Duration = Duration::from_mins(1);
/// How long it is to keep a consumer's session that we found; its own configuration may say less.
const KEEP: Duration = Duration::from_hours(7 * 24);

/// A request, and where its answer is expected.
pub(super) struct Asking {
    pub(super) camera: CameraName,
    pub(super) prefix: TopicPrefix,
    pub(super) consumer: ConsumerName,
    pub(super) request: Request,
    pub(super) correlation: Bytes,
    pub(super) timeout: Duration,
}

/// An answer as it came.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) content_type: Option<String>,
    pub(super) user_properties: Vec<(String, String)>,
    pub(super) payload: Bytes,
}

/// What the camera's status topic says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Presence {
    Unknown,
    Online,
    Offline,
}

const OWN_USER: &str = "control needs a user of its own (make-credentials controller)";

impl Asking {
    /// Connects, asks and waits.
    pub(super) async fn ask(&self, options: LinkOptions) -> anyhow::Result<Reply> {
        let broker = options.broker.clone();
        let user = options.credentials.as_ref().map(|(user, _)| user.clone());
        let deadline = Instant::now() + self.timeout;
        let connected = timeout_at(deadline, connect_beside_others(options)).await;
        let Ok(connected) = connected else {
            bail!("cannot reach {broker} within {:?}", self.timeout);
        };
        let mut session = connected?;
        let reply = self.exchange(&mut session, deadline).await;
        session.close().await;
        reply.map_err(|error| match (error.downcast_ref(), user) {
            (Some(LinkError::TakenOver), Some(user)) => {
                anyhow!("another program connected as the user {user}: {OWN_USER}")
            }
            _ => error,
        })
    }

    async fn exchange(&self, session: &mut Session, deadline: Instant) -> anyhow::Result<Reply> {
        let answers = self.prefix.answers(&self.camera, &self.consumer);
        let status = self.prefix.status(&self.camera);
        session.subscribe(&answers, Qos::AtLeastOnce);
        session.subscribe(&status, Qos::AtLeastOnce);
        let mut granted = 0;
        let mut presence = Presence::Unknown;
        loop {
            let Ok(event) = timeout_at(deadline, session.next_event()).await else {
                bail!(self.unanswered(presence));
            };
            match event? {
                Event::Subscribed => {
                    granted += 1;
                    // Not before the way back is open.
                    if granted == 2 && !session.publish(self.message(answers.clone()), REQUEST) {
                        bail!("the request was not sent");
                    }
                }
                Event::Received(received, ack) => {
                    if let Some(ack) = ack {
                        session.ack(ack);
                    }
                    if received.topic == status {
                        presence = presence_of(&received.payload);
                    } else if received.topic == answers && self.is_answered_by(&received) {
                        return Ok(Reply {
                            content_type: received.content_type,
                            user_properties: received.user_properties,
                            payload: received.payload,
                        });
                    }
                }
                Event::Published(REQUEST, outcome) => self.judge(outcome, presence)?,
                Event::Published(..) => {}
            }
        }
    }

    fn message(&self, response_topic: String) -> Message {
        Message {
            topic: self.prefix.control(&self.camera),
            payload: self.request.to_json().into(),
            qos: Qos::AtLeastOnce,
            retain: false,
            content_type: Some(CONTENT_TYPE_JSON),
            user_properties: Vec::new(),
            exchange: Some(Box::new(Exchange {
                response_topic: Some(response_topic),
                correlation_data: Some(self.correlation.clone()),
            })),
        }
    }

    fn is_answered_by(&self, received: &Received) -> bool {
        let exchange = received.exchange.as_deref();
        exchange.and_then(|exchange| exchange.correlation_data.as_ref()) == Some(&self.correlation)
    }

    /// What the broker says to the request.
    fn judge(&self, outcome: PublishOutcome, presence: Presence) -> anyhow::Result<()> {
        let camera = &self.camera;
        match (outcome, presence) {
            (PublishOutcome::Accepted, _) => Ok(()),
            (PublishOutcome::NoSubscribers, Presence::Online) => {
                bail!("{camera} takes no requests: start its frame-publisher with --allow-control")
            }
            (PublishOutcome::NoSubscribers, Presence::Offline) => bail!("{camera} is offline"),
            (PublishOutcome::NoSubscribers, Presence::Unknown) => bail!(
                "nobody takes requests for {camera}: is that its name, and does its frame-publisher run with --allow-control?"
            ),
            (PublishOutcome::Denied, _) => bail!(
                "the broker denies requests to {camera}: the user needs leave to control it (make-credentials controller)"
            ),
            (PublishOutcome::Refused, _) => bail!("the broker refuses the request"),
        }
    }

    fn unanswered(&self, presence: Presence) -> String {
        let (camera, consumer, time) = (&self.camera, &self.consumer, self.timeout);
        match presence {
            Presence::Offline => format!("no answer from {camera} within {time:?}: it is offline"),
            Presence::Online | Presence::Unknown => format!(
                "no answer from {camera} within {time:?}: ask again, or see its log; with our access list, --consumer ({consumer}) \
                 must be the --username"
            ),
        }
    }
}

/// Connects with a clean session, unless that would be another program's: a broker may know sessions by their users, and a
/// clean start would throw away all that waits for a consumer.
async fn connect_beside_others(mut options: LinkOptions) -> anyhow::Result<Session> {
    if let Some((user, _)) = options.credentials.clone() {
        let found = connect_to_session(&mut options, LOOK).await?;
        let is_anothers = found.session_present();
        found.close().await;
        if is_anothers {
            connect_to_session(&mut options, KEEP).await?.close().await;
            bail!("the user {user} has a session at the broker, as consumers have: {OWN_USER}");
        }
    }
    options.session = SessionKind::Clean;
    Ok(Connector::new(options).connect(None).await?)
}

async fn connect_to_session(
    options: &mut LinkOptions,
    expiry: Duration,
) -> Result<Session, LinkError> {
    options.session = SessionKind::Persistent { expiry };
    Connector::new(options.clone()).connect(None).await
}

fn presence_of(status: &[u8]) -> Presence {
    if status == ONLINE.as_bytes() {
        Presence::Online
    } else if status == OFFLINE.as_bytes() {
        Presence::Offline
    } else {
        Presence::Unknown
    }
}
