//! What is checked of the V4L2 source with Linux's own camera driver, and what that needs.

pub(crate) mod desk;
pub(crate) mod plugged;

pub(crate) mod asking;
pub(crate) mod clock;
pub(crate) mod pictures;
pub(crate) mod plugging;
pub(crate) mod refusals;
pub(crate) mod trouble;
