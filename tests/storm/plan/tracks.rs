//! The tracks: what happens to one thing, one after another.

use std::time::Duration;

use fastrand::Rng;

use super::super::weather::{Flow, Weather};
use super::{Actor, Event, Planned, Settings, Side};

/// The broker takes a client for gone after one and a half keep-alives; ours are of 5 s.
const BEYOND_KEEP_ALIVE: [f64; 2] = [8.0, 13.0];

/// Every track of a storm of `length`, one behind the other.
pub(super) fn all(rng: &mut Rng, length: Duration, settings: &Settings) -> Vec<Planned> {
    let mut events = Vec::new();
    // Each has dice of its own, whether it is used or not: a change of one leaves the others as they were.
    let mut track = |run: &dyn Fn(&mut Track)| {
        run(&mut Track {
            rng: rng.fork(),
            now: 0.0,
            end: length.as_secs_f64(),
            events: &mut events,
        });
    };
    for actor in [Actor::Publisher, Actor::Broker, Actor::Subscriber] {
        track(&|track| program(track, actor, settings));
    }
    for side in [Side::Publisher, Side::Subscriber] {
        track(&|track| network(track, side, settings));
        track(&|track| disk(track, side, settings));
        track(&|track| clock(track, side, settings));
    }
    track(&|track| moves(track, settings));
    events
}

/// Time passes on it, and what happens is noted.
struct Track<'a> {
    rng: Rng,
    now: f64,
    end: f64,
    events: &'a mut Vec<Planned>,
}

impl Track<'_> {
    /// Whether it happens, which it does with this probability.
    fn happens(&mut self, probability: f64) -> bool {
        self.rng.f64() < probability
    }

    /// Lets time pass; how much is rolled. `false` at the end of the storm.
    fn passes(&mut self, [from, to]: [f64; 2]) -> bool {
        self.now += from + self.rng.f64() * (to - from);
        self.now < self.end
    }

    fn note(&mut self, event: Event) {
        let at = Duration::from_secs_f64(self.now.min(self.end));
        self.events.push(Planned { at, event });
    }

    /// A trouble that begins now and is over after a while, or at the end of the storm.
    fn trouble(&mut self, begin: Event, seconds: [f64; 2], over: Event) {
        self.note(begin);
        self.passes(seconds);
        self.note(over);
    }
}

fn program(track: &mut Track, actor: Actor, settings: &Settings) {
    while track.passes([2.0, 11.0]) {
        if settings.pauses && track.happens(0.2) {
            track.trouble(Event::Pause(actor), BEYOND_KEEP_ALIVE, Event::GoOn(actor));
            continue;
        }
        if actor == Actor::Subscriber && settings.replaces && track.happens(0.3) {
            replace_disk(track);
        } else {
            track.note(Event::Kill(actor));
        }
        if actor == Actor::Broker && settings.forgets && track.happens(0.4) {
            track.note(Event::Forget);
        }
        let is_long = track.happens(0.2);
        track.passes(if is_long { [3.0, 7.0] } else { [0.0, 1.5] });
        track.note(Event::Start(actor));
    }
}

/// What the old disk has confirmed is not on the new one. No publisher may have heard it: then the broker has kept a
/// receipt that is no longer true.
fn replace_disk(track: &mut Track) {
    let unheard = track.happens(0.5);
    if unheard {
        track.note(Event::Kill(Actor::Publisher));
        track.passes([1.5, 3.0]);
    }
    track.note(Event::Kill(Actor::Subscriber));
    track.note(Event::ReplaceDisk);
    if unheard {
        track.note(Event::Start(Actor::Publisher));
    }
}

fn network(track: &mut Track, side: Side, settings: &Settings) {
    while track.passes([2.0, 15.0]) {
        if !settings.weather || track.happens(0.3) {
            track.note(Event::Cut(side));
            continue;
        }
        let flow = [Flow::ToBroker, Flow::FromBroker, Flow::Both][track.rng.usize(..3)];
        let bytes_a_second = track.rng.u32(20_000..400_000);
        let (weather, seconds) = match track.rng.u32(..5) {
            0 => (Weather::Held(flow), [0.5, 4.0]),
            1 => (Weather::Swallowed(flow), [0.5, 4.0]),
            2 => (Weather::Swallowed(flow), BEYOND_KEEP_ALIVE),
            3 => (Weather::Slow { bytes_a_second }, [2.0, 8.0]),
            _ => (Weather::Refused, [0.5, 5.0]),
        };
        let fair = Event::Turn(side, Weather::Fair);
        track.trouble(Event::Turn(side, weather), seconds, fair);
    }
}

fn disk(track: &mut Track, side: Side, settings: &Settings) {
    while settings.full_disks && track.passes([4.0, 25.0]) {
        track.trouble(Event::Fill(side), [1.0, 6.0], Event::Free(side));
    }
}

fn clock(track: &mut Track, side: Side, settings: &Settings) {
    while settings.clocks && track.passes([2.0, 12.0]) {
        let ahead = [-86_400, -3_600, -2, 0, 3_600, 86_400][track.rng.usize(..6)];
        track.note(Event::SetClock(side, ahead));
    }
}

fn moves(track: &mut Track, settings: &Settings) {
    while settings.moves && track.passes([1.0, 6.0]) {
        let is_folder = track.happens(0.3);
        track.note(if is_folder {
            Event::MoveFolder
        } else {
            Event::MoveFiles
        });
    }
}
