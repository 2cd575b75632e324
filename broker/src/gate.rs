//! Between a door and mqtt5: what a client sends is looked at before mqtt5 keeps any of it.
//!
//! mqtt5 takes in whatever a packet's first bytes announce, up to the largest frame, from whoever connects. So the first packet
//! is read here, and is small; of those who were let in, the packets are followed as they come.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use mqtt5::broker::transport::WebSocketTransport;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::PollSemaphore;

use crate::framing::{CONNECT, Framing, Violation, body_length};
use crate::limits;
use crate::refusals::Refusals;
use crate::retained::Retained;
use crate::visitors::Visiting;

/// Bytes that are read at a time while it is not known who comes.
const PIECE: usize = 1024;
/// Where a CONNECT's body tells the version of MQTT.
const VERSION_AT: usize = 6;

/// What the first packet was, and what came with it.
#[derive(Debug)]
pub(crate) struct Introduction {
    bytes: Vec<u8>,
    /// Where the CONNECT ends.
    end: usize,
    version: u8,
}

/// Reads the first packet, which must be a CONNECT and small.
pub(crate) async fn introduction(
    stream: &mut (impl AsyncRead + Unpin),
) -> io::Result<Introduction> {
    let (mut bytes, mut piece) = (Vec::new(), [0; PIECE]);
    loop {
        if bytes.first().is_some_and(|&first| first != CONNECT) {
            return Err(broken(&Violation::Malformed));
        }
        if let Some(length) = body_length(&bytes).map_err(|why| broken(&why))? {
            if length > limits::INTRODUCTION_BYTES {
                return Err(broken(&Violation::TooLarge(length)));
            }
            let header = bytes.iter().skip(1).position(|byte| byte & 0x80 == 0);
            let body = header.map_or(bytes.len(), |last| last + 2);
            if bytes.len() >= body + length {
                let version = bytes[body..].get(VERSION_AT).copied().unwrap_or_default();
                let end = body + length;
                return Ok(Introduction {
                    bytes,
                    end,
                    version,
                });
            }
        }
        match stream.read(&mut piece).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

/// A connection as mqtt5 sees it.
pub(crate) struct Gate<S> {
    stream: S,
    introduction: Introduction,
    given: usize,
    framing: Framing,
    visiting: Arc<Visiting>,
    retained: Arc<Retained>,
    large: Option<Large>,
    refusals: Arc<Refusals>,
}

/// A packet that takes room.
struct Large {
    packet: u64,
    rooms: PollSemaphore,
    room: Option<OwnedSemaphorePermit>,
}

impl<S> Gate<S> {
    pub(crate) fn new(
        stream: S,
        introduction: Introduction,
        visiting: Arc<Visiting>,
        retained: Arc<Retained>,
        refusals: Arc<Refusals>,
    ) -> Self {
        Self {
            stream,
            framing: Framing::new(limits::SIZES, introduction.version),
            introduction,
            given: 0,
            visiting,
            retained,
            large: None,
            refusals,
        }
    }

    /// What was read already. The CONNECT comes alone: what follows is for when it is known who the client is.
    fn again(&mut self, space: usize) -> Option<Vec<u8>> {
        let Introduction { bytes, end, .. } = &mut self.introduction;
        let stop = if self.given < *end { *end } else { bytes.len() };
        let next = bytes.get(self.given..stop.min(self.given + space))?;
        if next.is_empty() {
            *bytes = Vec::new();
            return None;
        }
        self.given += next.len();
        Some(next.to_vec())
    }

    /// Waits until the packet that comes in may be kept.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let (packet, missing) = (self.framing.begun(), self.framing.missing());
        if missing == 0
            || self
                .large
                .as_ref()
                .is_some_and(|large| large.packet != packet)
        {
            self.large = None;
        }
        if missing <= limits::LARGE_BYTES && self.large.is_none() {
            return Poll::Ready(());
        }
        let Some(large) = self.large.as_mut() else {
            let Some(guest) = self.visiting.guest() else {
                return Poll::Ready(());
            };
            self.large = Some(Large {
                packet,
                rooms: PollSemaphore::new(guest.half_read),
                room: None,
            });
            return self.poll_room(cx);
        };
        if large.room.is_none() {
            let kib = u32::try_from(missing / 1024).unwrap_or(u32::MAX);
            large.room = ready!(large.rooms.poll_acquire_many(cx, kib));
        }
        Poll::Ready(())
    }

    fn follow(&mut self, bytes: &[u8]) -> Result<(), Violation> {
        let (visiting, retained) = (&self.visiting, &self.retained);
        self.framing.follow(bytes, |message| {
            if !message.retain {
                return Ok(());
            }
            if message.topic.is_empty() {
                return Err(Violation::Refused(
                    "what is retained must name its topic, without an alias",
                ));
            }
            let guest = visiting.guest();
            let user = guest.and_then(|guest| guest.user);
            retained.check(user.as_deref(), message.topic, message.payload_bytes)
        })
    }
}

impl<S: AsyncWrite + Unpin> Gate<S> {
    /// Says why the connection ends, to a client that can be told, and to whoever reads the log.
    fn refuse(&mut self, cx: &mut Context<'_>, why: &Violation) -> io::Error {
        if let Some(guest) = self.visiting.guest() {
            let who = guest.user.as_deref().unwrap_or("a client").to_owned();
            self.refusals
                .say(&format!("the connection of {who} was ended: {why}"));
        }
        if self.introduction.version >= 5 {
            // No answer is half written while mqtt5 reads. If there is no space for this one, the end says enough.
            let _ = Pin::new(&mut self.stream).poll_write(cx, &disconnect(why));
        }
        broken(why)
    }
}

/// A DISCONNECT of MQTT 5 with a reason in words.
fn disconnect(why: &Violation) -> Vec<u8> {
    let code = match why {
        Violation::TooLarge(_) => 0x95,
        Violation::Malformed => 0x81,
        Violation::Refused(_) => 0x97,
    };
    let mut said = why.to_string();
    said.truncate(100);
    let length = u8::try_from(said.len()).unwrap_or_default();
    let mut packet = vec![0xe0, length + 5, code, length + 3, 0x1f, 0, length];
    packet.extend_from_slice(said.as_bytes());
    packet
}

fn broken(why: &Violation) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.clone())
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Gate<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let gate = self.get_mut();
        let before = buf.filled().len();
        if let Some(again) = gate.again(buf.remaining()) {
            buf.put_slice(&again);
        } else {
            ready!(gate.poll_room(cx));
            ready!(Pin::new(&mut gate.stream).poll_read(cx, buf))?;
        }
        let followed = gate.follow(&buf.filled()[before..]);
        Poll::Ready(followed.map_err(|why| gate.refuse(cx, &why)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gate<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

/// The one kind of stream that mqtt5 takes from others; nothing here is a WebSocket.
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> WebSocketTransport for Gate<S> {
    fn peer_addr(&self) -> mqtt5::Result<std::net::SocketAddr> {
        Ok(self.visiting.from())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_introduction_is_small_and_comes_in_pieces_of_any_size() {
        let mut connect = vec![CONNECT, 12, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 60, 0, 0];
        connect.extend([0xc0, 0]);
        let (mut theirs, mut ours) = tokio::io::duplex(1);
        let sent = connect.clone();
        let sending = tokio::spawn(async move {
            use tokio::io::AsyncWriteExt as _;
            theirs.write_all(&sent).await
        });
        let read = introduction(&mut ours).await.unwrap();
        assert_eq!((read.version, read.end), (5, 14));
        assert_eq!(read.bytes, connect[..14]);
        drop(ours);
        assert!(sending.await.unwrap().is_err(), "what follows waits");

        for bad in [
            &[0x30, 2][..],
            &[CONNECT, 0xff, 0xff, 0xff, 0xff],
            &[CONNECT, 0x80, 0x80, 0x02],
            &[CONNECT, 12, 0],
        ] {
            assert!(introduction(&mut &*bad).await.is_err(), "{bad:?}");
        }
    }
}
