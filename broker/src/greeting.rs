//! The first packet of a connection, read before mqtt5 sees any of it: whoever has not logged in costs no more memory than that,
//! and no more time than [`limits::HANDSHAKE`].
//!
//! mqtt5 has one limit for all packets, the one for a frame, and would keep as much for whoever knocks.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use mqtt5::broker::transport::WebSocketTransport;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::timeout;

use crate::limits;

/// The first byte of a CONNECT.
const CONNECT: u8 = 0x10;
/// Bytes of a packet's length: seven bits each, and whether another follows.
const LENGTH_BYTES: usize = 4;
const CHUNK: usize = 4096;

/// A stream whose first packet was looked at, and is read once more by whoever comes next.
pub(crate) struct Greeted<S> {
    /// What was read already, from `told` on.
    head: Vec<u8>,
    told: usize,
    stream: S,
    from: SocketAddr,
}

/// Waits for the whole first packet, which must be a CONNECT of a sensible size.
pub(crate) async fn greet<S: AsyncRead + Unpin>(
    mut stream: S,
    from: SocketAddr,
) -> io::Result<Greeted<S>> {
    let head = timeout(limits::HANDSHAKE, first_packet(&mut stream)).await??;
    Ok(Greeted {
        head,
        told: 0,
        stream,
        from,
    })
}

async fn first_packet<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut chunk = [0; CHUNK];
    loop {
        if let Some(whole) = length_of_connect(&head)?
            && head.len() >= whole
        {
            return Ok(head);
        }
        let read = stream.read(&mut chunk).await?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        head.extend_from_slice(&chunk[..read]);
    }
}

/// How long the CONNECT is that begins with `head`, once that can be told.
fn length_of_connect(head: &[u8]) -> io::Result<Option<usize>> {
    let wrong = |what: &str| Err(io::Error::new(ErrorKind::InvalidData, what));
    let Some((&first, rest)) = head.split_first() else {
        return Ok(None);
    };
    if first != CONNECT {
        return wrong("what it sends is not MQTT");
    }
    let mut length = 0;
    for (nth, byte) in rest.iter().take(LENGTH_BYTES).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * nth);
        if byte & 0x80 == 0 {
            let whole = 1 + nth + 1 + length;
            return if whole > limits::CONNECT_BYTES {
                wrong("its CONNECT is too large")
            } else {
                Ok(Some(whole))
            };
        }
    }
    if rest.len() < LENGTH_BYTES {
        Ok(None)
    } else {
        wrong("what it sends is not MQTT")
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Greeted<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let untold = &this.head[this.told..];
        if untold.is_empty() {
            return Pin::new(&mut this.stream).poll_read(context, buffer);
        }
        let told = untold.len().min(buffer.remaining());
        buffer.put_slice(&untold[..told]);
        this.told += told;
        if this.told == this.head.len() {
            this.head = Vec::new();
            this.told = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeted<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

/// What mqtt5 asks of a stream that it did not make itself; it knows no others than those that carry WebSockets.
impl<S: AsyncRead + AsyncWrite + Send + Sync + Unpin> WebSocketTransport for Greeted<S> {
    fn peer_addr(&self) -> mqtt5::Result<SocketAddr> {
        Ok(self.from)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    const FROM: SocketAddr = SocketAddr::V4(std::net::SocketAddrV4::new(
        std::net::Ipv4Addr::LOCALHOST,
        1883,
    ));

    #[tokio::test]
    async fn what_was_looked_at_is_read_once_more_and_then_what_follows() {
        let (mut client, server) = tokio::io::duplex(64);
        let sent: &[u8] = b"\x10\x03abcdef";
        let send = async {
            // A byte at a time, as nobody does who means well.
            for byte in sent {
                client.write_all(std::slice::from_ref(byte)).await.unwrap();
                tokio::task::yield_now().await;
            }
            drop(client);
        };
        let receive = async {
            let mut greeted = greet(server, FROM).await.unwrap();
            let mut received = Vec::new();
            greeted.read_to_end(&mut received).await.unwrap();
            received
        };
        let ((), received) = tokio::join!(send, receive);
        assert_eq!(received, sent);
    }

    #[test]
    fn a_length_is_known_as_soon_as_it_is_there() {
        assert_eq!(length_of_connect(b"").unwrap(), None);
        assert_eq!(length_of_connect(b"\x10\x80").unwrap(), None);
        assert_eq!(length_of_connect(b"\x10\x05").unwrap(), Some(7));
        assert_eq!(length_of_connect(b"\x10\x80\x01").unwrap(), Some(3 + 0x80));
    }

    #[test]
    fn nothing_else_is_waited_for() {
        for head in [
            &b"GET / HTTP/1.1"[..],
            b"\x30\x05",
            b"\x16\x03\x01",
            b"\x10\xff\xff\xff\x7f",
            b"\x10\x80\x80\x80\x80\x01",
        ] {
            assert!(length_of_connect(head).is_err(), "{head:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_packet_is_not_waited_for_for_ever() {
        let (mut client, server) = tokio::io::duplex(64);
        client.write_all(b"\x10\x20abc").await.unwrap();
        assert!(greet(server, FROM).await.is_err());
    }
}
