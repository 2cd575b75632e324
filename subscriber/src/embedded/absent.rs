//! In a program that was built without a broker inside: it says so.

use link::LinkOptions;
use runtime::program::UsageError;

use crate::config::RunArgs;

/// There is none.
pub(crate) enum Broker {}

/// Refuses what is not there.
pub(crate) fn start(args: &mut RunArgs) -> Result<Option<Broker>, UsageError> {
    check(args).map(|()| None)
}

/// Refuses it before anything is started.
pub(crate) fn check(args: &RunArgs) -> Result<(), UsageError> {
    match args.broker.broker.embedded() {
        None => Ok(()),
        Some(_) => Err(UsageError(
            "this frame-subscriber was built without a broker inside: build it with --features embedded-broker, or use mqtt://HOST:PORT"
                .to_owned(),
        )),
    }
}

/// Nobody comes to a door that is not there.
pub(crate) fn let_in(_: Option<&Broker>, _: &mut LinkOptions) {}
