//! The one place of Framebridge that knows rumqttc.
//!
//! Reading order: [`BrokerUrl`] and [`BrokerArgs`] say where and as whom; a [`Connector`] makes one [`Session`] after
//! another; a session is one connection, with exact acknowledgements in both directions. A [`Checkup`] asks what a broker
//! allows.
//!
//! rumqttc is a fine wire engine and no safe session layer: it clears or mixes up what was in flight when a connection
//! breaks. So every connection gets a fresh client and event loop, both are dropped at its end, and what was not
//! acknowledged is sent again by the caller. This crate knows nothing of frames.

mod args;
mod checkup;
mod error;
mod options;
mod packet_ids;
mod reconnect;
mod session;
mod tls;
mod url;
mod v311;
mod v5;
mod wire;

pub use args::{AccessError, BrokerAccess, BrokerArgs};
pub use checkup::{Checkup, Heard, Hearing};
pub use error::LinkError;
pub use options::{LinkOptions, MQTT_MAX_PACKET_BYTES, Protocol, SessionKind, Will};
pub use reconnect::Connector;
pub use session::Session;
pub use url::BrokerUrl;
pub use wire::{
    AckToken, Event, Exchange, Message, NO_TOKEN, PublishOutcome, PublishToken, Qos, Received,
};
