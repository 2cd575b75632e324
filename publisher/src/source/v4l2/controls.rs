//! The controls of a device: what it has, and setting them by name.
//!
//! The device is opened anew for it, which V4L2 allows beside a stream, and asked one control at a time: one that cannot be
//! understood is left out, and never the others with it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use v4l::v4l_sys::ask::{control_value, query_control, query_menu_item, set_control_value, text};
use v4l::v4l_sys::{V4L2_CTRL_FLAG_NEXT_CTRL, v4l2_query_ext_ctrl};

use super::control::{Control, Item, Kind};
use super::mode::listed;
use super::trouble::Trouble;
use crate::source::control::{ControlError, ControlSetting, normalized};

/// No camera has more; a driver that goes round in circles has.
const MOST_CONTROLS: usize = 1000;
const MOST_ITEMS: i64 = 1000;

/// A title between controls is one to the kernel, too.
const CLASS: u32 = 6;
const NUMBERED_MENU: u32 = 9;

const DISABLED: u32 = 0x0001;
const READ_ONLY: u32 = 0x0004;
const INACTIVE: u32 = 0x0010;
const WRITE_ONLY: u32 = 0x0040;

/// Sets `settings` in their order: an automatic that must be off first stands before what it would override. None is set if
/// one of them is not allowed.
pub(in crate::source) fn set_controls(
    path: &Path,
    settings: &[ControlSetting],
) -> Result<(), ControlError> {
    if settings.is_empty() {
        return Ok(());
    }
    let device = open(path).map_err(|error| Trouble::opening(path, &error))?;
    let controls = all(device.as_fd());
    let values = settings.iter().map(|setting| meant(&controls, setting));
    let values: Vec<_> = values.collect::<Result<_, _>>()?;
    for (setting, (id, value)) in settings.iter().zip(values) {
        set(device.as_fd(), setting, id, value)?;
    }
    Ok(())
}

/// Every control that the device has.
pub(super) fn controls_of(path: &Path) -> io::Result<Vec<Control>> {
    Ok(all(open(path)?.as_fd()))
}

pub(super) fn open(path: &Path) -> io::Result<File> {
    File::options()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)
}

/// Which control is to be set, and to what.
fn meant(controls: &[Control], setting: &ControlSetting) -> Result<(u32, i32), ControlError> {
    let control = find(controls, setting.name()).map_err(ControlError::Refused)?;
    let value = control
        .value_of(setting.value())
        .map_err(|line| ControlError::Refused(format!("control {line}")))?;
    Ok((control.id, value))
}

fn set(
    device: BorrowedFd<'_>,
    setting: &ControlSetting,
    id: u32,
    value: i32,
) -> Result<(), ControlError> {
    set_control_value(device, id, value).map_err(|error| refusal(setting, &error))?;
    // Those before it may have freed it, so only now is it known.
    if query_control(device, id).is_ok_and(|now| now.flags & INACTIVE != 0) {
        tracing::warn!(
            "control {setting} has no effect while another control, an automatic one, overrides it"
        );
    }
    Ok(())
}

fn find<'a>(controls: &'a [Control], name: &str) -> Result<&'a Control, String> {
    controls
        .iter()
        .find(|control| control.name == name)
        .ok_or_else(|| {
            let names: Vec<_> = controls
                .iter()
                .map(|control| control.name.clone())
                .collect();
            if names.is_empty() {
                format!("has no control {name}, and no other")
            } else {
                format!("has no control {name}; it has {}", listed(&names))
            }
        })
}

/// What the driver refuses, it may take another time, unless it says that it is the value.
fn refusal(setting: &ControlSetting, error: &io::Error) -> ControlError {
    let line = format!("control {setting}: the camera refuses it: {error}");
    match error.raw_os_error() {
        Some(libc::ERANGE | libc::EINVAL | libc::EACCES) => ControlError::Refused(line),
        _ => ControlError::Failed(line),
    }
}

