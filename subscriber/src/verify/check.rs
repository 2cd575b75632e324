//! One file against its index entry.

use std::fs;
use std::io::{self, Cursor};
use std::panic::catch_unwind;
use std::path::Path;

use protocol::jpeg::{self, JpegError};
use zune_jpeg::JpegDecoder;

use crate::exif;
use crate::index::Entry;

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("is missing")]
    Missing,
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    #[error("has {found} bytes, not {recorded}")]
    Size { found: u64, recorded: u64 },
    #[error("has checksum {found:08x}, not {recorded:08x}")]
    Checksum { found: u32, recorded: u32 },
    #[error("is no whole JPEG: {0}")]
    Incomplete(JpegError),
    #[error("cannot be decoded: {0}")]
    Undecodable(String),
}

/// Reads the file and compares it; the first fault is the answer.
pub(super) fn check(path: &Path, entry: &Entry, decode: bool) -> Result<(), Fault> {
    let mut bytes = fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Fault::Missing,
        _ => Fault::Unreadable(error),
    })?;
    let found = bytes.len() as u64;
    let recorded = entry.file_bytes();
    if found != recorded {
        return Err(Fault::Size { found, recorded });
    }
    exif::take_out(&mut bytes, entry.exif_bytes);
    let found = protocol::frame::checksum(&bytes);
    if found != entry.crc32c {
        let recorded = entry.crc32c;
        return Err(Fault::Checksum { found, recorded });
    }
    // Cameras leave out the standard Huffman tables: viewers know them, the decoder here does not.
    let picture = jpeg::prepare(bytes, usize::MAX).map_err(Fault::Incomplete)?;
    if decode {
        decodes(&picture.jpeg).map_err(Fault::Undecodable)?;
    }
    Ok(())
}

/// The bytes came from the network: should they bring the decoder down, that is one more fault of theirs.
fn decodes(bytes: &[u8]) -> Result<(), String> {
    match catch_unwind(|| JpegDecoder::new(Cursor::new(bytes)).decode()) {
        Ok(Ok(_pixels)) => Ok(()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_panic) => Err("the decoder gave up on it".to_owned()),
    }
}
