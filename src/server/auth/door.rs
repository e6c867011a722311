//! Who is let in. Where users or a password were named, a request shows the cookie of a session, or a name and a password; else everybody may
//! do all.
//!
//! Checking a password takes long by design, so it is done once, on a thread of its own: a browser gets a session for it, and what a player
//! sends with each request is remembered by its hash. All other requests cost a look into a table.

mod cookies;

use super::{
    credential::{NamedPassword, basic, value_of},
    link::{self, Link, Sharer},
    lockout::{Lockout, network},
    protection::Protection,
    sessions::{SESSION_SPAN, Session, SessionKey, Sessions, hash},
    visitor::{SharedLink, Visitor},
};
use crate::{
    plain_file,
    sync::lock,
    time::{Clock, Span},
    users::{Role, UserName, Users, UsersError, UsersSource, password::PasswordHash, read_secret},
};
use cookies::LINK;
use hyper::{HeaderMap, Uri};
use ring::hmac::Key;
use std::{
    collections::HashMap,
    io::ErrorKind,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

/// Passwords that are checked at a time: each takes 19 MB and the time of a core.
const CHECKS_AT_ONCE: usize = 2;
/// Longest wait for a turn.
const CHECK_PATIENCE: Duration = Duration::from_secs(5);
/// Longest wait for the disk at the end of the program.
const FINISH_PATIENCE: Duration = Duration::from_secs(2);
/// Names and passwords that are remembered as right: as many as there may be players.
const REMEMBERED_MAX: usize = 1000;
/// Longest file with a password, in bytes.
const PASSWORD_FILE_LEN_MAX: u64 = 4096;

/// What proves who somebody is.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    Users(Users),
    /// One password for all.
    Password(PasswordHash),
}

impl Known {
    fn read(source: &UsersSource) -> Result<Known, UsersError> {
        match source {
            UsersSource::Users(path) | UsersSource::Kept(path) => Users::read(path).map(Known::Users),
            UsersSource::Password(path) => {
                let text = read_secret(path, PASSWORD_FILE_LEN_MAX)?;
                let typed = text.lines().next().unwrap_or_default();
                let told = |why: String| UsersError(format!("{}: {why}", path.display()));
                crate::users::password::check(typed, None).map_err(told)?;
                PasswordHash::of_file(typed).map(Known::Password).map_err(UsersError)
            }
        }
    }

    /// Whether nobody at all can be let in.
    fn is_nobody(&self) -> bool {
        matches!(self, Known::Users(users) if users.is_empty())
    }

    /// The name that tries are counted by: where there is one password, any name goes with it.
    fn counted<'a>(&self, name: &'a str) -> &'a str {
        if let Known::Password(_) = self { "" } else { name }
    }

    /// Whether who shared a link is still there, and may still share.
    fn is_sharer(&self, sharer: &Sharer, key: &Key) -> bool {
        match self {
            Known::Users(users) => {
                users.iter().any(|user| user.role >= Role::Operator && Sharer::of(user.name.as_str(), key) == *sharer)
            }
            Known::Password(_) => Sharer::of("", key) == *sharer,
        }
    }

    /// The hash that a password of that name must have.
    fn password(&self, name: &str) -> Option<&PasswordHash> {
        match self {
            Known::Users(users) => users.find(name).map(|user| &user.password),
            Known::Password(password) => Some(password),
        }
    }

    fn role(&self, name: &str) -> Option<(Option<UserName>, Role)> {
        match self {
            Known::Users(users) => users.find(name).map(|user| (Some(user.name.clone()), user.role)),
            Known::Password(_) => Some((None, Role::Admin)),
        }
    }
}

/// Decides who is let in.
pub struct Door {
    guarded: Option<Guarded>,
}

/// How a request is let in.
pub(in crate::server) enum Look {
    /// As that visitor.
    In(Visitor),
    /// When the password turns out to be right.
    Check(NamedPassword),
    /// Not at all.
    Out,
}

