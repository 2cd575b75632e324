//! What the webcam can be told while it runs, one word a datagram.

use std::fmt;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::str::FromStr;

/// What becomes of one picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is sent as it is.
    Whole,
    /// Its first half is sent, and nothing says that it is not all.
    Truncated,
    /// It is sent with the flag that says that the camera knows it to be bad.
    Faulty,
    /// Not a byte of it arrives, as if the bus had lost it.
    Lost,
}

/// An order to the webcam.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// To send nothing any more, as a camera does whose firmware hangs.
    Stall,
    /// To go on where it stalled.
    Resume,
    /// To answer no request any more, as a camera does whose firmware hangs before anybody opens it.
    Deafen,
    /// To answer requests again.
    Hear,
    /// What becomes of the next picture; orders of this kind queue.
    Next(Fate),
}

const FATES: [(&str, Fate); 4] = [
    ("whole", Fate::Whole),
    ("truncated", Fate::Truncated),
    ("faulty", Fate::Faulty),
    ("lost", Fate::Lost),
];

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = FATES.iter().find(|(_, fate)| fate == self);
        f.write_str(known.map_or("", |(word, _)| word))
    }
}

impl FromStr for Fate {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let known = FATES.iter().find(|(word, _)| *word == text);
        known.map(|(_, fate)| *fate).ok_or(())
    }
}

impl Order {
    /// Tells the webcam that listens at `socket`.
    pub fn send(self, socket: &Path) -> io::Result<()> {
        let text = match self {
            Self::Stall => "stall".to_owned(),
            Self::Resume => "resume".to_owned(),
            Self::Deafen => "deafen".to_owned(),
            Self::Hear => "hear".to_owned(),
            Self::Next(fate) => fate.to_string(),
        };
        UnixDatagram::unbound()?.send_to(text.as_bytes(), socket)?;
        Ok(())
    }

    /// Waits for the next order.
    pub fn receive(socket: &UnixDatagram) -> io::Result<Self> {
        let mut text = [0; 32];
        let length = socket.recv(&mut text)?;
        match String::from_utf8_lossy(&text[..length]).as_ref() {
            "stall" => Ok(Self::Stall),
            "resume" => Ok(Self::Resume),
            "deafen" => Ok(Self::Deafen),
            "hear" => Ok(Self::Hear),
            other => match other.parse() {
                Ok(fate) => Ok(Self::Next(fate)),
                Err(()) => Err(io::Error::other(format!("{other:?} is no order"))),
            },
        }
    }
}
