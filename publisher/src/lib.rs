//! The Framebridge publisher: captures MJPEG frames and publishes each to an MQTT topic.
//!
//! A frame's way is the order of the modules: a [`source`] gives a picture, `capture` checks, repairs and numbers it,
//! `queue` holds it, `in_flight` keeps it until the broker has it, `deliver` moves it there.

pub mod config;
pub mod run;

pub mod source;

mod capture;

pub mod queue;

mod in_flight;

mod deliver;

mod announce;
mod audience;
mod packet_limit;

mod counters;
mod report;
