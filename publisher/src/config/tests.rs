use clap::CommandFactory as _;

use super::*;

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn every_long_option_has_an_environment_variable() {
    for arg in Cli::command().get_arguments() {
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
        assert!(cli.on_full().is_err(), "{args:?}");
    }
    let cli = Cli::try_parse_from([
        "frame-publisher",
        "--protocol",
        "3.1.1",
        "--format",
        "binary",
    ])
    .unwrap();
    assert!(cli.format().is_err());
}

#[test]
fn a_file_waits_for_room_and_a_camera_does_not() {
    let on_full = |source| {
        Cli::try_parse_from(["frame-publisher", "--source", source])
            .unwrap()
            .on_full()
            .unwrap()
    };
    assert_eq!(on_full("recording.mjpeg"), OnFull::Block);
    assert_eq!(on_full("/dev/video0"), OnFull::DropOldest);
}
