//! Writes what a package holds beside the program: man pages, shell completions and `/etc/default/frame-publisher`.
//!
//! `cargo run -p publisher --example package-files -- FOLDER`. All of it is made from the options as clap knows them, so that
//! it cannot say anything else than `--help`; an example, so that the program does not carry it.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;

use clap::{Arg, Command, CommandFactory as _};
use clap_complete::Shell;
use publisher::config::Cli;

const PROGRAM: &str = "frame-publisher";

/// Comments are wrapped at this width.
const WIDTH: usize = 100;

const HEAD: &str = "\
# What frame-publisher.service runs with. Each line that begins with a variable stands for an option; without its # it counts.
# Then: sudo systemctl restart frame-publisher. What is wrong stands in: systemctl status frame-publisher
#
# Every user of this machine may read this file: a password belongs in a file that FRAMEBRIDGE_PASSWORD_FILE names.
# The service sees no home folder, and may write below /var/lib/frame-publisher only.
";

const TAIL: &str = "
# How much is logged: error, warn, info or debug
#RUST_LOG=\"info\"
";

/// What to write for options that have no default, where the kind of value alone would not say enough.
const VALUES: [(&str, &str); 8] = [
    ("camera", "front-door"),
    ("username", "front-door"),
    ("password-file", "/etc/framebridge/password"),
    ("ca-file", "/etc/framebridge/ca.crt"),
    ("cert-file", "/etc/framebridge/camera.crt"),
    ("key-file", "/etc/framebridge/camera.key"),
    ("spool-dir", "/var/lib/frame-publisher/spool"),
    ("confirm", "office-pc"),
];

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os()
        .nth(1)
        .ok_or("one argument is needed: the folder to write into")?;
    write_all(Path::new(&folder))
}

fn write_all(folder: &Path) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(folder)?;
    clap_mangen::generate_to(Cli::command(), folder)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut Cli::command(), PROGRAM, folder)?;
    }
    std::fs::write(folder.join("default"), default_file(&Cli::command())?)?;
    Ok(())
}

/// `/etc/default/frame-publisher`: every option with what it says of itself, all of them commented out.
fn default_file(command: &Command) -> Result<String, std::fmt::Error> {
    let mut text = HEAD.to_owned();
    let mut heading = None;
    for option in command.get_arguments() {
        let Some(variable) = option.get_env() else {
            continue;
        };
        if heading != option.get_help_heading() {
            heading = option.get_help_heading();
            write!(text, "\n# --- {}\n", heading.unwrap_or_default())?;
        }
        text.push('\n');
        for line in explanation(option) {
            text.push_str(format!("# {line}").trim_end());
            text.push('\n');
        }
        let variable = variable.to_string_lossy();
        writeln!(text, "#{variable}=\"{}\"", value(option))?;
    }
    Ok(text + TAIL)
}

/// What `--help` says of an option, in lines that fit.
fn explanation(option: &Arg) -> Vec<String> {
    let help = option.get_long_help().or(option.get_help());
    let mut lines: Vec<String> = help
        .map(ToString::to_string)
        .unwrap_or_default()
        .lines()
        .flat_map(wrapped)
        .collect();
    for possible in option.get_possible_values() {
        if let Some(help) = possible.get_help().filter(|_| !is_switch(option)) {
            lines.push(format!("  {}: {help}", possible.get_name()));
        }
    }
    lines
}

/// `line` in pieces of at most [`WIDTH`] characters; one that is laid out stays as it is.
fn wrapped(line: &str) -> Vec<String> {
    if line.starts_with(' ') {
        return vec![line.to_owned()];
    }
    let mut pieces = vec![String::new()];
    for word in line.split_whitespace() {
        let last = pieces.last_mut().expect("there is always one");
        if last.is_empty() {
            last.push_str(word);
        } else if last.len() + 1 + word.len() <= WIDTH {
            last.push(' ');
            last.push_str(word);
        } else {
            pieces.push(word.to_owned());
        }
    }
    pieces
}

/// What stands behind the option's variable: its default or something like it, or nothing.
fn value(option: &Arg) -> String {
    let example = VALUES
        .iter()
        .find(|(name, _)| option.get_long() == Some(name));
    match (option.get_default_values(), example) {
        (_, Some((_, example))) => (*example).to_owned(),
        (_, None) if is_switch(option) => "true".to_owned(),
        ([default], None) => default.to_string_lossy().into_owned(),
        _ => String::new(),
    }
}

fn is_switch(option: &Arg) -> bool {
    !option.get_action().takes_values()
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::*;

    fn options() -> Vec<Arg> {
        let command = Cli::command();
        let own = command.get_arguments().cloned();
        own.filter(|option| option.get_env().is_some()).collect()
    }

    #[test]
    fn the_default_file_has_every_option_and_sets_none() {
        let text = default_file(&Cli::command()).unwrap();
        for option in options() {
            let variable = option.get_env().unwrap().to_string_lossy();
            let line = format!("\n#{variable}=\"");
            assert_eq!(text.matches(&line).count(), 1, "{variable} in:\n{text}");
        }
        assert!(
            text.lines()
                .all(|line| line.is_empty() || line.starts_with('#'))
        );
    }

    #[test]
    fn what_the_default_file_proposes_is_accepted() {
        for option in options() {
            let proposed = value(&option);
            if proposed.is_empty() || is_switch(&option) {
                continue;
            }
            let flag = format!("--{}={proposed}", option.get_long().unwrap());
            match Cli::command().try_get_matches_from([PROGRAM, &flag]) {
                Err(error) if error.kind() != ErrorKind::MissingRequiredArgument => {
                    panic!("{flag}: {error}")
                }
                _ => {}
            }
        }
    }

    #[test]
    fn every_proposed_value_is_for_an_option_that_exists() {
        for (name, _) in VALUES {
            let is_here = options()
                .iter()
                .any(|option| option.get_long() == Some(name));
            assert!(is_here, "there is no option --{name}");
        }
    }

    #[test]
    fn man_pages_and_completions_know_every_option() {
        let folder = tempfile::tempdir().unwrap();
        write_all(folder.path()).unwrap();
        for file in [
            "frame-publisher.1",
            "frame-publisher.bash",
            "_frame-publisher",
            "frame-publisher.fish",
        ] {
            let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
            // A man page writes a hyphen as \-.
            let text = text.replace("\\-", "-");
            for option in options() {
                let name = option.get_long().unwrap();
                assert!(text.contains(name), "{file} does not know --{name}");
            }
        }
    }
}
