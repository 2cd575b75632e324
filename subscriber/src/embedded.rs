//! The broker inside the program: started before anything connects, and from then on a URL like any other.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use broker::users::{self, User, UserFile};
use broker::{Broker, BrokerError, Settings};
use link::LinkOptions;
use runtime::program::{UsageError, usage_if};
use tracing::{info, warn};

use crate::config::{AccountArgs, BrokerCommand, RunArgs};
use crate::layout::legal_name;

/// Starts the broker, if `--broker` asks for one, and makes `args` name the door that is this program's own.
pub(crate) fn start(args: &mut RunArgs) -> anyhow::Result<Option<Broker>> {
    check(args)?;
    let Some(listen) = args.broker.broker.embedded() else {
        return Ok(None);
    };
    let options = &args.embedded;
    let certificate = options.cert_file.clone();
    let settings = Settings {
        listen,
        users: options.users.clone(),
        certificate: certificate.zip(options.key_file.clone()),
        prefix: args.frames.topic_prefix.clone(),
        own_name: args.frames.consumer.clone(),
    };
    let broker =
        Broker::start(&settings).map_err(|error| usage_if(error.is_contradiction(), error))?;
    let who = if settings.users.is_none() {
        "this machine alone"
    } else {
        "its users"
    };
    info!("a broker inside this program listens on {listen}, for {who}");
    // Only a person can know whether the network is trusted, so this is said and not refused.
    if settings.certificate.is_none() && !listen.ip().is_loopback() {
        warn!(
            "passwords and pictures come to it unencrypted: prefer --broker-cert-file and --broker-key-file"
        );
    }
    args.broker.broker = format!("mqtt://127.0.0.1:{}", broker.own_port())
        .parse()
        .context("the broker's own address")?;
    Ok(Some(broker))
}

/// Lets this program in by its own door, if there is one.
pub(crate) fn let_in(broker: Option<&Broker>, options: &mut LinkOptions) {
    if let Some(broker) = broker {
        options.credentials = Some(broker.own_credentials());
    }
}

/// Refuses what a broker could not start with, as far as that shows before.
pub(crate) fn check(args: &RunArgs) -> Result<(), UsageError> {
    let (broker, inside) = (&args.broker, &args.embedded);
    let for_elsewhere = broker.username.is_some()
        || broker.password_file.is_some()
        || broker.ca_file.is_some()
        || broker.cert_file.is_some();
    let for_inside = inside.users.is_some() || inside.cert_file.is_some();
    let why = match broker.broker.embedded() {
        Some(_) if for_elsewhere => "--username, --password-file, --ca-file and --cert-file are for a broker elsewhere: this program needs none for the one inside".to_owned(),
        Some(listen) if inside.users.is_none() && !listen.ip().is_loopback() => {
            BrokerError::OpenToAll(listen).to_string()
        }
        None if for_inside => "--broker-users and --broker-cert-file are for a broker inside this program: --broker embedded:ADDRESS:PORT".to_owned(),
        _ => return Ok(()),
    };
    Err(UsageError(why))
}

/// `broker add-camera` and its like.
pub(crate) fn change_users(command: &BrokerCommand) -> anyhow::Result<()> {
    match command {
        BrokerCommand::AddCamera(new) => add(&User::Camera(new.name.clone()), &new.account),
        BrokerCommand::AddConsumer(new) => add(&User::Consumer(new.name.clone()), &new.account),
        BrokerCommand::AddController(new) => add(&User::Controller(new.name.clone()), &new.account),
        BrokerCommand::AddHomeAssistant(new) => {
            add(&User::HomeAssistant(new.name.clone()), &new.account)
        }
        BrokerCommand::Remove { name, users } => {
            let file = &users.broker_users;
            let removed = UserFile::open(file.clone())?.remove(name)?;
            let password = password_file(file, name);
            let left = if password.exists() {
                format!(
                    "; its old password is still in {}: delete it",
                    password.display()
                )
            } else {
                String::new()
            };
            say(&format!(
                "{removed} is let in no more, from its next connection on{left}"
            ))
        }
    }
}

fn add(user: &User, account: &AccountArgs) -> anyhow::Result<()> {
    let users = &account.users.broker_users;
    let file = UserFile::open_or_new(users.clone())?;
    file.check_free(user)?;
    let said = user.to_string();
    let name = user.name().to_owned();
    let (password, kept) = match &account.password_file {
        Some(path) => (read_password(path)?, path.clone()),
        None => make_password(users, &name)?,
    };
    let added = file.add(user, &password);
    if added.is_err() && account.password_file.is_none() {
        // It opens nothing, and would be in the way of the next attempt.
        let _ = fs::remove_file(&kept);
    }
    added?;
    say(&format!(
        "{said} may come in, with --username {name} and --password-file: the password is in {}",
        kept.display()
    ))
}

/// A password, and the file that it is in, beside the users.
fn make_password(users: &Path, name: &str) -> anyhow::Result<(String, PathBuf)> {
    let password = users::new_password()?;
    let path = password_file(users, name);
    // Whose it is nobody knows here: it may be the only copy of a password in use elsewhere.
    ensure!(
        !path.exists(),
        "{} is there already, perhaps of a user that was removed: delete it, or name a file with a password by --password-file",
        path.display()
    );
    users::write_secret(&path, &format!("{password}\n"))
        .with_context(|| format!("cannot write the password to {}", path.display()))?;
    Ok((password, path))
}

/// Where the password of a user is that was made here. The users' file may lie on Windows, where `con.password` is a device.
fn password_file(users: &Path, name: &str) -> PathBuf {
    users.with_file_name(legal_name(&format!("{name}.password")))
}

fn read_password(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the password file {}", path.display()))?;
    let password = text.lines().next().unwrap_or_default();
    ensure!(
        !password.is_empty(),
        "the first line of {} is empty: the password stands there",
        path.display()
    );
    Ok(password.to_owned())
}

fn say(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}").context("failed to say so")
}
