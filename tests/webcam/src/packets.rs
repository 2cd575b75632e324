//! Pictures as the packets of the bus: which bytes each carries, and what goes wrong with them. No clock, no I/O.

use std::collections::VecDeque;

use webcam::order::Fate;
use webcam::picture::Footage;

/// Length, flags.
const HEADER_BYTES: usize = 2;
const ALWAYS: u8 = 0x80;
const ERROR: u8 = 0x40;
const END_OF_PICTURE: u8 = 0x02;

/// A packet's time, in units of 100 ns.
const MICROFRAME: u64 = 1250;

/// A picture that begins or has been sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Began,
    Sent {
        number: u32,
        stream: u32,
        fate: Fate,
    },
}

/// All that the camera has to send, packet after packet.
pub(crate) struct Pictures {
    footage: Footage,
    next_number: u32,
    fates: VecDeque<Fate>,
    streams: u32,
    streaming: Option<Streaming>,
}

/// From the moment at which the host asks for pictures until it wants no more.
struct Streaming {
    interval: u64,
    now: u64,
    next_due: u64,
    /// Tells the bytes of one picture from the next one's: a bit that changes with each.
    picture_bit: u8,
    sending: Option<Sending>,
}

struct Sending {
    number: u32,
    fate: Fate,
    bytes: Vec<u8>,
    sent: usize,
}

impl Pictures {
    pub(crate) fn new(footage: Footage, next_number: u32) -> Self {
        Self {
            footage,
            next_number,
            fates: VecDeque::new(),
            streams: 0,
            streaming: None,
        }
    }

    /// The host wants pictures, so many units of 100 ns apart.
    pub(crate) fn start(&mut self, interval: u32) {
        self.streams += 1;
        self.streaming = Some(Streaming {
            interval: interval.into(),
            now: 0,
            next_due: 0,
            picture_bit: 1,
            sending: None,
        });
    }

    /// It wants no more; the picture under way is never finished.
    pub(crate) fn stop(&mut self) {
        self.streaming = None;
    }

    /// What becomes of the next picture that has not begun.
    pub(crate) fn doom(&mut self, fate: Fate) {
        self.fates.push_back(fate);
    }

    /// The next packet, which has `room` bytes; most are empty, for the bus is faster than the camera.
    pub(crate) fn packet(&mut self, room: usize, events: &mut Vec<Event>) -> Vec<u8> {
        let Some(streaming) = &mut self.streaming else {
            return Vec::new();
        };
        streaming.now += MICROFRAME;
        if streaming.sending.is_none() && streaming.now >= streaming.next_due {
            streaming.next_due += streaming.interval;
            streaming.picture_bit ^= 1;
            let fate = self.fates.pop_front().unwrap_or(Fate::Whole);
            streaming.sending = Some(Sending::new(&self.footage, self.next_number, fate));
            self.next_number += 1;
            events.push(Event::Began);
        }
        let Some(sending) = &mut streaming.sending else {
            return Vec::new();
        };
        let (number, fate) = (sending.number, sending.fate);
        let packet = sending.packet(streaming.picture_bit, room);
        if sending.sent == sending.bytes.len() {
            streaming.sending = None;
            let stream = self.streams - 1;
            events.push(Event::Sent {
                number,
                stream,
                fate,
            });
        }
        packet
    }
}

impl Sending {
    fn new(footage: &Footage, number: u32, fate: Fate) -> Self {
        let mut bytes = footage.picture(number);
        if fate == Fate::Truncated {
            bytes.truncate(bytes.len() / 2);
        }
        Self {
            number,
            fate,
            bytes,
            sent: 0,
        }
    }

    fn packet(&mut self, picture_bit: u8, room: usize) -> Vec<u8> {
        let length = (self.bytes.len() - self.sent).min(room.saturating_sub(HEADER_BYTES));
        let payload = &self.bytes[self.sent..self.sent + length];
        self.sent += length;
        if self.fate == Fate::Lost {
            return Vec::new();
        }
        let mut flags = ALWAYS | picture_bit;
        if self.fate == Fate::Faulty {
            flags |= ERROR;
        }
        if self.sent == self.bytes.len() {
            flags |= END_OF_PICTURE;
        }
        [&[2, flags], payload].concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: usize = 10;

    /// A camera that sends one picture after another, 33.3 ms apart.
    fn camera(folder: &std::path::Path) -> Pictures {
        std::fs::write(folder.join("1.jpg"), b"\xFF\xD8 and more").expect("a picture");
        let mut pictures = Pictures::new(Footage::read(folder).expect("footage"), 7);
        pictures.start(333_333);
        pictures
    }

    /// All packets until a picture has been sent, without the empty ones.
    fn until_sent(pictures: &mut Pictures) -> (Vec<Vec<u8>>, Event) {
        let (mut packets, mut events) = (Vec::new(), Vec::new());
        while events.len() < 2 {
            packets.push(pictures.packet(ROOM, &mut events));
        }
        packets.retain(|packet| !packet.is_empty());
        (packets, events.swap_remove(1))
    }

    #[test]
    fn a_picture_is_spread_over_packets_of_which_the_last_says_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut pictures = camera(folder.path());
        let (packets, event) = until_sent(&mut pictures);
        let bytes: Vec<u8> = packets
            .iter()
            .flat_map(|packet| packet[2..].to_vec())
            .collect();
        assert_eq!(Footage::number_of(&bytes), Some(7));
        assert!(bytes.ends_with(b" and more"));
        let flags: Vec<u8> = packets.iter().map(|packet| packet[1]).collect();
        assert_eq!(flags, [0x80, 0x80, 0x80, 0x82]);
        let whole = |number| Event::Sent {
            number,
            stream: 0,
            fate: Fate::Whole,
        };
        assert_eq!(event, whole(7));
        let (packets, event) = until_sent(&mut pictures);
        assert_eq!((packets[0][1], event), (0x81, whole(8)));
    }

    #[test]
    fn each_fate_befalls_one_picture() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut pictures = camera(folder.path());
        for fate in [Fate::Faulty, Fate::Truncated, Fate::Lost] {
            pictures.doom(fate);
        }
        let (faulty, _) = until_sent(&mut pictures);
        assert!(faulty.iter().all(|packet| packet[1] & ERROR != 0));
        let (truncated, _) = until_sent(&mut pictures);
        assert!(truncated.len() < faulty.len());
        assert_eq!(truncated.last().map(|packet| packet[1]), Some(0x83));
        let (lost, _) = until_sent(&mut pictures);
        assert_eq!(lost, Vec::<Vec<u8>>::new());
        let (whole, _) = until_sent(&mut pictures);
        assert_eq!(whole.len(), faulty.len());
    }
}
