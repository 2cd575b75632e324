//! The grammar of a layout: components between slashes, each of literals and placeholders.

use std::fmt::Write as _;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use protocol::frame::FrameId;
use protocol::topic::MAX_NAME_LEN;

use super::windows;

/// The longest component that a template may yield: file systems take 255 bytes, and a file that is being written has
/// a longer name than it will have.
const MAX_COMPONENT_LEN: usize = 240;
/// Digits of the largest number.
const MAX_WIDTH: u32 = 20;

/// Why a template was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A `{...}` that means nothing here.
    #[error(
        "unknown placeholder {{{0}}}: use {{camera}} {{date}} {{hour}} {{minute}} {{second}} {{time}} {{stream}} \
         {{stream8}} {{sequence}} {{sequence:09}}"
    )]
    Placeholder(String),
    /// A brace without its partner, or a percent sign that is no `%06d`.
    #[error("{0:?} stands alone: a placeholder is {{name}} or %06d, a percent sign %%")]
    Stray(char),
    /// A character that Windows does not allow in a name.
    #[error("{0:?} may not stand in a file name; folders are separated by /")]
    Forbidden(char),
    /// A folder or file name that some system would refuse or hide.
    #[error(
        "{0:?} is no usable folder or file name: it must not be empty, begin with a dot, end with a dot or a space, \
         or be index.jsonl"
    )]
    Component(String),
    /// It begins at a root.
    #[error("the layout must be relative to the output folder")]
    Absolute,
    /// Nothing in the file name tells one frame from the next.
    #[error("the file name must contain {{sequence}}, {{sequence:09}} or %06d, once")]
    Sequence,
    /// The number could not be read back.
    #[error(
        "{{sequence}} must not stand directly beside a digit or another placeholder: put _ between"
    )]
    Beside,
    /// The files are pictures.
    #[error("the file name must end in .jpg or .jpeg")]
    Extension,
    /// It could yield a name that file systems refuse.
    #[error("a folder or file name could become {0} characters long; at most {MAX_COMPONENT_LEN}")]
    TooLong(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Piece {
    Literal(String),
    Camera,
    Date,
    Hour,
    Minute,
    Second,
    Time,
    Stream,
    Stream8,
    Sequence { width: Option<u32> },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) folders: Vec<Vec<Piece>>,
    pub(super) file: Vec<Piece>,
}

impl Template {
    pub(super) fn parse(text: &str) -> Result<Self, LayoutError> {
        if text.starts_with(['/', '\\']) {
            return Err(LayoutError::Absolute);
        }
        let mut components = text
            .split('/')
            .map(parse_component)
            .collect::<Result<Vec<_>, _>>()?;
        let file = components.pop().unwrap_or_default();
        let template = Self {
            folders: components,
            file,
        };
        template.check_file()?;
        Ok(template)
    }

    pub(super) fn pieces(&self) -> impl Iterator<Item = &Piece> {
        self.folders.iter().flatten().chain(&self.file)
    }

    fn check_file(&self) -> Result<(), LayoutError> {
        let is_sequence = |piece: &Piece| matches!(piece, Piece::Sequence { .. });
        let Some(at) = self.file.iter().position(is_sequence) else {
            return Err(LayoutError::Sequence);
        };
        if self.pieces().filter(|piece| is_sequence(piece)).count() > 1 {
            return Err(LayoutError::Sequence);
        }
        let touches = |neighbour: Option<&Piece>, edge: fn(&str) -> Option<char>| match neighbour {
            Some(Piece::Literal(text)) => edge(text).is_some_and(|c| c.is_ascii_digit()),
            Some(_) => true,
            None => false,
        };
        let before = at.checked_sub(1).map(|i| &self.file[i]);
        if touches(before, |text| text.chars().next_back())
            || touches(self.file.get(at + 1), |text| text.chars().next())
        {
            return Err(LayoutError::Beside);
        }
        match self.file.last() {
            Some(Piece::Literal(end)) if super::is_picture(end) => Ok(()),
            _ => Err(LayoutError::Extension),
        }
    }
}

