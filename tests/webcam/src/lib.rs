//! What the emulated webcam and whoever judges by it must agree on: its pictures, its orders and its record.

pub mod order;
pub mod picture;
pub mod record;
