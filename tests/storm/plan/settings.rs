//! How the programs are started in a storm, and which kinds of trouble it has.

use fastrand::Rng;

/// Some seven seconds of pictures.
const SMALL_SPOOL: u64 = 3 * 1024 * 1024;
/// More than a storm has.
const LARGE_SPOOL: u64 = 512 * 1024 * 1024;

/// Rolled once for each storm. Kills and cut connections are in every one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "any kind of trouble goes with any other"
)]
pub(crate) struct Settings {
    /// `--protocol` of each end.
    pub(crate) publisher_protocol: &'static str,
    pub(crate) subscriber_protocol: &'static str,
    /// `--spool-sync`.
    pub(crate) spool_sync: &'static str,
    /// `--spool-full`; it matters where the spool is small.
    pub(crate) spool_full: &'static str,
    /// `--spool-max-bytes`.
    pub(crate) spool_max_bytes: u64,
    /// `--sync`.
    pub(crate) sync: &'static str,
    /// `--layout`.
    pub(crate) layout: &'static str,
    /// Whether a second consumer, without receipts, looks on.
    pub(crate) viewer: bool,
    /// Seconds between two savings of the broker's memory.
    pub(crate) autosave_interval: u32,
    /// Programs are stopped in their tracks.
    pub(crate) pauses: bool,
    /// Networks are slow, swallow, hold back or refuse.
    pub(crate) weather: bool,
    /// The broker's memory is lost with it.
    pub(crate) forgets: bool,
    /// The consumer's disk is replaced.
    pub(crate) replaces: bool,
    /// Disks are small, and full for a while.
    pub(crate) full_disks: bool,
    /// Stored files and folders are moved away.
    pub(crate) moves: bool,
    /// Wall clocks are stepped.
    pub(crate) clocks: bool,
    /// When it is calm, the publisher is killed once more, rather than asked to end.
    pub(crate) ends_with_a_kill: bool,
}

impl Settings {
    pub(super) fn roll(rng: &mut Rng) -> Self {
        let spool_is_small = one_in(rng, 4);
        Self {
            publisher_protocol: protocol(rng),
            subscriber_protocol: protocol(rng),
            spool_sync: any(rng, ["none", "interval", "always"]),
            spool_full: any(rng, ["drop-oldest", "drop-newest"]),
            spool_max_bytes: if spool_is_small {
                SMALL_SPOOL
            } else {
                LARGE_SPOOL
            },
            sync: any(rng, ["none", "interval", "always"]),
            layout: any(rng, ["minutes", "minutes", "images", "flat"]),
            viewer: one_in(rng, 3),
            autosave_interval: any(rng, [1, 5, 60]),
            pauses: !one_in(rng, 3),
            weather: !one_in(rng, 3),
            forgets: one_in(rng, 2),
            replaces: one_in(rng, 3),
            full_disks: one_in(rng, 2),
            moves: one_in(rng, 2),
            clocks: one_in(rng, 3),
            ends_with_a_kill: one_in(rng, 2),
        }
    }

    /// Whether the spool is likely to be full in a long outage.
    pub(crate) fn spool_is_small(&self) -> bool {
        self.spool_max_bytes < LARGE_SPOOL
    }

    /// `--format`: what both ends can speak of.
    pub(crate) fn format(&self) -> &'static str {
        match (self.publisher_protocol, self.subscriber_protocol) {
            ("5", "5") => "binary",
            _ => "json",
        }
    }
}

fn protocol(rng: &mut Rng) -> &'static str {
    if one_in(rng, 5) { "3.1.1" } else { "5" }
}

fn one_in(rng: &mut Rng, n: u32) -> bool {
    rng.u32(..n) == 0
}

fn any<T: Copy, const N: usize>(rng: &mut Rng, choices: [T; N]) -> T {
    choices[rng.usize(..N)]
}
