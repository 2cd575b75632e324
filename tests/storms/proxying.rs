//! The networks of a storm do what their weather says.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::harness::eventually::{SOON, eventually_true};
use crate::storm::proxy::Proxy;
use crate::storm::weather::{Flow, Weather};

/// Long enough to be sure that nothing comes, on a machine that is not too busy.
const A_WHILE: Duration = Duration::from_millis(300);

/// A proxy before a server that sends back what it gets.
fn before_an_echo() -> Proxy {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap().port());
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            thread::spawn(move || {
                let mut back = socket.try_clone().unwrap();
                // A reset ends it as well as an end.
                let _ = io::copy(&mut socket, &mut back);
            });
        }
    });
    proxy
}

fn connect(proxy: &Proxy) -> io::Result<TcpStream> {
    let socket = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port()))?;
    socket.set_read_timeout(Some(SOON))?;
    Ok(socket)
}

#[track_caller]
fn echoes(mut socket: &TcpStream, words: &[u8]) {
    socket.write_all(words).unwrap();
    comes_back(socket, words);
}

#[track_caller]
fn comes_back(mut socket: &TcpStream, words: &[u8]) {
    let mut echo = vec![0; words.len()];
    socket.read_exact(&mut echo).unwrap();
    assert_eq!(echo, words);
}

#[track_caller]
fn nothing_comes(mut socket: &TcpStream) {
    socket.set_read_timeout(Some(A_WHILE)).unwrap();
    let error = socket.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    socket.set_read_timeout(Some(SOON)).unwrap();
}

#[track_caller]
fn is_reset(mut socket: &TcpStream) {
    let error = socket.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn in_fair_weather_everything_passes() {
    let proxy = before_an_echo();
    let socket = connect(&proxy).unwrap();
    for nth in 0..20 {
        echoes(&socket, &[nth; 5000]);
    }
}

#[test]
fn a_cut_resets_those_who_are_connected_and_nobody_else() {
    let proxy = before_an_echo();
    let socket = connect(&proxy).unwrap();
    echoes(&socket, b"before");
    proxy.cut();
    is_reset(&socket);
    echoes(&connect(&proxy).unwrap(), b"after");
}

#[test]
fn what_is_held_back_comes_later() {
    for flow in [Flow::ToBroker, Flow::FromBroker, Flow::Both] {
        let proxy = before_an_echo();
        let mut socket = connect(&proxy).unwrap();
        echoes(&socket, b"before");
        proxy.turn(Weather::Held(flow));
        socket.write_all(b"held").unwrap();
        nothing_comes(&socket);
        proxy.turn(Weather::Fair);
        comes_back(&socket, b"held");
    }
}

#[test]
fn what_is_swallowed_never_comes_and_the_connection_is_reset_later() {
    for flow in [Flow::ToBroker, Flow::FromBroker, Flow::Both] {
        let proxy = before_an_echo();
        let mut socket = connect(&proxy).unwrap();
        echoes(&socket, b"before");
        proxy.turn(Weather::Swallowed(flow));
        socket.write_all(b"swallowed").unwrap();
        nothing_comes(&socket);
        proxy.turn(Weather::Fair);
        is_reset(&socket);
    }
}

#[test]
fn a_connection_that_lost_nothing_outlives_a_network_that_swallows() {
    let proxy = before_an_echo();
    let socket = connect(&proxy).unwrap();
    echoes(&socket, b"before");
    proxy.turn(Weather::Swallowed(Flow::Both));
    nothing_comes(&socket);
    proxy.turn(Weather::Fair);
    echoes(&socket, b"after");
}

#[test]
fn a_slow_network_takes_its_time() {
    let proxy = before_an_echo();
    let socket = connect(&proxy).unwrap();
    proxy.turn(Weather::Slow {
        bytes_a_second: 20_000,
    });
    let start = Instant::now();
    echoes(&socket, &[7; 10_000]);
    assert!(start.elapsed() >= Duration::from_millis(400));
}

#[test]
fn a_network_that_refuses_cuts_off_and_lets_nobody_in() {
    let proxy = before_an_echo();
    let socket = connect(&proxy).unwrap();
    echoes(&socket, b"before");
    proxy.turn(Weather::Refused);
    is_reset(&socket);
    lets_in_again(&proxy, || proxy.turn(Weather::Fair));
}

#[test]
fn without_a_server_nobody_is_let_in() {
    let proxy = before_an_echo();
    proxy.server_is_up(false);
    lets_in_again(&proxy, || proxy.server_is_up(true));
}

/// Asserts that nobody is let in before `open`, and whoever knocks behind it is.
#[track_caller]
fn lets_in_again(proxy: &Proxy, open: impl Fn()) {
    eventually_true("connections to be refused", || {
        connect(proxy).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
    });
    open();
    eventually_true("connections to be let in", || connect(proxy).is_ok());
    echoes(&connect(proxy).unwrap(), b"after");
}
