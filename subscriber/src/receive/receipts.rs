//! Receipts: what a camera is told of what is on this disk. One is due when the camera's ledger comes, and when more can
//! be claimed than before.
//!
//! Only a few are on their way at a time: with hundreds of cameras they must not stand in the way of acknowledgements.

use std::collections::{BTreeSet, HashMap};

use link::{Message, PublishOutcome, PublishToken, Qos, Session};
use protocol::receipt::RunId;
use protocol::topic::{CameraName, ConsumerName, TopicPrefix};
use tracing::warn;

use crate::store::SharedLedger;

/// The token of a receipt: all that is asked of its fate is whether it was denied.
pub(super) const RECEIPT: PublishToken = 1;

/// Most receipts that the broker has not answered.
const MOST_UNANSWERED: usize = 4;

/// What is to be told, and to whom.
pub(crate) struct Receipts {
    consumer: ConsumerName,
    prefix: TopicPrefix,
    run: RunId,
    counter: u64,
    /// What could be claimed of each camera when its last receipt was made.
    told: HashMap<CameraName, u64>,
    due: BTreeSet<CameraName>,
    unanswered: usize,
    was_denied: bool,
}

impl Receipts {
    pub(crate) fn new(consumer: ConsumerName, prefix: TopicPrefix) -> Self {
        Self {
            consumer,
            prefix,
            run: RunId::new(),
            counter: 0,
            told: HashMap::new(),
            due: BTreeSet::new(),
            unanswered: 0,
            was_denied: false,
        }
    }

    /// A new connection: what was on its way on the last one may be lost, and is drawn again by the cameras' ledgers.
    pub(super) fn connected(&mut self) {
        self.unanswered = 0;
    }

    /// `camera` has said what can be had of it, and wants to know.
    pub(super) fn draw(&mut self, camera: CameraName) {
        self.due.insert(camera);
    }

    /// More can be claimed of some cameras.
    pub(super) fn advance(&mut self, ledger: &SharedLedger) {
        let claims: HashMap<_, _> = ledger.read(|ledger| {
            let claims = ledger.claims();
            claims.map(|(camera, n)| (camera.clone(), n)).collect()
        });
        // What the ledger has forgotten is forgotten here.
        self.told.retain(|camera, _| claims.contains_key(camera));
        for (camera, claims) in claims {
            if self.told.get(&camera).copied().unwrap_or(0) < claims {
                self.due.insert(camera);
            }
        }
    }

    /// Whether some wait for room.
    pub(super) fn are_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Publishes what is due, as far as there is room.
    pub(super) fn publish(&mut self, session: &mut Session, ledger: &SharedLedger) {
        while self.unanswered < MOST_UNANSWERED
            && let Some(camera) = self.due.pop_first()
        {
            let Some((message, claims)) = self.message(&camera, ledger) else {
                continue;
            };
            if !session.publish(message, RECEIPT) {
                self.due.insert(camera);
                return;
            }
            self.unanswered += 1;
            self.told.insert(camera, claims);
        }
    }

    /// The broker has answered a receipt.
    pub(super) fn answered(&mut self, outcome: PublishOutcome) {
        self.unanswered = self.unanswered.saturating_sub(1);
        if outcome == PublishOutcome::Denied && !self.was_denied {
            self.was_denied = true;
            warn!(
                "the broker denies receipts of {}: no camera will know what is stored here; with our access list, --consumer must be the --username",
                self.consumer
            );
        }
    }

    fn message(&mut self, camera: &CameraName, ledger: &SharedLedger) -> Option<(Message, u64)> {
        let counter = self.counter + 1;
        let (receipt, claims) = ledger.read(|ledger| {
            let receipt = ledger.receipt(camera, self.run, counter)?;
            let claims = ledger.claims().find(|(known, _)| *known == camera);
            Some((receipt, claims.map_or(0, |(_, claims)| claims)))
        })?;
        self.counter = counter;
        let message = Message {
            topic: self.prefix.receipt(camera, &self.consumer),
            payload: receipt.to_json().into(),
            qos: Qos::AtLeastOnce,
            retain: true,
            content_type: Some("application/json"),
            user_properties: Vec::new(),
            exchange: None,
        };
        Some((message, claims))
    }
}
