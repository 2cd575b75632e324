//! The store ledger on disk: one JSON file in the output folder, replaced as a whole.
//!
//! ```text
//! {"version":1,"boot":"...","synced":true,"store":"0199...","session":"0199...",
//!  "cameras":[{"camera":"front-door","newest":["0199...",12],"listed":["0199..."],
//!              "streams":[["0199...",{"stored":[[1,1234]],"first":1}]]}],
//!  "folders":[{"path":"front-door/2026-11-22/14/30","index_bytes":40312}]}
//! ```
//!
//! A checkpoint says what was on disk when it was written, and names the folders in use, each with the length of its
//! index at that moment. Frames that were stored later are in what has been added to those indexes: no start ever walks
//! over the files.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;
use protocol::receipt::StoreId;
use serde::{Deserialize, Serialize};

use super::durability::sync_folder;
use super::output::OutputFolder;
use super::recovery;
use super::replace::{at, replace_synced};
use crate::ledger::StoreLedger;

/// The name of the checkpoint in the output folder.
pub const LEDGER_FILE: &str = ".framebridge.ledger.json";

/// Beside it, one that could not be read.
const UNREADABLE_LEDGER_FILE: &str = ".framebridge.ledger.json.unreadable";

const VERSION: u32 = 1;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    version: u32,
    /// The system's run, where it has a name: what was not synced does not outlive it for certain.
    #[serde(default)]
    pub(super) boot: Option<String>,
    /// Whether all that the ledger says was synced.
    #[serde(default)]
    pub(super) synced: bool,
    #[serde(flatten)]
    pub(super) ledger: StoreLedger,
    pub(super) folders: Vec<FolderMark>,
}

/// A folder in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FolderMark {
    /// Below the output folder, with slashes.
    pub(super) path: String,
    /// The ledger has all that its index says up to here.
    pub(super) index_bytes: u64,
    /// It could not be read since the system's last start: what is not there may have been lost then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) outlived_boot: bool,
}

impl Checkpoint {
    pub(super) fn new(ledger: StoreLedger, folders: Vec<FolderMark>, synced: bool) -> Self {
        Self {
            version: VERSION,
            boot: boot(),
            synced,
            ledger,
            folders,
        }
    }

    /// The file's content.
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec(self).expect("names and numbers always serialize");
        json.push(b'\n');
        json
    }
}

/// What was found of a checkpoint.
#[derive(Debug)]
pub(super) enum Found {
    Whole(Checkpoint),
    Nothing,
    /// It is there, and makes no sense.
    Unreadable(serde_json::Error),
}

/// Reads the checkpoint of the output folder `root`.
///
/// # Errors
/// The disk does not give it: it may be whole all the same.
pub(super) fn read(root: &Path) -> io::Result<Found> {
    let path = root.join(LEDGER_FILE);
    let json = match fs::read(&path) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(at(&path, &error)),
    };
    Ok(match serde_json::from_slice::<Checkpoint>(&json) {
        Ok(checkpoint) if checkpoint.version == VERSION => Found::Whole(checkpoint),
        Ok(other) => Found::Unreadable(serde::de::Error::custom(format_args!(
            "version {} is not known here",
            other.version
        ))),
        Err(error) => Found::Unreadable(error),
    })
}

/// Puts a checkpoint that makes no sense aside: another takes its place.
pub(super) fn set_aside(root: &Path) -> io::Result<()> {
    let aside = root.join(UNREADABLE_LEDGER_FILE);
    fs::rename(root.join(LEDGER_FILE), &aside).map_err(|error| at(&aside, &error))
}

/// Replaces the checkpoint of `root`: a power cut leaves the old one or this one, whole; with `and_sync` this one.
pub(super) fn write(root: &Path, json: &[u8], and_sync: bool) -> io::Result<()> {
    replace_synced(root, LEDGER_FILE, json)?;
    if and_sync {
        sync_folder(root)?;
    }
    Ok(())
}

/// The ledger of `folder` as its checkpoint has it; `None` if there is none that can be read.
///
/// # Errors
/// The disk does not give it.
pub fn read_ledger(folder: &OutputFolder) -> io::Result<Option<StoreLedger>> {
    Ok(match read(folder.root())? {
        Found::Whole(checkpoint) => Some(checkpoint.ledger),
        Found::Nothing | Found::Unreadable(_) => None,
    })
}

/// Makes the checkpoint of `folder` anew from what its indexes record and its files prove. What an older one knows beyond
/// that (frames whose files were moved away) is kept, and so is the folder's name; without one it gets a new name.
///
/// # Errors
/// An index cannot be read, or the checkpoint cannot be written.
pub fn rebuild(folder: &OutputFolder) -> io::Result<StoreId> {
    let ledger = recovery::recover_all(folder.root())?;
    let store = ledger.store();
    // All indexes are in it: no start needs to look into any of them.
    let json = Checkpoint::new(ledger, Vec::new(), true).to_json();
    write(folder.root(), &json, true)?;
    Ok(store)
}

/// When the checkpoint of `root` was written.
pub(super) fn written_at(root: &Path) -> Option<Timestamp> {
    let metadata = fs::metadata(root.join(LEDGER_FILE)).ok()?;
    metadata.modified().ok()?.try_into().ok()
}

/// The name of the system's present run, where it tells one.
pub(super) fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}
