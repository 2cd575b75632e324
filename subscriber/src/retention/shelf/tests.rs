use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// An index of which the first lines are gone: when each file arrived, in seconds, and its size.
#[derive(Debug, Default)]
struct Folder {
    lines: Vec<(i64, u64)>,
    gone: usize,
}

/// A disk as a retention that reads and deletes would see it.
#[derive(Default)]
struct Disk {
    folders: BTreeMap<Arc<Path>, Folder>,
    shelf: Shelf,
    /// What was deleted, by arrival.
    deleted: Vec<(i64, u64)>,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

impl Disk {
    fn store(&mut self, folder: u8, arrival: i64, bytes: u64) {
        let folder: Arc<Path> = Path::new(&folder.to_string()).into();
        let lines = &mut self.folders.entry(folder.clone()).or_default().lines;
        self.shelf
            .add(&folder, lines.len() as u64, bytes, at(arrival));
        lines.push((arrival, bytes));
    }

    fn sweep(&mut self, limits: &Limits, now: i64) {
        while let Some(mut cut) = self.shelf.cut(limits, at(now)) {
            let folder = self.folders.get_mut(&cut.folder).unwrap();
            assert_eq!(cut.start, folder.gone as u64, "it begins at the oldest");
            let mut next = None;
            for &(arrival, bytes) in &folder.lines[folder.gone..] {
                if !cut.takes(at(arrival), bytes) {
                    next = Some((folder.gone as u64, at(arrival)));
                    break;
                }
                folder.gone += 1;
                self.deleted.push((arrival, bytes));
            }
            let is_left = folder.gone < folder.lines.len();
            assert_eq!(self.shelf.taken(&cut, next), is_left);
        }
    }

    fn kept(&self) -> Vec<(i64, u64)> {
        self.folders
            .values()
            .flat_map(|folder| folder.lines[folder.gone..].iter().copied())
            .collect()
    }

    fn bytes(&self) -> u64 {
        self.kept().iter().map(|(_, bytes)| bytes).sum()
    }
}

/// Folder, seconds since the file before, size.
fn files() -> impl Strategy<Value = Vec<(u8, i64, u64)>> {
    prop::collection::vec((0_u8..4, 0_i64..5, 1_u64..20), 0..80)
}

fn limits() -> impl Strategy<Value = Limits> {
    let keep_for = prop::option::of((0_u64..60).prop_map(Duration::from_secs));
    (keep_for, prop::option::of(0_u64..300)).prop_map(|(keep_for, keep_bytes)| Limits {
        keep_for,
        keep_bytes,
    })
}

proptest! {
    #[test]
    fn the_oldest_go_and_no_more_than_must(files in files(), limits in limits(), every in 1_usize..20) {
        let (mut disk, mut now) = (Disk::default(), 0);
        for (n, (folder, pause, bytes)) in files.into_iter().enumerate() {
            now += pause;
            disk.store(folder, now, bytes);
            if n % every == 0 {
                disk.sweep(&limits, now);
            }
        }
        let (before, bytes_before) = (disk.deleted.len(), disk.bytes());
        disk.sweep(&limits, now);

        let oldest_kept = disk.kept().into_iter().map(|(arrival, _)| arrival).min();
        prop_assert!(disk.deleted.iter().all(|(arrival, _)| oldest_kept.is_none_or(|kept| *arrival <= kept)));
        prop_assert!(disk.deleted.is_sorted_by_key(|(arrival, _)| *arrival));
        prop_assert_eq!(disk.shelf.bytes, disk.bytes());
        let is_old = |arrival: i64| {
            limits.keep_for.is_some_and(|keep| arrival < now - i64::try_from(keep.as_secs()).unwrap())
        };
        prop_assert!(oldest_kept.is_none_or(|arrival| !is_old(arrival)));
        prop_assert!(limits.keep_bytes.is_none_or(|keep| disk.bytes() <= keep));
        // Each that went in this sweep had to: it was too old, or there was too much as long as it was there.
        let mut bytes = bytes_before;
        for &(arrival, size) in &disk.deleted[before..] {
            prop_assert!(is_old(arrival) || limits.keep_bytes.is_some_and(|keep| bytes > keep));
            bytes -= size;
        }
    }

    #[test]
    fn whatever_clocks_do_too_much_goes_and_only_what_is_old_goes_by_its_age(
        files in prop::collection::vec((0_u8..4, 0_i64..100, 1_u64..20), 0..80), limits in limits(), now in 0_i64..100,
    ) {
        let mut disk = Disk::default();
        for (folder, arrival, bytes) in files {
            disk.store(folder, arrival, bytes);
        }
        disk.sweep(&limits, now);
        prop_assert_eq!(disk.shelf.bytes, disk.bytes());
        prop_assert!(limits.keep_bytes.is_none_or(|keep| disk.bytes() <= keep));
        if limits.keep_bytes.is_none() {
            let limit = limits.keep_for.map_or(0, |keep| now - i64::try_from(keep.as_secs()).unwrap());
            for folder in disk.folders.values() {
                let gone = &folder.lines[..folder.gone];
                prop_assert!(gone.iter().all(|(arrival, _)| *arrival < limit));
            }
        }
    }
}

#[test]
fn without_limits_nothing_goes() {
    let mut disk = Disk::default();
    disk.store(1, 0, u64::MAX);
    disk.store(1, 0, u64::MAX);
    disk.sweep(&Limits::default(), i64::from(i32::MAX));
    assert_eq!(disk.deleted, []);
}

#[test]
fn a_time_beyond_all_times_is_kept_for() {
    let mut disk = Disk::default();
    disk.store(1, 0, 1);
    let limits = Limits {
        keep_for: Some(Duration::MAX),
        keep_bytes: None,
    };
    disk.sweep(&limits, 1_000_000);
    assert_eq!(disk.deleted, []);
}
