//! The device's end of the cable: transfers in, answers out, each at its time.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use webcam::order::Order;
use webcam::record::Sent;

use crate::packets::{Event, Pictures};
use crate::requests::{Effect, Requests};
use crate::usbip::{Command, Packets, unlinked};

/// Time on the bus that one packet takes.
const MICROFRAME: Duration = Duration::from_micros(125);

/// A bus that is late by more than this does not catch up.
const PATIENCE: Duration = Duration::from_millis(20);

pub(crate) struct Bus {
    state: Mutex<State>,
    changed: Condvar,
}

/// Under one lock, replies included: an answer after the confirmation that there will be none, and the kernel takes
/// the device for broken.
struct State {
    replies: UnixStream,
    requests: Requests,
    pictures: Pictures,
    waiting: VecDeque<Packets>,
    is_stalled: bool,
    is_deaf: bool,
    /// Requests that came while it was deaf: the kernel gives them up by itself.
    unheard: Vec<u32>,
    /// When the last transfer of packets was due.
    last_due: Instant,
    record: File,
    began_ns: u64,
}

impl Bus {
    pub(crate) fn new(
        replies: UnixStream,
        requests: Requests,
        pictures: Pictures,
        record: File,
    ) -> Self {
        let state = State {
            replies,
            requests,
            pictures,
            waiting: VecDeque::new(),
            is_stalled: false,
            is_deaf: false,
            unheard: Vec::new(),
            last_due: Instant::now(),
            record,
            began_ns: 0,
        };
        Self {
            state: Mutex::new(state),
            changed: Condvar::new(),
        }
    }

    /// Takes what the kernel wants until it is gone.
    pub(crate) fn serve(&self, mut commands: UnixStream) -> io::Result<()> {
        loop {
            let command = Command::read(&mut commands)?;
            self.lock().take(command)?;
            self.changed.notify_all();
        }
    }

    /// Answers transfers of packets, each when the bus would have carried it.
    pub(crate) fn carry(&self) -> io::Result<()> {
        let mut state = self.lock();
        loop {
            state = match state.next_due() {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(due) => match due.checked_duration_since(Instant::now()) {
                    None | Some(Duration::ZERO) => {
                        state.answer_first(due)?;
                        state
                    }
                    Some(early) => {
                        let waited = self.changed.wait_timeout(state, early);
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                },
            };
        }
    }

    pub(crate) fn obey(&self, order: Order) {
        let mut state = self.lock();
        match order {
            Order::Stall => state.is_stalled = true,
            Order::Resume => state.is_stalled = false,
            Order::Deafen => state.is_deaf = true,
            Order::Hear => state.is_deaf = false,
            Order::Next(fate) => state.pictures.doom(fate),
        }
        drop(state);
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, command: Command) -> io::Result<()> {
        match command {
            Command::Packets(packets) => self.waiting.push_back(packets),
            Command::Unlink { number, of } => {
                let before = self.waiting.len() + self.unheard.len();
                self.waiting.retain(|packets| packets.number != of);
                self.unheard.retain(|unheard| *unheard != of);
                let was_waiting = self.waiting.len() + self.unheard.len() < before;
                unlinked(number, was_waiting, &mut self.replies)?;
            }
            Command::Control(control) if self.is_deaf => self.unheard.push(control.number),
            Command::Control(control) => {
                let (answer, effect) = self.requests.handle(control.setup, &control.data);
                match effect {
                    Effect::None => {}
                    Effect::Start { interval } => self.pictures.start(interval),
                    Effect::Stop => self.pictures.stop(),
                }
                control.answer(answer.as_deref(), &mut self.replies)?;
            }
        }
        Ok(())
    }

    /// When the first waiting transfer is to be answered, if one is.
    fn next_due(&self) -> Option<Instant> {
        let first = self.waiting.front().filter(|_| !self.is_stalled)?;
        let packets = u32::try_from(first.rooms.len()).unwrap_or(u32::MAX);
        Some(self.last_due + MICROFRAME * packets)
    }

    fn answer_first(&mut self, due: Instant) -> io::Result<()> {
        let now = Instant::now();
        self.last_due = due.max(now.checked_sub(PATIENCE).unwrap_or(due));
        let Some(packets) = self.waiting.pop_front() else {
            return Ok(());
        };
        let now_ns = monotonic_ns();
        let mut events = Vec::new();
        let mut filled = Vec::with_capacity(packets.rooms.len());
        for room in &packets.rooms {
            filled.push(self.pictures.packet(*room, &mut events));
        }
        packets.answer(&filled, &mut self.replies)?;
        for event in events {
            self.note(&event, now_ns)?;
        }
        Ok(())
    }

    fn note(&mut self, event: &Event, now_ns: u64) -> io::Result<()> {
        match *event {
            Event::Began => {
                self.began_ns = now_ns;
                Ok(())
            }
            Event::Sent {
                number,
                stream,
                fate,
            } => {
                let began_ns = self.began_ns;
                let sent = Sent {
                    number,
                    stream,
                    began_ns,
                    fate,
                };
                sent.write(&mut self.record)
            }
        }
    }
}

/// On the clock that the driver stamps pictures with.
fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec * 1_000_000_000 + now.tv_nsec).unwrap_or(0)
}
