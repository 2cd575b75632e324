//! The subscriber: every frame of one or more cameras becomes a file on this machine.

pub mod layout;
pub mod store;

pub mod index;

pub mod gaps;
pub mod latest;
pub mod verify;
