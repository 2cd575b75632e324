//! A program as a Windows service: put into Windows' list of services, started and stopped there, and run by it.

mod dispatcher;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, thread};

use anyhow::{Context as _, bail};
use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceErrorControl,
    ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceStartType, ServiceState,
    ServiceType,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};
use windows_service::{Error, Result as ServiceResult};

pub use dispatcher::run;

/// Windows' own account for services that need no rights of a person: it may use the network, and write where all users may.
const ACCOUNT: &str = r"NT AUTHORITY\LocalService";
/// How long a service may take to start or to stop before we say that it does not.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(100);
/// A service that failed is started again after this.
const RESTART_DELAY: Duration = Duration::from_secs(5);

/// Windows' error codes (winerror.h) that are no news to us.
const ERROR_ACCESS_DENIED: i32 = 5;
const ERROR_SERVICE_DOES_NOT_EXIST: i32 = 1060;
const ERROR_SERVICE_ALREADY_RUNNING: i32 = 1056;
const ERROR_SERVICE_NOT_ACTIVE: i32 = 1062;
const ERROR_SERVICE_EXISTS: i32 = 1073;

/// How a program stands in the list of services.
#[derive(Debug, Clone, Copy)]
pub struct Listed {
    /// Its name for commands.
    pub name: &'static str,
    /// Its name for people.
    pub display_name: &'static str,
    /// What it does, in a sentence.
    pub description: &'static str,
}

/// What a service does at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    /// It is not in the list.
    NotInstalled,
    /// It does not run.
    Stopped,
    /// It is about to run.
    Starting,
    /// It runs.
    Running,
    /// It has been told to stop, and is at it.
    Stopping,
}

/// The folder of a service's files, below which relative paths are: `C:\ProgramData\Framebridge`, as a rule.
#[must_use]
pub fn home() -> PathBuf {
    let all_users = env::var_os("ProgramData").unwrap_or_else(|| r"C:\ProgramData".into());
    PathBuf::from(all_users).join("Framebridge")
}

impl Listed {
    /// Puts this program into the list, to be started with Windows, with these `arguments`.
    pub fn install(&self, arguments: Vec<OsString>) -> anyhow::Result<()> {
        let info = ServiceInfo {
            name: self.name.into(),
            display_name: self.display_name.into(),
            service_type: ServiceType::OWN_PROCESS,
            start_type: ServiceStartType::AutoStart,
            error_control: ServiceErrorControl::Normal,
            executable_path: env::current_exe().context("finding this program's own file")?,
            launch_arguments: arguments,
            dependencies: vec![],
            account_name: Some(ACCOUNT.into()),
            account_password: None,
        };
        let manager = manager(ServiceManagerAccess::CREATE_SERVICE)?;
        let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START;
        let service = match manager.create_service(&info, access) {
            Err(error) if is(&error, ERROR_SERVICE_EXISTS) => bail!(
                "the service {} is installed already: uninstall it first",
                self.name
            ),
            service => said(service)?,
        };
        // Niceties: a system that does not know one of them runs the service all the same.
        for nicety in [
            service.set_description(self.description),
            service.set_delayed_auto_start(true),
            service.update_failure_actions(restart_always()),
            service.set_failure_actions_on_non_crash_failures(true),
        ] {
            if let Err(error) = nicety {
                tracing::debug!("not set: {}", words(&error));
            }
        }
        Ok(())
    }

    /// Starts it, and waits until it runs.
    pub fn start(&self) -> anyhow::Result<()> {
        let service = self.open(ServiceAccess::START | ServiceAccess::QUERY_STATUS)?;
        match service.start::<OsString>(&[]) {
            Err(error) if is(&error, ERROR_SERVICE_ALREADY_RUNNING) => {}
            started => said(started)?,
        }
        match wait_while(&service, Doing::Starting)? {
            Doing::Running => Ok(()),
            _ => bail!("the service {} does not run: its log says why", self.name),
        }
    }

    /// Tells it to stop, and waits until it has.
    pub fn stop(&self) -> anyhow::Result<()> {
        let service = self.open(ServiceAccess::STOP | ServiceAccess::QUERY_STATUS)?;
        match service.stop() {
            Err(error) if is(&error, ERROR_SERVICE_NOT_ACTIVE) => return Ok(()),
            stopped => said(stopped)?,
        };
        match wait_while(&service, Doing::Stopping)? {
            Doing::Stopped => Ok(()),
            _ => bail!("the service {} does not stop", self.name),
        }
    }

    /// Stops it if it runs, and takes it out of the list. Its files stay.
    pub fn uninstall(&self) -> anyhow::Result<()> {
        self.stop()?;
        said(self.open(ServiceAccess::DELETE)?.delete())
    }

    /// What it does.
    pub fn doing(&self) -> anyhow::Result<Doing> {
        let manager = manager(ServiceManagerAccess::CONNECT)?;
        match manager.open_service(self.name, ServiceAccess::QUERY_STATUS) {
            Err(error) if is(&error, ERROR_SERVICE_DOES_NOT_EXIST) => Ok(Doing::NotInstalled),
            service => doing(&said(service)?),
        }
    }

    fn open(&self, access: ServiceAccess) -> anyhow::Result<Service> {
        let manager = manager(ServiceManagerAccess::CONNECT)?;
        match manager.open_service(self.name, access) {
            Err(error) if is(&error, ERROR_SERVICE_DOES_NOT_EXIST) => {
                bail!("the service {} is not installed", self.name)
            }
            service => said(service),
        }
    }
}

fn manager(access: ServiceManagerAccess) -> anyhow::Result<ServiceManager> {
    said(ServiceManager::local_computer(None::<&str>, access))
}

fn restart_always() -> ServiceFailureActions {
    let restart = ServiceAction {
        action_type: ServiceActionType::Restart,
        delay: RESTART_DELAY,
    };
    ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::Never,
        reboot_msg: None,
        command: None,
        // The last one holds for all that follow.
        actions: Some(vec![restart; 3]),
    }
}

/// What the service does once it is no longer in `state`.
fn wait_while(service: &Service, state: Doing) -> anyhow::Result<Doing> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let now = doing(service)?;
        // A service that was told something may not have heard it yet.
        let is_settled = match state {
            Doing::Stopping => now == Doing::Stopped,
            _ => now != state,
        };
        if is_settled || Instant::now() > deadline {
            return Ok(now);
        }
        thread::sleep(PAUSE);
    }
}

fn doing(service: &Service) -> anyhow::Result<Doing> {
    Ok(match said(service.query_status())?.current_state {
        ServiceState::Stopped => Doing::Stopped,
        ServiceState::StartPending | ServiceState::ContinuePending => Doing::Starting,
        ServiceState::StopPending => Doing::Stopping,
        ServiceState::Running | ServiceState::PausePending | ServiceState::Paused => Doing::Running,
    })
}

fn is(error: &Error, code: i32) -> bool {
    matches!(error, Error::Winapi(cause) if cause.raw_os_error() == Some(code))
}

/// An error in words that say what to do.
fn said<T>(result: ServiceResult<T>) -> anyhow::Result<T> {
    result.map_err(|error| {
        if is(&error, ERROR_ACCESS_DENIED) {
            anyhow::anyhow!(
                "Windows lets only administrators do that: open PowerShell with \"Run as administrator\""
            )
        } else {
            anyhow::anyhow!("Windows' service manager says: {}", words(&error))
        }
    })
}

fn words(error: &Error) -> String {
    match error {
        Error::Winapi(cause) => cause.to_string(),
        other => other.to_string(),
    }
}
