//! A picture's size, as people write it: `1280x720`.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What can be asked for from afar, in pixels a side: a picture of 7680x7680 takes 177 MB while it is made.
const SIDES: RangeInclusive<u32> = 16..=7680;

/// Pixels across and down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Size {
    width: u32,
    height: u32,
}

impl Size {
    /// Pixels across.
    #[must_use]
    pub fn width(self) -> u32 {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(self) -> u32 {
        self.height
    }

    /// Whether a request may ask for it.
    fn can_be_asked_for(self) -> bool {
        SIDES.contains(&self.width) && SIDES.contains(&self.height)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text.split_once('x').and_then(|(width, height)| {
            let side = |side: &str| {
                side.bytes()
                    .all(|b| b.is_ascii_digit())
                    .then(|| side.parse().ok())
            };
            Some(Self {
                width: side(width)??,
                height: side(height)??,
            })
        });
        sides.filter(|size| size.can_be_asked_for()).ok_or_else(|| {
            format!(
                "a size is such as 1280x720, each side from {} to {}",
                SIDES.start(),
                SIDES.end()
            )
        })
    }
}

impl TryFrom<String> for Size {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Size> for String {
    fn from(size: Size) -> Self {
        size.to_string()
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}
