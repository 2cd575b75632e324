//! The users' file, read and written.

use super::*;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$MDEyMzQ1Njc4OTAxMjM0NQ";

fn camera(name: &str) -> User {
    User::parse("camera", name).unwrap()
}

#[test]
fn a_user_is_known_by_name_and_password_until_removed() {
    let folder = tempfile::tempdir().unwrap();
    let file = UserFile::open_or_new(folder.path().join("users")).unwrap();
    let known = Identities::new(file.clone()).unwrap();
    file.add(&camera("nest"), "secret").unwrap();
    assert_eq!(known.user("nest", "secret").unwrap(), Some(camera("nest")));
    assert_eq!(known.user("nest", "Secret").unwrap(), None);
    assert_eq!(known.user("door", "secret").unwrap(), None);
    assert!(matches!(
        file.add(&camera("nest"), "x"),
        Err(UsersError::Taken(..))
    ));

    assert_eq!(file.remove("nest").unwrap(), camera("nest"));
    assert_eq!(known.user("nest", "secret").unwrap(), None);
    assert!(matches!(file.remove("nest"), Err(UsersError::Unknown(..))));
}

#[test]
fn users_who_are_added_at_the_same_time_are_all_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = UserFile::open_or_new(folder.path().join("users")).unwrap();
    let names = ["a", "b", "c", "d"];
    std::thread::scope(|scope| {
        for name in names {
            let file = &file;
            scope.spawn(move || file.add(&camera(name), "secret").unwrap());
        }
    });
    for name in names {
        assert!(file.has(name).unwrap(), "{name}");
    }
}

#[test]
fn a_file_of_something_else_is_refused_by_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    for line in [
        "nest:$7$101$x",
        "camera nest",
        "camera nest $argon2idgarbage",
        "camera nest $argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$",
        &format!("robot nest {HASH}"),
        &format!("camera ../x {HASH}"),
        &format!("camera nest {HASH} y"),
    ] {
        fs::write(&path, format!("# mine\n\n{line}\n")).unwrap();
        let refused = UserFile::open(path.clone());
        assert!(
            matches!(refused, Err(UsersError::Line { line: 3, .. })),
            "{line}"
        );
    }
}

#[test]
fn what_a_person_wrote_beside_the_users_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("users");
    let before = format!("# the garden\n\n  # bought in May\ncamera nest {HASH}\n# the street");
    fs::write(&path, &before).unwrap();
    let file = UserFile::open(path.clone()).unwrap();
    file.add(&camera("door"), "secret").unwrap();
    let added = fs::read_to_string(&path).unwrap();
    assert!(added.starts_with(&format!("{before}\ncamera door $argon2id$")));
    file.remove("door").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), format!("{before}\n"));
    file.remove("nest").unwrap();
    let left = fs::read_to_string(&path).unwrap();
    assert_eq!(left, "# the garden\n\n  # bought in May\n# the street\n");
}

#[test]
fn no_two_passwords_are_alike() {
    let (one, other) = (new_password().unwrap(), new_password().unwrap());
    assert_ne!(one, other);
    assert_eq!(one.len(), 24);
}
