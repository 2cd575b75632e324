//! One control: what it is, and which of its values a text means. Pure.

use std::fmt;

use serde::Serialize;

use super::mode::listed;
use crate::source::control::normalized;

/// A control of a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Control {
    /// The driver's number for it.
    #[serde(skip)]
    pub(super) id: u32,
    /// The name by which it is set.
    pub(super) name: String,
    /// The name for people.
    pub(super) label: String,
    pub(super) kind: Kind,
    pub(super) minimum: i64,
    pub(super) maximum: i64,
    pub(super) step: u64,
    pub(super) default: i64,
    /// `None`: it cannot be read.
    pub(super) value: Option<i64>,
    /// Of a menu.
    pub(super) items: Vec<Item>,
    pub(super) read_only: bool,
    /// Another control overrides it for now, an automatic one as a rule.
    pub(super) inactive: bool,
}

/// What values a control has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Integer,
    Boolean,
    /// One of named or numbered items.
    Menu,
    /// Does something when it is set, to whatever value.
    Button,
    Bitmask,
    /// Texts, arrays and what is to come: not set by us.
    Other,
}

impl Kind {
    /// From the kernel's `enum v4l2_ctrl_type`.
    pub(super) fn of(number: u32) -> Self {
        match number {
            1 => Self::Integer,
            2 => Self::Boolean,
            3 | 9 => Self::Menu,
            4 => Self::Button,
            8 => Self::Bitmask,
            _ => Self::Other,
        }
    }
}

/// An item of a menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Item {
    pub(super) value: i64,
    pub(super) label: String,
}

impl Control {
    /// The value that `text` means, or the line that says which are allowed.
    pub(super) fn value_of(&self, text: &str) -> Result<i32, String> {
        let name = &self.name;
        if self.read_only {
            return Err(format!("{name} can only be read"));
        }
        let wrong = || format!("{name}={text} is not allowed: use {}", self.allowed());
        let meant = match self.kind {
            Kind::Other => return Err(format!("{name} is of a kind that cannot be set here")),
            Kind::Boolean => truth(text),
            Kind::Menu => self.item(text),
            Kind::Integer | Kind::Bitmask | Kind::Button => number(text),
        };
        let value = meant.filter(|value| self.is_allowed(*value));
        // A mask of 32 bits may have the highest one set.
        let bits = |value| u32::try_from(value).ok().map(u32::cast_signed);
        value
            .and_then(|value| i32::try_from(value).ok().or_else(|| bits(value)))
            .ok_or_else(wrong)
    }

    fn is_allowed(&self, value: i64) -> bool {
        match self.kind {
            Kind::Button => true,
            Kind::Bitmask => value >= 0 && value & !self.maximum == 0,
            Kind::Menu => self.items.iter().any(|item| item.value == value),
            _ => (self.minimum..=self.maximum).contains(&value) && self.is_a_step(value),
        }
    }

    fn is_a_step(&self, value: i64) -> bool {
        self.step < 2 || value.abs_diff(self.minimum).is_multiple_of(self.step)
    }

    /// By its number, or by its name as it is shown or normalized.
    fn item(&self, text: &str) -> Option<i64> {
        let named =
            |item: &&Item| item.label == text || normalized(&item.label) == normalized(text);
        let by_name = || self.items.iter().find(named).map(|item| item.value);
        number(text)
            .filter(|value| self.is_allowed(*value))
            .or_else(by_name)
    }

    /// What may be said for it, in words.
    pub(super) fn allowed(&self) -> String {
        match self.kind {
            Kind::Boolean => "0 or 1".to_owned(),
            Kind::Menu => {
                let items = self.items.iter();
                let items: Vec<_> = items
                    .map(|item| format!("{} ({})", item.value, item.label))
                    .collect();
                listed(&items)
            }
            Kind::Button => "1".to_owned(),
            Kind::Bitmask => format!("bits of 0x{:x}", self.maximum),
            Kind::Integer | Kind::Other if self.step > 1 => {
                format!(
                    "{} to {} in steps of {}",
                    self.minimum, self.maximum, self.step
                )
            }
            Kind::Integer | Kind::Other => format!("{} to {}", self.minimum, self.maximum),
        }
    }
}

