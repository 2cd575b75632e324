//! `frame-subscriber`. It uses only its own library, so that the end-to-end tests can build it again.

use std::process::ExitCode;

fn main() -> ExitCode {
    subscriber::run::main()
}
