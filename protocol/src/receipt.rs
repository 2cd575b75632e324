//! A receipt: what one consumer has on its disk of one camera's frames. The payload of
//! `<prefix>/<camera>/receipts/<consumer>`.
//!
//! ```json
//! {"store":"0199...","session":"0199...","run":"0199...","counter":7,"complete":true,
//!  "streams":[{"stream":"0199...","through":1234,"missing":[[140,142]]}]}
//! ```
//!
//! A number that a receipt *settles* needs no more sending: its frame is on the consumer's disk, or is known to be had no
//! more. Settled is all through `through` that is not `missing`. What is above `through`, and every stream that is not
//! listed, is unsettled; in a receipt that is not `complete` it may also have been left out for want of room.

use serde::de::Error as _;
use serde::{Deserialize, Serialize};

use crate::frame::StreamId;
use crate::identifier::identifier;
use crate::ranges::RangeSet;

/// A receipt is at most this long, in bytes: what does not fit lowers [`StreamReceipt::through`].
pub const MAX_RECEIPT_BYTES: usize = 8 * 1024;

identifier! {
    /// A consumer's output folder. A new disk has a new one: what earlier receipts claim is not on it.
    StoreId
}
identifier! {
    /// A consumer's session at the broker. What was sent before it began may never arrive in it.
    SessionId
}
identifier! {
    /// One run of a consumer: receipts are counted within it.
    RunId
}

/// What a consumer has of one camera's frames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Where it has them.
    pub store: StoreId,
    /// Its session at the broker.
    pub session: SessionId,
    /// Its run.
    pub run: RunId,
    /// Grows with each receipt of a run.
    pub counter: u64,
    /// Whether nothing was left out for want of room.
    pub complete: bool,
    /// The streams of which it has something.
    pub streams: Vec<StreamReceipt>,
}

/// What a consumer has of one stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamReceipt {
    /// Which.
    pub stream: StreamId,
    /// The highest number that is settled, or a lower one if more did not fit.
    pub through: u64,
    /// Unsettled numbers below `through`.
    #[serde(default, skip_serializing_if = "RangeSet::is_empty")]
    pub missing: RangeSet,
}

impl StreamReceipt {
    /// The receipt of a stream of which `settled` is settled.
    #[must_use]
    pub fn new(stream: StreamId, settled: &RangeSet) -> Self {
        let through = settled.last().unwrap_or(0);
        Self {
            stream,
            through,
            missing: settled.missing_through(through),
        }
    }

    /// The numbers that it settles.
    #[must_use]
    pub fn settled(&self) -> RangeSet {
        self.missing.missing_through(self.through)
    }

    /// Lowers `through` to the end of what is settled below the highest missing range. `false` if nothing is missing.
    fn shorten(&mut self) -> bool {
        let Some(highest) = self.missing.ranges().last().cloned() else {
            return false;
        };
        self.missing.remove_range(highest.clone());
        self.through = highest.start() - 1;
        true
    }
}

impl Receipt {
    /// As JSON, with as much as fits into [`MAX_RECEIPT_BYTES`]: the stream with the most missing ranges is shortened
    /// first, and of streams without any the last is left out.
    ///
    /// # Panics
    /// Never: identifiers and numbers always serialize.
    #[must_use]
    pub fn to_json(mut self) -> Vec<u8> {
        loop {
            let json = serde_json::to_vec(&self).expect("identifiers and numbers always serialize");
            if json.len() <= MAX_RECEIPT_BYTES {
                return json;
            }
            self.complete = false;
            let surplus = (json.len() - MAX_RECEIPT_BYTES).div_ceil(BYTES_A_RANGE);
            for _ in 0..surplus {
                self.shorten();
            }
        }
    }

    /// Reads a receipt. What cannot be true (a missing number above `through`) means nothing.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        at_most(json, MAX_RECEIPT_BYTES).and_then(serde_json::from_slice)
    }

    fn shorten(&mut self) {
        let longest = self
            .streams
            .iter_mut()
            .max_by_key(|stream| stream.missing.ranges().len());
        if !longest.is_some_and(StreamReceipt::shorten) {
            self.streams.pop();
        }
    }
}

/// Nobody's payload is read that is longer than ours can be.
pub(crate) fn at_most(json: &[u8], bytes: usize) -> Result<&[u8], serde_json::Error> {
    if json.len() <= bytes {
        Ok(json)
    } else {
        let words = format!("{} bytes are more than it can have", json.len());
        Err(serde_json::Error::custom(words))
    }
}

/// A missing range in JSON, `[9999999,9999999],`, is seldom longer.
const BYTES_A_RANGE: usize = 18;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn receipt(streams: Vec<StreamReceipt>) -> Receipt {
        Receipt {
            store: StoreId::new(),
            session: SessionId::new(),
            run: RunId::new(),
            counter: 1,
            complete: true,
            streams,
        }
    }

    proptest! {
        #[test]
        fn it_settles_what_was_settled(numbers in prop::collection::btree_set(1_u64..80, 0..40)) {
            let settled: RangeSet = numbers.iter().map(|&number| number..=number).collect();
            let stream = StreamReceipt::new(StreamId::new(), &settled);
            let json = receipt(vec![stream]).to_json();
            let read = Receipt::from_json(&json).unwrap();
            prop_assert!(read.complete);
            prop_assert_eq!(read.streams[0].settled(), settled);
        }

        #[test]
        fn what_does_not_fit_is_left_out_and_never_claimed(
            streams in 0_u64..80,
            holes in prop::collection::vec(0_u64..1500, 0..3),
        ) {
            let mut claims = Vec::new();
            for nth in 0..streams {
                let mut settled: RangeSet = [1..=1_000_000].into_iter().collect();
                for hole in 1..=holes.get(usize::try_from(nth).unwrap()).copied().unwrap_or(0) {
                    settled.remove(100_000 + hole * 2);
                }
                claims.push((StreamId::new(), settled));
            }
            let full = receipt(claims.iter().map(|(stream, settled)| StreamReceipt::new(*stream, settled)).collect());
            let json = full.clone().to_json();
            prop_assert!(json.len() <= MAX_RECEIPT_BYTES);
            let read = Receipt::from_json(&json).unwrap();
            prop_assert_eq!(read.complete, read.streams == full.streams);
            for stream in &read.streams {
                let (_, settled) = claims.iter().find(|(known, _)| *known == stream.stream).unwrap();
                let mut overclaimed = stream.settled();
                overclaimed.remove_all(settled);
                prop_assert!(overclaimed.is_empty());
            }
        }
    }

    #[test]
    fn what_is_no_receipt_is_refused() {
        for text in ["", "{}", "[]", r#"{"store":"x"}"#, "\u{0}"] {
            assert!(Receipt::from_json(text.as_bytes()).is_err(), "{text:?}");
        }
    }
}
