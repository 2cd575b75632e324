use clap::CommandFactory as _;

use super::*;
use crate::queue::OnFull;

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn every_long_option_has_an_environment_variable() {
    let cli = Cli::command();
    let arguments = cli
        .get_arguments()
        .chain(cli.get_subcommands().flat_map(clap::Command::get_arguments));
    for arg in arguments {
        let Some(long) = arg.get_long() else { continue };
        let variable = format!("FRAMEBRIDGE_{}", long.to_uppercase().replace('-', "_"));
        assert_eq!(
            arg.get_env().and_then(|env| env.to_str()),
            Some(&*variable),
            "--{long}"
        );
    }
}

#[test]
fn what_contradicts_itself_is_refused() {
    for args in [
        &["--source", "test", "--on-full", "block"][..],
        &[
            "--source",
            "x.mjpeg",
            "--delivery",
            "live",
            "--on-full",
            "block",
        ],
        &[
            "--source",
            "test",
            "--delivery",
            "live",
            "--on-full",
            "drop-newest",
        ],
    ] {
        let cli = Cli::try_parse_from(["frame-publisher"].iter().chain(args)).unwrap();
        assert!(cli.run.on_full().is_err(), "{args:?}");
    }
    let cli = Cli::try_parse_from([
        "frame-publisher",
        "--protocol",
        "3.1.1",
        "--format",
        "binary",
    ])
    .unwrap();
    assert!(cli.run.format().is_err());
}

#[test]
fn control_is_off_unless_it_is_allowed_and_needs_mqtt_5() {
    let allows = |args: &str| {
        let words = ["frame-publisher"]
            .into_iter()
            .chain(args.split_whitespace());
        Cli::try_parse_from(words).unwrap().run.allows_control()
    };
    assert!(!allows("").unwrap());
    assert!(!allows("--protocol 3.1.1").unwrap());
    assert!(allows("--allow-control").unwrap());
    assert!(allows("--allow-control --protocol 3.1.1").is_err());
}

#[test]
fn a_file_waits_for_room_and_a_camera_does_not() {
    let on_full = |source| {
        Cli::try_parse_from(["frame-publisher", "--source", source])
            .unwrap()
            .run
            .on_full()
            .unwrap()
    };
    assert_eq!(on_full("recording.mjpeg"), OnFull::Block);
    assert_eq!(on_full("/dev/video0"), OnFull::DropOldest);
}

#[test]
fn a_spool_is_refused_with_what_contradicts_it() {
    let check = |args: &str| {
        let words = ["frame-publisher"]
            .into_iter()
            .chain(args.split_whitespace());
        Cli::try_parse_from(words).unwrap().run.check()
    };
    for args in [
        "--confirm archive",
        "--spool-full drop-newest",
        "--spool-dir s --delivery live",
        "--spool-dir s --qos 0",
        "--spool-dir s --on-full drop-newest",
        "--spool-dir s --confirm archive,archive",
    ] {
        assert!(check(args).is_err(), "{args}");
    }
    check("--spool-dir s --confirm archive --confirm second").unwrap();
}

#[test]
fn a_full_spool_makes_only_a_file_wait() {
    let spool_full = |args: &str| {
        let words = ["frame-publisher", "--spool-dir", "s"]
            .into_iter()
            .chain(args.split_whitespace());
        Cli::try_parse_from(words).unwrap().run.spool_full()
    };
    assert_eq!(spool_full("--source a.mjpeg").unwrap(), OnFull::Block);
    assert_eq!(spool_full("--source test").unwrap(), OnFull::DropOldest);
    assert!(spool_full("--source test --spool-full block").is_err());
}

#[test]
fn options_work_with_and_without_the_run_subcommand() {
    let parse = |args: &str| Cli::try_parse_from(args.split_whitespace()).unwrap();
    let plain = parse("frame-publisher --camera door");
    assert_eq!(plain.run.camera().as_str(), "door");
    let Some(Command::Run(run)) = parse("frame-publisher run --camera door").command else {
        panic!("no run");
    };
    assert_eq!(run.camera().as_str(), "door");
    let doctor = "frame-publisher doctor --json --camera door --spool-dir s --confirm pc";
    let Some(Command::Doctor(doctor)) = parse(doctor).command else {
        panic!("no doctor");
    };
    assert!(doctor.json && doctor.run.camera().as_str() == "door");
}

#[test]
fn controls_are_for_v4l2_cameras() {
    let check = |source: &str| {
        let args = [
            "frame-publisher",
            "--control",
            "gain=1,Auto Focus=0",
            "--source",
            source,
        ];
        let run = Cli::try_parse_from(args).unwrap().run;
        assert_eq!(run.source.control.len(), 2);
        run.check()
    };
    check("/dev/v4l/by-id/usb-cam").unwrap();
    for source in ["test", "a.mjpeg", "exec:cat", "http://cam"] {
        let line = check(source).unwrap_err().to_string();
        assert!(line.starts_with("--control gain=1: only a V4L2"), "{line}");
    }
}
