//! The Framebridge subscriber: every frame of one or more cameras becomes a file on this machine.
//!
//! A frame's way is the order of the modules: `receive` takes it from the broker, `storing` hands it to the [`store`],
//! which asks its [`ledger`] whether it is new, names it by its [`layout`] and enters it in its folder's [`index`]; what
//! came and what did not is counted by [`gaps`], and shown as [`figures`]; the newest goes to [`latest`]. `latest_only` leaves out what is late,
//! `retention` deletes what is old. [`verify`] reads it all again; `repair` mends the indexes and the ledger first. `doctor`
//! checks a set-up, `view` shows it all in a browser, `control` asks a camera for something, `top` a running subscriber for its
//! figures.
//!
//! `embedded` starts a broker inside the program; nothing else knows of it.

pub mod config;
pub mod run;
#[cfg(windows)]
pub mod service;
#[cfg(any(windows, test))]
mod service_paths;

mod doctor;

#[cfg_attr(not(feature = "embedded-broker"), path = "embedded/absent.rs")]
mod embedded;

mod receive;
mod storing;

pub mod store;

pub mod ledger;

pub mod layout;

pub mod index;

mod camera_name;
mod exif;
mod folders;
mod retention;

pub mod gaps;
pub mod latest;
mod latest_only;

mod counters;
pub mod figures;
mod metrics;
mod report;

mod view;

mod repair;
pub mod verify;

mod control;
mod top;

#[cfg(test)]
mod fixture;