/// Why a password lets nobody in.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::server) enum Refused {
    /// The name, or the password, is wrong; nobody is told which.
    Wrong,
    /// There were too many wrong ones.
    Wait(Span),
    /// Too many are checked now.
    Busy,
}

/// What was wrong with a login, for the log and for events.
#[derive(Debug)]
pub(in crate::server) struct Failed {
    /// The user's name, if there is such a user: else it may be a password in the wrong field.
    pub(in crate::server) name: Option<String>,
    pub(in crate::server) refused: Refused,
}

struct Guarded {
    source: UsersSource,
    known: Mutex<Arc<Known>>,
    /// When the file was changed last, and how long it is.
    stamp: Mutex<Option<(SystemTime, u64)>>,
    /// Why the file could not be read again.
    trouble: Mutex<Option<String>>,
    sessions: Mutex<Sessions>,
    /// The hash of each name and password that was right, and whose they are.
    remembered: Mutex<HashMap<String, String>>,
    lockout: Mutex<Lockout>,
    checks: Arc<Semaphore>,
    nobody: PasswordHash,
    cookie: String,
    /// Seals links.
    key: Key,
    /// A thread is on its way to the files.
    is_looked_after: AtomicBool,
    /// One at a time is at them.
    files: Mutex<()>,
    clock: Arc<dyn Clock>,
}

impl Door {
    /// Lets everybody do all.
    pub fn open_to_all() -> Door {
        Door { guarded: None }
    }

    /// Reads users or the password. `place` is the server's ([`Place::key`](crate::server::Place::key)): browsers keep one set of cookies for all
    /// servers of a host.
    pub fn new(protection: &Protection, place: &str, clock: Arc<dyn Clock>) -> Result<Door, UsersError> {
        let source = match &protection.users {
            None => return Ok(Door::open_to_all()),
            Some(UsersSource::Kept(path)) if is_absent(path) => return Ok(Door::open_to_all()),
            Some(source) => source.clone(),
        };
        let known = Known::read(&source)?;
        if known.is_nobody() {
            let shown = path_of(&source).display();
            return Err(UsersError(format!("there is no user in {shown}; `hlscam user add NAME --users {shown}` adds one")));
        }
        let guarded = Guarded {
            stamp: Mutex::new(stamp(path_of(&source))),
            known: Mutex::new(Arc::new(known)),
            sessions: Mutex::new(Sessions::read(&sessions_path(&source))),
            trouble: Mutex::default(),
            remembered: Mutex::default(),
            lockout: Mutex::default(),
            checks: Arc::new(Semaphore::new(CHECKS_AT_ONCE)),
            nobody: PasswordHash::of_nobody(),
            cookie: format!("hlscam_{place}"),
            is_looked_after: AtomicBool::new(false),
            files: Mutex::default(),
            key: link::key(&beside(&source, "key")),
            source,
            clock,
        };
        Ok(Door { guarded: Some(guarded) })
    }

    /// Whether users or a password were named.
    pub fn is_guarded(&self) -> bool {
        self.guarded.is_some()
    }

    /// How a request from there for that address with these headers is let in. A session comes first: a proxy may hand on a password that is
    /// its own.
    pub(in crate::server) fn look(&self, headers: &HeaderMap, uri: &Uri, from: IpAddr) -> Look {
        let Some(guarded) = &self.guarded else { return Look::In(Visitor::anybody()) };
        if let Some(visitor) = guarded.session(headers, "").and_then(|key| guarded.visitor_of(key)) {
            return Look::In(visitor);
        }
        match basic(headers) {
            Some(typed) => guarded.recalled(&typed, from).map_or(Look::Check(typed), Look::In),
            None => guarded.guest(headers, uri),
        }
    }

    /// Who shares, as a link tells it; none where everybody may watch.
    pub(in crate::server) fn sharer(&self, visitor: &Visitor) -> Option<Sharer> {
        let name = visitor.name.as_ref().map_or("", UserName::as_str);
        self.guarded.as_ref().map(|guarded| Sharer::of(name, &guarded.key))
    }

