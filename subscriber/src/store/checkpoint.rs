//! The store ledger on disk: one JSON file in the output folder, replaced as a whole.
//!
//! ```text
//! {"version":1,"boot":"...","store":"0199...","session":"0199...",
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

use protocol::receipt::StoreId;
use serde::{Deserialize, Serialize};

use super::durability::{sync_file, sync_folder};
use super::output::OutputFolder;
use super::recovery;
use super::replace::replace;
use crate::ledger::StoreLedger;

/// The name of the checkpoint in the output folder.
pub const LEDGER_FILE: &str = ".framebridge.ledger.json";

const VERSION: u32 = 1;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checkpoint {
    version: u32,
    /// The system's run, where it has a name: what was not synced does not outlive it for certain.
    #[serde(default)]
    pub(super) boot: Option<String>,
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
    pub(super) fn new(ledger: StoreLedger, folders: Vec<FolderMark>) -> Self {
        Self {
            version: VERSION,
            boot: boot(),
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
    Unreadable(io::Error),
}

/// Reads the checkpoint of the output folder `root`.
pub(super) fn read(root: &Path) -> Found {
    let json = match fs::read(root.join(LEDGER_FILE)) {
        Ok(json) => json,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Found::Nothing,
        Err(error) => return Found::Unreadable(error),
    };
    match serde_json::from_slice::<Checkpoint>(&json) {
        Ok(checkpoint) if checkpoint.version == VERSION => Found::Whole(checkpoint),
        Ok(other) => Found::Unreadable(io::Error::other(format!(
            "version {} is not known here",
            other.version
        ))),
        Err(error) => Found::Unreadable(error.into()),
    }
}

/// Replaces the checkpoint of `root`; with `and_sync` it outlives a power cut.
pub(super) fn write(root: &Path, json: &[u8], and_sync: bool) -> io::Result<()> {
    replace(root, LEDGER_FILE, json)?;
    if and_sync {
        sync_file(&root.join(LEDGER_FILE))?;
        sync_folder(root)?;
    }
    Ok(())
}

/// The ledger of `folder` as its checkpoint has it; `None` if there is none that can be read.
#[must_use]
pub fn read_ledger(folder: &OutputFolder) -> Option<StoreLedger> {
    match read(folder.root()) {
        Found::Whole(checkpoint) => Some(checkpoint.ledger),
        Found::Nothing | Found::Unreadable(_) => None,
    }
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
    let json = Checkpoint::new(ledger, Vec::new()).to_json();
    write(folder.root(), &json, true)?;
    Ok(store)
}

/// The name of the system's present run, where it tells one.
pub(super) fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}
