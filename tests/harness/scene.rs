//! A camera made of scripts, and a consumer that tells it what it has: each message is sent when a test says so.

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use super::broker::Broker;
use super::event::{STREAM, publish_event};
use super::eventually::{SOON, eventually};
use super::folder::Folder;
use super::footage::footage;
use super::launch::Launch;
use super::outcome::Outcome;
use super::program::Program;
use super::{mosquitto_pub, mosquitto_sub, subscriber};

/// Where the consumer's receipts go.
pub(crate) const RECEIPTS: &str = "cameras/door/receipts/archive";
/// Where frames go that are for this consumer alone.
pub(crate) const RESEND: &str = "cameras/door/resend/archive";

/// A broker, a few frames, an output folder, and ears for receipts.
pub(crate) struct Scene {
    pub(crate) broker: Broker,
    pub(crate) out: Folder,
    pub(crate) pictures: TempDir,
    ears: Program,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let (broker, pictures) = (Broker::start(), tempdir().unwrap());
        footage().write_into(pictures.path(), 9);
        let ears = mosquitto_sub(&broker)
            .flags("-q 1 -t")
            .arg(RECEIPTS)
            .start();
        broker.await_subscriptions(1, RECEIPTS);
        Self {
            broker,
            out: Folder::new(),
            pictures,
            ears,
        }
    }

    pub(crate) fn subscriber(&self) -> Launch {
        subscriber(&self.broker, self.out.path()).flags("--consumer archive --receipts")
    }

    /// Starts a subscriber, the `nth` on this broker.
    pub(crate) fn start(&self, nth: usize) -> Program {
        let program = self.subscriber().start();
        self.broker.await_subscriptions(nth, "cameras/+/ledger");
        program
    }

    pub(crate) fn send_to(&self, topic: &str, number: usize) {
        let picture = self.pictures.path().join(format!("{number:04}.jpg"));
        let crc = crc32c::crc32c(&footage().frames[number - 1]);
        publish_event(&self.broker, topic, &picture, number, crc);
    }

    pub(crate) fn send(&self, numbers: impl IntoIterator<Item = usize>) {
        for number in numbers {
            self.send_to("cameras/door/frames", number);
        }
    }

    /// Publishes the camera's ledger.
    pub(crate) fn say(&self, counter: u64, last: u64, available: &Value, given_up: &Value) {
        let ledger = json!({"stream": STREAM, "counter": counter, "streams": [
            {"stream": STREAM, "last": last, "available": available, "given_up": given_up}]});
        self.publish_ledger(&ledger.to_string());
    }

    pub(crate) fn publish_ledger(&self, payload: &str) {
        mosquitto_pub(&self.broker)
            .flags("-q 1 -r -t cameras/door/ledger -m")
            .arg(payload)
            .run(SOON)
            .succeeded();
    }

    /// All receipts so far.
    pub(crate) fn receipts(&self) -> Vec<Value> {
        let heard = String::from_utf8(self.ears.stdout()).unwrap();
        let whole = heard.rfind('\n').map_or(0, |end| end + 1);
        heard[..whole]
            .lines()
            .map(|line| serde_json::from_str(line).expect("a receipt is JSON"))
            .collect()
    }

    /// Waits for a receipt after the first `known` ones that settles all through `through` but `missing`.
    #[track_caller]
    pub(crate) fn await_receipt(&self, known: usize, through: u64, missing: &Value) -> Value {
        let what = format!("a receipt through {through} without {missing}");
        eventually(SOON, &what, || {
            let settles = |receipt: &Value| {
                let stream = &receipt["streams"][0];
                stream["stream"] == STREAM
                    && stream["through"] == through
                    && stream["missing"] == *missing
            };
            self.receipts().into_iter().skip(known).find(settles)
        })
    }
}

/// Ends a program.
#[track_caller]
pub(crate) fn end(storing: &Program) -> Outcome {
    storing.interrupt();
    storing.wait(SOON).succeeded()
}
