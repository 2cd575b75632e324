//! End-to-end tests: the real programs against a real Mosquitto, with real footage, and with the clients of others.
//!
//! `make test-prepare` fetches what they need; without it they fail and say so. Each has its own broker and folders.
#![cfg(unix)]

mod harness;
mod storm;

mod announcements;
mod clocks;
mod command_line;
mod control;
mod disks;
mod doctor;
mod embedded;
mod examples;
mod exif;
mod foreign_clients;
mod home_assistant;
mod latest_only;
mod limits;
mod metrics;
mod monitoring;
mod outages;
mod quarantine;
mod receipts;
mod refusals;
mod remembering;
mod retention;
mod service;
mod sessions;
mod sources;
mod spool;
mod storing;
mod storms;
mod syncing;
mod top;
mod uncontrolled;
mod verifying;
mod view;
mod whole_way;
mod wires;
