//! A connection whose patience with its reader ends: one that takes nothing for a while must not be served for ever.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

/// A connection and its place among the connections, which it gives back when it is dropped: also after it has become a WebSocket.
#[derive(Debug)]
pub(super) struct Patient {
    stream: TcpStream,
    /// `None` once nobody counts them any more.
    _place: Option<OwnedSemaphorePermit>,
    answered: LastAnswer,
    patience: Duration,
    /// Runs while the reader takes nothing.
    runs_out: Option<Pin<Box<Sleep>>>,
}

/// When the other side took something, or connected.
#[derive(Debug, Clone)]
pub(super) struct LastAnswer(Arc<Mutex<Instant>>);

impl Default for LastAnswer {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }
}

impl LastAnswer {
    fn now(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }
}

impl Patient {
    pub(super) fn new(
        stream: TcpStream,
        place: Option<OwnedSemaphorePermit>,
        patience: Duration,
        answered: LastAnswer,
    ) -> Self {
        // Pictures and figures are sent as they come.
        let _ = stream.set_nodelay(true);
        Self {
            stream,
            _place: place,
            answered,
            patience,
            runs_out: None,
        }
    }

    /// `written`, or an error once it has been pending for too long.
    fn judge<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.answered.now();
            self.runs_out = None;
            return written;
        }
        let end = Instant::now() + self.patience;
        let runs_out = self
            .runs_out
            .get_or_insert_with(|| Box::pin(sleep_until(end)));
        match runs_out.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.judge(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.judge(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn a_reader_that_takes_nothing_is_let_go_of_and_its_place_is_free() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut reader = TcpStream::connect(address).await.unwrap();
        let room = Arc::new(Semaphore::new(1));
        let place = Arc::clone(&room).acquire_owned().await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let mut patient = Patient::new(
            stream,
            Some(place),
            Duration::from_millis(50),
            LastAnswer::default(),
        );
        patient.write_all(b"taken").await.unwrap();
        let mut taken = [0; 5];
        reader.read_exact(&mut taken).await.unwrap();
        let ended = loop {
            if let Err(error) = patient.write_all(&[0; 8 * 1024]).await {
                break error;
            }
        };
        assert_eq!(ended.kind(), io::ErrorKind::TimedOut);
        drop(patient);
        assert_eq!(room.available_permits(), 1);
    }
}
