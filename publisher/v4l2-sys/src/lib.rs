//! The types of `linux/videodev2.h` that the `v4l` crate uses.
//!
//! It takes the place of the published crate of this name, which generates the same at each build and so needs
//! libclang. The structures hold C `long`s and pointers, so their layout differs between 64- and 32-bit machines: one
//! file for each, both written by `regenerate`. Each file asserts its own layout at compile time. By hand, and with a safe
//! face: [`ask`].

#![allow(nonstandard_style)]
#![allow(clippy::all)]

pub mod ask;

#[cfg(target_pointer_width = "64")]
include!("bindings_64.rs");
#[cfg(target_pointer_width = "32")]
include!("bindings_32.rs");
