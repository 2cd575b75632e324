//! What is read while somebody else still writes it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, DuplexStream, ReadBuf, duplex};
use tokio::task::JoinHandle;
use tracing::debug;

/// The reading end of some work. It ends as the work does: where that fails, the reader gets an error and no end, for what is cut short
/// must not look whole.
#[derive(Debug)]
pub(super) struct Sending {
    from: DuplexStream,
    work: JoinHandle<io::Result<()>>,
}

impl Sending {
    /// Begins `send`, which is at most `ahead` bytes ahead of its reader, and fails when that has gone.
    pub(super) fn begin<Sent>(ahead: usize, send: impl FnOnce(DuplexStream) -> Sent) -> Self
    where
        Sent: Future<Output = io::Result<()>> + Send + 'static,
    {
        let (from, to) = duplex(ahead);
        Self {
            from,
            work: tokio::spawn(send(to)),
        }
    }
}

impl AsyncRead for Sending {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.from).poll_read(context, into))?;
        if into.filled().len() > before || into.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let ended = ready!(Pin::new(&mut self.work).poll(context));
        let ended = ended.map_err(io::Error::other).flatten();
        if let Err(error) = &ended {
            debug!("a download ended early: {error}");
        }
        Poll::Ready(ended)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn read(mut sending: Sending) -> (Vec<u8>, io::Result<usize>) {
        let mut bytes = Vec::new();
        let ended = sending.read_to_end(&mut bytes).await;
        (bytes, ended)
    }

    #[tokio::test]
    async fn it_ends_as_the_work_does() {
        let whole = Sending::begin(2, |mut to| async move { to.write_all(b"whole").await });
        let (bytes, ended) = read(whole).await;
        assert_eq!((&bytes[..], ended.unwrap()), (&b"whole"[..], 5));
        let cut = Sending::begin(2, |mut to| async move {
            to.write_all(b"cut").await?;
            Err(io::Error::other("no disk"))
        });
        let (bytes, ended) = read(cut).await;
        assert_eq!(&bytes[..], b"cut");
        assert_eq!(ended.unwrap_err().to_string(), "no disk");
    }
}
