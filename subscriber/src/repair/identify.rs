//! What a file without an entry is, by its name, its place and its content. Pure.

use std::path::{Component, Path};

use jiff::Timestamp;
use protocol::frame::StreamId;
use protocol::jpeg;
use protocol::topic::CameraName;

use super::known::Known;
use crate::exif;
use crate::index::{Entry, Kind};
use crate::layout::{FOREIGN, ForeignName, FrameName, QUARANTINE, QuarantineName, legal_name};

/// What is said of a payload whose reason went with its entry.
const LOST_REASON: &str = "its entry was lost";

/// The entry for `file` in `folder`, which is relative to the output folder. `Err` says why there can be none.
pub(super) fn identify(
    known: &Known,
    folder: &Path,
    file: &str,
    content: &[u8],
    modified_at: Timestamp,
) -> Result<Entry, String> {
    let names: Vec<_> = folder.components().filter_map(name_of).collect();
    let crc32c = protocol::frame::checksum(content);
    let entry = |camera, kind, received_at, size| Entry {
        file: file.to_owned(),
        camera,
        kind,
        size,
        bytes: content.len() as u64,
        crc32c,
        exif_bytes: 0,
        received_at,
    };
    if let [QUARANTINE, camera] = names[..] {
        let name = QuarantineName::parse(file).ok_or("it is not named by its content")?;
        if (name.crc32c, name.bytes) != (crc32c, content.len() as u64) {
            return Err("its content is not what its name says".to_owned());
        }
        let reason = LOST_REASON.to_owned();
        let kind = Kind::Quarantined { reason };
        return Ok(entry(camera_of(camera)?, kind, modified_at, None));
    }
    let size = jpeg::check(content).map_err(|error| format!("it is no whole JPEG: {error}"))?;
    if let [camera, FOREIGN, ..] = names[..] {
        let name = ForeignName::parse(file).ok_or("it is not named by its arrival")?;
        if name.crc32c != crc32c {
            return Err("its content is not what its name says".to_owned());
        }
        let camera = camera_of(camera)?;
        return Ok(entry(camera, Kind::Foreign, name.received_at, Some(size)));
    }
    let name = FrameName::parse(file).ok_or("its name does not say which frame it is")?;
    let (camera, stream) = stream_of(known, &names, &name.stream8)?;
    let kind = Kind::Frame {
        stream,
        sequence: name.sequence,
        captured_at: name.captured_at,
        dropped: 0,
    };
    Ok(without_exif(
        entry(camera, kind, modified_at, Some(size)),
        content,
    ))
}

/// The same, of the picture as it came, if metadata were put into its file.
fn without_exif(entry: Entry, content: &[u8]) -> Entry {
    let exif_bytes = exif::own_bytes(content);
    let mut picture = content.to_vec();
    exif::take_out(&mut picture, exif_bytes);
    Entry {
        bytes: picture.len() as u64,
        crc32c: protocol::frame::checksum(&picture),
        exif_bytes,
        ..entry
    }
}

/// The stream that is named so in a file of a folder of these names.
fn stream_of(
    known: &Known,
    folder: &[&str],
    stream8: &str,
) -> Result<(CameraName, StreamId), String> {
    let mut candidates: Vec<_> = known.streams_named(stream8).collect();
    if candidates.len() > 1 {
        candidates.retain(|(camera, _)| folder.contains(&&*legal_name(camera.as_str())));
    }
    match candidates[..] {
        [found] => Ok(found.clone()),
        [] => Err(format!(
            "neither an index nor the ledger knows a stream that ends in {stream8}"
        )),
        _ => Err(format!("more than one stream ends in {stream8}")),
    }
}

/// The camera whose folder has this name. What was made legal for Windows cannot be told from what was so before.
fn camera_of(folder: &str) -> Result<CameraName, String> {
    let camera = folder.parse::<CameraName>();
    camera.map_err(|_| format!("the folder {folder:?} names no camera"))
}

fn name_of(component: Component<'_>) -> Option<&str> {
    match component {
        Component::Normal(name) => name.to_str(),
        _ => None,
    }
}
