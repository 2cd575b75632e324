//! What every program of ours needs from the system it runs on.

pub mod child;
