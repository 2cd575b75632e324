//! The options of the page.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use runtime::arguments::listen_address;
use runtime::logging::LogArgs;

/// Where the page is, beside receiving.
#[derive(Debug, Args)]
#[command(next_help_heading = "Page")]
pub(crate) struct ViewArgs {
    /// Serve a page with the live pictures and all that is on disk: 127.0.0.1:8080; an address that others reach needs a token
    #[arg(long, env = "FRAMEBRIDGE_VIEW", value_name = "ADDR", value_parser = listen_address)]
    pub(crate) view: Option<SocketAddr>,

    #[command(flatten)]
    pub(crate) token: TokenArgs,
}

/// Who may see the page.
#[derive(Debug, Args)]
#[command(next_help_heading = "Page")]
pub(crate) struct TokenArgs {
    /// File that holds the page's token, without it the variable `FRAMEBRIDGE_VIEW_TOKEN` is read
    #[arg(long, env = "FRAMEBRIDGE_VIEW_TOKEN_FILE", value_name = "FILE")]
    pub(crate) view_token_file: Option<PathBuf>,
}

/// Options of `view`.
#[derive(Debug, Args)]
pub struct ViewDirArgs {
    /// The folder that frame-subscriber writes into, or wrote
    #[arg(value_name = "DIR")]
    pub(crate) dir: PathBuf,

    /// Where the page is; an address that others reach needs a token
    #[arg(long, env = "FRAMEBRIDGE_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = listen_address)]
    pub(crate) listen: SocketAddr,

    #[command(flatten)]
    pub(crate) token: TokenArgs,
    #[command(flatten)]
    pub(crate) log: LogArgs,
}
