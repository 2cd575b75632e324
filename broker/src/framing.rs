//! Where packets begin and end in what a client sends, and what the first bytes of each say. Pure: it is told bytes as they
//! come, in pieces of any size, before mqtt5 sees them, and keeps no payload.

/// The first byte of a CONNECT.
pub(crate) const CONNECT: u8 = 0x10;
/// The high half of a PUBLISH's first byte.
const PUBLISH: u8 = 0x30;
const RETAIN: u8 = 0x01;
const QOS: u8 = 0x06;
/// Bytes of the longest fixed header: a type, and a length of up to four bytes.
const LONGEST_HEADER: usize = 5;

/// What a client may send.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sizes {
    /// A whole PUBLISH.
    pub(crate) publish: usize,
    /// Any other packet.
    pub(crate) other: usize,
    pub(crate) topic: usize,
    /// The properties of a PUBLISH: mqtt5 makes each into a value of many times its size.
    pub(crate) properties: usize,
}

/// What the beginning of a PUBLISH says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Announced<'a> {
    pub(crate) topic: &'a str,
    pub(crate) retain: bool,
    pub(crate) payload_bytes: usize,
}

/// Why no more is taken from a client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("a packet of {0} bytes is too large")]
    TooLarge(usize),
    #[error("that is not MQTT")]
    Malformed,
    #[error("{0}")]
    Refused(&'static str),
}

/// Follows one client's packets.
#[derive(Debug)]
pub(crate) struct Framing {
    sizes: Sizes,
    has_properties: bool,
    at: At,
    /// How many packets have begun.
    begun: u64,
}

#[derive(Debug)]
enum At {
    Header(Vec<u8>),
    /// In what a PUBLISH says before its payload.
    Beginning {
        first: u8,
        seen: Vec<u8>,
        left: usize,
    },
    Rest {
        left: usize,
    },
}

impl Framing {
    /// For a client whose CONNECT was `version`, 4 or 5.
    pub(crate) fn new(sizes: Sizes, version: u8) -> Self {
        Self {
            sizes,
            has_properties: version >= 5,
            at: At::Header(Vec::new()),
            begun: 0,
        }
    }

    /// Which packet it is, counted from 1, once its length is known.
    pub(crate) fn begun(&self) -> u64 {
        self.begun
    }

    /// How much of a packet is still to come.
    pub(crate) fn missing(&self) -> usize {
        match &self.at {
            At::Header(_) => 0,
            At::Beginning { left, .. } | At::Rest { left } => *left,
        }
    }

