//! A broker, a subscriber and a publisher of the camera, and the reckoning at the end.

use std::fs;

use webcam::order::Fate;
use webcam::picture::Footage;
use webcam::record::Sent;

use super::plugged::{VIDEO, footage};
use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON, eventually};
use crate::harness::folder::{Entry, Folder};
use crate::harness::launch::Launch;
use crate::harness::outcome::Outcome;
use crate::harness::program::Program;

/// When a stream ends, the driver and the webcam still have so many pictures, at most, that nobody will fetch.
const UNDER_WAY: usize = 6;

/// Where the camera's pictures are to go.
pub(crate) struct Desk {
    pub(crate) broker: Broker,
    out: Folder,
    subscriber: Program,
}

/// What arrived.
pub(crate) struct Arrived {
    /// The webcam's numbers, with what the index says, in the publisher's order.
    pub(crate) pictures: Vec<(u32, Entry)>,
    /// How the publisher ended.
    pub(crate) publisher: Outcome,
    _out: Folder,
}

impl Desk {
    #[track_caller]
    pub(crate) fn new() -> Self {
        let (broker, out) = (Broker::start(), Folder::new());
        let subscriber = Launch::new("subscriber", "frame-subscriber")
            .arg("--broker")
            .arg(broker.url())
            .arg("--out")
            .arg(out.path())
            .with_summary()
            .start();
        broker.await_subscriptions(1, "cameras/+/frames");
        Self {
            broker,
            out,
            subscriber,
        }
    }

    /// A publisher of the webcam at [`VIDEO`].
    pub(crate) fn publisher(&self) -> Launch {
        self.publisher_of(VIDEO)
            .flags("--resolution 1280x720 --fps 30")
    }

    /// A publisher of a source, with all else left to be said.
    pub(crate) fn publisher_of(&self, source: &str) -> Launch {
        Launch::new("publisher", "frame-publisher")
            .arg("--broker")
            .arg(self.broker.url())
            .flags("--camera door --source")
            .arg(source)
            .with_summary()
    }

    /// Ends the publisher and, when all that it delivered is stored, the subscriber. Every picture is one of the
    /// webcam's, byte for byte, and the books balance.
    #[track_caller]
    pub(crate) fn reckon(self, publisher: &Program) -> Arrived {
        publisher.interrupt();
        let publisher = publisher.wait(SOON).succeeded();
        assert!(
            !publisher.stderr().contains("panicked"),
            "{}",
            publisher.stderr()
        );
        publisher.publisher_balances();
        let captured = publisher.count("captured");
        assert_eq!(publisher.count("delivered"), captured);
        let entries = eventually(A_RUN, "all pictures to be stored", || {
            let entries = self.out.entries();
            (entries.len() as u64 >= captured).then_some(entries)
        });
        self.subscriber.interrupt();
        let subscriber = self.subscriber.wait(SOON).succeeded();
        subscriber.subscriber_balances();
        assert_eq!(subscriber.count("stored"), captured);
        let footage = footage();
        let pictures = entries
            .into_iter()
            .map(|entry| (number_of(&entry, &footage), entry))
            .collect();
        Arrived {
            pictures,
            publisher,
            _out: self.out,
        }
    }
}

impl Arrived {
    /// Of each stream in the webcam's record, every picture that it sent whole has arrived, from the first one on and in
    /// its order, but for `missing`; nothing else has.
    #[track_caller]
    pub(crate) fn are_all_but(&self, missing: &[u32], record: &[Sent]) {
        let arrived: Vec<u32> = self.pictures.iter().map(|(number, _)| *number).collect();
        let mut expected = Vec::new();
        for sent in record.chunk_by(|one, next| one.stream == next.stream) {
            let mut whole: Vec<u32> = sent
                .iter()
                .filter(|sent| sent.fate == Fate::Whole && !missing.contains(&sent.number))
                .map(|sent| sent.number)
                .collect();
            let last = whole.iter().rposition(|number| arrived.contains(number));
            let taken = last.map_or(0, |last| last + 1);
            assert!(
                whole.len() - taken <= UNDER_WAY,
                "of stream {} the last {} pictures did not arrive",
                sent[0].stream,
                whole.len() - taken
            );
            whole.truncate(taken);
            expected.extend(whole);
        }
        assert_eq!(arrived, expected, "what arrived, and what the webcam sent");
    }
}

/// Reads the picture and compares each of its bytes.
#[track_caller]
fn number_of(entry: &Entry, footage: &Footage) -> u32 {
    let stored = fs::read(&entry.path).expect("reading a picture");
    let path = entry.path.display();
    let number = Footage::number_of(&stored);
    let number = number.unwrap_or_else(|| panic!("{path} is no picture of the webcam"));
    assert!(
        stored == footage.picture(number),
        "{path} is not picture {number}"
    );
    number
}
