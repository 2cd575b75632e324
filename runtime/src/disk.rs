//! Whether a folder takes what a program will write to it: room, speed, rights. What is tried is removed again.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytesize::ByteSize;

use crate::disk_space::space;
use crate::findings::Findings;
use crate::folder::LOCK_FILE;

/// What these findings are entered as.
pub const CHECK: &str = "disk";

/// Enough to get past what a disk takes into its own memory at once, and no burden for an SD card.
const TRIAL_BYTES: usize = 16 << 20;
const CHUNK_BYTES: usize = 1 << 20;
/// A disk as slow as that has told enough.
const LONGEST_TRIAL: Duration = Duration::from_secs(5);

/// 30 frames a second of 120 KB, and a little.
const SLOW: f64 = 5e6;

/// What is asked of a folder.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    /// The option that names it.
    pub option: &'a str,
    /// The folder; it need not be there yet.
    pub folder: &'a Path,
    /// The options that bound what is kept in it, for who runs out of room.
    pub bounded_by: &'a str,
    /// How large its content may become, if that is bounded: the option, and bytes.
    pub may_grow_to: Option<(&'a str, u64)>,
    /// What comes now, if that is known.
    pub bytes_per_second: Option<f64>,
}

/// Enters whether the folder can be written to, how fast, and how much room it has.
pub fn check(findings: &mut Findings, demand: Demand<'_>) {
    let shown = demand.folder.display();
    let Some(present) = nearest_present(demand.folder) else {
        return findings.error(
            CHECK,
            format!("{} {shown}: no part of this path exists", demand.option),
        );
    };
    let (is_there, what) = if present == demand.folder {
        (true, format!("{} {shown}", demand.option))
    } else {
        (false, format!("{} {shown} (not made yet)", demand.option))
    };
    let in_use = if is_there && is_in_use(&present) {
        ", in use by a running program"
    } else {
        ""
    };
    let speed = match trial(&present) {
        Ok(speed) => speed,
        Err(error) => {
            return findings.error(
                CHECK,
                format!(
                    "{what} cannot be written to: {error}: {}",
                    advice(&error, demand, &present)
                ),
            );
        }
    };
    let says = format!("{what}{in_use}: writes {} a second", size(speed));
    match space(&present) {
        Some(space) => judge(findings, demand, &present, &says, speed, space.free),
        None if speed < SLOW => findings.warning(CHECK, format!("{says}: {}", too_slow())),
        None => findings.ok(CHECK, says),
    }
}

/// What to do about a folder that takes nothing.
fn advice(error: &io::Error, demand: Demand<'_>, present: &Path) -> String {
    if !matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    ) {
        return "give it to this user, or name another folder".to_owned();
    }
    let full = present
        .canonicalize()
        .unwrap_or_else(|_| present.to_owned());
    let room = space(present).map_or_else(String::new, |space| {
        let (free, total) = (ByteSize(space.free), ByteSize(space.total));
        format!(" has {free} free of {total}")
    });
    let bounds = demand.bounded_by;
    format!(
        "the disk of {}{room}: make room, or bound what is kept there with {bounds}",
        full.display()
    )
}

fn judge(
    findings: &mut Findings,
    demand: Demand<'_>,
    present: &Path,
    says: &str,
    speed: f64,
    room: u64,
) {
    let says = format!("{says}, {} free", ByteSize(room));
    if speed < SLOW {
        return findings.warning(CHECK, format!("{says}: {}", too_slow()));
    }
    if let Some((option, most)) = demand.may_grow_to {
        let taken = if present == demand.folder {
            bytes_in(present)
        } else {
            0
        };
        if room < most.saturating_sub(taken) {
            let (taken, most) = (ByteSize(taken), ByteSize(most));
            return findings.warning(
                CHECK,
                format!(
                    "{says}, {taken} taken, and it may grow to {most}: lower {option}, or make room"
                ),
            );
        }
    }
    match demand.bytes_per_second.filter(|rate| *rate >= 1.0) {
        Some(rate) => findings.ok(
            CHECK,
            format!("{says}, enough for {}", lasts(room as f64 / rate)),
        ),
        None => findings.ok(CHECK, says),
    }
}

/// In days, hours or minutes.
fn lasts(seconds: f64) -> String {
    let (amount, unit) = match seconds {
        0.0..7200.0 => (seconds / 60.0, "minutes"),
        7200.0..172_800.0 => (seconds / 3600.0, "hours"),
        _ => (seconds / 86400.0, "days"),
    };
    format!("{amount:.0} {unit} of what comes now")
}

fn too_slow() -> String {
    format!("30 frames a second of 120 KB need {}", size(3.6e6))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a speed in bytes"
)]
fn size(bytes: f64) -> ByteSize {
    ByteSize(bytes as u64)
}

