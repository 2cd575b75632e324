//! A picture on its way from its source to [`super::prepare()`].

use bytes::Bytes;

use super::walk::Outline;

/// A picture as a source gave it, with what a [`super::Splitter`] that found it has learned: it is not walked through twice.
#[derive(Debug, Clone)]
pub struct Unprepared {
    pub(super) jpeg: Bytes,
    pub(super) outline: Option<Outline>,
}

impl Unprepared {
    /// The bytes as they came.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.jpeg
    }
}

/// From who has a picture by itself, perhaps with padding behind it.
impl<B: Into<Bytes>> From<B> for Unprepared {
    fn from(jpeg: B) -> Self {
        Self {
            jpeg: jpeg.into(),
            outline: None,
        }
    }
}

/// The same bytes are the same picture, whatever is known of it.
impl PartialEq for Unprepared {
    fn eq(&self, other: &Self) -> bool {
        self.jpeg == other.jpeg
    }
}

impl Eq for Unprepared {}
