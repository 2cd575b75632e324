//! Endpoint 0: the requests of USB and of its video class.

use crate::descriptors::{
    Format, INTERVALS, MAX_PICTURE_BYTES, PACKET_BYTES, PROCESSING_UNIT, SIZES, configuration,
    device, string,
};

/// What a request changes beyond its answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    None,
    /// Pictures are wanted from now on, so many units of 100 ns apart.
    Start {
        interval: u32,
    },
    Stop,
}

/// The device's state, as far as the host can ask for it.
pub(crate) struct Requests {
    format: Format,
    product: String,
    probe: Probe,
    brightness: [u8; 2],
}

/// What the host and the camera negotiate (UVC 1.0, 4.3.1.1).
#[derive(Clone, Copy)]
struct Probe {
    size_index: u8,
    interval: u32,
}

impl Requests {
    pub(crate) fn new(format: Format, product: String) -> Self {
        let probe = Probe {
            size_index: 1,
            interval: INTERVALS[0],
        };
        Self {
            format,
            product,
            probe,
            brightness: [128, 0],
        }
    }

    /// The answer, if the request is one that this camera knows.
    pub(crate) fn handle(&mut self, setup: [u8; 8], data: &[u8]) -> (Option<Vec<u8>>, Effect) {
        let [
            kind,
            request,
            value_low,
            value_high,
            index_low,
            index_high,
            ..,
        ] = setup;
        let answer = match (kind, request) {
            // GET_DESCRIPTOR
            (0x80, 6) => self.descriptor(value_high, value_low),
            // GET_STATUS, of whatever
            (0x80..=0x82, 0) => Some(vec![0, 0]),
            // SET_INTERFACE of the pictures
            (0x01, 11) if index_low == 1 => {
                let effect = match value_low {
                    0 => Effect::Stop,
                    _ => Effect::Start {
                        interval: self.probe.interval,
                    },
                };
                return (Some(Vec::new()), effect);
            }
            // SET_CONFIGURATION, CLEAR_FEATURE, SET_INTERFACE of anything else
            (0x00, 9) | (0x00..=0x02, 1) | (0x01, 11) => Some(Vec::new()),
            (0x21 | 0xA1, _) if index_high == PROCESSING_UNIT => {
                self.brightness(request, value_high, data)
            }
            (0x21 | 0xA1, _) if index_low == 1 => self.negotiate(request, value_high, data),
            _ => None,
        };
        (answer, Effect::None)
    }

    fn descriptor(&self, kind: u8, number: u8) -> Option<Vec<u8>> {
        match kind {
            1 => Some(device()),
            2 => Some(configuration(self.format)),
            3 => string(number, &self.product),
            _ => None,
        }
    }

    fn negotiate(&mut self, request: u8, control: u8, data: &[u8]) -> Option<Vec<u8>> {
        if !matches!(control, 1 | 2) {
            return None;
        }
        match request {
            SET_CUR => {
                self.probe = Probe::near(data)?;
                Some(Vec::new())
            }
            GET_CUR | GET_MIN | GET_MAX | GET_DEF => Some(self.probe.to_bytes()),
            GET_LEN => Some(vec![26, 0]),
            GET_INFO => Some(vec![3]),
            _ => None,
        }
    }

    fn brightness(&mut self, request: u8, control: u8, data: &[u8]) -> Option<Vec<u8>> {
        if control != 2 {
            return None;
        }
        Some(match request {
            SET_CUR => {
                self.brightness = data.try_into().ok()?;
                Vec::new()
            }
            GET_CUR => self.brightness.to_vec(),
            GET_MIN => vec![0, 0],
            GET_MAX => vec![255, 0],
            GET_DEF => vec![128, 0],
            GET_RES => vec![1, 0],
            GET_LEN => vec![2, 0],
            GET_INFO => vec![3],
            _ => return None,
        })
    }
}

const SET_CUR: u8 = 0x01;
const GET_CUR: u8 = 0x81;
const GET_MIN: u8 = 0x82;
const GET_MAX: u8 = 0x83;
const GET_RES: u8 = 0x84;
const GET_LEN: u8 = 0x85;
const GET_INFO: u8 = 0x86;
const GET_DEF: u8 = 0x87;

impl Probe {
    /// What this camera makes of a wish.
    fn near(wish: &[u8]) -> Option<Self> {
        let size_index = *wish.get(3)?;
        let interval = u32::from_le_bytes(wish.get(4..8)?.try_into().ok()?);
        Some(Self {
            size_index: if usize::from(size_index) <= SIZES.len() {
                size_index.max(1)
            } else {
                1
            },
            interval: *INTERVALS
                .iter()
                .min_by_key(|each| each.abs_diff(interval))?,
        })
    }

    fn to_bytes(self) -> Vec<u8> {
        [
            &[1, 0, 1, self.size_index][..],
            &self.interval.to_le_bytes(),
            &[0; 10],
            &MAX_PICTURE_BYTES.to_le_bytes(),
            &u32::from(PACKET_BYTES).to_le_bytes(),
        ]
        .concat()
    }
}
