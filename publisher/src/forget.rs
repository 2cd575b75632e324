//! `forget`: takes away what a camera that is gone has left at the broker.

use std::io::Write as _;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use link::{
    Connector, Event, LinkOptions, MQTT_MAX_PACKET_BYTES, Message, Protocol, PublishOutcome, Qos,
    Session, SessionKind,
};
use protocol::home_assistant::config_topic;
use protocol::topic::ONLINE;
use runtime::logging;
use runtime::program::usage_if;
use runtime::progress::Progress;
use tokio::time::{Instant, timeout_at};

use crate::config::ForgetArgs;

/// How long the whole may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the retained status may take once its subscription is granted; Mosquitto sends it at once.
const STATUS_PATIENCE: Duration = Duration::from_millis(500);

/// Forgets a camera.
pub(crate) async fn forget(args: ForgetArgs) -> anyhow::Result<()> {
    logging::start(&args.log, &Progress::new())?;
    let camera = &args.camera;
    // Where user names are client ids, ours would end the running camera.
    let running = runtime::sibling::running_as(camera.as_str());
    ensure!(
        running.is_none(),
        "camera {camera} runs on this machine: stop it first (sudo systemctl stop frame-publisher)"
    );
    let options = link_options(&args)?;
    let broker = options.broker.clone();
    let deadline = Instant::now() + PATIENCE;
    let connected = timeout_at(deadline, Connector::new(options).connect(None)).await;
    let Ok(connected) = connected else {
        bail!("cannot reach {broker} within {PATIENCE:?}");
    };
    let mut session = connected?;
    let forgotten = timeout_at(deadline, take_away(&args, &mut session)).await;
    session.close().await;
    let Ok(forgotten) = forgotten else {
        bail!("{broker} did not answer within {PATIENCE:?}");
    };
    if !forgotten? {
        writeln!(
            std::io::stdout(),
            "no camera {camera} has left a status at {broker}: is the name right (capitals count), and --topic-prefix? What else \
             there might be was taken away all the same"
        )
        .context("failed to say so")?;
        return Ok(());
    }
    // MQTT 3.1.1 has no word for a publish that is denied.
    let done = match args.broker.protocol {
        Protocol::V5 => "is forgotten",
        Protocol::V311 => {
            "is forgotten, unless the access list denies it, which MQTT 3.1.1 does not tell"
        }
    };
    writeln!(
        std::io::stdout(),
        "{camera} {done}: its newest picture, its status and its device in Home Assistant"
    )
    .context("failed to say so")
}

fn link_options(args: &ForgetArgs) -> anyhow::Result<LinkOptions> {
    let access = args
        .broker
        .access()
        .map_err(|error| usage_if(error.is_contradiction(), error))?;
    Ok(LinkOptions {
        broker: args.broker.broker.clone(),
        tls: access.tls,
        credentials: access.credentials,
        protocol: args.broker.protocol,
        client_id: format!("forget-{:08x}", fastrand::u32(..)),
        keep_alive: access.keep_alive,
        session: SessionKind::Clean,
        will: None,
        window: 4,
        receive_maximum: 4,
        max_packet_bytes: MQTT_MAX_PACKET_BYTES,
    })
}

/// Whether there was a camera of this name.
async fn take_away(args: &ForgetArgs, session: &mut Session) -> anyhow::Result<bool> {
    let (camera, prefix) = (&args.camera, &args.topics.topic_prefix);
    let status = prefix.status(camera);
    // Every camera that ever came has left one, and its user may read it.
    let last_word = retained(session, &status).await?;
    ensure!(
        args.force || last_word.as_deref() != Some(ONLINE.as_bytes()),
        "camera {camera} is online: stop it first; if it is gone and only its last word says so (a power cut of camera and \
         broker at once), use --force"
    );
    let topics = [
        config_topic(&args.topics.home_assistant_prefix, prefix, camera),
        prefix.latest(camera),
        status,
    ];
    for (token, topic) in (1..).zip(&topics) {
        let nothing = Message {
            topic: topic.clone(),
            payload: Bytes::new(),
            qos: Qos::AtLeastOnce,
            retain: true,
            content_type: None,
            user_properties: Vec::new(),
            exchange: None,
        };
        ensure!(session.publish(nothing, token), "{topic} was not sent");
    }
    let mut settled = 0;
    while settled < topics.len() {
        let Event::Published(token, outcome) = session.next_event().await? else {
            continue;
        };
        settled += 1;
        let is_denied = matches!(outcome, PublishOutcome::Denied | PublishOutcome::Refused);
        let topic = usize::try_from(token)
            .ok()
            .and_then(|token| topics.get(token - 1));
        if let (true, Some(topic)) = (is_denied, topic) {
            bail!("the broker denies publishing {topic}: do it as the camera's user (--username)");
        }
    }
    Ok(last_word.is_some())
}

/// What the broker keeps under `topic`, if it keeps anything.
async fn retained(session: &mut Session, topic: &str) -> anyhow::Result<Option<Bytes>> {
    session.subscribe(topic, Qos::AtLeastOnce);
    let mut deadline = None;
    loop {
        let next = session.next_event();
        let event = match deadline {
            Some(deadline) => timeout_at(deadline, next).await,
            None => Ok(next.await),
        };
        match event {
            Ok(Ok(Event::Subscribed)) => deadline = Some(Instant::now() + STATUS_PATIENCE),
            Ok(Ok(Event::Received(received, _))) if received.topic == topic => {
                return Ok(Some(received.payload));
            }
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Ok(None),
        }
    }
}
