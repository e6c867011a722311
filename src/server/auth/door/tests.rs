use super::*;
use crate::{
    time::{ManualClock, WallTime},
    users::User,
};
use hyper::header;
use std::fs;
use tempfile::TempDir;

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

struct Fixture {
    folder: TempDir,
    clock: Arc<ManualClock>,
}

impl Fixture {
    fn new() -> Fixture {
        let clock = Arc::new(ManualClock::at(WallTime(1_795_191_552_000_000)));
        let fixture = Fixture { folder: tempfile::tempdir().expect("a folder"), clock };
        fixture.write(&[("anna", Role::Admin, "a few words"), ("otto", Role::Viewer, "other words")]);
        fixture
    }

    fn write(&self, all: &[(&str, Role, &str)]) {
        let mut users = Users::default();
        for (name, role, password) in all {
            let password = PasswordHash::of_file(password).expect("it can be hashed");
            users.add(User { name: UserName::parse(name).expect("a name"), role: *role, password }).expect("there is room");
        }
        users.write(&self.file()).expect("it can be written");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("users")
    }

    fn door(&self) -> Arc<Door> {
        self.door_of(UsersSource::Users(self.file())).expect("it can be read")
    }

    fn door_of(&self, source: UsersSource) -> Result<Arc<Door>, UsersError> {
        let protection = Protection { users: Some(source), is_open: false };
        Door::new(&protection, "8080", self.clock.clone()).map(Arc::new)
    }
}

fn typed(name: &str, password: &str) -> NamedPassword {
    NamedPassword { name: name.to_owned(), password: password.to_owned() }
}

fn with_cookie(cookie: &str) -> HeaderMap {
    let pair = cookie.split(';').next().expect("a pair");
    [(header::COOKIE, pair.parse().expect("a value"))].into_iter().collect()
}

fn look(door: &Door, headers: &HeaderMap) -> Look {
    door.look(headers, &Uri::from_static("/cam/video.m3u8"), HERE)
}

fn role_of(look: &Look) -> Option<Role> {
    if let Look::In(visitor) = look { Some(visitor.role) } else { None }
}

async fn login(door: &Arc<Door>, name: &str, password: &str) -> String {
    let visitor = door.check(typed(name, password), HERE).await.expect("it is right");
    door.begin_session(&visitor, HERE, "a browser", false).expect("random bytes")
}

#[tokio::test]
async fn a_browser_that_has_logged_in_is_known_by_its_cookie_also_after_a_restart() {
    let fixture = Fixture::new();
    let door = fixture.door();
    assert!(matches!(look(&door, &HeaderMap::new()), Look::Out));
    let cookie = login(&door, "otto", "other words").await;
    assert!(cookie.starts_with("hlscam_8080=") && cookie.ends_with("; HttpOnly; SameSite=Lax; Max-Age=2592000"), "{cookie}");
    door.look_after();
    for door in [&door, &fixture.door()] {
        assert_eq!(role_of(&look(door, &with_cookie(&cookie))), Some(Role::Viewer));
        assert_eq!(role_of(&look(door, &with_cookie(&cookie.replace("_8080", "_8081")))), None);
    }
    let Look::In(visitor) = look(&door, &with_cookie(&cookie)) else { panic!("it was let in") };
    assert_eq!(door.role_now(&visitor), Some(Role::Viewer));
    // Browsers let no cookie from without TLS take the place of one from it.
    let secure = door.session_cookie(&visitor, true).expect("there is one");
    assert!(secure.starts_with("__Secure-hlscam_8080=") && secure.ends_with("; Secure"), "{secure}");
    assert_eq!(role_of(&look(&door, &with_cookie(&secure))), Some(Role::Viewer));
    assert!(door.end_session(&visitor, false).expect("there is one").starts_with("hlscam_8080=; "));
    assert!(matches!(look(&door, &with_cookie(&cookie)), Look::Out));
    assert_eq!(door.role_now(&visitor), None);
}

