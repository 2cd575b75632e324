//! Pictures out of a byte stream: the output of a program, a file, the body of an HTTP response.
//!
//! The stream is taken as pictures with garbage between them: multipart boundaries and headers, padding. Nothing else
//! is known of its format.

use std::io::{self, Read};

use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;

use super::walk::{BEGIN, Outline, Walker};
use super::{JpegError, Split, Unprepared};

/// How much is read at once from what has it all: several pictures, so that few lie across two readings and are copied together.
const READ_BYTES: usize = 512 * 1024;

/// Splits a byte stream into pictures.
///
/// Call [`Self::next_split`] until it gives `None` after each [`Self::push`], and [`Self::finish`] until it gives
/// `None` at the end of the stream. How the stream is cut into chunks changes nothing in what is found. Pictures share the
/// buffer that the chunks were copied to, so chunks much larger than a picture keep memory busy; 64 KiB is a good size.
///
/// A picture is given as soon as the last byte of its EOI has come. A picture that proves broken is given as such, and
/// the search goes on in the bytes already held, right behind its SOI if it broke in its header: a torn picture does not
/// take the next one with it. Its Exif thumbnail is passed over.
///
/// One tear in an `APPn` or COM segment cannot be seen: if it makes the segment end exactly at a marker of a later
/// picture, or of its thumbnail, the two come as one. Motion JPEG has but a few bytes of such segments, or none.
#[derive(Debug)]
pub struct Splitter {
    /// Begins with SOI while there is a walker.
    held: BytesMut,
    walker: Option<Walker>,
    /// Where in `held` a broken picture's thumbnail begins.
    thumbnail: Option<usize>,
    max_frame_bytes: usize,
    /// What a picture of this stream may well need: the last one's size and a little more.
    usual_frame_bytes: usize,
    skipped_bytes: u64,
}

impl Splitter {
    /// Nothing held yet. A picture longer than `max_frame_bytes` will be [`JpegError::TooLarge`], and no more of it
    /// is ever held.
    #[must_use]
    pub fn new(max_frame_bytes: usize) -> Self {
        Self {
            held: BytesMut::new(),
            walker: None,
            thumbnail: None,
            max_frame_bytes,
            usual_frame_bytes: 0,
            skipped_bytes: 0,
        }
    }

    /// Takes the stream's next bytes.
    pub fn push(&mut self, chunk: &[u8]) {
        // Room for a whole picture at once: growing step by step would copy what is held at each step.
        if self.held.capacity() - self.held.len() < chunk.len() {
            let rest_of_picture = self.usual_frame_bytes.saturating_sub(self.held.len());
            self.held.reserve(chunk.len().max(rest_of_picture));
        }
        self.held.extend_from_slice(chunk);
    }

    /// Takes the stream's next bytes from `reader`, which has them at once: a file. They are read to where the pictures will share
    /// them. Gives their number; 0 is the end.
    ///
    /// # Errors
    /// Those of `reader`; what it gave before is kept.
    pub fn read_from(&mut self, reader: &mut impl Read) -> io::Result<usize> {
        let at_most = self.usual_frame_bytes.max(READ_BYTES);
        let held = self.held.len();
        let mut bytes = Vec::with_capacity(held + at_most);
        bytes.extend_from_slice(&self.held);
        let read = reader.take(at_most as u64).read_to_end(&mut bytes);
        let taken = bytes.len() - held;
        self.held = Bytes::from(bytes).into();
        read.map(|_| taken)
    }

    /// What the bytes so far hold next. `None`: nothing more without more bytes.
    pub fn next_split(&mut self) -> Option<Split> {
        self.split(false)
    }

    /// What is left when no more bytes will come. A picture without its end is [`JpegError::Truncated`]; even then
    /// there may be a whole one behind it, so call this until it gives `None`.
    pub fn finish(&mut self) -> Option<Split> {
        self.split(true)
    }

    /// How many bytes were skipped so far: garbage between pictures, and what was left of broken ones.
    #[must_use]
    pub fn skipped_bytes(&self) -> u64 {
        self.skipped_bytes
    }

    /// Whether the bytes so far end within a picture: its beginning came, its end did not. For after
    /// [`Self::next_split`] has given `None`.
    #[must_use]
    pub fn is_inside_picture(&self) -> bool {
        self.walker.is_some()
    }

    fn split(&mut self, is_ended: bool) -> Option<Split> {
        let mut walker = match self.walker.take() {
            Some(walker) => walker,
            None if self.seek(is_ended) => Walker::behind_soi(),
            None => return None,
        };
        // Never more than the limit is looked at, so that chunks larger than that change nothing.
        let picture = &self.held[..self.held.len().min(self.max_frame_bytes)];
        let error = match walker.walk(picture) {
            Ok(Some(outline)) => return Some(Split::Picture(self.take(outline))),
            Ok(None) if self.held.len() >= self.max_frame_bytes => JpegError::TooLarge,
            Ok(None) if is_ended => JpegError::Truncated,
            Ok(None) => {
                self.walker = Some(walker);
                return None;
            }
            Err(error) => error,
        };
        self.thumbnail = walker.thumbnail(picture).or(self.thumbnail);
        self.discard(walker.retreat());
        Some(Split::Broken(error))
    }

    /// Skips garbage. Whether a picture begins behind it.
    fn seek(&mut self, is_ended: bool) -> bool {
        let garbage = match self.next_begin() {
            Some(at) => at,
            None if is_ended => self.held.len(),
            None => self.held.len() - partial_begin(&self.held),
        };
        self.skipped_bytes += garbage as u64;
        self.discard(garbage);
        self.held.starts_with(&BEGIN)
    }

    fn next_begin(&self) -> Option<usize> {
        let at = memmem::find(&self.held, &BEGIN)?;
        if self.thumbnail != Some(at) {
            return Some(at);
        }
        let behind = at + 2;
        memmem::find(&self.held[behind..], &BEGIN).map(|ahead| behind + ahead)
    }

    fn take(&mut self, outline: Outline) -> Unprepared {
        let len = outline.len;
        self.usual_frame_bytes = len.saturating_add(len / 8).min(self.max_frame_bytes);
        self.thumbnail = None;
        Unprepared {
            jpeg: self.held.split_to(len).freeze(),
            outline: Some(outline),
        }
    }

    fn discard(&mut self, len: usize) {
        self.held.advance(len);
        self.thumbnail = self.thumbnail.and_then(|at| at.checked_sub(len));
    }
}

/// How many of the last bytes may be the beginning of a picture.
fn partial_begin(bytes: &[u8]) -> usize {
    (1..BEGIN.len())
        .rev()
        .find(|&len| bytes.ends_with(&BEGIN[..len]))
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
