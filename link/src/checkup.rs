//! What a broker lets a program do, asked without disturbing anyone: what `doctor` says of the broker.
//!
//! A check-up has a client id of its own, so that a running program of the same name keeps its connection. A broker that
//! takes the user name for the client id (`use_username_as_clientid`, as in our configuration) would end that program all the
//! same: so a check-up does not log in while the program runs here as the same user. Such a broker also hands the check-up the
//! program's own session. That is noticed, for a client id that nobody knows cannot have one; the session then stays as it was:
//! nothing in it is acknowledged, and nothing is subscribed to but what the program subscribes to itself.
//!
//! Rights to publish are tried only where nobody listens, or where an empty message says nothing: frames reach consumers, and
//! what is retained stays. So those topics are named as untried.

mod limits;
mod rights;
mod session;

use std::time::{Duration, Instant, SystemTime};

use runtime::findings::Findings;
use tokio::time::timeout;

use crate::error::LinkError;
use crate::options::{LinkOptions, Protocol, SessionKind};
use crate::session::Session;
use crate::wire::{Message, Qos, Received};

pub(crate) const BROKER: &str = "broker";
pub(crate) const RIGHTS: &str = "rights";

/// Without MQTT: from the first packet to the broker's socket.
const REACH_TIMEOUT: Duration = Duration::from_secs(5);

/// What is asked of a broker.
pub struct Checkup {
    /// As the program connects; client id and last will are not used.
    pub options: LinkOptions,
    /// What a picture that was just taken comes to as a message, in bytes.
    pub picture_packet: Option<usize>,
    /// The program's QoS.
    pub qos: Qos,
    /// Messages that harm nobody, whoever gets them.
    pub harmless: Vec<Message>,
    /// Topics that the program publishes to and a check-up must not.
    pub untried: Vec<String>,
    /// What the program subscribes to.
    pub filters: Vec<(String, Qos)>,
    /// What a check-up listens to besides, in a session of its own.
    pub also_heard: Vec<String>,
    /// How long it listens.
    pub listening: Duration,
}

/// A message, and when it came.
pub struct Heard {
    /// The message.
    pub message: Received,
    /// By this machine's clock.
    pub at: SystemTime,
}

/// All that was heard.
pub struct Hearing {
    /// In the order in which it came.
    pub heard: Vec<Heard>,
    /// Whether it came in the program's own session, and so may have waited there for long.
    pub is_the_programs: bool,
}

impl Checkup {
    /// Asks, and enters what is found. Gives what was heard meanwhile; `None`: nobody could listen.
    pub async fn run(mut self, findings: &mut Findings) -> Option<Hearing> {
        // Whoever has it is another check-up by chance, and there are too many numbers for that.
        self.options.client_id = format!("fb-doctor-{:016x}", fastrand::u64(..));
        self.options.will = None;
        if let Some(process) = self.would_end() {
            self.reach(findings, process).await;
            return None;
        }
        let wanted = self.options.session;
        if self.options.credentials.is_some() && wanted == SessionKind::Clean {
            // A clean one would be the end of what waits for this user where users are client ids.
            self.options.session = session::CAUTIOUS;
        }
        let start = Instant::now();
        let session = match Session::connect(&self.options).await {
            Ok(session) => session,
            Err(error) => {
                findings.error(BROKER, self.in_words(&error));
                return None;
            }
        };
        findings.ok(BROKER, self.greeting(start.elapsed()));
        limits::judge(findings, &self, wanted, session.limits());
        let session = match self.options.session {
            SessionKind::Persistent { .. } => self.try_session(session, wanted, findings).await,
            SessionKind::Clean => Ok((session, false)),
        };
        match session {
            Ok((session, is_the_programs)) => {
                let heard = self.try_rights(session, is_the_programs, findings).await;
                Some(Hearing {
                    heard,
                    is_the_programs,
                })
            }
            Err(error) => {
                findings.error(BROKER, self.in_words(&error));
                None
            }
        }
    }

    /// A process of the same program and user here: logging in could end it.
    fn would_end(&self) -> Option<u32> {
        let (username, _) = self.options.credentials.as_ref()?;
        runtime::sibling::running_as(username)
    }

    /// Whether anything listens there: all that can be asked without logging in.
    async fn reach(&self, findings: &mut Findings, process: u32) {
        let broker = &self.options.broker;
        let connected = timeout(
            REACH_TIMEOUT,
            tokio::net::TcpStream::connect(broker.socket()),
        )
        .await;
        match connected {
            Ok(Ok(_)) => findings.warning(
                BROKER,
                format!(
                    "{broker} takes connections. Nothing more was tried: this program runs here as the same user (process \
                     {process}), and a broker that tells clients by their user names would end it; its log says how it gets \
                     on, or stop it and ask again"
                ),
            ),
            Ok(Err(error)) => findings.error(BROKER, format!("cannot reach {broker}: {error}")),
            Err(_) => findings.error(BROKER, format!("cannot reach {broker}: nothing answers")),
        }
    }

    fn greeting(&self, took: Duration) -> String {
        let version = match self.options.protocol {
            Protocol::V5 => "5",
            Protocol::V311 => "3.1.1",
        };
        let user = match &self.options.credentials {
            Some((name, _)) => format!(" as user {name}"),
            None => String::new(),
        };
        format!(
            "{} answers{user} in {:.0} ms, and speaks MQTT {version}",
            self.options.broker,
            took.as_secs_f64() * 1e3
        )
    }

    fn in_words(&self, error: &LinkError) -> String {
        let broker = &self.options.broker;
        match error {
            LinkError::Fatal(why) => format!("{broker}: {why}"),
            LinkError::Lost(why) if why.contains("refused") => {
                format!(
                    "cannot reach {broker}: {why}: is the broker running, and is this its port?"
                )
            }
            other => format!("cannot reach {broker}: {other}"),
        }
    }
}
