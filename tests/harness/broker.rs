//! A real Mosquitto for one test: on ports of its own, with a folder of its own.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::certificates::Certificate;
use super::eventually::{SOON, eventually_true};
use super::launch::Launch;
use super::ports::free_port;
use super::program::Program;

const CONFIGURATION_FILE: &str = "mosquitto.conf";
const MEMORY_FILE: &str = "mosquitto.db";

/// The configuration for this machine alone that is shipped: what holds here holds there.
const SHIPPED: &str = include_str!("../../broker-config/local.conf");

/// What the tests want otherwise: a broker that remembers, and a log that says who subscribed.
const OUR_OWN: &str = "\
# Started by root, Mosquitto becomes a user who cannot read a test's folder.
user root
persistence true
log_type error
log_type warning
log_type notice
log_type information
log_type subscribe";

/// What a broker is to be like, apart from the default: everybody may do everything, without encryption.
#[derive(Default)]
pub(crate) struct Setup {
    lines: Vec<String>,
    listener_lines: Vec<String>,
    certificate: Option<Certificate>,
    users: Vec<(String, String)>,
    client_authority: Option<PathBuf>,
    users_are_client_ids: bool,
}

impl Setup {
    /// Adds a line to the configuration; it comes after the defaults.
    pub(crate) fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Adds a line to the configuration of both listeners.
    pub(crate) fn listener_line(mut self, line: &str) -> Self {
        self.listener_lines.push(line.to_owned());
        self
    }

    /// Both listeners encrypt, showing this certificate.
    pub(crate) fn encrypted(mut self, certificate: Certificate) -> Self {
        self.certificate = Some(certificate);
        self
    }

    /// Clients must show a certificate that the authority at `certificate` has signed.
    pub(crate) fn client_certificates_of(mut self, certificate: &Path) -> Self {
        self.client_authority = Some(certificate.to_owned());
        self
    }

    /// A session belongs to its user, whatever the client id, as in the configuration for a LAN.
    pub(crate) fn with_users_as_client_ids(mut self) -> Self {
        self.users_are_client_ids = true;
        self
    }

    /// Only users with a password may connect; this is one of them.
    pub(crate) fn user(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned()));
        self
    }

    /// Starts a broker like this.
    #[track_caller]
    pub(crate) fn start(self) -> Broker {
        let folder = TempDir::new().expect("making the broker's folder");
        let (port, websocket_port) = (free_port(), free_port());
        let configuration = self.configuration(folder.path(), port, websocket_port);
        fs::write(folder.path().join(CONFIGURATION_FILE), configuration)
            .expect("writing the broker's configuration");
        let mut broker = Broker {
            encrypted: self.certificate.is_some(),
            folder,
            port,
            websocket_port,
            program: None,
        };
        broker.start_again();
        broker
    }

    fn configuration(&self, folder: &Path, port: u16, websocket_port: u16) -> String {
        let folder_text = folder.display();
        let mut lines = vec![
            shipped_without(&["listener", "allow_anonymous", "persistence"]),
            OUR_OWN.to_owned(),
            format!("persistence_location {folder_text}/"),
        ];
        if self.users.is_empty() {
            lines.push("allow_anonymous true".to_owned());
        } else {
            let file = folder.join("passwords");
            fs::write(&file, "").expect("making the password file");
            for (name, password) in &self.users {
                Launch::new("mosquitto_passwd", "mosquitto_passwd")
                    .arg("-b")
                    .arg(&file)
                    .arg(name)
                    .arg(password)
                    .run(SOON)
                    .succeeded();
            }
            lines.push("allow_anonymous false".to_owned());
            lines.push(format!("password_file {}", file.display()));
        }
        lines.extend(self.lines.iter().cloned());
        for listener in [
            format!("listener {port} 127.0.0.1"),
            format!("listener {websocket_port} 127.0.0.1\nprotocol websockets"),
        ] {
            lines.push(listener);
            lines.extend(self.listener_lines.iter().cloned());
            lines.extend(self.encryption());
            if self.users_are_client_ids {
                lines.push("use_username_as_clientid true".to_owned());
            }
        }
        lines.join("\n") + "\n"
    }

    fn encryption(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(certificate) = &self.certificate {
            lines.push(format!("certfile {}", certificate.certificate.display()));
            lines.push(format!("keyfile {}", certificate.key.display()));
        }
        if let Some(authority) = &self.client_authority {
            lines.push(format!("cafile {}", authority.display()));
            lines.push("require_certificate true".to_owned());
        }
        lines
    }
}

