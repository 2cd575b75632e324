//! What a network may be like.

use std::fmt;

/// The state of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// As it should be.
    Fair,
    /// Nothing passes this way now, and all of it once the weather changes: an outage that TCP survives.
    Held(Flow),
    /// What goes this way is gone, and nobody is told. Connections that lost something are reset when the weather
    /// changes: an outage that TCP does not survive.
    Swallowed(Flow),
    /// No more than this passes each way.
    Slow { bytes_a_second: u32 },
    /// Nobody is there to connect to, and those who were connected are cut off.
    Refused,
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    ToBroker,
    FromBroker,
    Both,
}

impl Flow {
    /// Whether `direction` is a part of this one.
    pub(crate) fn includes(self, direction: Self) -> bool {
        self == Self::Both || self == direction
    }
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fair => f.write_str("well"),
            Self::Held(flow) => write!(f, "away {flow}"),
            Self::Swallowed(flow) => write!(f, "swallowing {flow}"),
            Self::Slow { bytes_a_second } => write!(f, "slow, {bytes_a_second} bytes/s"),
            Self::Refused => f.write_str("refusing"),
        }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ToBroker => "to the broker",
            Self::FromBroker => "from the broker",
            Self::Both => "both ways",
        })
    }
}
