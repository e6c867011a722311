//! Passwords: what is taken as one, and their hashes (argon2id, RFC 9106, in the PHC string format).

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{Error, PasswordHash as Phc, PasswordHasher, PasswordVerifier, SaltString},
};

/// Least length of a password, in characters (NIST SP 800-63B §3.1.1.2).
pub const LEN_MIN: usize = 8;
/// Longest password, in bytes.
pub const LEN_MAX: usize = 512;
/// Memory of one hash, in KiB, its passes and its lanes: the least that OWASP recommends, some 30 ms on a laptop.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// What a file may ask of this computer, in KiB and passes; more would let it be held up.
const COST_MAX: (u32, u32) = (1024 * 1024, 64);
/// Random bytes of a salt (RFC 9106 §3.1).
const SALT_LEN: usize = 16;
/// What is guessed first, whatever its length.
const COMMON: [&str; 20] = [
    "password",
    "password1",
    "passw0rd",
    "12345678",
    "123456789",
    "1234567890",
    "qwertyui",
    "qwertyuiop",
    "iloveyou",
    "11111111",
    "00000000",
    "abcdefgh",
    "abcd1234",
    "sunshine",
    "football",
    "baseball",
    "welcome1",
    "changeme",
    "letmein1",
    "admin123",
];

/// A hashed password. It is no secret that lets anybody in, but is kept like one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordHash(String);

/// Why a text is no password: one sentence. It never repeats the text.
pub fn check(password: &str, name: Option<&str>) -> Result<(), String> {
    let lower = password.to_lowercase();
    let mut chars = lower.chars();
    let first = chars.next();
    if password.is_empty() {
        Err("the password is empty".to_owned())
    } else if password.chars().count() < LEN_MIN {
        Err(format!("the password is shorter than {LEN_MIN} characters; a few words are easy to remember and hard to guess"))
    } else if password.len() > LEN_MAX {
        Err(format!("the password is longer than {LEN_MAX} bytes"))
    } else if password.chars().any(char::is_control) {
        Err("the password holds a control character, which no browser can type".to_owned())
    } else if COMMON.contains(&&*lower) || chars.all(|c| Some(c) == first) || name.is_some_and(|name| lower == name.to_lowercase())
    {
        Err("the password is one of the first that anybody tries; take a few words".to_owned())
    } else {
        Ok(())
    }
}

impl PasswordHash {
    /// Hashes a password, with a salt of its own. Fails if the system has no random bytes.
    pub fn of(password: &str) -> Result<PasswordHash, String> {
        let mut salt = [0; SALT_LEN];
        getrandom::fill(&mut salt).map_err(|error| format!("the system has no random bytes: {error}"))?;
        PasswordHash::salted(password, &salt)
    }

    /// The same with a salt that is always the same one, for a password that stands in a file of its own: what is proved by its hash is so
    /// still after a restart.
    pub fn of_file(password: &str) -> Result<PasswordHash, String> {
        PasswordHash::salted(password, b"hlscam password.")
    }

    fn salted(password: &str, salt: &[u8]) -> Result<PasswordHash, String> {
        let salt = SaltString::encode_b64(salt).map_err(|error| error.to_string())?;
        hasher()
            .hash_password(password.as_bytes(), &salt)
            .map(|hash| PasswordHash(hash.to_string()))
            .map_err(|error| error.to_string())
    }

    /// The hash of nothing that anybody types: checking against it takes as long as against a user's.
    pub fn of_nobody() -> PasswordHash {
        PasswordHash::salted("\0", &[0; SALT_LEN]).expect("the parameters are our own")
    }

    /// Reads a hash in the PHC string format. argon2id alone is taken.
    pub fn parse(text: &str) -> Result<PasswordHash, String> {
        let hash = Phc::new(text).ok().filter(|hash| hash.algorithm == Algorithm::Argon2id.ident() && hash.hash.is_some());
        let cost = hash.as_ref().and_then(|hash| Params::try_from(hash).ok());
        match cost {
            None => Err("the third field is no argon2id hash".to_owned()),
            Some(cost) if cost.m_cost() > COST_MAX.0 || cost.t_cost() > COST_MAX.1 => {
                Err("the hash asks for more memory or time than a login may cost".to_owned())
            }
            Some(_) => Ok(PasswordHash(text.to_owned())),
        }
    }

    /// The hash as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the hash of that password; the comparison takes the same time whatever differs. Costs what [`PasswordHash::of`] costs.
    pub fn is_of(&self, password: &str) -> bool {
        match Phc::new(&self.0).and_then(|hash| hasher().verify_password(password.as_bytes(), &hash)) {
            Ok(()) => true,
            Err(Error::Password) => false,
            Err(error) => {
                tracing::warn!("a password cannot be checked: {error}");
                false
            }
        }
    }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(COST.0, COST.1, COST.2, None).expect("the cost is within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}
