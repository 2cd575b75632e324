//! The command line: every option has a variable, and what makes no sense is refused in one line.

use crate::harness::broker::Broker;
use crate::harness::eventually::{A_RUN, SOON};
use crate::harness::folder::Folder;
use crate::harness::footage::footage;
use crate::harness::launch::Launch;
use crate::harness::{bare_publisher, bare_subscriber, subscriber};

#[test]
fn every_option_has_an_environment_variable() {
    for help in [help(bare_publisher()), help(bare_subscriber())] {
        let paragraphs = options_of(&help);
        assert!(
            paragraphs.len() > 15,
            "found only {} options in:\n{help}",
            paragraphs.len()
        );
        for paragraph in paragraphs {
            let name = name_of(&paragraph);
            let exempt = matches!(name, "help" | "version");
            let variable = name.to_uppercase().replace('-', "_");
            // With a value, without one, and where values are hidden.
            let shown = ['=', ']'].map(|end| format!("[env: FRAMEBRIDGE_{variable}{end}"));
            assert!(
                exempt || shown.iter().any(|shown| paragraph.contains(shown)),
                "no FRAMEBRIDGE_{variable} in:\n{paragraph}"
            );
        }
    }
}

#[test]
fn the_help_explains_exit_codes_and_gives_examples() {
    for help in [help(bare_publisher()), help(bare_subscriber())] {
        assert!(help.contains("Exit codes"), "{help}");
        assert!(help.contains("Examples"), "{help}");
    }
}

#[test]
fn options_are_read_from_the_environment() {
    let broker = Broker::start();
    let out = Folder::new();
    let from_environment = |program: Launch| {
        program
            .env("FRAMEBRIDGE_BROKER", broker.url())
            .env("FRAMEBRIDGE_CAMERA", "gate")
            .env("FRAMEBRIDGE_FRAMES", "2")
    };
    let storing = from_environment(bare_subscriber())
        .env("FRAMEBRIDGE_OUT", out.path())
        .start();
    broker.await_subscriptions(1, "cameras/gate/frames");
    from_environment(bare_publisher())
        .env("FRAMEBRIDGE_SOURCE", &footage().file)
        .run(A_RUN)
        .succeeded();
    storing.wait(A_RUN).succeeded();
    out.holds("gate", &footage().frames[..2]);
}

#[test]
fn what_makes_no_sense_is_a_usage_error_of_the_publisher() {
    for (flags, words) in [
        ("--no-such-flag", "--no-such-flag"),
        ("--fps=-1", "--fps"),
        ("--fps many", "--fps"),
        ("--resolution 1280", "--resolution"),
        ("--resolution 0x0", "--resolution"),
        ("--duration soon", "--duration"),
        ("--frames=-1", "--frames"),
        ("--frames 0", "--frames"),
        ("--qos 2", "--qos"),
        ("--protocol 4", "--protocol"),
        ("--format xml", "--format"),
        ("--delivery sometimes", "--delivery"),
        ("--protocol 3.1.1 --format binary", "3.1.1"),
        ("--cert-file only.pem", "--key-file"),
    ] {
        bare_publisher()
            .flags("--source test")
            .flags(flags)
            .run(SOON)
            .failed(2, words);
    }
}

#[test]
fn what_makes_no_sense_is_a_usage_error_of_the_subscriber() {
    for (flags, words) in [
        ("--no-such-flag", "--no-such-flag"),
        ("--frames many", "--frames"),
        ("--duration soon", "--duration"),
        ("--layout ../{sequence}.jpg", "--layout"),
        ("--layout {no_such_field}.jpg", "--layout"),
        ("--protocol 4", "--protocol"),
        ("--sync sometimes", "--sync"),
        ("--receipts", "--consumer"),
        ("--receipts --consumer archive --group office", "--group"),
    ] {
        bare_subscriber().flags(flags).run(SOON).failed(2, words);
    }
}

#[test]
fn an_unknown_source_is_a_usage_error() {
    for source in ["exec:", "ftp://camera/stream", ""] {
        bare_publisher()
            .arg("--source")
            .arg(source)
            .run(SOON)
            .failed(2, "--source");
    }
}

#[test]
fn logs_can_be_json() {
    let broker = Broker::start();
    let out = Folder::new();
    let storing = subscriber(&broker, out.path())
        .flags("--log-format json --duration 100ms")
        .run(SOON)
        .succeeded();
    let lines = storing.stderr();
    let logged: Vec<_> = lines.lines().filter(|line| line.starts_with('{')).collect();
    assert!(!logged.is_empty(), "{lines}");
    for line in logged {
        serde_json::from_str::<serde_json::Value>(line).expect("a line of the log is JSON");
    }
}

fn help(program: Launch) -> String {
    program.flags("--help").run(SOON).succeeded().text()
}

/// The options in the help, each with the lines that explain it.
fn options_of(help: &str) -> Vec<String> {
    let mut options: Vec<String> = Vec::new();
    let before_examples = help.split("\nExamples").next().unwrap_or_default();
    for line in before_examples.lines() {
        let begins = line.trim_start().starts_with("--")
            || line.trim_start().starts_with('-') && line.contains(", --");
        if begins {
            options.push(String::new());
        }
        if let Some(option) = options.last_mut() {
            option.push_str(line.trim());
            option.push(' ');
        }
    }
    options
}

fn name_of(paragraph: &str) -> &str {
    let after = paragraph.split_once("--").expect("an option").1;
    after.split([' ', '=', ',']).next().expect("a word")
}
