//! Pictures out of a stream of bytes, each with the moment at which it began to arrive.

use std::io::{self, Read};

use jiff::Timestamp;
use protocol::jpeg::{Split, Splitter};

use super::{Captured, RawPicture};

/// How much is read from a pipe or file at once. A picture keeps the memory of the chunks it came in, so these must
/// not be much larger than one.
pub(super) const CHUNK_BYTES: usize = 64 * 1024;

/// Splits what is pushed into pictures.
#[derive(Debug)]
pub(super) struct PictureStream {
    splitter: Splitter,
    max_frame_bytes: usize,
    /// No more bytes will come: what is left unfinished is due.
    ended: bool,
    /// When the newest chunk came.
    arrived_at: Timestamp,
    /// When the picture that is still incomplete began to arrive.
    began_at: Option<Timestamp>,
}

impl PictureStream {
    /// Pictures above `max_frame_bytes` are broken.
    pub(super) fn new(max_frame_bytes: usize) -> Self {
        Self {
            splitter: Splitter::new(max_frame_bytes),
            max_frame_bytes,
            ended: false,
            arrived_at: Timestamp::UNIX_EPOCH,
            began_at: None,
        }
    }

    /// Forgets what it has: what is pushed next is a new stream.
    pub(super) fn restart(&mut self) {
        *self = Self::new(self.max_frame_bytes);
    }

    /// Takes what has just arrived. Call [`next`](Self::next) until it has nothing before the next push.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.push_at(chunk, Timestamp::now());
    }

    /// Reads on, as from a file: without a copy in between. Gives the number of bytes; 0 is the end.
    pub(super) fn read_from(&mut self, reader: &mut impl Read) -> io::Result<usize> {
        self.arrived_at = Timestamp::now();
        self.splitter.read_from(reader)
    }

    fn push_at(&mut self, chunk: &[u8], arrived_at: Timestamp) {
        self.arrived_at = arrived_at;
        self.splitter.push(chunk);
    }

    /// The stream has ended: [`next`](Self::next) gives what it left unfinished. What is pushed after that is a new
    /// stream.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    /// The next picture, complete or broken, in what was pushed.
    pub(super) fn next(&mut self) -> Option<Captured> {
        let split = if self.ended {
            self.splitter.finish()
        } else {
            self.splitter.next_split()
        };
        if split.is_none() {
            self.pause();
        }
        split.map(|split| self.captured(split))
    }

    /// All is taken out that can be.
    fn pause(&mut self) {
        if self.ended {
            *self = Self::new(self.max_frame_bytes);
        } else if self.splitter.is_inside_picture() {
            self.began_at.get_or_insert(self.arrived_at);
        }
    }

    fn captured(&mut self, split: Split) -> Captured {
        let captured_at = self.began_at.take().unwrap_or(self.arrived_at);
        match split {
            Split::Picture(jpeg) => Captured::Picture(RawPicture { jpeg, captured_at }),
            Split::Broken(error) => Captured::Broken(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::picture;
    use super::*;
    use protocol::jpeg::JpegError;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn next_time(pictures: &mut PictureStream) -> Option<i64> {
        match pictures.next() {
            Some(Captured::Picture(raw)) => Some(raw.captured_at.as_second()),
            None => None,
            other => panic!("not a picture: {other:?}"),
        }
    }

    #[test]
    fn a_picture_is_stamped_when_its_first_bytes_came() {
        let mut pictures = PictureStream::new(1 << 20);
        let jpeg = picture(1);
        let (head, tail) = jpeg.split_at(100);
        pictures.push_at(&[b"garbage", head].concat(), second(1));
        assert_eq!(next_time(&mut pictures), None);
        pictures.push_at(&tail[..10], second(2));
        assert_eq!(next_time(&mut pictures), None);
        pictures.push_at(&[&tail[10..], &jpeg, head].concat(), second(3));
        assert_eq!(next_time(&mut pictures), Some(1));
        assert_eq!(next_time(&mut pictures), Some(3));
        assert_eq!(next_time(&mut pictures), None);
        pictures.push_at(tail, second(4));
        assert_eq!(next_time(&mut pictures), Some(3));
        assert_eq!(next_time(&mut pictures), None);
    }

    #[test]
    fn a_wait_between_two_pictures_is_not_part_of_the_second() {
        let mut pictures = PictureStream::new(1 << 20);
        for arrival in [1, 60] {
            pictures.push_at(
                &[&picture(1), &b"\r\n--frame\r\n"[..]].concat(),
                second(arrival),
            );
            assert_eq!(next_time(&mut pictures), Some(arrival));
            assert_eq!(next_time(&mut pictures), None);
        }
    }

    #[test]
    fn what_the_end_cuts_is_broken_and_does_not_touch_the_next_stream() {
        let mut pictures = PictureStream::new(1 << 20);
        pictures.push_at(&picture(1)[..100], second(1));
        assert_eq!(next_time(&mut pictures), None);
        pictures.end();
        let cut = pictures.next();
        assert!(matches!(cut, Some(Captured::Broken(JpegError::Truncated))));
        assert_eq!(next_time(&mut pictures), None);
        pictures.push_at(&picture(2), second(9));
        assert_eq!(next_time(&mut pictures), Some(9));
    }
}
