//! The broker inside the subscriber: `--broker embedded:ADDRESS:PORT`.

mod enemies;
mod users;

use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use tempfile::{TempDir, tempdir};

use crate::harness::certificates::Authority;
use crate::harness::eventually::{A_RUN, SOON};
use crate::harness::folder::Folder;
use crate::harness::footage::{FRAMES, footage};
use crate::harness::launch::Launch;
use crate::harness::ports::free_port;
use crate::harness::program::Program;
use crate::harness::{bare_subscriber, publisher_at, subscriber_at};
use crate::storm::proxy::Proxy;
use crate::storm::weather::Weather;

/// A subscriber with a broker inside, not started yet, and where it listens.
struct Pc {
    port: u16,
    out: Folder,
    keys: TempDir,
}

impl Pc {
    fn new() -> Self {
        Self {
            port: free_port(),
            out: Folder::new(),
            keys: tempdir().unwrap(),
        }
    }

    fn subscriber(&self) -> Launch {
        subscriber_at(
            &format!("embedded:127.0.0.1:{}", self.port),
            self.out.path(),
        )
    }

    /// [`Self::subscriber`] for the users that were added.
    fn guarded_subscriber(&self) -> Launch {
        self.subscriber().arg("--broker-users").arg(self.users())
    }

    fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    fn footage(&self) -> Launch {
        publisher_at(&self.url())
            .flags("--fps 0 --source")
            .arg(&footage().file)
    }

    fn users(&self) -> PathBuf {
        self.keys.path().join("users")
    }

    fn password(&self, name: &str) -> PathBuf {
        self.keys.path().join(format!("{name}.password"))
    }

    /// Makes a user; `kind` is `camera`, `consumer` or `controller`.
    fn add(&self, kind: &str, name: &str) {
        bare_subscriber()
            .flags(&format!("broker add-{kind} {name} --broker-users"))
            .arg(self.users())
            .run(SOON)
            .succeeded();
    }

    fn as_user(&self, program: Launch, name: &str) -> Launch {
        program
            .arg("--username")
            .arg(name)
            .arg("--password-file")
            .arg(self.password(name))
    }

    fn mosquitto(&self, program: &'static str) -> Launch {
        Launch::new(program, program).flags(&format!("-p {}", self.port))
    }
}

fn listens(program: &Program) {
    program.says("connected to");
}

#[test]
fn footage_arrives_unchanged_in_both_formats_and_both_versions_of_mqtt() {
    for flags in ["--format binary", "--format json", "--protocol 3.1.1"] {
        let pc = Pc::new();
        let storing = pc.subscriber().flags(&format!("--frames {FRAMES}")).start();
        pc.footage()
            .flags(flags)
            .run(A_RUN)
            .succeeded()
            .publisher_balances();
        storing.wait(A_RUN).succeeded().subscriber_balances();
        pc.out.holds("door", &footage().frames);
    }
}

#[test]
fn no_frame_is_lost_when_the_subscriber_and_so_the_broker_is_killed_again_and_again() {
    let (pc, spool) = (Pc::new(), tempdir().unwrap());
    let subscriber = || pc.subscriber().flags("--consumer office --receipts");
    let mut storing = subscriber().start();
    let publishing = publisher_at(&pc.url())
        .flags("--fps 60 --confirm office --spool-dir")
        .arg(spool.path())
        .arg("--source")
        .arg(&footage().file)
        .start();
    for stored in [20, 60] {
        pc.out.await_pictures(stored);
        storing.kill();
        storing = subscriber().start();
    }
    let sent = publishing.wait(A_RUN).succeeded();
    assert_eq!(sent.publisher_balances().count("delivered"), FRAMES as u64);
    storing.terminate_for_certain();
    pc.out.holds("door", &footage().frames);
}

#[test]
fn two_cameras_and_a_second_consumer_share_it() {
    let (pc, second) = (Pc::new(), Folder::new());
    let frames = 2 * FRAMES;
    let storing = pc.subscriber().start();
    listens(&storing);
    let looking_on = subscriber_at(&pc.url(), second.path())
        .flags(&format!("--consumer second --frames {frames}"))
        .start();
    listens(&looking_on);
    let cameras = ["door", "shed"].map(|name| {
        let camera = pc
            .footage()
            .env("FRAMEBRIDGE_CAMERA", name)
            .flags("--on-full block");
        camera.start()
    });
    for camera in cameras {
        camera.wait(A_RUN).succeeded().publisher_balances();
    }
    looking_on.wait(A_RUN).succeeded();
    pc.out.await_pictures(frames);
    storing.terminate_for_certain();
    for out in [&pc.out, &second] {
        out.holds("door", &footage().frames);
        out.holds("shed", &footage().frames);
    }
}

