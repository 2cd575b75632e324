//! Options of `verify`.

use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

/// Options of `verify`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct VerifyArgs {
    /// The folder that frame-subscriber wrote into
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Do not decode the pictures: faster, and still finds every file that changed since it was stored
    #[arg(long, env = "FRAMEBRIDGE_NO_DECODE", value_parser = BoolishValueParser::new())]
    pub(crate) no_decode: bool,

    /// Do not ask for frames that are not there: for a folder of one subscriber of a --group
    #[arg(long, env = "FRAMEBRIDGE_NO_GAPS", value_parser = BoolishValueParser::new())]
    pub(crate) no_gaps: bool,

    /// First mend what can be mended: torn, unreadable and doubled lines of indexes, leftovers, pictures that no index
    /// names. Nothing is deleted but what a crash left half-written. Refused while a subscriber writes there
    #[arg(long, env = "FRAMEBRIDGE_REPAIR", value_parser = BoolishValueParser::new())]
    pub(crate) repair: bool,

    /// Print the report as JSON
    #[arg(long, env = "FRAMEBRIDGE_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}