#[tokio::test]
async fn each_login_is_a_session_of_its_own_and_only_ones_own_can_be_ended() {
    let fixture = Fixture::new();
    let door = fixture.door();
    let cookies = [login(&door, "otto", "other words").await, login(&door, "anna", "a few words").await];
    assert_ne!(cookies[0].split(';').next(), cookies[1].split(';').next());
    let visitors: Vec<Visitor> = cookies
        .iter()
        .map(|cookie| match look(&door, &with_cookie(cookie)) {
            Look::In(visitor) => visitor,
            _ => panic!("it was let in"),
        })
        .collect();
    let (own, all) = (door.sessions(&visitors[0]), door.sessions(&visitors[1]));
    assert_eq!((own.len(), all.len()), (1, 2));
    let of_anna = &all.iter().find(|(_, _, is_own)| *is_own).expect("hers").0;
    assert!(!door.revoke(&visitors[0], of_anna));
    assert!(door.revoke(&visitors[1], &own[0].0));
    assert!(matches!(look(&door, &with_cookie(&cookies[0])), Look::Out));
}

#[tokio::test]
async fn a_changed_file_counts_at_once_and_ends_sessions_of_old_passwords() {
    let fixture = Fixture::new();
    let door = fixture.door();
    let (otto, anna) = (login(&door, "otto", "other words").await, login(&door, "anna", "a few words").await);
    fixture.write(&[("anna", Role::Admin, "new words"), ("otto", Role::Operator, "other words")]);
    door.look_after();
    assert_eq!(role_of(&look(&door, &with_cookie(&otto))), Some(Role::Operator), "the role is that of now");
    assert!(matches!(look(&door, &with_cookie(&anna)), Look::Out), "her password is another");
    assert_eq!(door.check(typed("anna", "a few words"), HERE).await.expect_err("it is the old one").refused, Refused::Wrong);
    // What is wrong in it changes nothing, until that is mended.
    fs::write(fixture.file(), "nonsense").expect("it is ours");
    door.look_after();
    assert_eq!(role_of(&look(&door, &with_cookie(&otto))), Some(Role::Operator));
    // Without users nobody is let in.
    fixture.write(&[]);
    door.look_after();
    assert!(matches!(look(&door, &with_cookie(&otto)), Look::Out));
}

#[tokio::test]
async fn nobody_learns_which_of_name_and_password_was_wrong_and_guessing_has_to_wait() {
    let fixture = Fixture::new();
    let door = fixture.door();
    let failed = [door.check(typed("anna", "wrong"), HERE).await, door.check(typed("nobody", "a few words"), HERE).await];
    let failed = failed.map(|failed| failed.expect_err("it is wrong"));
    assert_eq!((&failed[0].refused, &failed[1].refused), (&Refused::Wrong, &Refused::Wrong));
    assert_eq!((failed[0].name.as_deref(), failed[1].name.as_deref()), (Some("anna"), None));
    for _ in 0..3 {
        door.check(typed("otto", "wrong"), HERE).await.expect_err("it is wrong");
    }
    let waits = door.check(typed("otto", "other words"), HERE).await.expect_err("it has to wait, though it is right");
    assert_eq!(waits.refused, Refused::Wait(Span::from_ms(1000)));
    door.check(typed("otto", "other words"), [198, 51, 100, 1].into()).await.expect("another address need not");
    fixture.clock.advance(Span::from_ms(1001));
    door.check(typed("anna", "a few words"), HERE).await.expect("it has waited");
}

#[tokio::test]
async fn what_a_player_sends_with_each_request_is_checked_once() {
    let fixture = Fixture::new();
    let door = fixture.door();
    // anna:a few words
    let basic = "Basic YW5uYTphIGZldyB3b3Jkcw==";
    let headers: HeaderMap = [(header::AUTHORIZATION, basic.parse().expect("a value"))].into_iter().collect();
    let Look::Check(first) = look(&door, &headers) else { panic!("it is new") };
    door.check(first, HERE).await.expect("it is right");
    assert_eq!(role_of(&look(&door, &headers)), Some(Role::Admin));
    fixture.write(&[("anna", Role::Viewer, "new words")]);
    door.look_after();
    assert!(matches!(look(&door, &headers), Look::Check(_)), "the password is another");
}