#[test]
fn a_consumer_in_a_slow_network_holds_up_no_camera() {
    let (pc, slow) = (Pc::new(), Folder::new());
    let storing = pc.subscriber().start();
    listens(&storing);
    let network = Proxy::start(pc.port);
    let looking_on = subscriber_at(&format!("mqtt://127.0.0.1:{}", network.port()), slow.path())
        .flags("--consumer slow")
        .start();
    listens(&looking_on);
    // By this network the footage would take more than two minutes.
    let bytes_a_second = 100_000;
    network.turn(Weather::Slow { bytes_a_second });
    pc.footage().run(SOON).succeeded().publisher_balances();
    pc.out.await_pictures(FRAMES);
    assert!(slow.pictures().len() < FRAMES, "the network was not slow");
    storing.terminate_for_certain();
    pc.out.holds("door", &footage().frames);
}

#[test]
fn foreign_clients_publish_frames_to_it_and_read_them() {
    let pc = Pc::new();
    let storing = pc.subscriber().start();
    listens(&storing);
    let picture = pc.keys.path().join("picture.jpg");
    fs::write(&picture, &footage().frames[0]).unwrap();
    // What is retained needs nobody to be there in time.
    for (topic, flags) in [("latest", "-r"), ("frames", "")] {
        pc.mosquitto("mosquitto_pub")
            .flags(&format!("-q 1 {flags} -t cameras/shed/{topic} -f"))
            .arg(&picture)
            .run(SOON)
            .succeeded();
    }
    let heard = pc
        .mosquitto("mosquitto_sub")
        .flags("-V 5 -q 1 -C 1 -N -t cameras/shed/latest")
        .run(SOON)
        .succeeded();
    let frame = &footage().frames[0];
    assert!(heard.stdout() == *frame, "the frame is changed");
    pc.out.await_pictures(1);
    storing.terminate_for_certain();
    assert_eq!(fs::read(&pc.out.pictures()[0]).unwrap(), *frame);
}

#[test]
fn only_users_with_their_password_come_in_and_only_under_their_own_name() {
    let pc = Pc::new();
    pc.add("camera", "door");
    pc.add("camera", "shed");
    let storing = pc.guarded_subscriber().flags("--consumer office").start();
    listens(&storing);
    pc.footage().run(SOON).failed(1, "password");
    let wrong = pc.footage().flags("--username door --password-file");
    wrong
        .arg(pc.password("shed"))
        .run(SOON)
        .failed(1, "password");
    // The camera door is not shed's to play.
    pc.as_user(pc.footage(), "shed").run(SOON).failed(1, "");
    assert_eq!(pc.out.pictures().len(), 0);

    pc.as_user(pc.footage(), "door").run(A_RUN).succeeded();
    pc.out.await_pictures(FRAMES);
    // Who is added may come in at once, and a consumer reads.
    pc.add("consumer", "second");
    let second = Folder::new();
    let looking_on = pc.as_user(subscriber_at(&pc.url(), second.path()), "second");
    let looking_on = looking_on
        .flags(&format!("--consumer second --frames {FRAMES}"))
        .start();
    listens(&looking_on);
    pc.as_user(pc.footage(), "door").run(A_RUN).succeeded();
    looking_on.wait(A_RUN).succeeded();
    storing.terminate_for_certain();
}

#[test]
fn nobody_takes_the_place_of_the_program_itself_or_of_who_comes_later() {
    let pc = Pc::new();
    pc.add("camera", "door");
    pc.add("consumer", "office");
    let storing = pc.guarded_subscriber().flags("--consumer office").start();
    listens(&storing);
    let foreign = |program: &'static str, user: &str, id: &str| {
        let password = fs::read_to_string(pc.password(user)).unwrap();
        pc.mosquitto(program)
            .flags(&format!("-V 5 -u {user} -i {id} -t cameras/door/latest -P"))
            .arg(password.trim())
    };
    // Whoever bore the program's own name could confirm frames in its place.
    let as_office = foreign("mosquitto_sub", "office", "tool").flags("-W 5");
    assert_ne!(as_office.run(SOON).code(), Some(0));
    storing.says("this program's own --consumer");
    let as_later = foreign("mosquitto_pub", "door", "fb-pub-shed").flags("-m x");
    assert_ne!(as_later.run(SOON).code(), Some(0));
    let as_tool = foreign("mosquitto_pub", "door", "tool").flags("-m x");
    as_tool.run(SOON).succeeded();
    storing.terminate_for_certain();
}

