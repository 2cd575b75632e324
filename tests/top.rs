//! `frame-subscriber top`: the figures of a running subscriber, in a terminal.

use rustix::process::{Pid, Signal, kill_process};

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON, eventually_true};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::launch::Launch;
use crate::harness::ports::free_port;
use crate::harness::program::Program;
use crate::harness::scraping::{address, ask};
use crate::harness::{bare_subscriber, publisher, publisher_at, subscriber};

/// `top` in a terminal of its own, where somebody presses q.
fn top(at: &str) -> Launch {
    let keys = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(keys.path(), "q").expect("writing a key");
    terminal(&format!("exec {}", command(at))).stdin_from(keys.path())
}

fn command(at: &str) -> String {
    let program = env!("CARGO_BIN_EXE_subscriber-under-test");
    format!("'{program}' top --metrics {at}")
}

/// A shell in a terminal of its own, which does as `commands` say.
fn terminal(commands: &str) -> Launch {
    Launch::new("top", "script")
        .flags("--quiet --return --command")
        .arg(format!("stty rows 24 cols 120 && {commands}"))
        .arg("/dev/null")
}

/// `top` in a terminal whose settings are printed after it, and what is left of the keyboard: a file that presses q once it is there.
struct Watching {
    folder: Folder,
    terminal: Program,
}

impl Watching {
    fn start(at: &str) -> Self {
        let folder = Folder::new();
        let path = folder.path().display();
        // The shell's number becomes the program's. Whoever runs the tests may ignore a closed terminal, as `nohup` does.
        let inner = format!(
            r#"sh -c "echo \$\$ > {path}/pid; exec env --default-signal=HUP {}""#,
            command(at)
        );
        let script = terminal(&format!("{inner}; code=$?; stty -a; exit $code"));
        let press = format!("(until [ -e {path}/q ]; do sleep 0.1; done; printf q)");
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", &format!("{press} | exec \"$@\""), "sh"]);
        let terminal = script.inside(shell).start();
        let watching = Self { folder, terminal };
        watching.shows("q quits");
        watching
    }

    #[track_caller]
    fn shows(&self, words: &str) {
        eventually_true(&format!("top to show {words:?}"), || {
            String::from_utf8_lossy(&self.terminal.stdout()).contains(words)
        });
    }

    fn press_q(&self) {
        std::fs::write(self.folder.path().join("q"), "").expect("pressing a key");
    }

    fn signal(&self, signal: Signal) {
        let pid = std::fs::read_to_string(self.folder.path().join("pid")).expect("its number");
        let pid = pid.trim().parse().ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a number"), signal).expect("sending a signal");
    }

    /// Asserts that it ends well, and that the terminal is as it was before.
    #[track_caller]
    fn ends_and_gives_the_terminal_back(&self) {
        // The settings are the shell's last word; the pipe that feeds the keyboard may stay open.
        self.shows("icrnl");
        let shown = String::from_utf8_lossy(&self.terminal.stdout()).into_owned();
        let (_, after) = shown
            .rsplit_once("\x1b[?1049l")
            .unwrap_or_else(|| panic!("the other screen was not left: {shown:?}"));
        let settings: Vec<_> = after.split([' ', ';', '\r', '\n']).collect();
        for setting in ["icanon", "echo", "isig"] {
            assert!(settings.contains(&setting), "no {setting} in {after:?}");
        }
        self.press_q();
        self.terminal.wait(SOON).succeeded();
    }
}

#[test]
fn a_camera_s_figures_are_shown_until_q_is_pressed() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--metrics 127.0.0.1:0")
        .start();
    broker.await_subscriptions(1, "cameras/+/status");
    publisher(&broker)
        .flags("--frames 47 --fps 0 --source")
        .arg(&footage().file)
        .run(A_RUN)
        .succeeded();
    out.await_pictures(47);
    // Figures are made each second.
    eventually_true("the figures", || {
        ask(&storing, "/figures.json")
            .body
            .contains("\"stored\":47")
    });
    let shown = top(&address(&storing)).run(SOON).succeeded().text();
    for word in ["frame-subscriber", "connected", "door", "offline", "47"] {
        assert!(shown.contains(word), "no {word:?} in {shown:?}");
    }
}

#[test]
fn that_nothing_answers_is_said() {
    let at = format!("127.0.0.1:{}", free_port());
    let outcome = top(&at).run(SOON).exited_with(1);
    let shown = outcome.text();
    assert!(
        shown.contains(&format!("error: nothing answers at {at}")),
        "{shown:?}"
    );
}

#[test]
fn a_publisher_s_figures_are_told_from_a_subscriber_s() {
    let camera = publisher_at("mqtt://127.0.0.1:1")
        .flags("--metrics 127.0.0.1:0 --source test --resolution 320x240")
        .start();
    let shown = top(&address(&camera)).run(SOON).exited_with(1).text();
    assert!(shown.contains("is no frame-subscriber"), "{shown:?}");
}

#[test]
fn without_a_terminal_it_says_where_scripts_find_the_figures() {
    bare_subscriber()
        .flags("top --metrics 9464")
        .run(SOON)
        .failed(2, "http://127.0.0.1:9464/figures.json");
}

/// A subscriber that has figures to show and nothing else to do.
fn idle() -> (Program, Folder) {
    let out = Folder::new();
    let storing = subscriber(&Broker::absent(), out.path())
        .flags("--metrics 127.0.0.1:0")
        .start();
    (storing, out)
}

#[test]
fn q_is_heard_while_the_subscriber_hangs_and_that_it_hangs_is_said() {
    let (storing, _out) = idle();
    let watching = Watching::start(&address(&storing));
    storing.pause();
    watching.shows("no figures for");
    watching.press_q();
    watching.ends_and_gives_the_terminal_back();
    storing.go_on();
}

#[test]
fn a_subscriber_that_comes_back_is_shown_again() {
    let at = free_port();
    let out = Folder::new();
    let start = || {
        subscriber(&Broker::absent(), out.path())
            .flags(&format!("--metrics {at}"))
            .start()
    };
    let storing = start();
    let watching = Watching::start(&address(&storing));
    storing.kill();
    watching.shows("is frame-subscriber running");
    let before = watching.terminal.stdout().len();
    let _storing = start();
    eventually_true("figures again", || {
        String::from_utf8_lossy(&watching.terminal.stdout()[before..])
            .contains("q quits   no camera")
    });
    watching.press_q();
    watching.ends_and_gives_the_terminal_back();
}

#[test]
fn a_signal_leaves_the_terminal_as_it_was() {
    let (storing, _out) = idle();
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let watching = Watching::start(&address(&storing));
        watching.signal(signal);
        watching.ends_and_gives_the_terminal_back();
    }
}