/// A line of `devices`.
impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        match (self.kind, self.value) {
            (Kind::Button, _) => f.write_str(", a button")?,
            (Kind::Other, _) => f.write_str(", of a kind that cannot be set here")?,
            (Kind::Bitmask, Some(value)) => {
                let (allowed, default) = (self.allowed(), self.default);
                write!(f, "=0x{value:x} of {allowed}, default 0x{default:x}")?;
            }
            (_, Some(value)) => write!(
                f,
                "={value} of {}, default {}",
                self.allowed(),
                self.default
            )?,
            (_, None) => write!(f, " of {}, default {}", self.allowed(), self.default)?,
        }
        if self.read_only {
            f.write_str(", can only be read")?;
        }
        if self.inactive {
            f.write_str(", overridden by another control")?;
        }
        Ok(())
    }
}

fn truth(text: &str) -> Option<i64> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" => Some(1),
        "0" | "false" => Some(0),
        _ => None,
    }
}

/// Decimal, or hexadecimal behind 0x.
fn number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(kind: Kind, minimum: i64, maximum: i64, step: u64) -> Control {
        Control {
            id: 1,
            name: "gain".to_owned(),
            label: "Gain".to_owned(),
            kind,
            minimum,
            maximum,
            step,
            default: minimum,
            value: Some(0),
            items: Vec::new(),
            read_only: false,
            inactive: false,
        }
    }

    fn menu() -> Control {
        let item = |value, label: &str| Item {
            value,
            label: label.to_owned(),
        };
        Control {
            items: vec![item(0, "Disabled"), item(1, "50 Hz"), item(3, "Auto")],
            ..control(Kind::Menu, 0, 3, 1)
        }
    }

    #[test]
    fn a_number_is_taken_within_its_range_and_on_its_steps() {
        let gain = control(Kind::Integer, -64, 64, 4);
        assert_eq!(gain.value_of("-60"), Ok(-60));
        assert_eq!(gain.value_of("64"), Ok(64));
        for text in ["65", "-65", "1", "many", "1.5", "99999999999999999999"] {
            assert_eq!(
                gain.value_of(text).unwrap_err(),
                format!("gain={text} is not allowed: use -64 to 64 in steps of 4")
            );
        }
        assert_eq!(control(Kind::Integer, 0, 9, 0).value_of("7"), Ok(7));
    }

    #[test]
    fn a_truth_is_0_1_true_or_false() {
        let switch = control(Kind::Boolean, 0, 1, 1);
        for (text, value) in [("0", 0), ("1", 1), ("true", 1), ("False", 0)] {
            assert_eq!(switch.value_of(text), Ok(value));
        }
        assert!(switch.value_of("2").unwrap_err().ends_with("use 0 or 1"));
    }

    #[test]
    fn a_menu_takes_numbers_and_names_of_items_that_it_has() {
        for (text, value) in [
            ("1", 1),
            ("50 Hz", 1),
            ("50_hz", 1),
            ("auto", 3),
            ("DISABLED", 0),
        ] {
            assert_eq!(menu().value_of(text), Ok(value), "{text}");
        }
        for text in ["2", "60 Hz", ""] {
            let line = menu().value_of(text).unwrap_err();
            assert!(
                line.ends_with("use 0 (Disabled), 1 (50 Hz), 3 (Auto)"),
                "{line}"
            );
        }
    }

    #[test]
    fn a_mask_takes_bits_that_it_has() {
        let mask = control(Kind::Bitmask, 0, 0x8000_0003, 0);
        assert_eq!(mask.value_of("0x3"), Ok(3));
        assert_eq!(mask.value_of("0x80000000"), Ok(i32::MIN));
        assert!(mask.value_of("4").is_err() && mask.value_of("-1").is_err());
    }

    #[test]
    fn what_cannot_be_set_says_why() {
        let read_only = Control {
            read_only: true,
            ..control(Kind::Integer, 0, 9, 1)
        };
        assert_eq!(
            read_only.value_of("1").unwrap_err(),
            "gain can only be read"
        );
        let other = control(Kind::of(0x107), 0, 0, 0);
        assert!(other.value_of("1").unwrap_err().contains("kind"));
    }

    #[test]
    fn a_control_is_shown_as_it_can_be_set() {
        assert_eq!(
            control(Kind::Integer, -64, 64, 1).to_string(),
            "gain=0 of -64 to 64, default -64"
        );
        let overridden = Control {
            inactive: true,
            ..menu()
        };
        assert_eq!(
            overridden.to_string(),
            "gain=0 of 0 (Disabled), 1 (50 Hz), 3 (Auto), default 0, overridden by another control"
        );
    }
}
