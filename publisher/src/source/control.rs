//! A camera's controls by name: brightness, exposure, focus.

use std::fmt;
use std::str::FromStr;

use super::SourceSpec;

/// A control and the value that it is to have: `--control NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlSetting {
    name: String,
    value: String,
}

impl ControlSetting {
    /// `None` if there is nothing in one of them.
    #[must_use]
    pub fn new(name: &str, value: &str) -> Option<Self> {
        let (name, value) = (normalized(name), value.trim().to_owned());
        (!name.is_empty() && !value.is_empty()).then_some(Self { name, value })
    }

    /// The control's name, as `v4l2-ctl` writes it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value as it was given: a number, `true`, `false` or the name of a menu's item.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl FromStr for ControlSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let setting = text
            .split_once('=')
            .and_then(|(name, value)| Self::new(name, value));
        setting
            .ok_or_else(|| format!("{text:?} is not NAME=VALUE: write for example brightness=10"))
    }
}

impl fmt::Display for ControlSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

/// Why a control was not set.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Asking again does not help: the line names what is allowed.
    #[error("{0}")]
    Refused(String),
    /// The camera is away, or did not take it now.
    #[error("{0}")]
    Failed(String),
}

/// Sets controls of a source's camera, which may be streaming, in their order; none if one of them is not allowed. Blocks for as
/// long as the driver takes: for USB cameras that is milliseconds as a rule, and seconds with one that hangs.
pub fn set_controls(source: &SourceSpec, settings: &[ControlSetting]) -> Result<(), ControlError> {
    match source {
        #[cfg(target_os = "linux")]
        SourceSpec::V4l2(path) => super::v4l2::set_controls(path, settings),
        _ => Err(ControlError::Refused(format!(
            "only a V4L2 camera such as /dev/video0 has controls, and the source is {source}"
        ))),
    }
}

/// As `v4l2-ctl` writes the names of controls: small letters and digits, and one `_` for whatever lies between them.
#[must_use]
pub(super) fn normalized(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join("_").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_as_v4l2_ctl_writes_them() {
        for (name, normal) in [
            ("Brightness", "brightness"),
            ("White Balance, Automatic", "white_balance_automatic"),
            ("Exposure Time, Absolute", "exposure_time_absolute"),
            (" (LED1) Mode ", "led1_mode"),
            ("brightness", "brightness"),
            ("Größe", "gr_e"),
            ("--", ""),
        ] {
            assert_eq!(normalized(name), normal);
        }
    }

    #[test]
    fn a_setting_is_a_name_and_a_value() {
        let setting: ControlSetting = "Power Line Frequency = 50 Hz".parse().unwrap();
        assert_eq!(setting.name(), "power_line_frequency");
        assert_eq!(setting.value(), "50 Hz");
        assert_eq!(setting.to_string(), "power_line_frequency=50 Hz");
        for wrong in ["", "brightness", "=3", "brightness=", "-=3"] {
            assert!(wrong.parse::<ControlSetting>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_no_v4l2_camera_has_no_controls() {
        let setting = "brightness=3".parse().unwrap();
        let error = set_controls(&SourceSpec::Test, &[setting]).unwrap_err();
        assert!(matches!(error, ControlError::Refused(_)), "{error}");
    }
}