    /// The text of a link; none where everybody may watch.
    pub(in crate::server) fn seal(&self, link: &Link) -> Option<String> {
        self.guarded.as_ref().map(|guarded| link.sealed(&guarded.key))
    }

    /// Checks a password, and remembers it if it is right.
    pub(in crate::server) async fn check(self: &Arc<Door>, typed: NamedPassword, from: IpAddr) -> Result<Visitor, Failed> {
        let Some(guarded) = &self.guarded else { return Ok(Visitor::anybody()) };
        let is_user = matches!(&*guarded.known(), Known::Users(users) if users.find(&typed.name).is_some());
        let name = is_user.then(|| typed.name.clone());
        let failed = |refused| Failed { name, refused };
        let Ok(Ok(turn)) = timeout(CHECK_PATIENCE, guarded.checks.clone().acquire_owned()).await else {
            return Err(failed(Refused::Busy));
        };
        let door = self.clone();
        // It goes on to its end when the client leaves meanwhile, and keeps its turn until then.
        let checked = spawn_blocking(move || {
            let _turn = turn;
            door.guarded.as_ref().map_or(Ok(Visitor::anybody()), |guarded| guarded.check(&typed, from))
        });
        checked.await.unwrap_or(Err(Refused::Busy)).map_err(failed)
    }

    /// What who was let in may do now; none where it would not be let in any more: its session, its user, its password or its link has ended.
    pub(in crate::server) fn role_now(&self, visitor: &Visitor) -> Option<Role> {
        let Some(guarded) = &self.guarded else { return Some(visitor.role) };
        if let Some(SharedLink { link, .. }) = &visitor.link {
            return (link.until > guarded.clock.wall() && guarded.known().is_sharer(&link.by, &guarded.key))
                .then_some(visitor.role);
        }
        if let Some(key) = &visitor.session {
            return guarded.visitor_of(key.clone()).map(|visitor| visitor.role);
        }
        let (known, name) = (guarded.known(), visitor.name.as_ref().map_or("", UserName::as_str));
        let is_same = known.password(name).map(proof_of) == visitor.proof;
        known.role(name).filter(|_| is_same).map(|(_, role)| role)
    }

    /// Begins a session of who was checked; the text is the cookie (RFC 6265 §4.1).
    pub(in crate::server) fn begin_session(
        self: &Arc<Door>,
        visitor: &Visitor,
        address: IpAddr,
        agent: &str,
        is_tls: bool,
    ) -> Option<String> {
        let guarded = self.guarded.as_ref()?;
        let key = SessionKey::random().inspect_err(|error| tracing::error!("the system has no random bytes: {error}")).ok()?;
        let name = visitor.name.as_ref().map(UserName::to_string);
        let now = guarded.clock.wall();
        // That of the password that was checked: it may have been changed meanwhile.
        let proof = visitor.proof.clone()?;
        let session = Session { name, proof, begun: now.0, seen: now.0, address, agent: agent.to_owned() };
        lock(&guarded.sessions).begin(&key, session);
        self.tick();
        Some(guarded.cookie(("", key.text()), SESSION_SPAN, is_tls))
    }

    /// Ends the session of a visitor; the text is the cookie that takes the place of the old one.
    pub(in crate::server) fn end_session(self: &Arc<Door>, visitor: &Visitor, is_tls: bool) -> Option<String> {
        let guarded = self.guarded.as_ref()?;
        lock(&guarded.sessions).end(visitor.session.as_ref()?);
        self.tick();
        Some(guarded.cookie(("", ""), Span::ZERO, is_tls))
    }

    /// The same of the one with that public id; an admin may end all, others their own. Whether there was one.
    pub(in crate::server) fn revoke(self: &Arc<Door>, visitor: &Visitor, id: &str) -> bool {
        let Some(guarded) = &self.guarded else { return false };
        let is_ended = lock(&guarded.sessions).end_by_id(id, |session| is_of(session, visitor));
        self.tick();
        is_ended
    }