/// The folder itself, or the nearest one above it that exists.
fn nearest_present(folder: &Path) -> Option<PathBuf> {
    let start = if folder.is_absolute() {
        folder.to_owned()
    } else {
        std::env::current_dir().ok()?.join(folder)
    };
    if start.exists() {
        return Some(folder.to_owned());
    }
    start
        .ancestors()
        .find(|path| path.exists())
        .map(Path::to_owned)
}

/// Whether a program of ours holds it. A lock that cannot be asked for is none.
fn is_in_use(folder: &Path) -> bool {
    File::options()
        .write(true)
        .open(folder.join(LOCK_FILE))
        .is_ok_and(|lock| matches!(lock.try_lock(), Err(TryLockError::WouldBlock)))
}

/// Writes a file, has the disk keep it, and removes it. Bytes a second.
fn trial(folder: &Path) -> io::Result<f64> {
    let trial = Trial(folder.join(format!(".framebridge-doctor-{}.part", std::process::id())));
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .open(&trial.0)?;
    // Not zeros: some disks and file systems make nothing of them.
    let chunk: Vec<u8> = (0..=250).cycle().take(CHUNK_BYTES).collect();
    let start = Instant::now();
    let mut written = 0;
    while written < TRIAL_BYTES && start.elapsed() < LONGEST_TRIAL {
        file.write_all(&chunk)?;
        file.sync_data()?;
        written += chunk.len();
    }
    Ok(written as f64 / start.elapsed().as_secs_f64().max(1e-6))
}

/// A file that goes with this value, whatever happens.
struct Trial(PathBuf);

impl Drop for Trial {
    fn drop(&mut self) {
        // Where it could not be made there is none.
        let _ = fs::remove_file(&self.0);
    }
}

/// Of all files in it. What vanishes meanwhile, or is not ours to read, is not counted.
fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .filter_map(Result::ok)
        .filter_map(|entry| Some((entry.file_type().ok()?, entry)))
        .map(|(kind, entry)| {
            if kind.is_dir() {
                bytes_in(&entry.path())
            } else {
                entry.metadata().map_or(0, |file| file.len())
            }
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::{Finding, Verdict};

    fn found(folder: &Path, may_grow_to: Option<(&str, u64)>) -> Finding {
        let mut findings = Findings::new(true);
        let demand = Demand {
            option: "--out",
            folder,
            bounded_by: "--keep-bytes",
            may_grow_to,
            bytes_per_second: None,
        };
        check(&mut findings, demand);
        findings.all()[0].clone()
    }

    #[test]
    fn a_trial_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let finding = found(folder.path(), None);
        assert_ne!(finding.verdict, Verdict::Error, "{}", finding.says);
        assert!(finding.says.contains(" a second"), "{}", finding.says);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_full_disk_is_named_with_its_room_and_what_bounds_it() {
        let folder = tempfile::tempdir().unwrap();
        let demand = Demand {
            option: "--out",
            folder: folder.path(),
            bounded_by: "--keep-for or --keep-bytes",
            may_grow_to: None,
            bytes_per_second: None,
        };
        let says = |kind: io::ErrorKind| advice(&kind.into(), demand, folder.path());
        let full = says(io::ErrorKind::StorageFull);
        assert!(full.contains(" free of "), "{full}");
        assert!(full.ends_with("with --keep-for or --keep-bytes"), "{full}");
        let denied = says(io::ErrorKind::PermissionDenied);
        assert!(denied.starts_with("give it to this user"), "{denied}");
    }

    #[test]
    fn a_folder_that_is_not_there_is_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let finding = found(&folder.path().join("a/b"), None);
        assert!(finding.says.contains("not made yet"), "{}", finding.says);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let finding = found(file.path(), None);
        assert_eq!(finding.verdict, Verdict::Error);
        assert!(
            finding.says.contains("cannot be written to"),
            "{}",
            finding.says
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_may_grow_beyond_the_disk_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let finding = found(folder.path(), Some(("--spool-max-bytes", u64::MAX)));
        assert_eq!(finding.verdict, Verdict::Warning);
        assert!(
            finding.says.contains("lower --spool-max-bytes"),
            "{}",
            finding.says
        );
    }

    #[test]
    fn how_long_room_lasts_is_told_in_a_unit_for_people() {
        assert_eq!(lasts(600.0), "10 minutes of what comes now");
        assert_eq!(lasts(10_000.0), "3 hours of what comes now");
        assert_eq!(lasts(1e6), "12 days of what comes now");
    }

    #[test]
    fn a_folder_that_a_program_holds_is_told() {
        let folder = tempfile::tempdir().unwrap();
        assert!(!is_in_use(folder.path()));
        let lock = crate::folder::lock(folder.path()).unwrap();
        assert!(is_in_use(folder.path()));
        drop(lock);
        assert!(!is_in_use(folder.path()));
    }
}
