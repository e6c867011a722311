//! What was said about users.

use super::{
    Command, Listing,
    check::{asked, listing, refuse},
};
use crate::{
    cli::{
        UsageError,
        users::{UserArgs, UsersArgs, UsersFileArgs},
    },
    server::{Bind, Protection},
    users::{FILE_NAME, Role, UserName, UsersSource},
};
use std::path::{Path, PathBuf};

/// A file of users, and what is done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserConfig {
    /// The file.
    pub file: PathBuf,
    /// What is done.
    pub action: UserAction,
}

/// What is done with a file of users.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserAction {
    /// A user is added.
    Add(UserName, Role),
    /// Gets another password.
    Password(UserName),
    /// Gets another role.
    Role(UserName, Role),
    /// Is removed.
    Remove(UserName),
    /// All are listed.
    List(Listing),
}

pub(super) fn command(args: &UserArgs) -> Result<Command, UsageError> {
    let (file, action) = match args {
        UserArgs::Add { name, role: typed, file } => (file, UserAction::Add(user_name(name)?, role("--role", typed)?)),
        UserArgs::Password { name, file } => (file, UserAction::Password(user_name(name)?)),
        UserArgs::Role { name, role: typed, file } => (file, UserAction::Role(user_name(name)?, role("the role", typed)?)),
        UserArgs::Remove { name, file } => (file, UserAction::Remove(user_name(name)?)),
        UserArgs::List { json, file } => (file, UserAction::List(listing(*json))),
    };
    Ok(Command::User(UserConfig { file: file_of(file)?, action }))
}

fn file_of(args: &UsersFileArgs) -> Result<PathBuf, UsageError> {
    match (&args.users, &args.storage) {
        (Some(file), None) => Ok(file.clone()),
        (None, Some(folder)) => Ok(folder.join(FILE_NAME)),
        (Some(_), Some(_)) => refuse("--users", "", "--storage names a file too; leave one of them out"),
        (None, None) => refuse(
            "--users",
            "",
            "say which file it is; write --users users.txt, or --storage DIR for the one that a stream keeps there",
        ),
    }
}

fn user_name(typed: &str) -> Result<UserName, UsageError> {
    asked("the name", typed, UserName::parse)
}

fn role(option: &str, typed: &str) -> Result<Role, UsageError> {
    asked(option, typed, |text| {
        Role::parse(text).ok_or_else(|| "there is no such role; write viewer, operator or admin".to_owned())
    })
}

/// Who may do what at a server that listens there.
pub(super) fn protection(args: &UsersArgs, bind: &Bind, storage: Option<&Path>) -> Result<Protection, UsageError> {
    let users = match (&args.users, &args.password_file) {
        (Some(_), Some(_)) => return refuse("--password-file", "", "--users has passwords of its own; leave one of them out"),
        (Some(file), None) => Some(UsersSource::Users(file.clone())),
        (None, Some(file)) => Some(UsersSource::Password(file.clone())),
        (None, None) => None,
    };
    if users.is_some() && args.open {
        return refuse("--open", "", "who may watch is said by users or a password; leave one of them out");
    }
    let users = users.or_else(|| storage.filter(|_| !args.open).map(|folder| UsersSource::Kept(folder.join(FILE_NAME))));
    // Where systemd listens is known when it has handed the socket over.
    if let Bind::Address(address) = bind
        && users.is_none()
        && !args.open
        && !address.is_loopback()
    {
        return refuse("--bind", &address.to_string(), &Protection::unsaid());
    }
    Ok(Protection { users, is_open: args.open })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::check::tests::meaning;

    fn refused(line: &str) -> String {
        meaning(line).expect_err(line)
    }

    #[test]
    fn who_offers_the_stream_to_a_network_says_who_may_watch() {
        let protection = |line: &str| match meaning(line).expect("it is right").command {
            Command::Stream(_, server, _) => server.protection,
            other => panic!("{other:?}"),
        };
        assert_eq!(protection(""), Protection::default());
        assert_eq!(protection("--bind 0.0.0.0 --open"), Protection { users: None, is_open: true });
        let users = |path: &str| Some(UsersSource::Users(path.into()));
        assert_eq!(protection("--bind 0.0.0.0 --users u.txt").users, users("u.txt"));
        assert_eq!(protection("--bind :: --password-file p").users, Some(UsersSource::Password("p".into())));
        // Whether there are users in it is found out when it is read.
        assert_eq!(protection("--bind :: --storage kept").users, Some(UsersSource::Kept("kept/users".into())));
        assert_eq!(protection("--storage kept --open").users, None);
        assert_eq!(refused("--bind 0.0.0.0"), format!("--bind 0.0.0.0: {}", Protection::unsaid()));
        assert_eq!(refused("--users u --open"), "--open: who may watch is said by users or a password; leave one of them out");
        assert!(refused("--users u --password-file p").starts_with("--password-file: --users has passwords of its own"));
    }

    #[test]
    fn a_command_names_its_file_and_a_role_that_there_is() {
        let read = |line: &str| match meaning(line).expect("it is right").command {
            Command::User(config) => config,
            other => panic!("{other:?}"),
        };
        let anna = UserName::parse("anna").expect("a name");
        let expect = |file: &str, action| UserConfig { file: file.into(), action };
        assert_eq!(read("user add anna --users u"), expect("u", UserAction::Add(anna.clone(), Role::Viewer)));
        assert_eq!(read("user add anna --role admin --storage s"), expect("s/users", UserAction::Add(anna.clone(), Role::Admin)));
        assert_eq!(read("user role anna operator --users u"), expect("u", UserAction::Role(anna, Role::Operator)));
        assert_eq!(read("user list --users u --json"), expect("u", UserAction::List(Listing::Json)));
        assert!(refused("user add anna --role owner --users u").starts_with("--role owner: there is no such role"));
        assert!(refused("user add a:b --users u").starts_with("the name a:b: a name has letters"));
        assert!(refused("user add anna").starts_with("--users: say which file it is"));
        assert!(refused("user add anna --users u --storage s").starts_with("--users: --storage names a file too"));
    }
}