/// A running broker, or one that was stopped and may run again.
pub(crate) struct Broker {
    folder: TempDir,
    port: u16,
    websocket_port: u16,
    encrypted: bool,
    program: Option<Program>,
}

impl Broker {
    /// The plain broker of most tests.
    #[track_caller]
    pub(crate) fn start() -> Self {
        Setup::default().start()
    }

    /// A broker that does not run yet.
    #[track_caller]
    pub(crate) fn absent() -> Self {
        let mut broker = Self::start();
        broker.stop();
        broker
    }

    /// Its address, by `mqtt` or `mqtts`.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.encrypted { "mqtts" } else { "mqtt" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Its address, by `ws` or `wss`.
    pub(crate) fn websocket_url(&self) -> String {
        let scheme = if self.encrypted { "wss" } else { "ws" };
        format!("{scheme}://127.0.0.1:{}", self.websocket_port)
    }

    /// The port of its MQTT listener.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Starts it on the ports and with the memory it had before, and waits until it listens.
    #[track_caller]
    pub(crate) fn start_again(&mut self) {
        assert!(self.program.is_none(), "the broker runs already");
        let program = Launch::new("mosquitto", mosquitto())
            .arg("-c")
            .arg(self.folder.path().join(CONFIGURATION_FILE))
            .start();
        program.says("running");
        for port in [self.port, self.websocket_port] {
            eventually_true("the broker to listen", || {
                TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
            });
        }
        self.program = Some(program);
    }

    /// Stops it as its service manager would: sessions and queued messages are kept.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        let program = self.program.take().expect("the broker runs");
        program.terminate_for_certain();
    }

    /// Kills it (`kill -9`): what it has not saved is gone.
    #[track_caller]
    pub(crate) fn kill(&mut self) {
        let program = self.program.take().expect("the broker runs");
        program.kill();
    }

    /// Takes the memory of a broker that does not run: sessions, queued and retained messages.
    pub(crate) fn forget(&self) {
        assert!(self.program.is_none(), "the broker runs");
        // It may have had no time to save anything.
        let _ = fs::remove_file(self.folder.path().join(MEMORY_FILE));
    }

    /// What it has said since its start.
    pub(crate) fn log(&self) -> String {
        self.running().stderr()
    }

    /// Stops it in its tracks: connections stay, nothing is answered.
    pub(crate) fn pause(&self) {
        self.running().pause();
    }

    /// Lets a paused broker go on.
    pub(crate) fn go_on(&self) {
        self.running().go_on();
    }

    /// Waits until a filter that ends with `filter` has been subscribed to `count` times since the broker's start.
    #[track_caller]
    pub(crate) fn await_subscriptions(&self, count: usize, filter: &str) {
        let what = format!("{count} subscriptions to {filter}");
        eventually_true(&what, || {
            self.log_lines(|line| line.ends_with(filter)) >= count
        });
    }

    /// Waits until the client named `id` has connected since the broker's start.
    #[track_caller]
    pub(crate) fn await_connection(&self, id: &str) {
        let words = format!(" as {id} (");
        eventually_true(&format!("{id} to connect"), || {
            self.log_lines(|line| line.contains(&words)) > 0
        });
    }

    fn log_lines(&self, of_interest: impl Fn(&str) -> bool) -> usize {
        self.log().lines().filter(|line| of_interest(line)).count()
    }

    fn running(&self) -> &Program {
        self.program.as_ref().expect("the broker runs")
    }
}

/// The shipped configuration without comments and without the lines that begin with these words.
fn shipped_without(words: &[&str]) -> String {
    let kept: Vec<_> = SHIPPED
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter(|line| !words.iter().any(|word| line.starts_with(word)))
        .collect();
    kept.join("\n")
}

/// Debian keeps it where only root looks for programs.
fn mosquitto() -> &'static Path {
    let debian = Path::new("/usr/sbin/mosquitto");
    if debian.exists() {
        debian
    } else {
        Path::new("mosquitto")
    }
}