    /// The next `bytes` of the client. `publish` is asked about each message before its last byte is counted.
    pub(crate) fn follow(
        &mut self,
        mut bytes: &[u8],
        mut publish: impl FnMut(&Announced<'_>) -> Result<(), Violation>,
    ) -> Result<(), Violation> {
        while !bytes.is_empty() {
            bytes = match &mut self.at {
                At::Header(seen) => {
                    seen.push(bytes[0]);
                    if let Some(length) = body_length(seen)? {
                        self.at = begin(self.sizes, seen[0], length)?;
                        self.begun += 1;
                    }
                    &bytes[1..]
                }
                At::Beginning { first, seen, left } => {
                    seen.push(bytes[0]);
                    *left -= 1;
                    let read = beginning(self.sizes, *first, seen, self.has_properties)?;
                    if let Some((topic, properties)) = read {
                        let payload_bytes =
                            left.checked_sub(properties).ok_or(Violation::Malformed)?;
                        publish(&Announced {
                            topic,
                            retain: *first & RETAIN != 0,
                            payload_bytes,
                        })?;
                        self.at = rest(*left);
                    } else if *left == 0 {
                        return Err(Violation::Malformed);
                    }
                    &bytes[1..]
                }
                At::Rest { left } => {
                    let here = bytes.len().min(*left);
                    self.at = rest(*left - here);
                    &bytes[here..]
                }
            };
        }
        Ok(())
    }
}

fn rest(left: usize) -> At {
    if left == 0 {
        At::Header(Vec::new())
    } else {
        At::Rest { left }
    }
}

fn begin(sizes: Sizes, first: u8, length: usize) -> Result<At, Violation> {
    let is_publish = first & 0xf0 == PUBLISH;
    let most = if is_publish {
        sizes.publish
    } else {
        sizes.other
    };
    if length > most {
        return Err(Violation::TooLarge(length));
    }
    Ok(if is_publish && length > 0 {
        At::Beginning {
            first,
            seen: Vec::new(),
            left: length,
        }
    } else {
        rest(length)
    })
}

/// The length that a fixed header tells, once it is whole.
pub(crate) fn body_length(header: &[u8]) -> Result<Option<usize>, Violation> {
    match variable_int(header.get(1..).unwrap_or_default()) {
        None if header.len() >= LONGEST_HEADER => Err(Violation::Malformed),
        length => Ok(length),
    }
}

/// MQTT's number of up to four bytes, seven bits in each; `None` while its last byte is not there.
fn variable_int(bytes: &[u8]) -> Option<usize> {
    let last = bytes.iter().take(4).position(|byte| byte & 0x80 == 0)?;
    let sevens = bytes[..=last].iter().rev();
    Some(sevens.fold(0, |value, byte| (value << 7) | usize::from(byte & 0x7f)))
}

/// Topic and length of the properties, once both are there.
fn beginning(
    sizes: Sizes,
    first: u8,
    seen: &[u8],
    has_properties: bool,
) -> Result<Option<(&str, usize)>, Violation> {
    let &[high, low, ref after @ ..] = seen else {
        return Ok(None);
    };
    let topic_length = usize::from(u16::from_be_bytes([high, low]));
    if topic_length > sizes.topic {
        return Err(Violation::Refused("the topic is too long"));
    }
    let packet_id = if first & QOS == 0 { 0 } else { 2 };
    let Some(after_id) = after.get(topic_length + packet_id..) else {
        return Ok(None);
    };
    let properties = match variable_int(after_id) {
        _ if !has_properties => 0,
        Some(properties) => properties,
        None if after_id.len() >= 4 => return Err(Violation::Malformed),
        None => return Ok(None),
    };
    if properties > sizes.properties {
        return Err(Violation::Refused("the properties are too large"));
    }
    let topic = std::str::from_utf8(&after[..topic_length]);
    Ok(Some((topic.map_err(|_| Violation::Malformed)?, properties)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: Sizes = Sizes {
        publish: 1000,
        other: 20,
        topic: 12,
        properties: 30,
    };

    fn packet(first: u8, body: &[u8]) -> Vec<u8> {
        let mut packet = vec![first];
        let mut left = body.len();
        while left > 127 {
            packet.push(u8::try_from(left % 128).unwrap() | 0x80);
            left /= 128;
        }
        packet.push(u8::try_from(left).unwrap());
        packet.extend_from_slice(body);
        packet
    }

    /// A PUBLISH at QoS 1 of MQTT 5 with `properties` and `payload` bytes.
    fn message(topic: &str, properties: u8, payload: usize, retain: bool) -> Vec<u8> {
        let mut body = u16::try_from(topic.len()).unwrap().to_be_bytes().to_vec();
        body.extend_from_slice(topic.as_bytes());
        body.extend_from_slice(&[0, 7, properties]);
        body.resize(body.len() + usize::from(properties) + payload, 9);
        packet(0x32 | u8::from(retain), &body)
    }

    /// What was announced, with the bytes given in pieces of `step`.
    fn follow(bytes: &[u8], step: usize) -> Result<Vec<(String, bool, usize)>, Violation> {
        let (mut framing, mut all) = (Framing::new(SIZES, 5), Vec::new());
        for piece in bytes.chunks(step) {
            framing.follow(piece, |said| {
                all.push((said.topic.to_owned(), said.retain, said.payload_bytes));
                Ok(())
            })?;
        }
        assert_eq!(framing.missing(), 0);
        Ok(all)
    }

    #[test]
    fn packets_are_told_apart_however_they_are_cut() {
        let mut bytes = message("nest/frames", 5, 700, false);
        bytes.extend(packet(0xc0, &[]));
        bytes.extend(packet(0x82, &[1; 20]));
        bytes.extend(message("nest/latest", 0, 0, true));
        bytes.extend(message("nest/status", 30, 200, true));
        for step in [1, 2, 3, 7, 64, 5000] {
            let all = follow(&bytes, step).unwrap();
            let expected = [
                ("nest/frames", false, 700),
                ("nest/latest", true, 0),
                ("nest/status", true, 200),
            ];
            let expected = expected.map(|(topic, retain, bytes)| (topic.to_owned(), retain, bytes));
            assert_eq!(all, expected, "in pieces of {step}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_by_its_first_bytes() {
        let cases = [
            (vec![0x82, 21], Violation::TooLarge(21)),
            (vec![0x30, 0xe9, 0x07], Violation::TooLarge(1001)),
            (
                vec![0x30, 100, 0, 13],
                Violation::Refused("the topic is too long"),
            ),
            (
                vec![0x30, 100, 0, 1, b'a', 31],
                Violation::Refused("the properties are too large"),
            ),
            (vec![0x30, 0x80, 0x80, 0x80, 0x80], Violation::Malformed),
            (vec![0x30, 2, 0, 5], Violation::Malformed),
            (vec![0x30, 4, 0, 1, b'a', 9], Violation::Malformed),
        ];
        for (bytes, why) in cases {
            assert_eq!(follow(&bytes, 1), Err(why), "{bytes:?}");
        }
    }
}
