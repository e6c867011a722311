use super::*;
use std::fs;

fn user(name: &str, role: Role, password: &str) -> User {
    User { name: UserName::parse(name).expect("a name"), role, password: PasswordHash::of(password).expect("random bytes") }
}

fn write(path: &Path, text: &str) {
    plain_file::replace_secret(path, text.as_bytes()).expect("it can be written");
}

#[test]
fn users_are_read_as_they_were_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("users");
    let mut users = Users::default();
    users.add(user("zoë", Role::Viewer, "a few words")).expect("there is room");
    users.add(user("anna@home", Role::Admin, "other words")).expect("there is room");
    users.write(&path).expect("it can be written");
    let read = Users::read(&path).expect("they are there");
    assert_eq!(read, users);
    assert_eq!(read.iter().map(|user| user.name.as_str()).collect::<Vec<_>>(), ["anna@home", "zoë"]);
    assert!(read.find("zoë").expect("she is there").password.is_of("a few words"));
    assert!(!read.find("zoë").expect("she is there").password.is_of("other words"));
    assert!(read.find("Zoë").is_none());
}

#[test]
fn one_name_is_one_user() {
    let mut users = Users::default();
    let anna = UserName::parse("anna").expect("a name");
    assert_eq!(
        users.remove(&anna).expect_err("nobody is there").0,
        "there is no user anna, for there is none at all; `hlscam user add anna` adds one"
    );
    users.add(user("anna", Role::Viewer, "a few words")).expect("there is room");
    let again = users.add(user("anna", Role::Admin, "a few words")).expect_err("the name is taken");
    assert!(again.0.contains("there is a user anna already"), "{again}");
    let otto = UserName::parse("otto").expect("a name");
    assert_eq!(users.remove(&otto).expect_err("nobody is called so").0, "there is no user otto; there is anna");
    users.find_mut(&anna).expect("she is there").role = Role::Operator;
    assert_eq!(users.find("anna").map(|user| user.role), Some(Role::Operator));
    users.remove(&anna).expect("she is there");
    assert!(users.is_empty());
}

#[test]
fn what_is_no_file_of_users_is_told_by_its_line_and_without_its_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("users");
    let check = |text: &str, expect: &str| {
        write(&path, text);
        let why = Users::read(&path).expect_err("it is none").0;
        assert!(why.ends_with(expect), "{why}");
        assert!(!why.contains("hunter2"), "{why}");
    };
    let hash = PasswordHash::of_nobody();
    check("", "its first line is not `# users of hlscam, format 1`; `hlscam user add` makes one");
    check("anna:hunter2\n", "`hlscam user add` makes one");
    check("# users of hlscam, format 2\n", "a newer hlscam has written it (format 2)");
    check("# users of hlscam, format 1\nhunter2", "line 2: a line is NAME:ROLE:HASH");
    check("# users of hlscam, format 1\n\nanna:owner:hunter2", "line 3: a role is viewer, operator or admin");
    check("# users of hlscam, format 1\nanna:admin:hunter2", "line 2: the third field is no argon2id hash");
    check(&format!("# users of hlscam, format 1\n-a:admin:{}", hash.as_str()), "64 bytes long at most");
    let twice = format!("anna:admin:{}\n", hash.as_str()).repeat(2);
    check(&format!("# users of hlscam, format 1\n{twice}"), "line 3: that name was there before");
    let dear = hash.as_str().replace("m=19456", "m=4000000");
    check(
        &format!("# users of hlscam, format 1\nanna:admin:{dear}"),
        "the hash asks for more memory or time than a login may cost",
    );
}

#[cfg(unix)]
#[test]
fn a_file_that_everybody_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("users");
    Users::default().write(&path).expect("it can be written");
    assert_eq!(fs::metadata(&path).expect("it is there").permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("it is ours");
    let why = Users::read(&path).expect_err("everybody may read it").0;
    assert!(why.starts_with("everybody on this computer may open ") && why.contains("chmod 600"), "{why}");
    fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).expect("it is ours");
    Users::read(&path).expect("its group may");
}

#[test]
fn passwords_that_anybody_tries_are_refused() {
    let why = |password: &str| password::check(password, Some("annaanna")).err().unwrap_or_default();
    assert_eq!(why(""), "the password is empty");
    assert!(why("seven77").contains("shorter than 8 characters"));
    for common in ["Password", "12345678", "aaaaaaaaaaaa", "AnnaAnna", "xxxxxxxx"] {
        assert!(why(common).contains("one of the first"), "{common}");
    }
    assert!(why("with\ttab").contains("control character"));
    assert!(why(&"ab".repeat(300)).contains("longer than 512"));
    assert_eq!(why("correct horse"), "");
    assert_eq!(why("pässword-ö"), "");
}

#[test]
fn each_hash_has_a_salt_of_its_own() {
    let hashes = [PasswordHash::of("a few words").expect("random bytes"), PasswordHash::of("a few words").expect("random bytes")];
    assert_ne!(hashes[0], hashes[1]);
    assert!(hashes.iter().all(|hash| hash.is_of("a few words") && !hash.is_of("a few word")));
    assert!(!PasswordHash::of_nobody().is_of(""));
}
