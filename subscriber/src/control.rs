//! `control`: one request to a camera, and what came of it in one line.
//!
//! It connects beside any consumer, with a client id and a session of its own, and stores nothing.

mod asking;
mod telling;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use link::{LinkOptions, MQTT_MAX_PACKET_BYTES, SessionKind};
use protocol::control::{Answer, Request, Snapshot};
use protocol::event::CONTENT_TYPE_JPEG;
use runtime::program::usage_if;
use tracing::warn;

use crate::config::ControlArgs;
use crate::store::replace::replace;
use asking::{Asking, Reply};

/// Two subscriptions and a request.
const WINDOW: u16 = 4;
const RECEIVE_MAXIMUM: u16 = 16;

/// Asks, and says what came of it.
///
/// # Errors
/// In words, if it was refused or not answered.
pub(crate) async fn run(args: ControlArgs) -> anyhow::Result<()> {
    let request = args.request()?;
    runtime::logging::start_quietly(&args.log)?;
    let consumer = args.consumer();
    let asking = Asking {
        camera: args.camera.clone(),
        prefix: args.topic_prefix.clone(),
        request: request.clone(),
        // Two that ask under one name must not take each other's answers.
        correlation: fastrand::u128(..).to_be_bytes().to_vec().into(),
        consumer: consumer.clone(),
        timeout: args.timeout,
    };
    let access = args
        .broker
        .access()
        .map_err(|error| usage_if(error.is_contradiction(), error))?;
    let options = LinkOptions {
        broker: args.broker.broker.clone(),
        tls: access.tls,
        credentials: access.credentials,
        protocol: args.broker.protocol,
        client_id: format!("fb-ctl-{consumer}-{:08x}", fastrand::u32(..)),
        keep_alive: access.keep_alive,
        session: SessionKind::Clean,
        will: None,
        window: WINDOW,
        receive_maximum: RECEIVE_MAXIMUM,
        max_packet_bytes: MQTT_MAX_PACKET_BYTES,
    };
    let reply = asking.ask(options).await?;
    let line = if reply.content_type.as_deref() == Some(CONTENT_TYPE_JPEG) {
        keep_picture(&args, reply)?
    } else {
        let answer = Answer::from_json(&reply.payload)
            .with_context(|| format!("{} answers what is no answer", args.camera))?;
        told(&args, &request, &answer)?
    };
    if let Some(line) = line {
        writeln!(std::io::stdout(), "{line}").context("failed to write to standard output")?;
    }
    Ok(())
}

/// What is printed of an answer; an error if the request was not carried out.
fn told(args: &ControlArgs, request: &Request, answer: &Answer) -> anyhow::Result<Option<String>> {
    let camera = &args.camera;
    let status = match answer {
        Answer::Done { status } => status,
        Answer::Refused { why } => bail!("{camera} refuses {}: {why}", request.word()),
        Answer::Busy { why } => bail!("{camera} is busy: {why}"),
    };
    Ok(Some(if args.json {
        serde_json::to_string(status).context("failed to write the answer")?
    } else {
        telling::in_words(camera, request, status)
    }))
}

/// Writes a snapshot where it is wanted, and gives the line that says so, if standard output is not the picture's.
fn keep_picture(args: &ControlArgs, reply: Reply) -> anyhow::Result<Option<String>> {
    let snapshot = Snapshot::read(&reply.user_properties, reply.payload).with_context(|| {
        format!(
            "the picture from {} is damaged: ask for another",
            args.camera
        )
    })?;
    let Some(path) = args.out() else {
        if args.json {
            warn!("--json is left out: standard output is the picture's");
        }
        std::io::stdout()
            .write_all(&snapshot.jpeg)
            .context("failed to write the picture to standard output")?;
        return Ok(None);
    };
    write_picture(&path, &snapshot.jpeg)
        .with_context(|| format!("failed to write the picture to {}", path.display()))?;
    Ok(Some(if args.json {
        telling::snapshot_as_json(&snapshot, &path)
    } else {
        telling::snapshot_in_words(&args.camera, &snapshot, &path)
    }))
}

fn write_picture(path: &Path, jpeg: &[u8]) -> anyhow::Result<()> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .context("it is no name of a file")?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    Ok(replace(&folder, name, jpeg)?)
}
