//! What cameras say of their frames: it is entered into the store ledger.

use link::Received;
use protocol::ledger::{Ledger, MAX_LEDGER_RANGES, MAX_LEDGER_STREAMS};
use protocol::topic::{CameraName, TopicPrefix};
use tracing::{debug, warn};

use crate::ledger::Taken;
use crate::store::SharedLedger;

/// Takes ledgers, and says once if something else comes in their place.
#[derive(Debug, Default)]
pub(super) struct Ledgers {
    was_said: bool,
}

impl Ledgers {
    /// Enters `received` if it came on a ledger's topic. Gives the camera if it said something,
    /// and how many frames can still be had of it.
    pub(super) fn take(
        &mut self,
        prefix: &TopicPrefix,
        received: &Received,
        store: &SharedLedger,
    ) -> Option<(CameraName, u64)> {
        let camera = prefix.camera_of_ledger(&received.topic)?;
        match read(&received.payload) {
            Ok(ledger) => {
                let taken = store.change(|books| books.take(&camera, &ledger, !received.retain));
                if taken == Taken::Older {
                    debug!("an old ledger of camera {camera} is ignored");
                }
                Some((camera, available(&ledger)))
            }
            // An empty one is how a retained message is deleted.
            Err(_) if received.payload.is_empty() => None,
            Err(problem) => {
                if !self.was_said {
                    self.was_said = true;
                    warn!(
                        "what comes on {} is no ledger, and is ignored: {problem}",
                        received.topic
                    );
                }
                None
            }
        }
    }
}

fn available(ledger: &Ledger) -> u64 {
    let streams = ledger.streams.iter();
    streams.fold(0, |sum: u64, stream| {
        sum.saturating_add(stream.available.count())
    })
}

/// Reads a ledger. One that is larger than any of ours must not fill the memory.
fn read(payload: &[u8]) -> Result<Ledger, String> {
    let ledger = Ledger::from_json(payload).map_err(|error| error.to_string())?;
    let is_large = ledger.streams.len() > MAX_LEDGER_STREAMS
        || ledger.streams.iter().any(|stream| {
            [&stream.available, &stream.given_up]
                .iter()
                .any(|set| set.ranges().len() > MAX_LEDGER_RANGES)
        });
    if is_large {
        return Err("it is larger than a ledger may be".to_owned());
    }
    Ok(ledger)
}

#[cfg(test)]
mod tests {
    use protocol::frame::StreamId;
    use protocol::ledger::StreamLedger;

    use super::*;

    fn ledger(streams: usize, ranges: u64) -> Vec<u8> {
        let stream = StreamId::new();
        let streams = vec![
            StreamLedger {
                stream,
                last: 9,
                available: (1..=ranges).map(|n| 2 * n..=2 * n).collect(),
                given_up: [1..=1].into_iter().collect(),
            };
            streams
        ];
        Ledger {
            stream,
            counter: 1,
            streams,
        }
        .to_json()
    }

    #[test]
    fn only_ledgers_of_a_size_that_cameras_send_are_read() {
        assert!(read(&ledger(64, 256)).is_ok());
        assert!(read(&ledger(65, 1)).is_err());
        assert!(read(&ledger(1, 257)).is_err());
        assert!(read(b"hello").is_err());
    }
}
