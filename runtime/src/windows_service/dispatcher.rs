//! Being run by Windows' service manager, and hearing it.

use std::ffi::OsString;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tracing::error;
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{
    self, ServiceControlHandlerResult, ServiceStatusHandle,
};
use windows_service::{define_windows_service, service_dispatcher};

use crate::shutdown;

/// How long Windows is asked to wait for an end.
const WAIT_HINT: Duration = Duration::from_secs(20);
/// What a service that failed is said to have ended with.
const FAILED: u32 = 1;

type Program = Box<dyn FnOnce() -> anyhow::Result<()> + Send>;

/// Windows calls a function without our arguments.
static PROGRAM: Mutex<Option<(&'static str, Program)>> = Mutex::new(None);

define_windows_service!(service_entry, service_main);

/// Runs `program` as the service `name`. To be called by a process that the service manager has started, and once.
pub fn run(
    name: &'static str,
    program: impl FnOnce() -> anyhow::Result<()> + Send + 'static,
) -> anyhow::Result<()> {
    let mut waiting = PROGRAM.lock().map_err(|_| anyhow!("poisoned"))?;
    *waiting = Some((name, Box::new(program)));
    drop(waiting);
    service_dispatcher::start(name, service_entry)
        .context("this is for Windows' service manager: see `service start`")
}

fn service_main(_arguments: Vec<OsString>) {
    let taken = PROGRAM.lock().ok().and_then(|mut waiting| waiting.take());
    let Some((name, program)) = taken else {
        return;
    };
    if let Err(failure) = serve(name, program) {
        error!("Windows' service manager cannot be told: {failure}");
    }
}

fn serve(name: &str, program: Program) -> windows_service::Result<()> {
    static STATUS: OnceLock<ServiceStatusHandle> = OnceLock::new();
    let status = service_control_handler::register(name, |event| match event {
        ServiceControl::Stop | ServiceControl::Shutdown | ServiceControl::Preshutdown => {
            shutdown::ask();
            if let Some(status) = STATUS.get() {
                // What it cannot be told now it sees at the end.
                let _ = status.set_service_status(saying(ServiceState::StopPending));
            }
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    })?;
    let _ = STATUS.set(status);
    status.set_service_status(saying(ServiceState::Running))?;
    let outcome = program();
    if let Err(failure) = &outcome {
        error!("{failure:#}");
    }
    status.set_service_status(ServiceStatus {
        exit_code: match outcome {
            Ok(()) => ServiceExitCode::NO_ERROR,
            Err(_) => ServiceExitCode::ServiceSpecific(FAILED),
        },
        ..saying(ServiceState::Stopped)
    })
}

fn saying(state: ServiceState) -> ServiceStatus {
    ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted: if state == ServiceState::Running {
            ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN
        } else {
            ServiceControlAccept::empty()
        },
        exit_code: ServiceExitCode::NO_ERROR,
        checkpoint: 0,
        wait_hint: if state == ServiceState::StopPending {
            WAIT_HINT
        } else {
            Duration::ZERO
        },
        process_id: None,
    }
}
