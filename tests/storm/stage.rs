//! A storm's stage: the broker, the networks, the disks and the programs, and what is done to them.

mod brokers;
mod launches;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::Guard;
use super::evidence::{self, Numbers};
use super::judge::Number;
use super::land::Land;
use super::mover;
use super::part::Part;
use super::plan::{Actor, Event, Plan, Settings, Side};
use super::proxy::Proxy;
use super::weather::Weather;
use crate::harness::broker::Broker;
use crate::harness::launch::Launch;
use crate::harness::program::Program;
use brokers::StormBroker;

/// The disks' size where they may become full: room for the longest storm.
const DISK_BYTES: u64 = 256 * 1024 * 1024;

/// The spool is looked at so often.
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Everything that takes part in one storm.
pub(super) struct Stage<'a> {
    settings: &'a Settings,
    folder: &'a Path,
    guard: Guard,
    pub(super) land: Land,
    broker: StormBroker,
    networks: [Proxy; 2],
    pub(super) publisher: Part,
    pub(super) subscriber: Part,
    pub(super) viewer: Part,
    pub(super) broker_kills: usize,
    pub(super) broker_logs: Vec<String>,
    ledgers: Option<Program>,
    /// What the spool said was given up whenever it was looked at.
    pub(super) given_up: Numbers,
    /// What was in the spool when a disk was replaced and no publisher ran.
    pub(super) owed: Vec<(usize, BTreeSet<Number>)>,
    /// The consumer's disks so far.
    pub(super) disks: usize,
    is_calm: bool,
    rng: Rng,
    /// When the spool was looked at.
    looked_at: Instant,
}

impl<'a> Stage<'a> {
    /// All of it, running, in `folder`.
    pub(super) fn new(plan: &'a Plan, folder: &'a Path, guard: Guard) -> Self {
        let settings = &plan.settings;
        let broker = StormBroker::of(plan);
        let networks = [(); 2].map(|()| Proxy::start(broker.port()));
        fs::create_dir(records_in(folder)).expect("making the folder of records");
        let mut stage = Self {
            settings,
            folder,
            guard,
            land: Land::new(
                folder,
                settings.full_disks.then_some(DISK_BYTES),
                settings.clocks,
            ),
            broker,
            networks,
            publisher: Part::new("publisher"),
            subscriber: Part::new("subscriber"),
            viewer: Part::new("viewer"),
            broker_kills: 0,
            broker_logs: Vec::new(),
            ledgers: None,
            given_up: Numbers::new(),
            owed: Vec::new(),
            disks: 1,
            is_calm: false,
            rng: Rng::with_seed(plan.seed),
            looked_at: Instant::now(),
        };
        stage.start(Actor::Subscriber);
        stage.broker.await_listener();
        stage.ledgers = Some(
            Launch::new("mosquitto_sub", "mosquitto_sub")
                .flags(&format!(
                    "-p {} -q 1 -t cameras/door/ledger",
                    stage.broker.port()
                ))
                .start(),
        );
        stage.start(Actor::Publisher);
        if settings.viewer {
            stage.viewer.start(stage.launch_viewer());
        }
        stage
    }

    /// Makes `event` happen.
    pub(super) fn happen(&mut self, event: Event) {
        match event {
            Event::Kill(actor) => self.kill(actor),
            Event::Start(actor) => self.start(actor),
            Event::Pause(actor) => match self.mosquitto(actor) {
                Some(broker) => broker.pause(),
                None => self.part(actor).pause(),
            },
            Event::GoOn(actor) => match self.mosquitto(actor) {
                Some(broker) => broker.go_on(),
                None => self.part(actor).go_on(),
            },
            Event::Forget => self.broker.forget(),
            Event::ReplaceDisk => self.replace_disk(),
            Event::Turn(side, weather) => self.network(side).turn(weather),
            Event::Cut(side) => self.network(side).cut(),
            Event::Fill(side) => self.land.fill(side),
            Event::Free(side) => self.land.free(side),
            Event::MoveFiles => {
                mover::move_files(&self.output(), &self.shelf(), &mut self.rng);
            }
            Event::MoveFolder => {
                mover::move_folder(&self.output(), &self.shelf(), &mut self.rng);
            }
            Event::SetClock(side, ahead) => self.land.set_clock(side, ahead),
        }
    }

    /// Starts again who has ended by itself, and notes what the spool says.
    pub(super) fn look_after(&mut self) {
        if self.publisher.look_after() {
            self.start(Actor::Publisher);
        }
        if self.subscriber.look_after() {
            self.start(Actor::Subscriber);
        }
        if self.viewer.look_after() {
            self.viewer.start(self.launch_viewer());
        }
        if self.looked_at.elapsed() >= BETWEEN_LOOKS {
            evidence::read_given_up(&self.spool(), &mut self.given_up);
            self.looked_at = Instant::now();
        }
    }