    /// The sessions that a visitor may end, the newest first: public id, session, and whether it is the one of this request.
    pub(in crate::server) fn sessions(&self, visitor: &Visitor) -> Vec<(String, Session, bool)> {
        let Some(guarded) = &self.guarded else { return Vec::new() };
        let sessions = lock(&guarded.sessions);
        let listed = sessions.list(visitor.session.as_ref()).into_iter().filter(|(_, session, _)| is_of(session, visitor));
        listed.map(|(id, session, is_own)| (id.to_owned(), session.clone(), is_own)).collect()
    }

    /// What is due each second, on a thread that may block: a disk that hangs holds no request up.
    pub(in crate::server) fn tick(self: &Arc<Door>) {
        let Some(guarded) = &self.guarded else { return };
        if !guarded.is_looked_after.swap(true, Ordering::AcqRel) {
            let door = self.clone();
            spawn_blocking(move || door.look_after());
        }
    }

    /// At the end of the program: what was not written down yet is so now, if the disk takes it soon.
    pub(in crate::server) async fn finish(self: &Arc<Door>) {
        let door = self.clone();
        if timeout(FINISH_PATIENCE, spawn_blocking(move || door.look_after())).await.is_err() {
            tracing::warn!("the disk hangs: who has just logged in has to log in again");
        }
    }

    /// Users that were changed meanwhile count from now on, and sessions are written down.
    fn look_after(&self) {
        let Some(guarded) = &self.guarded else { return };
        let _turn = lock(&guarded.files);
        guarded.reread();
        guarded.write_sessions();
        guarded.is_looked_after.store(false, Ordering::Release);
    }
}

fn is_of(session: &Session, visitor: &Visitor) -> bool {
    visitor.role == Role::Admin || session.name.as_deref() == visitor.name.as_ref().map(UserName::as_str)
}

impl Guarded {
    fn known(&self) -> Arc<Known> {
        lock(&self.known).clone()
    }

    /// Who has no account, but may have a link: in the address, or in the cookie of the page that it led to.
    fn guest(&self, headers: &HeaderMap, uri: &Uri) -> Look {
        let known = self.known();
        let open =
            |sealed: &str| Link::open(sealed, &self.key, self.clock.wall()).filter(|link| known.is_sharer(&link.by, &self.key));
        let asked = link::in_query(uri).and_then(|sealed| Some((open(sealed)?, Some(sealed.to_owned()))));
        let held = |is_tls| Some((open(value_of(headers, &self.cookie_name(LINK, is_tls))?)?, None));
        match asked.or_else(|| [true, false].into_iter().find_map(held)) {
            Some((link, carried)) => Look::In(Visitor { link: Some(SharedLink { link, carried }), ..Visitor::nobody() }),
            None => Look::Out,
        }
    }

    fn visitor_of(&self, key: SessionKey) -> Option<Visitor> {
        let known = self.known();
        let mut sessions = lock(&self.sessions);
        let session = sessions.find(&key, self.clock.wall())?;
        let (name, role) = known.role(session.name.as_deref().unwrap_or_default()).filter(|_| is_valid(&known, session))?;
        Some(Visitor { name, role, session: Some(key), proof: None, link: None })
    }

    /// Who has shown the same from there before.
    fn recalled(&self, typed: &NamedPassword, from: IpAddr) -> Option<Visitor> {
        let known = self.known();
        let proof = proof_of(known.password(&typed.name)?);
        let is_right = lock(&self.remembered).get(&memory_of(typed, from)).is_some_and(|before| *before == proof);
        let (name, role) = known.role(&typed.name).filter(|_| is_right)?;
        Some(Visitor { name, role, session: None, proof: Some(proof), link: None })
    }

