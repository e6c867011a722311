//! Who is logged in. A browser holds a random key in a cookie; here is its hash, so that who reads the file cannot log in with it.

use crate::{
    time::{Span, WallTime},
    users::{UsersError, read_secret},
};
use ring::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, fmt, fmt::Write, net::IpAddr, path::Path};

/// A session that was not used for so long is over.
pub(in crate::server) const SESSION_SPAN: Span = Span::from_ms(30 * 24 * 3_600_000);
/// Sessions of all users together; the one unused for the longest time gives way.
const SESSIONS_MAX: usize = 1000;
/// Of one user; that user's oldest gives way, and nobody else's.
const SESSIONS_PER_USER_MAX: usize = 50;
/// The use of a session is written down so often.
const SEEN_STEP: Span = Span::from_ms(3_600_000);
/// Random bytes of a key: nobody guesses one.
const KEY_LEN: usize = 32;
/// Characters of a key as text.
pub(in crate::server) const KEY_TEXT_LEN: usize = 2 * KEY_LEN;
/// Characters of a session's public id.
const ID_LEN: usize = 16;
/// Longest name of a browser that is kept, in characters.
const AGENT_LEN_MAX: usize = 200;
/// Longest file, in bytes.
const FILE_LEN_MAX: u64 = 4 * 1024 * 1024;

/// What the browser holds. It is told to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::server) struct SessionKey(String);

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey")
    }
}

impl SessionKey {
    /// A new one.
    pub(in crate::server) fn random() -> Result<SessionKey, getrandom::Error> {
        let mut bytes = [0; KEY_LEN];
        getrandom::fill(&mut bytes)?;
        Ok(SessionKey(hex(&bytes)))
    }

    /// One that a cookie tells.
    pub(in crate::server) fn parse(text: &str) -> Option<SessionKey> {
        let is_one = text.len() == KEY_TEXT_LEN && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_one.then(|| SessionKey(text.to_owned()))
    }

    /// As the cookie tells it.
    pub(in crate::server) fn text(&self) -> &str {
        &self.0
    }

    fn hash(&self) -> String {
        hash(self.0.as_bytes())
    }
}

/// SHA-256 as text: of what is random, so that nothing slower is needed.
pub(in crate::server) fn hash(bytes: &[u8]) -> String {
    hex(digest(&SHA256, bytes).as_ref())
}

/// Bytes as text, two digits each.
pub(in crate::server) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * SHA256_OUTPUT_LEN), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes whatever is written");
        text
    })
}

/// The bytes of such a text; none where it is not one.
pub(in crate::server) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits = |at: usize| text.get(2 * at..2 * at + 2).and_then(|two| u8::from_str_radix(two, 16).ok());
    (0..text.len().div_ceil(2)).map(digits).collect()
}

/// A browser that is logged in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::server) struct Session {
    /// Whose; none where there is one password for all.
    pub(in crate::server) name: Option<String>,
    /// Which password it was: with another one the session is over.
    pub(in crate::server) proof: String,
    /// Microseconds since 1970.
    pub(in crate::server) begun: i64,
    /// When it was used last, to within an hour.
    pub(in crate::server) seen: i64,
    /// From where it was begun.
    pub(in crate::server) address: IpAddr,
    /// What the browser calls itself.
    pub(in crate::server) agent: String,
}

/// All sessions, by the hash of their keys.
#[derive(Debug, Default)]
pub(in crate::server) struct Sessions {
    all: HashMap<String, Session>,
    /// Something is to be written.
    pub(in crate::server) is_changed: bool,
}

impl Sessions {
    /// Those of an earlier run. A file that cannot be read is none: everybody logs in again.
    pub(in crate::server) fn read(path: &Path) -> Sessions {
        let read = || -> Result<HashMap<String, Session>, UsersError> {
            let text = read_secret(path, FILE_LEN_MAX)?;
            serde_json::from_str(&text).map_err(|error| UsersError(format!("{} is damaged: {error}", path.display())))
        };
        let all = if path.exists() { read() } else { Ok(HashMap::new()) };
        let all = all.unwrap_or_else(|UsersError(why)| {
            tracing::warn!("{why}; everybody has to log in again");
            HashMap::new()
        });
        Sessions { all, is_changed: false }
    }

    /// The text of the file.
    pub(in crate::server) fn text(&self) -> String {
        serde_json::to_string(&self.all).expect("texts and numbers can be written as JSON")
    }

    /// Begins one.
    pub(in crate::server) fn begin(&mut self, key: &SessionKey, mut session: Session) {
        session.agent = session.agent.chars().filter(|c| !c.is_control()).take(AGENT_LEN_MAX).collect();
        let name = session.name.clone();
        self.all.insert(key.hash(), session);
        let is_own = |each: &Session| each.name == name;
        while self.all.values().filter(|each| is_own(each)).count() > SESSIONS_PER_USER_MAX && self.drop_oldest(is_own) {}
        while self.all.len() > SESSIONS_MAX && self.drop_oldest(|_| true) {}
        self.is_changed = true;
    }

    /// Drops the one of these that was unused for the longest time; false if there is none.
    fn drop_oldest(&mut self, of: impl Fn(&Session) -> bool) -> bool {
        let oldest = self.all.iter().filter(|(_, session)| of(session)).min_by_key(|(_, session)| session.seen);
        let oldest = oldest.map(|(hash, _)| hash.clone());
        oldest.is_some_and(|oldest| self.all.remove(&oldest).is_some())
    }

