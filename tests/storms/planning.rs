//! Plans: the same from the same seed, and each trouble over before the calm.

use std::time::Duration;

use proptest::prelude::*;

use crate::storm::plan::{Actor, Event, Plan, Side};
use crate::storm::weather::Weather;

const LENGTH: Duration = Duration::from_secs(45);

/// What is not as it should be, as a plan goes on.
#[derive(Default)]
struct Troubles {
    down: Vec<Actor>,
    paused: Vec<Actor>,
    bad_weather: Vec<Side>,
    full: Vec<Side>,
}

impl Troubles {
    fn follow(&mut self, event: Event) {
        match event {
            // The publisher is also killed when the consumer's disk is replaced, whatever it does then.
            Event::Kill(actor) => {
                self.paused.retain(|paused| *paused != actor);
                self.down.retain(|down| *down != actor);
                self.down.push(actor);
            }
            Event::Start(actor) => self.down.retain(|down| *down != actor),
            Event::Pause(actor) if self.down.contains(&actor) => {}
            Event::Pause(actor) => begin(&mut self.paused, actor),
            Event::GoOn(actor) => self.paused.retain(|paused| *paused != actor),
            Event::Forget => assert!(self.down.contains(&Actor::Broker)),
            Event::ReplaceDisk => assert!(self.down.contains(&Actor::Subscriber)),
            Event::Turn(side, Weather::Fair) => end(&mut self.bad_weather, side),
            Event::Turn(side, _) => begin(&mut self.bad_weather, side),
            Event::Fill(side) => begin(&mut self.full, side),
            Event::Free(side) => end(&mut self.full, side),
            Event::Cut(_) | Event::MoveFiles | Event::MoveFolder | Event::SetClock(..) => {}
        }
    }
}

#[track_caller]
fn begin<T: PartialEq>(list: &mut Vec<T>, item: T) {
    assert!(!list.contains(&item), "it has begun already");
    list.push(item);
}

#[track_caller]
fn end<T: PartialEq + Copy>(list: &mut Vec<T>, item: T) {
    let at = list.iter().position(|other| *other == item);
    list.remove(at.expect("it has begun"));
}

proptest! {
    #[test]
    fn every_trouble_is_over_at_the_end(seed: u64) {
        let plan = Plan::new(seed, LENGTH);
        let mut troubles = Troubles::default();
        for planned in &plan.events {
            prop_assert!(planned.at <= LENGTH);
            troubles.follow(planned.event);
        }
        prop_assert!(plan.events.is_sorted_by_key(|planned| planned.at));
        prop_assert!(troubles.down.is_empty() && troubles.paused.is_empty());
        prop_assert!(troubles.bad_weather.is_empty() && troubles.full.is_empty());
    }

    #[test]
    fn a_seed_gives_the_same_plan_each_time(seed: u64) {
        prop_assert_eq!(Plan::new(seed, LENGTH), Plan::new(seed, LENGTH));
    }
}

#[test]
fn twenty_storms_kill_more_than_two_hundred_times_and_have_every_trouble() {
    let events: Vec<_> = (1..=20)
        .flat_map(|seed| Plan::new(seed, LENGTH).events)
        .map(|planned| planned.event)
        .collect();
    let count = |is_one: fn(&Event) -> bool| events.iter().filter(|event| is_one(event)).count();
    for actor in [Actor::Publisher, Actor::Broker, Actor::Subscriber] {
        let kill = Event::Kill(actor);
        let kills = events.iter().filter(|event| **event == kill).count();
        assert!(kills > 60, "{kills} kills of the {actor}");
    }
    assert!(count(|event| matches!(event, Event::Kill(_))) > 220);
    for happens in [
        |event: &Event| matches!(event, Event::Pause(_)),
        |event: &Event| matches!(event, Event::Forget),
        |event: &Event| matches!(event, Event::ReplaceDisk),
        |event: &Event| matches!(event, Event::Turn(_, Weather::Held(_))),
        |event: &Event| matches!(event, Event::Turn(_, Weather::Swallowed(_))),
        |event: &Event| matches!(event, Event::Turn(_, Weather::Slow { .. })),
        |event: &Event| matches!(event, Event::Turn(_, Weather::Refused)),
        |event: &Event| matches!(event, Event::Cut(_)),
        |event: &Event| matches!(event, Event::Fill(Side::Publisher)),
        |event: &Event| matches!(event, Event::Fill(Side::Subscriber)),
        |event: &Event| matches!(event, Event::MoveFiles),
        |event: &Event| matches!(event, Event::MoveFolder),
        |event: &Event| matches!(event, Event::SetClock(..)),
    ] {
        assert!(count(happens) >= 5);
    }
}
