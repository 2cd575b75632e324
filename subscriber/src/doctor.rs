//! `doctor`: is all well with broker, cameras, clock and disk? Nothing is stored, acknowledged or taken from anybody.

mod cameras;

use std::time::Duration;

use bytes::Bytes;
use link::{Checkup, LinkOptions, Message, Qos};
use protocol::topic;
use runtime::disk::{self, Demand};
use runtime::findings::Findings;
use runtime::program::UsageError;
use runtime::progress::Progress;
use runtime::{clock, logging};

use crate::config::{DoctorArgs, FrameArgs};
use crate::run::{filters, link_options};

/// A camera of one frame a second is heard.
const LISTENING: Duration = Duration::from_secs(3);

/// Checks what a run with the same options would need.
pub(crate) async fn check(args: DoctorArgs) -> anyhow::Result<()> {
    let DoctorArgs { json, run } = args;
    run.check()?;
    if run.broker.broker.embedded().is_some() {
        return Err(UsageError(
            "doctor is for a broker elsewhere: the one inside lives only while frame-subscriber runs, whose log says how it goes"
                .to_owned(),
        )
        .into());
    }
    logging::start(&run.log, &Progress::new())?;
    let options = link_options(&run)?;
    let mut findings = Findings::new(json);
    let hearing = checkup(&run.frames, options).run(&mut findings).await;
    let bytes_per_second =
        hearing.map(|hearing| cameras::judge(&mut findings, &run.frames, &hearing, LISTENING));
    clock::check(&mut findings);
    disk::check(
        &mut findings,
        Demand {
            option: "--out",
            folder: &run.files.out,
            bounded_by: "--keep-for or --keep-bytes",
            may_grow_to: None,
            bytes_per_second,
        },
    );
    findings.close()
}

fn checkup(frames: &FrameArgs, options: LinkOptions) -> Checkup {
    let (prefix, camera) = (&frames.topic_prefix, frames.camera.one());
    // Who joins a group takes frames from its other members.
    let (filters, instead) = if frames.group.is_some() {
        (Vec::new(), Some(prefix.frames_filter(camera)))
    } else {
        (filters(frames), None)
    };
    let mut untried = Vec::new();
    if let Some(consumer) = &frames.consumer {
        untried.push(topic::consumer_status(consumer));
    }
    Checkup {
        options,
        picture_packet: None,
        qos: Qos::AtLeastOnce,
        harmless: empty_receipt(frames).into_iter().collect(),
        untried,
        filters,
        also_heard: instead
            .into_iter()
            .chain([prefix.status_filter(camera)])
            .collect(),
        listening: LISTENING,
    }
}

/// It claims nothing. Only where one camera is named: of all, the list may allow some.
fn empty_receipt(frames: &FrameArgs) -> Option<Message> {
    let (camera, consumer) = (frames.camera.one()?, frames.consumer.as_ref()?);
    frames.receipts.then(|| Message {
        topic: frames.topic_prefix.receipt(camera, consumer),
        payload: Bytes::new(),
        qos: Qos::AtLeastOnce,
        retain: false,
        content_type: None,
        user_properties: Vec::new(),
        exchange: None,
    })
}
