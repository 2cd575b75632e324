//! A browser without a browser: one request, one answer, byte for byte as a test wants it.

use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use super::eventually::{SOON, eventually};
use super::program::Program;

/// A server of this machine.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Address and port.
    pub(crate) address: String,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// Status line and headers.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Site {
    /// The page that `program` says it serves.
    #[track_caller]
    pub(crate) fn of(program: &Program) -> Self {
        let address = eventually(SOON, "a page to be served", || {
            let log = program.stderr();
            let (_, url) = log.split_once("the page is at http://")?;
            Some(url.split_once('/')?.0.to_owned())
        });
        Self { address }
    }

    /// Asks for `path`.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Reply {
        self.get_with(path, "")
    }

    /// The JSON at `path`.
    #[track_caller]
    pub(crate) fn json(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        serde_json::from_slice(&reply.body).expect("the answer is JSON")
    }

    /// Asks for `path` with more headers, each of which ends its line.
    #[track_caller]
    pub(crate) fn get_with(&self, path: &str, headers: &str) -> Reply {
        let host = &self.address;
        self.send(&format!(
            "GET {path} HTTP/1.0\r\nHost: {host}\r\n{headers}\r\n"
        ))
    }

    /// Sends a whole request.
    #[track_caller]
    pub(crate) fn send(&self, request: &str) -> Reply {
        self.send_patiently(request, SOON)
    }

    /// Sends a whole request whose answer may take a while.
    #[track_caller]
    pub(crate) fn send_patiently(&self, request: &str, patience: Duration) -> Reply {
        let mut connection = self.connect();
        connection
            .set_read_timeout(Some(patience))
            .expect("a timeout");
        connection.write_all(request.as_bytes()).expect("asking");
        Reply::read(connection)
    }

    /// A connection on which nothing was said.
    #[track_caller]
    pub(crate) fn connect(&self) -> TcpStream {
        let connection = TcpStream::connect(&self.address).expect("connecting");
        connection.set_read_timeout(Some(SOON)).expect("a timeout");
        connection
    }
}

impl Reply {
    fn read(mut connection: impl Read) -> Self {
        let (mut answer, mut chunk) = (Vec::new(), vec![0; 64 * 1024]);
        let mut wanted = None;
        while wanted.is_none_or(|wanted| answer.len() < wanted) {
            let length = connection.read(&mut chunk).expect("an answer");
            if length == 0 {
                break;
            }
            answer.extend_from_slice(&chunk[..length]);
            wanted = wanted.or_else(|| whole_length(&answer));
        }
        let end = head_end(&answer).expect("a head and a body");
        let body = answer.split_off(end);
        let head = String::from_utf8(answer).expect("a head is text");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        Self {
            status: status.expect("a status"),
            head: head.to_lowercase(),
            body,
        }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header, its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

fn head_end(answer: &[u8]) -> Option<usize> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(end + 4)
}

/// How long the answer is, where it says so: a server may leave the connection open.
fn whole_length(answer: &[u8]) -> Option<usize> {
    let end = head_end(answer)?;
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))?;
    Some(end + length.trim().parse::<usize>().ok()?)
}