    /// Checks a password, which takes long.
    fn check(&self, typed: &NamedPassword, from: IpAddr) -> Result<Visitor, Refused> {
        // Another request with the same may have been checked meanwhile: players send several at once.
        if let Some(visitor) = self.recalled(typed, from) {
            return Ok(visitor);
        }
        let known = self.known();
        let counted = known.counted(&typed.name);
        {
            let (mut lockout, now) = (lock(&self.lockout), self.clock.now());
            let wait = lockout.wait(from, counted, now);
            if wait > Span::ZERO {
                return Err(Refused::Wait(wait));
            }
            lockout.note_try(from, counted, now);
        }
        let hash = known.password(&typed.name);
        // That of nobody takes as long.
        let is_right = hash.unwrap_or(&self.nobody).is_of(&typed.password);
        let (Some(hash), Some((name, role))) = (hash.filter(|_| is_right), known.role(&typed.name)) else {
            return Err(Refused::Wrong);
        };
        lock(&self.lockout).note_right(from, counted);
        let proof = proof_of(hash);
        let mut remembered = lock(&self.remembered);
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        remembered.insert(memory_of(typed, from), proof.clone());
        Ok(Visitor { name, role, session: None, proof: Some(proof), link: None })
    }

    fn reread(&self) {
        let now = stamp(path_of(&self.source));
        if std::mem::replace(&mut *lock(&self.stamp), now) == now {
            return;
        }
        match Known::read(&self.source) {
            Ok(known) => {
                let known = Arc::new(known);
                *lock(&self.known) = known.clone();
                *lock(&self.trouble) = None;
                lock(&self.remembered).clear();
                lock(&self.sessions).sweep(self.clock.wall(), |session| is_valid(&known, session));
                tracing::info!("read {} again: who may do what has changed", path_of(&self.source).display());
            }
            Err(UsersError(why)) => {
                // What is wrong may be mended without a change of the file.
                *lock(&self.stamp) = None;
                if lock(&self.trouble).replace(why.clone()).as_ref() != Some(&why) {
                    tracing::warn!("{why}; what was read of it before still counts");
                }
            }
        }
    }

    fn write_sessions(&self) {
        let text = {
            let mut sessions = lock(&self.sessions);
            if !std::mem::take(&mut sessions.is_changed) {
                return;
            }
            sessions.text()
        };
        let path = sessions_path(&self.source);
        if let Err(error) = plain_file::replace_secret(&path, text.as_bytes()) {
            tracing::warn!("cannot write {}: {error}; who is logged in has to log in again after a restart", path.display());
        }
    }
}

/// Whether the password of a session is still that of its user.
fn is_valid(known: &Known, session: &Session) -> bool {
    known.password(session.name.as_deref().unwrap_or_default()).is_some_and(|password| proof_of(password) == session.proof)
}

/// Tells one password of a user from the next; what it tells of it costs as much as the hash does.
fn proof_of(password: &PasswordHash) -> String {
    hash(password.as_str().as_bytes())
}

/// What is kept in memory of a name and a password that were right from a network: others have proved nothing. No name has a line end.
fn memory_of(typed: &NamedPassword, from: IpAddr) -> String {
    hash(format!("{}\n{}\n{}", network(from), typed.name, typed.password).as_bytes())
}

/// Whether nothing lies there. Where that cannot be known, something may.
fn is_absent(path: &Path) -> bool {
    path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

fn path_of(source: &UsersSource) -> &Path {
    match source {
        UsersSource::Users(path) | UsersSource::Kept(path) | UsersSource::Password(path) => path,
    }
}

/// Where sessions are kept from run to run.
fn sessions_path(source: &UsersSource) -> PathBuf {
    beside(source, "sessions")
}

/// A file beside that of the users.
fn beside(source: &UsersSource, what: &str) -> PathBuf {
    let mut name = path_of(source).as_os_str().to_owned();
    name.push(".");
    name.push(what);
    name.into()
}

fn stamp(path: &Path) -> Option<(SystemTime, u64)> {
    let facts = std::fs::metadata(path).ok()?;
    Some((facts.modified().ok()?, facts.len()))
}

#[cfg(test)]
mod tests;
