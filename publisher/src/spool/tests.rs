use super::*;

fn facts(jpeg: &[u8]) -> Facts {
    Facts {
        captured_micros: 1_795_000_000_123_456,
        bytes: jpeg.len() as u64,
        crc32c: protocol::frame::checksum(jpeg),
    }
}

fn open(dir: &Path) -> (Spool, Leftovers, StreamId) {
    let stream = StreamId::new();
    let (spool, leftovers) =
        Spool::open(dir, &"door".parse().unwrap(), stream, SpoolSync::None).unwrap();
    (spool, leftovers, stream)
}

#[test]
fn what_one_run_leaves_the_next_one_finds() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, leftovers, stream) = open(dir.path());
    assert!(leftovers.frames.is_empty());
    let pictures = [&b"one"[..], b"two", b"three"];
    for (jpeg, sequence) in pictures.iter().zip(1..) {
        let key = Key { stream, sequence };
        spool.write(key, facts(jpeg), jpeg).unwrap();
        assert_eq!(spool.read(key, facts(jpeg)).unwrap(), *jpeg);
    }
    spool.remove(
        Key {
            stream,
            sequence: 2,
        },
        facts(b"two"),
    );
    let given_up: RangeSet = [4..=9].into_iter().collect();
    spool.write_given_up(stream, &given_up);
    drop(spool);

    let (spool, leftovers, _) = open(dir.path());
    let found: Vec<u64> = leftovers
        .frames
        .iter()
        .map(|(key, _)| key.sequence)
        .collect();
    assert_eq!(found, [1, 3]);
    assert!(leftovers.given_up.contains(&(stream, given_up)));
    for (key, facts) in leftovers.frames {
        assert_eq!(key.stream, stream);
        let jpeg = spool.read(key, facts).unwrap();
        assert_eq!(jpeg, pictures[usize::try_from(key.sequence).unwrap() - 1]);
    }
}

#[test]
fn a_torn_file_is_set_aside() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _, stream) = open(dir.path());
    let key = Key {
        stream,
        sequence: 1,
    };
    spool.write(key, facts(b"whole"), b"whole").unwrap();
    let path = spool.path(key, facts(b"whole"));
    fs::write(&path, b"who").unwrap();
    let Err(ReadError::Torn(aside)) = spool.read(key, facts(b"whole")) else {
        panic!("it is torn");
    };
    assert_eq!(fs::read(aside).unwrap(), b"who");
    assert!(matches!(
        spool.read(key, facts(b"whole")),
        Err(ReadError::Gone)
    ));
}

#[test]
fn what_was_never_numbered_is_removed_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _, stream) = open(dir.path());
    let part = spool.folder().join(stream.to_string()).join("1_x.part");
    fs::write(&part, b"half").unwrap();
    drop(spool);
    let (_spool, leftovers, _) = open(dir.path());
    assert!(leftovers.frames.is_empty());
    assert!(!part.exists());
}

#[test]
fn two_publishers_of_a_camera_do_not_share_a_spool() {
    let dir = tempfile::tempdir().unwrap();
    let (_spool, _, _) = open(dir.path());
    let second = Spool::open(
        dir.path(),
        &"door".parse().unwrap(),
        StreamId::new(),
        SpoolSync::None,
    );
    let error = format!("{:#}", second.unwrap_err());
    assert!(error.contains("another frame-publisher"), "{error}");
    Spool::open(
        dir.path(),
        &"gate".parse().unwrap(),
        StreamId::new(),
        SpoolSync::None,
    )
    .expect("another camera has a folder of its own");
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_full_disk_cannot_name_is_named_before_another_frame_is_numbered() {
    let dir = tempfile::tempdir().unwrap();
    let (spool, _, stream) = open(dir.path());
    let page = spool
        .folder()
        .join(stream.to_string())
        .join(keeper::GIVEN_UP_FILE);
    // A disk that is full for this file alone.
    spool.given_up.lock().unwrap().remove(&stream);
    fs::remove_file(&page).unwrap();
    std::os::unix::fs::symlink("/dev/full", &page).unwrap();
    spool.write_given_up(stream, &[1..=3].into_iter().collect());
    let fourth = Key {
        stream,
        sequence: 4,
    };
    let refused = spool.write(fourth, facts(b"x"), b"x").unwrap_err();
    assert!(runtime::folder::is_full(&refused), "{refused}");

    fs::remove_file(&page).unwrap();
    spool.write(fourth, facts(b"x"), b"x").unwrap();
    let named = fs::read_to_string(&page).unwrap();
    assert!(named.starts_with("1-3\n\n"), "{named}");
}
