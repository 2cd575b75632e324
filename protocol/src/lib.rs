//! What both ends of Framebridge agree on.
//!
//! A [`frame::Frame`] is a JPEG with its identity and capture time; [`event`] turns it into an MQTT payload and back
//! (the CloudEvents MQTT binding); [`topic`] names where it goes; [`jpeg`] splits, checks and repairs what cameras emit.
//! A consumer's [`receipt`] says what it has, a camera's [`ledger`] what can still be had; both count in [`ranges`].
//! [`control`] is what a camera can be asked to do, and what it answers. [`home_assistant`] announces it there.
//!
//! This crate does no I/O and knows nothing of MQTT clients, files or clocks: bytes and times come in as arguments.

mod identifier;

pub mod control;
pub mod event;
pub mod frame;
pub mod home_assistant;
pub mod jpeg;
pub mod ledger;
pub mod ranges;
pub mod receipt;
pub mod topic;