    /// The session of a key, which is used now.
    pub(in crate::server) fn find(&mut self, key: &SessionKey, now: WallTime) -> Option<&Session> {
        let session = self.all.get_mut(&key.hash())?;
        let unused = now.since(WallTime(session.seen));
        if unused > SESSION_SPAN {
            return None;
        }
        if unused > SEEN_STEP {
            session.seen = now.0;
            self.is_changed = true;
        }
        Some(session)
    }

    /// Ends that of a key.
    pub(in crate::server) fn end(&mut self, key: &SessionKey) -> Option<Session> {
        let ended = self.all.remove(&key.hash());
        self.is_changed |= ended.is_some();
        ended
    }

    /// Ends that of a public id, if `may` says so of it.
    pub(in crate::server) fn end_by_id(&mut self, id: &str, may: impl Fn(&Session) -> bool) -> bool {
        let before = self.all.len();
        self.all.retain(|hash, session| id_of(hash) != id || !may(session));
        self.is_changed |= self.all.len() < before;
        self.all.len() < before
    }

    /// Forgets those that are over, or that `is_valid` does not say to be valid.
    pub(in crate::server) fn sweep(&mut self, now: WallTime, is_valid: impl Fn(&Session) -> bool) {
        let before = self.all.len();
        self.all.retain(|_, session| now.since(WallTime(session.seen)) <= SESSION_SPAN && is_valid(session));
        self.is_changed |= self.all.len() < before;
    }

    /// All, the newest first, each with its public id and whether it is that of `key`.
    pub(in crate::server) fn list(&self, key: Option<&SessionKey>) -> Vec<(&str, &Session, bool)> {
        let own = key.map(SessionKey::hash);
        let mut all: Vec<_> = self.all.iter().map(|(hash, session)| (id_of(hash), session, own.as_ref() == Some(hash))).collect();
        all.sort_by_key(|(_, session, _)| std::cmp::Reverse(session.begun));
        all
    }
}

fn id_of(hash: &str) -> &str {
    &hash[..ID_LEN]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plain_file, users::UserName};

    const NOW: WallTime = WallTime(1_795_191_552_000_000);

    fn session(name: &UserName, begun: WallTime) -> Session {
        let address = IpAddr::from([192, 0, 2, 1]);
        Session {
            name: Some(name.to_string()),
            proof: "p".to_owned(),
            begun: begun.0,
            seen: begun.0,
            address,
            agent: "a\nb".repeat(200),
        }
    }

    #[test]
    fn a_session_lives_for_thirty_days_from_its_last_use() {
        let (anna, key) = (UserName::parse("anna").expect("a name"), SessionKey::random().expect("random bytes"));
        let mut sessions = Sessions::default();
        sessions.begin(&key, session(&anna, NOW));
        let day = Span::from_ms(24 * 3_600_000);
        for days in [29, 58, 87] {
            assert!(sessions.find(&key, NOW + day * days).is_some(), "after {days} days");
        }
        assert!(sessions.find(&key, NOW + day * 118).is_none());
        assert!(sessions.find(&SessionKey::random().expect("random bytes"), NOW).is_none());
        sessions.sweep(NOW + day * 118, |_| true);
        assert!(sessions.list(None).is_empty());
    }

    #[test]
    fn the_file_has_no_key_and_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("sessions");
        let (anna, key) = (UserName::parse("anna").expect("a name"), SessionKey::random().expect("random bytes"));
        let mut sessions = Sessions::default();
        sessions.begin(&key, session(&anna, NOW));
        assert!(!sessions.text().contains(key.text()));
        plain_file::replace_secret(&path, sessions.text().as_bytes()).expect("it can be written");
        let mut read = Sessions::read(&path);
        assert_eq!(read.find(&key, NOW).map(|session| session.name.as_deref()), Some(Some("anna")));
        plain_file::replace_secret(&path, b"{").expect("it can be written");
        assert!(Sessions::read(&path).list(None).is_empty());
    }

    #[test]
    fn the_oldest_gives_way_and_one_ends_by_its_id() {
        let (anna, otto) = (UserName::parse("anna").expect("a name"), UserName::parse("otto").expect("a name"));
        let keys: Vec<_> = (0..=SESSIONS_PER_USER_MAX).map(|_| SessionKey::random().expect("random bytes")).collect();
        let mut sessions = Sessions::default();
        let of_otto = SessionKey::random().expect("random bytes");
        sessions.begin(&of_otto, session(&otto, WallTime(0) + Span::from_ms(NOW.0 / 1000 - 1000)));
        for (i, key) in keys.iter().enumerate() {
            sessions.begin(key, session(&anna, NOW + Span::from_ms(i as i64)));
        }
        assert_eq!(sessions.list(None).len(), SESSIONS_PER_USER_MAX + 1);
        assert!(sessions.find(&of_otto, NOW).is_some(), "another user's stays");
        assert!(sessions.find(&keys[0], NOW).is_none());
        let newest = &keys[SESSIONS_PER_USER_MAX];
        let (id, found, is_own) = sessions.list(Some(newest))[0];
        assert!(is_own && found.agent.chars().count() == AGENT_LEN_MAX && !found.agent.contains('\n'));
        let id = id.to_owned();
        assert!(!sessions.end_by_id(&id, |_| false));
        assert!(sessions.end_by_id(&id, |_| true));
        assert!(sessions.find(newest, NOW).is_none());
    }
}
