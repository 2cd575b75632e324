//! A network camera: `multipart/x-mixed-replace` over HTTP, from a thread of the test.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A camera that shows its frames one after another, and hangs up now and then.
pub(crate) struct Camera {
    port: u16,
    connections: Arc<AtomicUsize>,
}

impl Camera {
    /// Shows `frames`, and hangs up after each `frames_a_connection` of them.
    pub(crate) fn start(frames: &[Vec<u8>], frames_a_connection: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("a bound socket").port();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let frames = frames.to_vec();
        // It ends when all is shown, or with the test's process.
        thread::spawn(move || {
            for shown in frames.chunks(frames_a_connection) {
                let (stream, _) = listener.accept().expect("accepting a viewer");
                counter.fetch_add(1, Ordering::Relaxed);
                // A viewer that has seen enough hangs up first.
                let _ = show(stream, shown);
            }
        });
        Self { port, connections }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/?action=stream", self.port)
    }

    /// How many viewers have come so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

fn show(mut viewer: TcpStream, frames: &[Vec<u8>]) -> io::Result<()> {
    let mut request = BufReader::new(viewer.try_clone()?);
    let mut line = String::new();
    while request.read_line(&mut line)? > 2 {
        line.clear();
    }
    viewer.write_all(
        b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=next-picture\r\n\r\n",
    )?;
    for frame in frames {
        let length = frame.len();
        write!(
            viewer,
            "--next-picture\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n"
        )?;
        viewer.write_all(frame)?;
        viewer.write_all(b"\r\n")?;
    }
    Ok(())
}
