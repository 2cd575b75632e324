//! USB over a stream of bytes, as the kernel's `vhci_hcd` speaks it: the kernel submits transfers, the device answers them.
//! The kernel's `Documentation/usb/usbip_protocol.rst` has the format. This file knows nothing of cameras.

use std::io::{self, Read, Write};

const CMD_SUBMIT: u32 = 1;
const CMD_UNLINK: u32 = 2;
const RET_SUBMIT: u32 = 3;
const RET_UNLINK: u32 = 4;

const HEADER: usize = 48;
/// Offset, length, actual length and status of a packet.
const PACKET_DESCRIPTOR: usize = 16;

const EPIPE: i32 = -32;
const ECONNRESET: i32 = -104;

/// What the kernel wants.
#[derive(Debug)]
pub(crate) enum Command {
    /// A transfer on endpoint 0.
    Control(Control),
    /// A transfer of packets from the device.
    Packets(Packets),
    /// No answer to the transfer `of` any more, if it has none yet.
    Unlink { number: u32, of: u32 },
}

/// A transfer on endpoint 0.
#[derive(Debug)]
pub(crate) struct Control {
    pub(crate) number: u32,
    pub(crate) setup: [u8; 8],
    /// What the host sends along.
    pub(crate) data: Vec<u8>,
}

/// Room for packets from the device, one each 125 microseconds.
#[derive(Debug)]
pub(crate) struct Packets {
    pub(crate) number: u32,
    /// How many bytes each may have.
    pub(crate) rooms: Vec<usize>,
}

impl Command {
    /// Waits for the next one.
    pub(crate) fn read(from: &mut impl Read) -> io::Result<Self> {
        let mut header = [0; HEADER];
        from.read_exact(&mut header)?;
        let field = |nth: usize| be_u32(&header[nth * 4..]);
        let number = field(1);
        match field(0) {
            CMD_UNLINK => Ok(Self::Unlink {
                number,
                of: field(5),
            }),
            CMD_SUBMIT => {
                let (is_in, endpoint, length) = (field(3) == 1, field(4), field(6) as usize);
                // Transfers without packets say 0 or, in newer kernels, -1.
                let packets = field(8);
                let mut data = vec![0; if is_in { 0 } else { length }];
                from.read_exact(&mut data)?;
                if endpoint == 0 {
                    let setup = header[40..].try_into().expect("the header's last 8 bytes");
                    return Ok(Self::Control(Control {
                        number,
                        setup,
                        data,
                    }));
                }
                let mut descriptors = vec![0; packets as usize * PACKET_DESCRIPTOR];
                from.read_exact(&mut descriptors)?;
                let rooms = descriptors.chunks_exact(PACKET_DESCRIPTOR);
                Ok(Self::Packets(Packets {
                    number,
                    rooms: rooms.map(|room| be_u32(&room[4..]) as usize).collect(),
                }))
            }
            other => Err(io::Error::other(format!("an unknown command {other}"))),
        }
    }
}

impl Control {
    /// `None`: the device does not know such a request, and stalls.
    pub(crate) fn answer(&self, answer: Option<&[u8]>, to: &mut impl Write) -> io::Result<()> {
        let wanted = usize::from(u16::from_le_bytes([self.setup[6], self.setup[7]]));
        let reads = self.setup[0] & 0x80 != 0;
        let (status, sent, length) = match answer {
            None => (EPIPE, [].as_slice(), 0),
            Some(answer) if reads => {
                let sent = &answer[..answer.len().min(wanted)];
                (0, sent, sent.len())
            }
            Some(_) => (0, [].as_slice(), self.data.len()),
        };
        let mut reply = header(RET_SUBMIT, self.number, status);
        put(&mut reply, 6, length);
        reply.extend_from_slice(sent);
        to.write_all(&reply)
    }
}

impl Packets {
    /// What the device put into each packet.
    pub(crate) fn answer(&self, filled: &[Vec<u8>], to: &mut impl Write) -> io::Result<()> {
        let mut reply = header(RET_SUBMIT, self.number, 0);
        put(&mut reply, 6, filled.iter().map(Vec::len).sum());
        put(&mut reply, 8, filled.len());
        // The bytes of all packets without the room that is left; the kernel spreads them again.
        for packet in filled {
            reply.extend_from_slice(packet);
        }
        let mut offset = 0;
        for (room, packet) in self.rooms.iter().zip(filled) {
            for field in [offset, *room, packet.len(), 0] {
                reply.extend_from_slice(&field_of(field));
            }
            offset += room;
        }
        to.write_all(&reply)
    }
}

/// Confirms that a transfer gets no answer (`was_waiting`), or had one already.
pub(crate) fn unlinked(number: u32, was_waiting: bool, to: &mut impl Write) -> io::Result<()> {
    let status = if was_waiting { ECONNRESET } else { 0 };
    to.write_all(&header(RET_UNLINK, number, status))
}

fn header(command: u32, number: u32, status: i32) -> Vec<u8> {
    let mut header = vec![0; HEADER];
    header[..4].copy_from_slice(&command.to_be_bytes());
    header[4..8].copy_from_slice(&number.to_be_bytes());
    header[20..24].copy_from_slice(&status.to_be_bytes());
    header
}

fn put(header: &mut [u8], nth: usize, value: usize) {
    header[nth * 4..nth * 4 + 4].copy_from_slice(&field_of(value));
}

fn field_of(value: usize) -> [u8; 4] {
    u32::try_from(value)
        .expect("no transfer is so large")
        .to_be_bytes()
}

fn be_u32(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().expect("four bytes"))
}
