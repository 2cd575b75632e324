//! The controls of a camera that a request sets: names and whole numbers.

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// So many controls can be set by one request.
pub const MAX_CONTROLS: usize = 16;

/// No driver's name is longer.
const LONGEST_NAME: usize = 32;

/// One to [`MAX_CONTROLS`] controls, each once, in the order in which they are to be set: some allow others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Controls(Vec<(String, i64)>);

impl Controls {
    /// Checks names and their number.
    pub fn new(controls: Vec<(String, i64)>) -> Result<Self, String> {
        if !(1..=MAX_CONTROLS).contains(&controls.len()) {
            return Err(format!("one request sets 1 to {MAX_CONTROLS} controls"));
        }
        for (nth, (name, _)) in controls.iter().enumerate() {
            if !is_name(name) {
                return Err(format!(
                    "a control's name is made of a-z 0-9 _, as in white_balance_temperature, not {name:?}"
                ));
            }
            if controls[..nth].iter().any(|(other, _)| other == name) {
                return Err(format!("the control {name} is there twice"));
            }
        }
        Ok(Self(controls))
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, i64)> {
        self.0.iter().map(|(name, value)| (name.as_str(), *value))
    }
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

/// `brightness=10 gain=3`
impl fmt::Display for Controls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (name, value)) in self.iter().enumerate() {
            let space = if nth == 0 { "" } else { " " };
            write!(f, "{space}{name}={value}")?;
        }
        Ok(())
    }
}

impl Serialize for Controls {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Controls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ControlsVisitor)
    }
}

/// A map of serde's own would keep the last of two values for one name.
struct ControlsVisitor;

impl<'de> Visitor<'de> for ControlsVisitor {
    type Value = Controls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of controls and whole numbers")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Controls, M::Error> {
        let mut controls = Vec::new();
        while let Some(control) = map.next_entry()? {
            controls.push(control);
        }
        Controls::new(controls).map_err(M::Error::custom)
    }
}
