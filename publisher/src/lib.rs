//! The Framebridge publisher: captures MJPEG frames and publishes each to an MQTT topic.
//!
//! A frame's way is the order of the modules: a [`source`] gives a picture, `capture` checks, repairs and numbers it,
//! the `outbox` holds it, in a `queue` in memory or in a `depot` with a `spool` on disk, `in_flight` keeps it until the
//! broker has it, `deliver` moves it there. `control` steers source and capture from afar, and `home_assistant` announces
//! the camera. Beside it all, `devices` lists cameras, `doctor` checks a set-up, `forget` takes a camera's traces away, and
//! `metrics` shows a run's `figures`.

pub mod config;
pub mod run;

mod devices;
mod doctor;
mod forget;

pub mod source;

mod capture;

mod parcel;

mod outbox;

pub mod queue;

mod custody;
mod depot;
pub mod spool;

mod in_flight;

mod deliver;

mod control;

mod announce;
mod audience;
mod home_assistant;
mod packet_limit;

mod counters;
mod recent_rate;
mod report;

mod figures;
mod metrics;
