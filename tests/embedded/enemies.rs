//! Those who mean harm to the broker inside, or do it by mistake.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use super::{Pc, listens};
use crate::harness::eventually::{A_RUN, SOON};
use crate::harness::footage::{FRAMES, footage};

/// Half of the time after which whoever says nothing is sent away.
const BEFORE_IT_IS_LATE: Duration = Duration::from_secs(5);
/// Far more than the program takes for its work, far less than a frame for each enemy.
const MOST_MEMORY_KIB: u64 = 150 * 1024;
const A_CONNECT: &[u8] = &[0x10];
/// The length of a packet of 32 MiB less a little, as MQTT writes it.
const HUGE: &[u8] = &[0xe0, 0xff, 0xff, 0x0f];
/// That of 16,000 bytes, which a CONNECT may have.
const MODEST: &[u8] = &[0x80, 0x7d];

fn knock(pc: &Pc) -> TcpStream {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, pc.port)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.set_write_timeout(Some(SOON)).unwrap();
    stream
}

/// Whether the other end hangs up without a word.
fn is_hung_up(stream: &mut TcpStream) -> bool {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => said.is_empty(),
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn a_first_packet_as_large_as_a_frame_is_not_read() {
    let pc = Pc::new();
    pc.add("camera", "door");
    let storing = pc.guarded_subscriber().start();
    listens(&storing);
    // A CONNECT of 32 MiB, a PUBLISH, and what is not MQTT at all.
    for head in [
        &b"\x10\x80\x80\x80\x10"[..],
        b"\x30\x05abcde",
        b"GET / HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = knock(&pc);
        stream.set_read_timeout(Some(BEFORE_IT_IS_LATE)).unwrap();
        stream.write_all(head).unwrap();
        assert!(is_hung_up(&mut stream), "{head:?}");
    }
    storing.interrupt();
    storing.wait(SOON).succeeded();
}

#[test]
fn two_hundred_strangers_with_half_of_a_huge_packet_cost_nothing_and_a_camera_gets_in() {
    let pc = Pc::new();
    pc.add("camera", "door");
    let storing = pc
        .guarded_subscriber()
        .flags(&format!("--frames {FRAMES}"))
        .start();
    listens(&storing);
    let half = vec![0_u8; 512 * 1024];
    let huge = (0..200).map(|_| {
        let mut stream = knock(&pc);
        let _ = stream.write_all(&[A_CONNECT, HUGE].concat());
        // It is hung up on in the midst of it.
        let _ = stream.write_all(&half);
        stream
    });
    for mut stream in huge.collect::<Vec<_>>() {
        assert!(is_hung_up(&mut stream));
    }
    let slow = (0..200).map(|_| {
        let mut stream = knock(&pc);
        stream
            .write_all(&[A_CONNECT, MODEST, &half[..15_000]].concat())
            .unwrap();
        stream
    });
    let slow: Vec<_> = slow.collect();
    pc.as_user(pc.footage(), "door").run(A_RUN).succeeded();
    let peak = storing.memory_kib("VmHWM");
    assert!(peak < MOST_MEMORY_KIB, "{peak} KiB");
    for mut stream in slow {
        assert!(is_hung_up(&mut stream));
    }
    storing.wait(A_RUN).succeeded().subscriber_balances();
    pc.out.holds("door", &footage().frames);
}

#[test]
fn whoever_sends_its_first_packet_byte_by_byte_gets_in_or_is_hung_up_on_in_time() {
    let pc = Pc::new();
    let storing = pc.subscriber().start();
    listens(&storing);
    let connect = b"\x10\x12\x00\x04MQTT\x04\x02\x00\x3c\x00\x06byte-1";
    let mut patient = knock(&pc);
    patient.set_nodelay(true).unwrap();
    for byte in connect {
        patient.write_all(&[*byte]).unwrap();
    }
    let mut answer = [0; 4];
    patient.read_exact(&mut answer).unwrap();
    assert_eq!(answer, [0x20, 2, 0, 0]);

    let mut silent = knock(&pc);
    silent.write_all(&connect[..9]).unwrap();
    let start = Instant::now();
    assert!(is_hung_up(&mut silent));
    let took = start.elapsed();
    assert!(took > Duration::from_secs(5), "{took:?}");
    storing.terminate_for_certain();
}

#[test]
fn a_crowd_that_says_nothing_leaves_the_door_open() {
    let pc = Pc::new();
    let storing = pc.subscriber().flags(&format!("--frames {FRAMES}")).start();
    listens(&storing);
    let mut crowd: Vec<_> = (0..300).map(|_| knock(&pc)).collect();
    pc.footage().run(A_RUN).succeeded();
    storing.wait(A_RUN).succeeded();
    assert!(crowd.iter_mut().all(is_hung_up));
    pc.out.holds("door", &footage().frames);
}

#[test]
fn a_user_who_retains_too_much_is_told_so_and_takes_nothing_from_others() {
    let pc = Pc::new();
    pc.add("consumer", "greedy");
    pc.add("camera", "door");
    let storing = pc.guarded_subscriber().start();
    listens(&storing);
    let publish = |user: &str, version: u16| {
        let password = fs::read_to_string(pc.password(user)).unwrap();
        pc.mosquitto("mosquitto_pub")
            .flags(&format!("-V {version} -q 1 -r -u {user} -i tool -P"))
            .arg(password.trim())
    };
    let picture = tempfile::NamedTempFile::new().unwrap();
    fs::write(&picture, vec![1; 20 << 20]).unwrap();
    let receipt = |camera: &str, version| {
        publish("greedy", version)
            .flags(&format!("-t cameras/{camera}/receipts/greedy -f"))
            .arg(picture.path())
            .run(A_RUN)
    };
    receipt("one", 311).succeeded();
    receipt("one", 5).succeeded();
    assert_ne!(receipt("two", 5).code(), Some(0));
    storing.says("consumer greedy was ended: no user may have that much retained");
    publish("door", 5)
        .flags("-t cameras/door/latest -f")
        .arg(picture.path())
        .run(A_RUN)
        .succeeded();
    storing.terminate_for_certain();
}