fn all(device: BorrowedFd<'_>) -> Vec<Control> {
    let mut controls = Vec::new();
    let mut id = 0;
    for _ in 0..MOST_CONTROLS {
        let Ok(found) = query_control(device, id | V4L2_CTRL_FLAG_NEXT_CTRL) else {
            break;
        };
        if found.id <= id {
            break;
        }
        id = found.id;
        if found.type_ != CLASS && found.flags & DISABLED == 0 {
            controls.push(control(device, &found));
        }
    }
    controls
}

fn control(device: BorrowedFd<'_>, found: &v4l2_query_ext_ctrl) -> Control {
    let label = text(found.name);
    let kind = Kind::of(found.type_);
    let is_readable = found.flags & WRITE_ONLY == 0 && !matches!(kind, Kind::Button | Kind::Other);
    Control {
        id: found.id,
        name: normalized(&label),
        label,
        kind,
        minimum: found.minimum,
        maximum: found.maximum,
        step: found.step,
        default: found.default_value,
        value: is_readable
            .then(|| control_value(device, found.id).ok())
            .flatten()
            .map(|value| match kind {
                Kind::Bitmask => i64::from(value.cast_unsigned()),
                _ => i64::from(value),
            }),
        items: if kind == Kind::Menu {
            items(device, found)
        } else {
            Vec::new()
        },
        read_only: found.flags & READ_ONLY != 0,
        inactive: found.flags & INACTIVE != 0,
    }
}

/// Drivers leave numbers out, which is no error.
fn items(device: BorrowedFd<'_>, menu: &v4l2_query_ext_ctrl) -> Vec<Item> {
    let last = menu.maximum.min(menu.minimum.saturating_add(MOST_ITEMS));
    (menu.minimum..=last)
        .filter_map(|index| {
            let at = u32::try_from(index).ok()?;
            let (name, number) = query_menu_item(device, menu.id, at).ok()?;
            let label = if menu.type_ == NUMBERED_MENU {
                number.to_string()
            } else {
                name
            };
            Some(Item {
                value: index,
                label,
            })
        })
        .collect()
}

impl From<Trouble> for ControlError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Hopeless(line) => Self::Refused(line),
            Trouble::Heals(line) | Trouble::Denied(line) => Self::Failed(line),
        }
    }
}

impl From<ControlError> for Trouble {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Refused(line) => Self::Hopeless(line),
            ControlError::Failed(line) => Self::Heals(line),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l::v4l_sys::ask;
    use v4l::v4l2::vidioc;

    #[test]
    fn the_requests_are_those_that_the_crate_makes() {
        for (ours, the_crates) in [
            (ask::VIDIOC_QUERYCAP, vidioc::VIDIOC_QUERYCAP),
            (ask::VIDIOC_G_CTRL, vidioc::VIDIOC_G_CTRL),
            (ask::VIDIOC_S_CTRL, vidioc::VIDIOC_S_CTRL),
            (ask::VIDIOC_QUERYMENU, vidioc::VIDIOC_QUERYMENU),
            (ask::VIDIOC_QUERY_EXT_CTRL, vidioc::VIDIOC_QUERY_EXT_CTRL),
        ] {
            // Their type is not the same on all machines.
            assert_eq!(format!("{ours:x}"), format!("{the_crates:x}"));
        }
    }

    #[test]
    fn what_is_no_camera_has_no_controls() {
        let path = Path::new("/dev/null");
        assert!(controls_of(path).unwrap().is_empty());
        let settings = ["brightness=3".parse().unwrap()];
        let error = set_controls(path, &settings).unwrap_err();
        assert!(matches!(error, ControlError::Refused(_)));
        assert_eq!(error.to_string(), "has no control brightness, and no other");
        let missing = set_controls(Path::new("/dev/no-such-video"), &settings).unwrap_err();
        assert!(matches!(missing, ControlError::Failed(_)), "{missing}");
    }
}
