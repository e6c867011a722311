//! Who may do what: users with their roles and hashed passwords, in a text file with a line for each.
//!
//! ```text
//! # users of hlscam, format 1
//! anna:admin:$argon2id$v=19$m=19456,t=2,p=1$…
//! ```

mod lines;
pub mod password;

use crate::plain_file;
use password::PasswordHash;
use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Most users of a file.
pub const USERS_MAX: usize = 1000;
/// Longest name of a user, in bytes.
pub const NAME_LEN_MAX: usize = 64;
/// Longest file, in bytes.
const FILE_LEN_MAX: u64 = 1024 * 1024;
/// The name of the file in a folder of `--storage`.
pub const FILE_NAME: &str = "users";
/// The role of a user when none is asked: who only watches cannot change anything by mistake.
pub const ROLE_DEFAULT: Role = Role::Viewer;

/// What somebody may do; each may do what those before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Watches and rewinds.
    Viewer,
    /// Also writes notes, makes recordings, sets the camera.
    Operator,
    /// May do all.
    Admin,
}

impl Role {
    /// All, from the least.
    pub const ALL: [Role; 3] = [Role::Viewer, Role::Operator, Role::Admin];

    /// Reads its name.
    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == text)
    }

    /// Its name in files, answers and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The name of a user: letters, digits and `.`, `_`, `-`, `@`; it begins with a letter or a digit.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserName(Arc<str>);

impl UserName {
    /// Reads one.
    pub fn parse(text: &str) -> Result<UserName, String> {
        let is_formed = text.starts_with(char::is_alphanumeric) && text.chars().all(|c| c.is_alphanumeric() || "._-@".contains(c));
        if !is_formed || text.len() > NAME_LEN_MAX {
            return Err(format!(
                "a name has letters, digits, and . _ - @, begins with a letter or a digit, and is {NAME_LEN_MAX} bytes long at most"
            ));
        }
        Ok(UserName(text.into()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name; no other of the file has it.
    pub name: UserName,
    /// What the user may do.
    pub role: Role,
    /// What proves who it is.
    pub password: PasswordHash,
}

/// Why users cannot be read or kept: one sentence.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UsersError(pub String);

/// The users of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Users(Vec<User>);

impl Users {
    /// All, by their names.
    pub fn iter(&self) -> impl Iterator<Item = &User> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The user of that name.
    pub fn find(&self, name: &str) -> Option<&User> {
        self.0.iter().find(|user| user.name.as_str() == name)
    }

    /// Adds a user, whose name nobody has yet.
    pub fn add(&mut self, user: User) -> Result<(), UsersError> {
        if self.find(user.name.as_str()).is_some() {
            let name = user.name;
            return Err(UsersError(format!(
                "there is a user {name} already; `hlscam user password {name}` and `hlscam user role {name}` change it"
            )));
        }
        if self.0.len() >= USERS_MAX {
            return Err(UsersError(format!("there are {USERS_MAX} users, the most; remove one first")));
        }
        let at = self.0.partition_point(|each| each.name < user.name);
        self.0.insert(at, user);
        Ok(())
    }

    /// The user of that name, to be changed.
    pub fn find_mut(&mut self, name: &UserName) -> Result<&mut User, UsersError> {
        match self.0.iter().position(|user| user.name == *name) {
            Some(index) => Ok(&mut self.0[index]),
            None => Err(self.no_such(name)),
        }
    }

    /// Removes the user of that name.
    pub fn remove(&mut self, name: &UserName) -> Result<(), UsersError> {
        self.find_mut(name)?;
        self.0.retain(|user| user.name != *name);
        Ok(())
    }

    fn no_such(&self, name: &UserName) -> UsersError {
        let names: Vec<&str> = self.0.iter().map(|user| user.name.as_str()).collect();
        UsersError(match &names[..] {
            [] => format!("there is no user {name}, for there is none at all; `hlscam user add {name}` adds one"),
            names => format!("there is no user {name}; there is {}", names.join(", ")),
        })
    }

    /// Reads a file, which nobody but its owner and its group may open.
    pub fn read(path: &Path) -> Result<Users, UsersError> {
        let text = read_secret(path, FILE_LEN_MAX)?;
        lines::parse(&text).map_err(|why| UsersError(format!("{} is no file of users: {why}", path.display())))
    }

    /// The same; no file is no user.
    pub fn read_if_there(path: &Path) -> Result<Users, UsersError> {
        if path.exists() { Users::read(path) } else { Ok(Users::default()) }
    }

    /// Writes them in place of what is there; only the owner may read it.
    pub fn write(&self, path: &Path) -> Result<(), UsersError> {
        plain_file::replace_secret(path, lines::text(self).as_bytes())
            .map_err(|error| UsersError(format!("cannot write {}: {error}", path.display())))
    }
}

/// Where passwords come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UsersSource {
    /// A file of users.
    Users(PathBuf),
    /// The same in a folder of `--storage`; where it is not, there are no users.
    Kept(PathBuf),
    /// A file whose first line is the one password; whoever has it may do all.
    Password(PathBuf),
}

/// The text of a file that holds secrets. One that everybody on this computer may read or write is refused.
pub(crate) fn read_secret(path: &Path, len_max: u64) -> Result<String, UsersError> {
    let shown = path.display();
    let cannot = |error: io::Error| UsersError(format!("cannot read {shown}: {error}"));
    let bytes = plain_file::read(path, len_max).map_err(cannot)?;
    if plain_file::is_open_to_all(path).map_err(cannot)? {
        return Err(UsersError(format!("everybody on this computer may open {shown}, which holds secrets; `chmod 600 {shown}`")));
    }
    String::from_utf8(bytes).map_err(|_| UsersError(format!("{shown} is no text")))
}

#[cfg(test)]
mod tests;