    /// The camera gives nothing more. The publisher ends, by itself or not, and what it leaves is delivered by one that
    /// has only its spool.
    pub(super) fn calm_down(&mut self) {
        for side in [Side::Publisher, Side::Subscriber] {
            self.network(side).turn(Weather::Fair);
            self.land.free(side);
        }
        self.is_calm = true;
        if self.settings.ends_with_a_kill {
            self.publisher.kill();
        } else {
            self.end_publisher();
        }
        if self.guard != Guard::Nothing {
            self.start(Actor::Publisher);
        }
    }

    /// Ends what still runs, and gives what the ledgers said.
    pub(super) fn end(&mut self) -> String {
        self.end_publisher();
        let parts = ["stored", "duplicates", "quarantined", "foreign"];
        // The subscriber may take the broker with it.
        self.viewer.end("received", &parts);
        self.subscriber.end("received", &parts);
        self.broker_logs.extend(self.broker.log());
        let heard = self.ledgers.as_ref().map(Program::stdout);
        String::from_utf8_lossy(&heard.unwrap_or_default()).into_owned()
    }

    /// The consumer's `nth` disk, from 1, by its path from outside.
    pub(super) fn nth_output(&self, nth: usize) -> PathBuf {
        self.land.seen_from_outside(&self.nth_output_inside(nth))
    }

    /// Where files are that were moved away from the `nth` disk.
    pub(super) fn nth_shelf(&self, nth: usize) -> PathBuf {
        let name = format!("shelf-{nth}");
        self.land
            .seen_from_outside(&self.subscriber_disk().join(name))
    }

    /// The onlooker's disk.
    pub(super) fn viewer_output(&self) -> PathBuf {
        self.land.seen_from_outside(&self.viewer_output_inside())
    }

    /// The spool, by its path from outside.
    pub(super) fn spool(&self) -> PathBuf {
        self.land.seen_from_outside(&self.spool_inside())
    }

    /// Where the camera keeps its records.
    pub(super) fn records(&self) -> PathBuf {
        records_in(self.folder)
    }

    fn replace_disk(&mut self) {
        if self.guard == Guard::Receipts && !self.publisher.is_there() {
            // Places begin at 0, and this disk is the next.
            self.owed
                .push((self.disks, evidence::read_spool(&self.spool())));
        }
        self.disks += 1;
    }

    fn kill(&mut self, actor: Actor) {
        if let Some(broker) = self.mosquitto(actor) {
            let log = broker.log();
            broker.kill();
            self.broker_logs.push(log);
            self.broker_kills += 1;
        } else {
            self.part(actor).kill();
        }
        if self.is_the_broker(actor) {
            self.broker_is_up(false);
        }
    }

    /// The broker, if it is the one that `actor` means, and a program of its own.
    fn mosquitto(&mut self, actor: Actor) -> Option<&mut Broker> {
        self.broker.mosquitto().filter(|_| actor == Actor::Broker)
    }

    /// Whether the broker comes and goes with `actor`.
    fn is_the_broker(&self, actor: Actor) -> bool {
        actor == Actor::Broker || (actor == Actor::Subscriber && self.broker.is_embedded())
    }

    fn broker_is_up(&self, is_up: bool) {
        for network in &self.networks {
            network.server_is_up(is_up);
        }
    }

    fn end_publisher(&mut self) {
        let parts = ["delivered", "dropped", "spooled", "unconfirmed"];
        self.publisher.end("captured", &parts);
    }

    fn start(&mut self, actor: Actor) {
        match (self.mosquitto(actor), actor) {
            (Some(broker), _) => broker.start_again(),
            (None, Actor::Publisher) => self.publisher.start(self.launch_publisher()),
            (None, Actor::Subscriber | Actor::Broker) => {
                self.subscriber.start(self.launch_subscriber());
            }
        }
        if self.is_the_broker(actor) {
            self.broker_is_up(true);
        }
    }

    fn part(&mut self, actor: Actor) -> &mut Part {
        match actor {
            Actor::Publisher => &mut self.publisher,
            // A broker that is no program of its own is the subscriber.
            Actor::Subscriber | Actor::Broker => &mut self.subscriber,
        }
    }

    fn network(&self, side: Side) -> &Proxy {
        match side {
            Side::Publisher => &self.networks[0],
            Side::Subscriber => &self.networks[1],
        }
    }

    fn output(&self) -> PathBuf {
        self.nth_output(self.disks)
    }

    fn shelf(&self) -> PathBuf {
        self.nth_shelf(self.disks)
    }

    fn subscriber_disk(&self) -> PathBuf {
        self.land.disk(Side::Subscriber)
    }

    fn nth_output_inside(&self, nth: usize) -> PathBuf {
        self.subscriber_disk().join(format!("frames-{nth}"))
    }

    fn viewer_output_inside(&self) -> PathBuf {
        self.subscriber_disk().join("viewer")
    }

    fn spool_inside(&self) -> PathBuf {
        self.land.disk(Side::Publisher).join("spool")
    }
}

fn records_in(folder: &Path) -> PathBuf {
    folder.join("records")
}
