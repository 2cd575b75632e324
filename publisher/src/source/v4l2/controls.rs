//! A camera's own controls by name: brightness, gain, and whatever else its driver has.
//!
//! They belong to the device, not to a stream: it is opened for the moment, beside whoever streams from it.

use std::path::Path;

use protocol::control::Controls;
use v4l::Device;
use v4l::control::{Control, Description, Flags, Type, Value};

use super::guard::guarded;
use super::mode::listed;
use super::trouble::Trouble;

/// Sets all of `controls`, or none if one of them is not as the driver announces.
pub(in crate::source) fn set_controls(path: &Path, controls: &Controls) -> Result<(), String> {
    let in_words = |trouble: Trouble| format!("{}: {trouble}", path.display());
    let device = guarded(|| Device::with_path(path))
        .map_err(|error| in_words(Trouble::opening(path, &error)))?;
    let offered = guarded(|| device.query_controls())
        .map_err(|error| in_words(Trouble::talking("asking for controls", &error)))?;
    // One by one: the crate sends several only if they are of one class.
    for (name, id, value) in plan(&offered, controls)? {
        let value = Value::Integer(value);
        guarded(|| device.set_control(Control { id, value }))
            .map_err(|error| format!("{}: the camera refuses {name}: {error}", path.display()))?;
    }
    Ok(())
}

/// Name, number and value of each, if the driver has them all.
fn plan<'a>(
    offered: &[Description],
    controls: &'a Controls,
) -> Result<Vec<(&'a str, u32, i64)>, String> {
    let settable = |control: &&Description| is_number(control.typ) && !is_fixed(control.flags);
    controls
        .iter()
        .map(|(name, value)| {
            let found = offered
                .iter()
                .filter(settable)
                .find(|control| plain_name(&control.name) == name)
                .ok_or_else(|| {
                    let names: Vec<String> = offered
                        .iter()
                        .filter(settable)
                        .map(|control| plain_name(&control.name))
                        .collect();
                    if names.is_empty() {
                        format!("this camera has no control {name}, nor any other")
                    } else {
                        format!(
                            "this camera has no control {name}; it has {}",
                            listed(&names)
                        )
                    }
                })?;
            if (found.minimum..=found.maximum).contains(&value) {
                Ok((name, found.id, value))
            } else {
                Err(format!(
                    "{name} goes from {} to {}, not {value}",
                    found.minimum, found.maximum
                ))
            }
        })
        .collect()
}

fn is_number(kind: Type) -> bool {
    matches!(
        kind,
        Type::Integer | Type::Boolean | Type::Menu | Type::IntegerMenu | Type::Integer64
    )
}

fn is_fixed(flags: Flags) -> bool {
    flags.intersects(Flags::DISABLED | Flags::READ_ONLY)
}

/// As v4l2-ctl spells it: "White Balance, Automatic" becomes `white_balance_automatic`.
fn plain_name(name: &str) -> String {
    let mut plain = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            plain.push(c.to_ascii_lowercase());
        } else if !plain.is_empty() && !plain.ends_with('_') {
            plain.push('_');
        }
    }
    plain.trim_end_matches('_').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(name: &str, id: u32, kind: Type, flags: Flags) -> Description {
        Description {
            id,
            typ: kind,
            name: name.into(),
            minimum: -10,
            maximum: 10,
            step: 1,
            default: 0,
            flags,
            items: None,
        }
    }

    fn planned(controls: &[(&str, i64)]) -> Result<Vec<(u32, i64)>, String> {
        let offered = [
            control("User Controls", 1, Type::CtrlClass, Flags::READ_ONLY),
            control("Brightness", 2, Type::Integer, Flags::SLIDER),
            control("White Balance, Automatic", 3, Type::Boolean, Flags::empty()),
            control("Firmware", 4, Type::Integer, Flags::READ_ONLY),
            control("Reset", 5, Type::Button, Flags::empty()),
        ];
        let controls = controls
            .iter()
            .map(|(name, value)| ((*name).to_owned(), *value))
            .collect();
        let controls = Controls::new(controls).unwrap();
        let plan = plan(&offered, &controls)?;
        Ok(plan.into_iter().map(|(_, id, value)| (id, value)).collect())
    }

    #[test]
    fn controls_are_found_by_the_names_that_v4l2_ctl_shows() {
        let plan = planned(&[("white_balance_automatic", 1), ("brightness", -3)]);
        assert_eq!(plan.unwrap(), [(3, 1), (2, -3)]);
    }

    #[test]
    fn what_the_camera_does_not_have_is_refused_with_what_it_has() {
        for name in ["gain", "firmware", "reset", "user_controls"] {
            let why = planned(&[("brightness", 1), (name, 1)]).unwrap_err();
            assert_eq!(
                why,
                format!(
                    "this camera has no control {name}; it has brightness, white_balance_automatic"
                )
            );
        }
        let why = planned(&[("brightness", 11)]).unwrap_err();
        assert_eq!(why, "brightness goes from -10 to 10, not 11");
    }

    #[test]
    fn what_cannot_be_opened_is_said_with_its_path() {
        let controls = Controls::new(vec![("gain".into(), 1)]).unwrap();
        let why = set_controls(Path::new("/dev/no-such-camera"), &controls).unwrap_err();
        assert!(
            why.starts_with("/dev/no-such-camera: does not exist"),
            "{why}"
        );
    }
}