fn parse_component(text: &str) -> Result<Vec<Piece>, LayoutError> {
    if let Some(c) = text.chars().find(|&c| windows::is_forbidden(c) && c != ':') {
        return Err(LayoutError::Forbidden(c));
    }
    if text.is_empty()
        || text.starts_with('.')
        || text.ends_with(['.', ' '])
        || text.eq_ignore_ascii_case(crate::index::INDEX_FILE)
    {
        return Err(LayoutError::Component(text.to_owned()));
    }
    let (mut pieces, mut literal, mut rest) = (Vec::new(), String::new(), text);
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        let piece = match c {
            '{' => {
                let (name, after) = rest.split_once('}').ok_or(LayoutError::Stray(c))?;
                rest = after;
                placeholder(name)?
            }
            '%' if rest.starts_with('%') => {
                rest = &rest[1..];
                literal.push('%');
                continue;
            }
            '%' => {
                let (width, after) = rest.split_once('d').ok_or(LayoutError::Stray(c))?;
                rest = after;
                match width {
                    "" => Piece::Sequence { width: None },
                    _ => Piece::Sequence {
                        width: Some(fixed_width(width).ok_or(LayoutError::Stray(c))?),
                    },
                }
            }
            '}' => return Err(LayoutError::Stray(c)),
            // Only a placeholder's own colon is allowed.
            ':' => return Err(LayoutError::Forbidden(c)),
            _ => {
                literal.push(c);
                continue;
            }
        };
        if !literal.is_empty() {
            pieces.push(Piece::Literal(std::mem::take(&mut literal)));
        }
        pieces.push(piece);
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    let longest = pieces.iter().map(longest).sum();
    if longest > MAX_COMPONENT_LEN {
        return Err(LayoutError::TooLong(longest));
    }
    Ok(pieces)
}

fn placeholder(name: &str) -> Result<Piece, LayoutError> {
    Ok(match name {
        "camera" => Piece::Camera,
        "date" => Piece::Date,
        "hour" => Piece::Hour,
        "minute" => Piece::Minute,
        "second" => Piece::Second,
        "time" => Piece::Time,
        "stream" => Piece::Stream,
        "stream8" => Piece::Stream8,
        "sequence" => Piece::Sequence { width: None },
        _ => {
            let width = name.strip_prefix("sequence:").and_then(fixed_width);
            let unknown = || LayoutError::Placeholder(name.to_owned());
            Piece::Sequence {
                width: Some(width.ok_or_else(unknown)?),
            }
        }
    })
}

/// The width that `06` asks for.
fn fixed_width(text: &str) -> Option<u32> {
    let digits = text.strip_prefix('0')?;
    let width = digits.parse().ok()?;
    (digits.bytes().all(|b| b.is_ascii_digit()) && (1..=MAX_WIDTH).contains(&width))
        .then_some(width)
}

fn longest(piece: &Piece) -> usize {
    match piece {
        Piece::Literal(text) => text.len(),
        Piece::Camera => MAX_NAME_LEN,
        Piece::Date => 10,
        Piece::Hour | Piece::Minute | Piece::Second => 2,
        Piece::Time => 23,
        Piece::Stream => 36,
        Piece::Stream8 => 8,
        Piece::Sequence { .. } => MAX_WIDTH as usize,
    }
}

pub(super) fn render(pieces: &[Piece], id: &FrameId, sequence: u64, moment: &Moment) -> String {
    let mut name = String::with_capacity(64);
    for piece in pieces {
        match piece {
            Piece::Literal(text) => name.push_str(text),
            Piece::Camera => name.push_str(id.camera.as_str()),
            Piece::Date => name.push_str(&moment.date()),
            Piece::Hour => name.push_str(&moment.hour()),
            Piece::Minute => name.push_str(&moment.minute()),
            Piece::Second => name.push_str(&moment.second()),
            Piece::Time => name.push_str(&moment.time()),
            Piece::Stream => name.push_str(&id.stream.to_string()),
            Piece::Stream8 => name.push_str(&id.stream.short()),
            Piece::Sequence { width } => {
                let width = width.unwrap_or(0) as usize;
                write!(name, "{sequence:0width$}").expect("a string takes every text");
            }
        }
    }
    name
}

/// A time as it stands in names: UTC, each part of fixed length. Nothing was photographed before 1970.
pub(super) struct Moment(DateTime);

impl Moment {
    pub(super) fn of(time: Timestamp) -> Self {
        Self(TimeZone::UTC.to_datetime(time.max(Timestamp::UNIX_EPOCH)))
    }

    pub(super) fn date(&self) -> String {
        let at = self.0;
        format!("{:04}-{:02}-{:02}", at.year(), at.month(), at.day())
    }

    pub(super) fn hour(&self) -> String {
        format!("{:02}", self.0.hour())
    }

    pub(super) fn minute(&self) -> String {
        format!("{:02}", self.0.minute())
    }

    pub(super) fn second(&self) -> String {
        format!("{:02}", self.0.second())
    }

    /// ISO 8601 in its basic form, to the microsecond: it has no colon.
    pub(super) fn time(&self) -> String {
        let at = self.0;
        format!(
            "{:04}{:02}{:02}T{:02}{:02}{:02}.{:06}Z",
            at.year(),
            at.month(),
            at.day(),
            at.hour(),
            at.minute(),
            at.second(),
            at.subsec_nanosecond() / 1000
        )
    }
}
