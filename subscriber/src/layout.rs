//! Where a frame's file goes: a pure function from its identity and capture time to a path that is legal everywhere.
//!
//! | preset | template | for |
//! |---|---|---|
//! | `minutes` | `{camera}/{date}/{hour}/{minute}/{time}_{stream8}_{sequence:09}.jpg` | the default: folders stay small |
//! | `images` | `image%06d.jpg` | tools that take a numbered series; a folder for each run of the camera |
//! | `flat` | `{camera}/{time}_{stream8}_{sequence:09}.jpg` | short recordings in one folder |
//!
//! Times are UTC. The path is relative to the output folder, and two frames never share one:
//!
//! - A template that does not name the camera gets `{camera}/` first; one that does not name the stream gets a folder
//!   `<stream8>` before the file.
//! - Where the number has a fixed width and no time stands in the template, frame 10^width goes to a folder
//!   `<stream8>-1` and begins again at 0, and so on.
//! - This holds on file systems that ignore case, too: cameras `Door` and `door` share a folder there, but a stream is
//!   one camera's, and the stream is in every path. (`stream8` is 32 bits of it. Should two streams of one folder
//!   agree in them, the store keeps the second picture apart as a conflict; it overwrites nothing.)
//!
//! Names that Windows reserves (`CON`, `LPT1`, ...) are legal camera names: they get an underscore.

mod names;
mod template;
mod windows;

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use jiff::Timestamp;
use protocol::frame::Frame;
use protocol::topic::CameraName;

use template::{Moment, Piece, Template};

pub(crate) use names::{ForeignName, FrameName, QuarantineName};
pub use template::LayoutError;

/// The folder, below the output folder, of what is no usable frame.
pub const QUARANTINE: &str = "quarantine";

/// The folder, below a camera's, of bare pictures of other publishers.
pub(crate) const FOREIGN: &str = "foreign";

const PRESETS: [(&str, &str); 3] = [
    (
        "minutes",
        "{camera}/{date}/{hour}/{minute}/{time}_{stream8}_{sequence:09}.jpg",
    ),
    ("images", "image%06d.jpg"),
    ("flat", "{camera}/{time}_{stream8}_{sequence:09}.jpg"),
];

/// A checked template for file names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    text: String,
    template: Template,
    names_camera: bool,
    names_stream: bool,
    /// The first number that does not fit, where numbers begin again in a new folder.
    rolls_at: Option<u64>,
}

impl Layout {
    /// The path of `frame`, relative to the output folder.
    #[must_use]
    pub fn path(&self, frame: &Frame) -> PathBuf {
        let id = &frame.id;
        let (rolled, sequence) = match self.rolls_at {
            Some(size) => (id.sequence / size, id.sequence % size),
            None => (0, id.sequence),
        };
        let moment = Moment::of(frame.captured_at);
        let render = |pieces: &[Piece]| template::render(pieces, id, sequence, &moment);

        let mut components = Vec::with_capacity(8);
        if !self.names_camera {
            components.push(id.camera.to_string());
        }
        components.extend(self.template.folders.iter().map(|pieces| render(pieces)));
        if rolled > 0 {
            components.push(format!("{}-{rolled}", id.stream.short()));
        } else if !self.names_stream {
            components.push(id.stream.short());
        }
        components.push(render(&self.template.file));
        legal_path(components)
    }
}

impl Default for Layout {
    fn default() -> Self {
        PRESETS[0].1.parse().expect("the preset is a template")
    }
}

impl FromStr for Layout {
    type Err = LayoutError;

    fn from_str(text: &str) -> Result<Self, LayoutError> {
        let source = PRESETS
            .iter()
            .find(|(name, _)| *name == text)
            .map_or(text, |(_, template)| *template);
        let template = Template::parse(source)?;
        let names = |wanted: &[Piece]| template.pieces().any(|piece| wanted.contains(piece));
        let timed = names(&[
            Piece::Date,
            Piece::Hour,
            Piece::Minute,
            Piece::Second,
            Piece::Time,
        ]);
        let width = template.pieces().find_map(|piece| match piece {
            Piece::Sequence { width } => *width,
            _ => None,
        });
        Ok(Self {
            text: text.to_owned(),
            names_camera: names(&[Piece::Camera]),
            names_stream: names(&[Piece::Stream, Piece::Stream8]),
            rolls_at: width
                .filter(|_| !timed)
                .and_then(|width| 10_u64.checked_pow(width)),
            template,
        })
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Where a bare JPEG of a foreign publisher goes. It has no identity: its arrival time and checksum name it.
#[must_use]
pub fn foreign_path(camera: &CameraName, received_at: Timestamp, crc32c: u32) -> PathBuf {
    let moment = Moment::of(received_at);
    legal_path([
        camera.to_string(),
        FOREIGN.to_owned(),
        moment.date(),
        moment.hour(),
        moment.minute(),
        format!("{}_{crc32c:08x}.jpg", moment.time()),
    ])
}

/// Where a payload that is no usable frame goes. Its content names it, so that one that keeps coming is kept once.
#[must_use]
pub fn quarantine_path(camera: &CameraName, payload: &[u8]) -> PathBuf {
    let extension = if payload.starts_with(&[0xff, 0xd8]) {
        "jpg"
    } else {
        "bin"
    };
    let crc32c = protocol::frame::checksum(payload);
    let file = format!("{crc32c:08x}_{}.{extension}", payload.len());
    PathBuf::from(QUARANTINE)
        .join(windows::legal(camera.to_string()))
        .join(file)
}

/// `name` (of a camera, say) as one component of a path.
#[must_use]
pub fn legal_name(name: &str) -> String {
    windows::legal(name.to_owned())
}

/// Whether `file` is named as a picture.
pub(crate) fn is_picture(file: &str) -> bool {
    file.rsplit_once('.').is_some_and(|(_, extension)| {
        extension.eq_ignore_ascii_case("jpg") || extension.eq_ignore_ascii_case("jpeg")
    })
}

fn legal_path(components: impl IntoIterator<Item = String>) -> PathBuf {
    let mut path = PathBuf::new();
    for (depth, component) in components.into_iter().enumerate() {
        let mut legal = windows::legal(component);
        if depth == 0 && legal.eq_ignore_ascii_case(QUARANTINE) {
            legal.push('_');
        }
        path.push(legal);
    }
    path
}
