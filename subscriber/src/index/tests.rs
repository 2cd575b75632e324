use std::fs;

use proptest::prelude::*;

use super::*;

fn entry(sequence: u64) -> Entry {
    Entry {
        file: format!("{sequence}.jpg"),
        camera: "front-door".parse().unwrap(),
        kind: Kind::Frame {
            stream: StreamId::parse("01990000-0000-7000-8000-00001a2b3c4d").unwrap(),
            sequence,
            captured_at: "2026-11-22T14:30:05.123456Z".parse().unwrap(),
            dropped: 2,
        },
        size: Some((1280, 720)),
        bytes: 120_345,
        crc32c: 0x0a1b_2c3d,
        exif_bytes: 0,
        received_at: "2026-11-22T14:30:05.2Z".parse().unwrap(),
    }
}

fn entries(folder: &Path) -> (Vec<Entry>, Scan) {
    let mut entries = Vec::new();
    let scan = read(folder, |entry| entries.push(entry)).unwrap();
    (entries, scan)
}

fn append(folder: &Path, entry: &Entry) {
    IndexWriter::open(folder, |_| {})
        .unwrap()
        .append(entry)
        .unwrap();
}

#[test]
fn a_line_is_the_documented_json() {
    let line = String::from_utf8(line::to_bytes(&entry(123))).unwrap();
    assert_eq!(
        line,
        concat!(
            r#"{"file":"123.jpg","camera":"front-door","stream":"01990000-0000-7000-8000-00001a2b3c4d","#,
            r#""sequence":123,"time":"2026-11-22T14:30:05.123456Z","width":1280,"height":720,"bytes":120345,"#,
            r#""crc32c":"0a1b2c3d","dropped":2,"received":"2026-11-22T14:30:05.200000Z"}"#,
            "\n"
        )
    );
}

#[test]
fn every_kind_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut kinds = vec![entry(1), entry(u64::MAX), entry(3)];
    kinds[1].kind = Kind::Foreign;
    kinds[2].kind = Kind::Quarantined {
        reason: "truncated \"here\"\n".to_owned(),
    };
    kinds[2].size = None;
    for entry in &kinds {
        append(folder.path(), entry);
    }
    let (found, scan) = entries(folder.path());
    assert_eq!(found, kinds);
    assert_eq!((scan.end, scan.unreadable), (End::Clean, vec![]));
}

#[test]
fn a_folder_without_an_index_has_no_entries() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(entries(folder.path()), (vec![], Scan::default()));
}

#[test]
fn an_unreadable_line_hides_no_other() {
    let folder = tempfile::tempdir().unwrap();
    append(folder.path(), &entry(1));
    let path = folder.path().join(INDEX_FILE);
    let mut text = fs::read(&path).unwrap();
    text.extend_from_slice(b"\xff\xfe\n\n{\"file\":\"x.jpg\"}\n");
    let elsewhere = String::from_utf8(line::to_bytes(&entry(9))).unwrap();
    text.extend_from_slice(elsewhere.replace("9.jpg", "../9.jpg").as_bytes());
    fs::write(&path, text).unwrap();
    append(folder.path(), &entry(2));
    let (found, scan) = entries(folder.path());
    assert_eq!(found, [entry(1), entry(2)]);
    assert_eq!(scan.unreadable, [2, 4, 5]);
}

proptest! {
    #[test]
    fn wherever_a_crash_tears_the_last_line_the_index_goes_on(lost in 1_usize..200) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(INDEX_FILE);
        append(folder.path(), &entry(1));
        append(folder.path(), &entry(2));
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - lost]).unwrap();

        // Without its line feed alone, the second entry is still an entry.
        let kept = if lost == 1 { vec![entry(1), entry(2)] } else { vec![entry(1)] };
        let (found, scan) = entries(folder.path());
        prop_assert_eq!(&found, &kept);
        prop_assert_eq!(scan.end, if lost == 1 { End::Unterminated } else { End::Torn });

        append(folder.path(), &entry(3));
        let (found, scan) = entries(folder.path());
        prop_assert_eq!(found, [kept, vec![entry(3)]].concat());
        prop_assert_eq!((scan.end, scan.unreadable), (End::Clean, vec![]));
    }
}
