//! A camera's name as text, for serde.

use protocol::topic::CameraName;
use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

pub(crate) fn serialize<S: Serializer>(name: &CameraName, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(name.as_str())
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<CameraName, D::Error> {
    String::deserialize(from)?.parse().map_err(D::Error::custom)
}
