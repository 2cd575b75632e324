//! Options of the broker inside the program, and of its users' file.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use protocol::topic::{CameraName, ConsumerName};

/// `--broker embedded:ADDRESS:PORT`, and what belongs to it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Broker inside this program, with --broker embedded:ADDRESS:PORT")]
pub struct EmbeddedArgs {
    /// Who may come in, from this file (broker add-camera makes it); without it, only this machine may
    #[arg(
        long = "broker-users",
        env = "FRAMEBRIDGE_BROKER_USERS",
        value_name = "FILE"
    )]
    pub(crate) users: Option<PathBuf>,

    /// Certificate (PEM) that cameras check: with it they use mqtts:// and --ca-file
    #[arg(
        id = "cert_file_of_the_broker",
        long = "broker-cert-file",
        env = "FRAMEBRIDGE_BROKER_CERT_FILE",
        value_name = "FILE",
        requires = "key_file_of_the_broker"
    )]
    pub(crate) cert_file: Option<PathBuf>,

    /// Private key (PEM) of that certificate
    #[arg(
        id = "key_file_of_the_broker",
        long = "broker-key-file",
        env = "FRAMEBRIDGE_BROKER_KEY_FILE",
        value_name = "FILE",
        requires = "cert_file_of_the_broker"
    )]
    pub(crate) key_file: Option<PathBuf>,
}

/// What to do with the users.
#[derive(Debug, Subcommand)]
pub enum BrokerCommand {
    /// Let a camera in: it may publish under its own name, and read no frames
    AddCamera(NewUserArgs<CameraName>),
    /// Let another consumer in: it may read every camera, and publish no frames
    AddConsumer(NewUserArgs<ConsumerName>),
    /// Let somebody in who may control the cameras (frame-subscriber control), and reads no frames
    AddController(NewUserArgs<ConsumerName>),
    /// Let Home Assistant in: it sees every camera's newest picture and figures, and publishes no frames
    AddHomeAssistant(NewUserArgs<ConsumerName>),
    /// Let a user in no more, from its next connection on
    Remove {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// Where it is
        #[command(flatten)]
        users: UsersArgs,
    },
}

/// A user that is new.
#[derive(Debug, Args)]
pub struct NewUserArgs<Name>
where
    Name: std::str::FromStr + Clone + Send + Sync + 'static,
    Name::Err: std::error::Error + Send + Sync + 'static,
{
    /// Its name: what its program gets as --username, and as --camera or --consumer
    #[arg(value_name = "NAME")]
    pub(crate) name: Name,
    #[command(flatten)]
    pub(crate) account: AccountArgs,
}

/// What lets a user in.
#[derive(Debug, Args)]
pub struct AccountArgs {
    #[command(flatten)]
    pub(crate) users: UsersArgs,
    /// Take the password from the first line of this file; without it, one is made and written to NAME.password
    // No variable: the one of the other commands is the password of whoever runs them.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,
}

/// Where the users are.
#[derive(Debug, Args)]
pub struct UsersArgs {
    /// The users' file; the first user makes it
    #[arg(long, env = "FRAMEBRIDGE_BROKER_USERS", value_name = "FILE")]
    pub(crate) broker_users: PathBuf,
}
