//! What the webcam says that it is: USB Video Class 1.0, one camera, one isochronous endpoint.

/// Frames of these sizes are promised; the footage is of the first.
pub(crate) const SIZES: [(u16, u16); 2] = [(1280, 720), (640, 480)];
/// Times between frames, in units of 100 ns: 30 and 15 a second.
pub(crate) const INTERVALS: [u32; 2] = [333_333, 666_666];
/// Three transactions of 1,024 bytes in each microframe of 125 microseconds.
pub(crate) const PACKET_BYTES: u16 = 3072;
/// Room for any picture of the footage.
pub(crate) const MAX_PICTURE_BYTES: u32 = 1 << 20;
/// The one with a brightness.
pub(crate) const PROCESSING_UNIT: u8 = 2;

const PACKETS_OF_1024_THREE_TIMES: u16 = 0x1400;
const INTERFACE: u8 = 4;
const ENDPOINT: u8 = 5;
const ASSOCIATION: u8 = 11;
/// Of the video class, for an interface.
const CLASS: u8 = 0x24;
const VIDEO: u8 = 0x0E;

const CAMERA: u8 = 1;
const OUTPUT: u8 = 3;

/// What the camera encodes its pictures as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// Motion JPEG.
    Mjpg,
    /// Uncompressed, and that alone.
    Yuyv,
}

/// The device: a miscellaneous one with an interface association, from a vendor number for tests.
pub(crate) fn device() -> Vec<u8> {
    let (usb_2, vendor, product, release) = (0x0200_u16, 0x1209_u16, 0x0001_u16, 0x0100_u16);
    descriptor(&[
        &[1],
        &usb_2.to_le_bytes(),
        &[0xEF, 2, 1, 64],
        &vendor.to_le_bytes(),
        &product.to_le_bytes(),
        &release.to_le_bytes(),
        &[1, 2, 0, 1],
    ])
}

/// String descriptor 0 lists the one language; the others are maker and product.
pub(crate) fn string(number: u8, product: &str) -> Option<Vec<u8>> {
    let text = match number {
        0 => return Some(descriptor(&[&[3], &0x0409_u16.to_le_bytes()])),
        1 => "Framebridge",
        2 => product,
        _ => return None,
    };
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    Some(descriptor(&[&[3], &utf16]))
}

/// Everything else, in one.
pub(crate) fn configuration(format: Format) -> Vec<u8> {
    let association = descriptor(&[&[ASSOCIATION, 0, 2, VIDEO, 3, 0, 0]]);
    let body = [
        association,
        control_interface(),
        streaming_interface(format),
    ]
    .concat();
    let total = length_of(&[&body]) + 9;
    let head = descriptor(&[&[2], &total.to_le_bytes(), &[2, 1, 0, 0x80, 250]]);
    [head, body].concat()
}

/// Camera, processing unit with a brightness, output.
fn control_interface() -> Vec<u8> {
    let camera = descriptor(&[
        &[CLASS, 2, CAMERA],
        &0x0201_u16.to_le_bytes(),
        &[0; 8],
        &[3, 0, 0, 0],
    ]);
    let processing = descriptor(&[&[CLASS, 5, PROCESSING_UNIT, CAMERA, 0, 0, 2, 1, 0, 0]]);
    let output = descriptor(&[&[CLASS, 3, OUTPUT, 1, 1, 0, PROCESSING_UNIT, 0]]);
    let units = [camera, processing, output].concat();
    let total = length_of(&[&units]) + 13;
    let head = descriptor(&[
        &[CLASS, 1],
        &0x0100_u16.to_le_bytes(),
        &total.to_le_bytes(),
        &48_000_000_u32.to_le_bytes(),
        &[1, 1],
    ]);
    [interface(0, 0, 0, 1), head, units].concat()
}

/// Nothing in its first setting, the endpoint with the pictures in its second.
fn streaming_interface(format: Format) -> Vec<u8> {
    let formats = formats(format);
    let total = length_of(&[&formats]) + 14;
    let head = descriptor(&[
        &[CLASS, 1, 1],
        &total.to_le_bytes(),
        &[0x81, 0, OUTPUT, 0, 0, 0, 1, 0],
    ]);
    let isochronous = 0x05;
    let endpoint = descriptor(&[
        &[ENDPOINT, 0x81, isochronous],
        &PACKETS_OF_1024_THREE_TIMES.to_le_bytes(),
        &[1],
    ]);
    [
        interface(1, 0, 0, 2),
        head,
        formats,
        interface(1, 1, 1, 2),
        endpoint,
    ]
    .concat()
}

fn formats(format: Format) -> Vec<u8> {
    let count = u8::try_from(SIZES.len()).expect("a few sizes");
    let (head, frame_kind) = match format {
        Format::Mjpg => (descriptor(&[&[CLASS, 6, 1, count, 0, 1, 0, 0, 0, 0]]), 7),
        Format::Yuyv => {
            let guid = b"YUY2\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71";
            let rest = [16, 1, 0, 0, 0, 0];
            (descriptor(&[&[CLASS, 4, 1, count], guid, &rest]), 5)
        }
    };
    let frames = SIZES.iter().zip(1..).flat_map(|((width, height), index)| {
        let intervals: Vec<u8> = INTERVALS
            .iter()
            .flat_map(|each| each.to_le_bytes())
            .collect();
        descriptor(&[
            &[CLASS, frame_kind, index, 0],
            &width.to_le_bytes(),
            &height.to_le_bytes(),
            &1_000_000_u32.to_le_bytes(),
            &200_000_000_u32.to_le_bytes(),
            &MAX_PICTURE_BYTES.to_le_bytes(),
            &INTERVALS[0].to_le_bytes(),
            &[2],
            &intervals,
        ])
    });
    [head, frames.collect()].concat()
}

fn interface(number: u8, setting: u8, endpoints: u8, subclass: u8) -> Vec<u8> {
    descriptor(&[&[INTERFACE, number, setting, endpoints, VIDEO, subclass, 0, 0]])
}

/// Everything after the length, which stands before it.
fn descriptor(parts: &[&[u8]]) -> Vec<u8> {
    let length = u8::try_from(length_of(parts) + 1).expect("descriptors are short");
    [&[length], parts.concat().as_slice()].concat()
}

fn length_of(parts: &[&[u8]]) -> u16 {
    let length = parts.iter().map(|part| part.len()).sum::<usize>();
    u16::try_from(length).expect("descriptors are short")
}
