//! Against a camera that speaks just enough HTTP.

use super::super::fixture::{PATIENCE as TEST_PATIENCE, options, picture};
use super::*;
use bytes::Bytes;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// What the camera does with a connection.
#[derive(Clone)]
struct Visit {
    answer: Vec<u8>,
    /// Keeps the connection open without a word.
    stall: bool,
}

fn answer(status: &str, content_type: &str, body: &[u8]) -> Visit {
    let head = format!("HTTP/1.0 {status}\r\nContent-Type: {content_type}\r\n\r\n");
    Visit {
        answer: [head.as_bytes(), body].concat(),
        stall: false,
    }
}

fn stream(shades: &[u8]) -> Visit {
    let mut body = Vec::new();
    for &shade in shades {
        let jpeg = picture(shade);
        let head = format!(
            "--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n",
            jpeg.len()
        );
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(&jpeg);
        body.extend_from_slice(b"\r\n");
    }
    answer("200 OK", "multipart/x-mixed-replace; boundary=frame", &body)
}

/// Receives one connection for each of `visits`; gives the requests' heads.
fn serve(listener: TcpListener, visits: Vec<Visit>) -> mpsc::UnboundedReceiver<String> {
    let (sender, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut stalled = Vec::new();
        for visit in visits {
            let (mut connection, _) = listener.accept().await.unwrap();
            sender.send(read_head(&mut connection).await).unwrap();
            connection.write_all(&visit.answer).await.unwrap();
            if visit.stall {
                stalled.push(connection);
            }
        }
        // The last connection is refused from here on; the stalled ones stay.
        drop(listener);
        std::future::pending::<()>().await;
    });
    requests
}

async fn read_head(connection: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(connection.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

fn source_at(url: &str) -> HttpSource {
    let patience = Patience {
        connect: TEST_PATIENCE,
        read: Duration::from_millis(300),
        shortest_wait: Duration::from_millis(1),
        longest_wait: Duration::from_millis(10),
    };
    HttpSource::with_patience(&url.parse().unwrap(), &options(), patience).unwrap()
}

async fn camera(login: &str, visits: Vec<Visit>) -> (HttpSource, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("http://{login}127.0.0.1:{port}/?action=stream");
    (source_at(&url), serve(listener, visits))
}

async fn next(source: &mut HttpSource) -> anyhow::Result<Bytes> {
    match timeout(TEST_PATIENCE, source.next()).await.unwrap()? {
        Captured::Picture(raw) => Ok(raw.jpeg.bytes().clone()),
        other => panic!("not a picture: {other:?}"),
    }
}

async fn refusal_of(login: &str, visit: Visit) -> String {
    let (mut source, _requests) = camera(login, vec![visit]).await;
    let refusal = format!("{:#}", next(&mut source).await.unwrap_err());
    assert!(
        !refusal.contains('\n') && !refusal.contains("hunter2"),
        "{refusal}"
    );
    refusal
}

#[tokio::test]
async fn pictures_come_out_of_the_parts_and_the_login_goes_into_the_request() {
    let (mut source, mut requests) = camera("me:hunter2@", vec![stream(&[1, 2, 3])]).await;
    for shade in [1, 2, 3] {
        assert_eq!(next(&mut source).await.unwrap(), picture(shade));
    }
    let request = requests.recv().await.unwrap().to_ascii_lowercase();
    assert!(request.starts_with("get /?action=stream http/1.1\r\n"));
    assert!(request.contains("authorization: basic bwu6ahvudgvymg=="));
    assert!(!request.contains("hunter2"));
}

#[tokio::test]
async fn a_lost_or_stalled_or_restarting_camera_is_connected_again() {
    let mut stalling = stream(&[2]);
    stalling.stall = true;
    let silent = Visit {
        answer: Vec::new(),
        stall: false,
    };
    let visits = vec![
        silent,
        answer("503 Service Unavailable", "text/html", b"starting"),
        stream(&[1]),
        stalling,
        answer("404 Not Found", "text/html", b"not yet"),
        stream(&[3]),
    ];
    let (mut source, _requests) = camera("", visits).await;
    for shade in [1, 2, 3] {
        assert_eq!(next(&mut source).await.unwrap(), picture(shade));
    }
}

#[tokio::test]
async fn a_camera_that_is_not_there_yet_is_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let mut source = source_at(&format!("http://{address}/"));
    let waited = timeout(Duration::from_millis(50), source.next()).await;
    assert!(waited.is_err(), "{waited:?}");
    let listener = TcpListener::bind(address).await.unwrap();
    let _requests = serve(listener, vec![stream(&[1])]);
    assert_eq!(next(&mut source).await.unwrap(), picture(1));
}

#[tokio::test]
async fn a_picture_cut_by_the_connection_is_broken() {
    let mut cut = stream(&[1]);
    cut.answer.truncate(cut.answer.len() - 20);
    let (mut source, _requests) = camera("", vec![cut]).await;
    let captured = timeout(TEST_PATIENCE, source.next()).await.unwrap();
    assert!(matches!(captured.unwrap(), Captured::Broken(_)));
}

#[tokio::test]
async fn what_will_not_heal_is_an_error_that_says_what_to_do() {
    let login = "me:hunter2@";
    let refusal = refusal_of(login, answer("404 Not Found", "text/html", b"")).await;
    assert!(
        refusal.contains("404") && refusal.contains("path"),
        "{refusal}"
    );
    let refusal = refusal_of(login, answer("401 Unauthorized", "text/html", b"")).await;
    assert!(refusal.contains("login"), "{refusal}");
    let refusal = refusal_of(login, answer("200 OK", "image/jpeg", &picture(1))).await;
    assert!(refusal.contains("single picture") && refusal.contains("multipart"));
    let refusal = refusal_of(login, answer("200 OK", "text/html", b"<html>")).await;
    assert!(refusal.contains("text/html"), "{refusal}");
}