#[tokio::test]
async fn one_password_lets_anybody_do_all_also_after_a_restart() {
    let fixture = Fixture::new();
    let file = fixture.folder.path().join("password");
    plain_file::replace_secret(&file, b"correct horse\nnothing\n").expect("it can be written");
    let open = || fixture.door_of(UsersSource::Password(file.clone())).expect("it can be read");
    let door = open();
    let visitor = door.check(typed("", "correct horse"), HERE).await.expect("it is right");
    assert_eq!((visitor.name.as_ref(), visitor.role), (None, Role::Admin));
    let cookie = door.begin_session(&visitor, HERE, "a browser", true).expect("random bytes");
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    door.look_after();
    assert_eq!(role_of(&look(&open(), &with_cookie(&cookie))), Some(Role::Admin));
    plain_file::replace_secret(&file, b"12345678").expect("it can be written");
    let why = fixture.door_of(UsersSource::Password(file.clone())).err().expect("it is weak").0;
    assert!(why.ends_with("the password is one of the first that anybody tries; take a few words"), "{why}");
}

#[test]
fn no_user_is_an_error_but_in_a_folder_that_has_no_file_of_users() {
    let fixture = Fixture::new();
    Users::default().write(&fixture.file()).expect("it can be written");
    let why = fixture.door_of(UsersSource::Users(fixture.file())).err().expect("there is none").0;
    assert!(why.starts_with("there is no user in "), "{why}");
    let absent = fixture.folder.path().join("absent");
    assert!(fixture.door_of(UsersSource::Users(absent.clone())).err().expect("it is not there").0.starts_with("cannot read "));
    assert!(!fixture.door_of(UsersSource::Kept(absent)).expect("there may be none").is_guarded());
}

#[tokio::test]
async fn what_one_network_has_proved_is_no_way_around_the_wait_of_another() {
    let fixture = Fixture::new();
    let door = fixture.door();
    door.check(typed("otto", "other words"), HERE).await.expect("it is right");
    let there: IpAddr = [198, 51, 100, 1].into();
    for i in 0..5 {
        door.check(typed("otto", &format!("guess {i}")), there).await.expect_err("it is wrong");
    }
    let waits = door.check(typed("otto", "other words"), there).await.expect_err("it has to wait");
    assert!(matches!(waits.refused, Refused::Wait(_)), "{waits:?}");
    door.check(typed("otto", "other words"), HERE).await.expect("who has proved it need not");
}

#[tokio::test]
async fn with_one_password_another_name_is_no_way_around_the_wait() {
    let fixture = Fixture::new();
    let file = fixture.folder.path().join("password");
    plain_file::replace_secret(&file, b"correct horse").expect("it can be written");
    let door = fixture.door_of(UsersSource::Password(file)).expect("it can be read");
    for i in 0..20_u8 {
        door.check(typed(&format!("name {i}"), "wrong words"), [198, 51, 100, i].into()).await.expect_err("it is wrong");
    }
    let waits = door.check(typed("another", "correct horse"), HERE).await.expect_err("it has to wait");
    assert!(matches!(waits.refused, Refused::Wait(_)), "{waits:?}");
}

#[tokio::test]
async fn a_session_counts_before_a_password_that_a_proxy_hands_on() {
    let fixture = Fixture::new();
    let door = fixture.door();
    let mut headers = with_cookie(&login(&door, "otto", "other words").await);
    headers.insert(header::AUTHORIZATION, "Basic cHJveHk6aXRzIG93bg==".parse().expect("a value"));
    assert_eq!(role_of(&look(&door, &headers)), Some(Role::Viewer));
}
