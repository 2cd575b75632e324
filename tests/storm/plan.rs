//! What will happen in a storm, and when: all of it from one number, so that a storm can be had again.
//!
//! Pure. Each program, each network and each disk has a track of its own, and the tracks know nothing of each other: so
//! troubles overlap as they will.

mod settings;
mod tracks;

use std::fmt;
use std::time::Duration;

use fastrand::Rng;

pub(crate) use settings::Settings;

use super::weather::Weather;

/// A program that may be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Actor {
    Publisher,
    Broker,
    Subscriber,
}

/// A program that has a disk, a clock and a network to the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Publisher,
    Subscriber,
}

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// `kill -9`.
    Kill(Actor),
    Start(Actor),
    /// Stopped in its tracks, for longer than connections live.
    Pause(Actor),
    GoOn(Actor),
    /// The broker, which is down, loses its sessions and what it had queued.
    Forget,
    /// The subscriber, which is down, will find an empty folder.
    ReplaceDisk,
    /// From now on the network is like this.
    Turn(Side, Weather),
    /// Every connection is reset.
    Cut(Side),
    /// The disk is full.
    Fill(Side),
    /// There is room again.
    Free(Side),
    /// Another program takes some stored files away.
    MoveFiles,
    /// Another program takes a folder of stored files away, which nobody has written to for a while.
    MoveFolder,
    /// The wall clock is so many seconds ahead from now on.
    SetClock(Side, i64),
}

/// When something happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Planned {
    pub(crate) at: Duration,
    pub(crate) event: Event,
}

/// A storm.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) length: Duration,
    pub(crate) settings: Settings,
    /// Nothing happens to the broker that could cost what it has taken.
    pub(crate) spares_broker: bool,
    /// The broker is inside the subscriber: they live and die together.
    pub(crate) embeds_broker: bool,
    /// In the order of time. At the end all is well again, apart from the clocks.
    pub(crate) events: Vec<Planned>,
}

impl Plan {
    /// The same storm with a broker that lives through it and forgets nothing.
    pub(crate) fn sparing_the_broker(mut self) -> Self {
        let spares = |event| match event {
            Event::Kill(actor) | Event::Start(actor) => actor != Actor::Broker,
            other => other != Event::Forget,
        };
        self.events.retain(|planned| spares(planned.event));
        self.spares_broker = true;
        self
    }

    /// The same storm with a broker inside the subscriber: what happens to the one happens to the other.
    pub(crate) fn embedding_the_broker(mut self) -> Self {
        self.embeds_broker = true;
        self
    }

    /// The storm of `seed`, which lasts for `length`.
    pub(crate) fn new(seed: u64, length: Duration) -> Self {
        let mut rng = Rng::with_seed(seed);
        // Small seeds give similar first numbers.
        rng.u64(..);
        let settings = Settings::roll(&mut rng);
        let mut events = tracks::all(&mut rng, length, &settings);
        events.sort_by_key(|planned| planned.at);
        Self {
            seed,
            length,
            settings,
            spares_broker: false,
            embeds_broker: false,
            events,
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}, {:?}", self.seed, self.length)?;
        writeln!(f, "{:#?}", self.settings)?;
        for Planned { at, event } in &self.events {
            writeln!(f, "{:7.3} s  {event}", at.as_secs_f64())?;
        }
        Ok(())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(actor) => write!(f, "kill -9 the {actor}"),
            Self::Start(actor) => write!(f, "start the {actor}"),
            Self::Pause(actor) => write!(f, "stop the {actor} in its tracks"),
            Self::GoOn(actor) => write!(f, "let the {actor} go on"),
            Self::Forget => f.write_str("the broker loses its sessions and queues"),
            Self::ReplaceDisk => f.write_str("the subscriber gets an empty folder"),
            Self::Turn(side, weather) => write!(f, "the {side}'s network is {weather}"),
            Self::Cut(side) => write!(f, "the {side}'s connections are reset"),
            Self::Fill(side) => write!(f, "the {side}'s disk is full"),
            Self::Free(side) => write!(f, "the {side}'s disk has room again"),
            Self::MoveFiles => f.write_str("stored files are moved away"),
            Self::MoveFolder => f.write_str("a folder of stored files is moved away"),
            Self::SetClock(side, ahead) => write!(f, "the {side}'s clock is {ahead} s ahead"),
        }
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publisher => "publisher",
            Self::Broker => "broker",
            Self::Subscriber => "subscriber",
        })
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Publisher => "publisher",
            Self::Subscriber => "subscriber",
        })
    }
}