#[test]
fn a_controller_is_answered_and_a_consumer_is_not() {
    let pc = Pc::new();
    for (kind, name) in [
        ("camera", "door"),
        ("controller", "desk"),
        ("consumer", "office"),
    ] {
        pc.add(kind, name);
    }
    let storing = pc.guarded_subscriber().start();
    listens(&storing);
    let camera =
        publisher_at(&pc.url()).flags("--source test --resolution 320x240 --allow-control");
    let camera = pc.as_user(camera, "door").start();
    pc.out.await_pictures(1);
    let ask = |name| {
        let asking = bare_subscriber().flags("control door status --timeout 3s --broker");
        pc.as_user(asking.arg(pc.url()), name).run(A_RUN)
    };
    let answer = ask("desk").succeeded().text();
    assert!(answer.starts_with("door is capturing 320x240"), "{answer}");
    ask("office").failed(1, "");
    camera.interrupt();
    camera.wait(SOON).succeeded();
    storing.terminate_for_certain();
}

#[test]
fn it_encrypts_and_whoever_keeps_silent_holds_up_nobody() {
    let (pc, authority) = (Pc::new(), Authority::new());
    let certificate = authority.sign_local();
    let storing = pc
        .subscriber()
        .arg("--broker-cert-file")
        .arg(&certificate.certificate)
        .arg("--broker-key-file")
        .arg(&certificate.key)
        .flags(&format!("--frames {FRAMES}"))
        .start();
    listens(&storing);
    let silent: Vec<_> = (0..3)
        .map(|_| TcpStream::connect((Ipv4Addr::LOCALHOST, pc.port)).unwrap())
        .collect();
    publisher_at(&format!("mqtts://127.0.0.1:{}", pc.port))
        .arg("--ca-file")
        .arg(authority.certificate())
        .flags("--fps 0 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    drop(silent);
    storing.wait(A_RUN).succeeded();
    pc.out.holds("door", &footage().frames);
}

#[test]
fn what_cannot_be_is_refused_in_one_line() {
    let pc = Pc::new();
    let refused = |broker: &str, flags: &str, code, words: &str| {
        subscriber_at(broker, pc.out.path())
            .flags(flags)
            .run(SOON)
            .failed(code, words);
    };
    let here = format!("embedded:127.0.0.1:{}", pc.port);
    refused("embedded:0.0.0.0:1883", "", 2, "--broker-users");
    refused(&here, "--username me", 2, "this program needs none");
    refused("mqtt://127.0.0.1", "--broker-users x", 2, "embedded:");
    refused(&here, "--broker-users /nowhere/users", 1, "/nowhere/users");
    refused(
        &here,
        "--broker-cert-file /nowhere/c --broker-key-file k",
        1,
        "/nowhere/c",
    );
    publisher_at(&here)
        .flags("--source test")
        .run(SOON)
        .failed(2, "frame-subscriber");
    bare_subscriber()
        .flags(&format!("doctor --broker {here}"))
        .run(SOON)
        .failed(2, "for a broker elsewhere");
    let _other = TcpListener::bind((Ipv4Addr::LOCALHOST, pc.port)).unwrap();
    refused(&here, "", 1, "another program listens");
}

#[test]
fn a_user_who_is_removed_is_let_in_no_more() {
    let pc = Pc::new();
    pc.add("camera", "door");
    let change = |words: &str| {
        bare_subscriber()
            .flags(words)
            .arg("--broker-users")
            .arg(pc.users())
            .run(SOON)
    };
    change("broker add-camera door").failed(1, "door");
    let storing = pc.guarded_subscriber().start();
    listens(&storing);
    pc.as_user(pc.footage(), "door").run(A_RUN).succeeded();
    change("broker remove door").succeeded();
    change("broker remove door").failed(1, "nobody");
    pc.as_user(pc.footage(), "door")
        .run(SOON)
        .failed(1, "password");
    storing.terminate_for_certain();
    assert!(is_for_its_owner_alone(&pc.password("door")));
}

fn is_for_its_owner_alone(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).unwrap().permissions().mode() & 0o777 == 0o600
}
