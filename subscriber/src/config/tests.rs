use clap::CommandFactory as _;

use super::*;

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
        let mut variable = format!("FRAMEBRIDGE_{}", long.to_uppercase().replace('-', "_"));
        // `--out` is a folder of frames to one command, and one picture's file to another.
        if arg.get_id() == "snapshot_out" {
            variable = "FRAMEBRIDGE_SNAPSHOT_OUT".to_owned();
        }
        assert_eq!(
            arg.get_env().and_then(|env| env.to_str()),
            Some(&*variable),
            "--{long}"
        );
    }
}

#[test]
fn options_work_with_and_without_the_run_subcommand() {
    let plain = Cli::try_parse_from(["frame-subscriber", "--camera", "door"]).unwrap();
    assert_eq!(plain.run.frames.camera.one().unwrap().as_str(), "door");
    let named = Cli::try_parse_from(["frame-subscriber", "run", "--camera", "door"]).unwrap();
    assert!(matches!(named.command, Some(Command::Run(_))));
    assert!(Cli::try_parse_from(["frame-subscriber", "--camera", "../x"]).is_err());
}

#[test]
fn receipts_bear_one_consumers_name_and_outlive_a_power_cut() {
    let args = |words: &str| {
        let words = format!("frame-subscriber --receipts {words}");
        Cli::try_parse_from(words.split_whitespace()).unwrap().run
    };
    assert!(args("").check().is_err());
    assert!(args("--consumer pc --group all").check().is_err());
    assert!(args("--consumer pc --latest-only").check().is_err());
    assert!(args("--consumer pc").check().is_ok());
    assert_eq!(args("--consumer pc").sync(), SyncMode::Interval);
    assert_eq!(args("--sync always").sync(), SyncMode::Always);
}
