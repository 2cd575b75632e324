//! Whether the broker lets this camera do its work, and whether its consumers are there.

use std::time::Duration;

use bytes::Bytes;
use link::{Checkup, Heard, Hearing, LinkOptions, Message, Qos};
use protocol::event::Format;
use protocol::topic::{self, CameraName, ConsumerName, ONLINE};
use runtime::findings::Findings;

use crate::config::RunArgs;

const CHECK: &str = "consumer";

/// What is retained comes at once.
const LISTENING: Duration = Duration::from_secs(1);

/// Attributes, and the frame of JSON around the picture.
const METADATA_BYTES: usize = 1024;

/// Asks the broker, as far as that disturbs nobody.
pub(super) async fn check(
    findings: &mut Findings,
    run: &RunArgs,
    camera: &CameraName,
    options: LinkOptions,
    picture_bytes: Option<usize>,
) {
    let prefix = &run.delivery.topics.topic_prefix;
    let confirm = &run.spool.confirm;
    let format = run.format().unwrap_or(Format::Binary);
    let mut untried = vec![
        prefix.frames(camera),
        prefix.status(camera),
        prefix.ledger(camera),
    ];
    if !run.delivery.no_latest {
        untried.push(prefix.latest(camera));
    }
    let hearing = Checkup {
        options,
        picture_packet: picture_bytes.map(|bytes| packet_bytes(format, bytes)),
        qos: run.qos(),
        harmless: harmless(run, camera),
        untried,
        filters: confirm
            .iter()
            .flat_map(|consumer| {
                [
                    prefix.receipt(camera, consumer),
                    topic::consumer_status(consumer),
                ]
            })
            .map(|filter| (filter, Qos::AtLeastOnce))
            .collect(),
        also_heard: Vec::new(),
        listening: LISTENING,
    }
    .run(findings)
    .await;
    let Some(Hearing { heard, .. }) = hearing else {
        return;
    };
    for consumer in confirm {
        judge_consumer(findings, run, camera, consumer, &heard);
    }
}

fn packet_bytes(format: Format, picture_bytes: usize) -> usize {
    METADATA_BYTES
        + match format {
            Format::Binary => picture_bytes,
            // Base64.
            Format::Json => picture_bytes.div_ceil(3) * 4,
        }
}

/// Figures that say nothing; and a frame that is none, again, for a consumer that there is not.
fn harmless(run: &RunArgs, camera: &CameraName) -> Vec<Message> {
    let prefix = &run.delivery.topics.topic_prefix;
    let message = |topic, payload| Message {
        topic,
        payload: Bytes::from_static(payload),
        qos: Qos::AtLeastOnce,
        retain: false,
        content_type: Some("application/json"),
        user_properties: Vec::new(),
        exchange: None,
    };
    let mut messages = vec![message(prefix.stats(camera), b"{}")];
    let nobody = format!("doctor-{:016x}", fastrand::u64(..)).parse();
    if let (false, Ok(nobody)) = (run.spool.confirm.is_empty(), nobody) {
        messages.push(message(prefix.resend(camera, &nobody), b""));
    }
    messages
}

/// Whether who must confirm is there to do so.
fn judge_consumer(
    findings: &mut Findings,
    run: &RunArgs,
    camera: &CameraName,
    consumer: &ConsumerName,
    heard: &[Heard],
) {
    let said = |topic: &str| {
        let message = heard
            .iter()
            .rev()
            .find(|heard| heard.message.topic == topic);
        message.map(|heard| heard.message.payload.clone())
    };
    let receipt = said(&run.delivery.topics.topic_prefix.receipt(camera, consumer));
    match (said(&topic::consumer_status(consumer)), receipt) {
        (Some(status), Some(_)) if status == ONLINE => {
            findings.ok(CHECK, format!("{consumer} is online, and sends receipts"));
        }
        (Some(status), None) if status == ONLINE => findings.warning(
            CHECK,
            format!(
                "{consumer} is online, and has sent no receipt for {camera} yet: it must run with --receipts, and with this camera"
            ),
        ),
        (_, Some(_)) => findings.warning(
            CHECK,
            format!("{consumer} is not online: frames stay in the spool until it is"),
        ),
        (_, None) => findings.warning(
            CHECK,
            format!(
                "nothing is known of {consumer}, who must confirm: start `frame-subscriber --consumer {consumer} --receipts`, and \
                 let this user read consumers/{consumer}/status"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::config::Cli;

    #[test]
    fn what_is_published_reaches_no_consumer_of_frames() {
        let args = ["frame-publisher", "--spool-dir", "s", "--confirm", "pc"];
        let run = Cli::try_parse_from(args).unwrap().run;
        let camera: CameraName = "door".parse().unwrap();
        let topics: Vec<_> = harmless(&run, &camera)
            .into_iter()
            .map(|message| message.topic)
            .collect();
        assert_eq!(topics[0], "cameras/door/stats");
        assert!(
            topics[1].starts_with("cameras/door/resend/doctor-"),
            "{topics:?}"
        );
        assert_eq!(topics.len(), 2);
        assert!(
            harmless(&run, &camera)
                .iter()
                .all(|message| !message.retain)
        );
    }

    #[test]
    fn json_makes_a_picture_a_third_larger() {
        assert_eq!(packet_bytes(Format::Binary, 3000), 3000 + METADATA_BYTES);
        assert_eq!(packet_bytes(Format::Json, 3000), 4000 + METADATA_BYTES);
    }
}
