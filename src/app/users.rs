//! `hlscam user`.

use super::{Failure, failed, out};
use crate::{
    config::{
        Listing,
        users::{UserAction, UserConfig},
    },
    console::secret,
    users::{
        User, UserName, Users,
        password::{self, PasswordHash},
    },
};

/// Changes or lists a file of users.
pub(super) fn run(config: &UserConfig) -> Result<(), Failure> {
    let file = &config.file;
    let read = || match config.action {
        UserAction::Add(..) => Users::read_if_there(file),
        _ => Users::read(file),
    };
    let mut users = read().map_err(failed)?;
    let told = match &config.action {
        UserAction::Add(name, role) => {
            let user = |password| User { name: name.clone(), role: *role, password };
            // What is wrong is told before the password is asked for; and the file is read again then, for that may take long.
            users.add(user(PasswordHash::of_nobody())).map_err(failed)?;
            let password = ask(name)?;
            users = read().map_err(failed)?;
            users.add(user(password)).map_err(failed)?;
            format!("added {name}, {role}")
        }
        UserAction::Password(name) => {
            users.find_mut(name).map_err(failed)?;
            let password = ask(name)?;
            users = read().map_err(failed)?;
            users.find_mut(name).map_err(failed)?.password = password;
            format!("{name} has another password")
        }
        UserAction::Role(name, role) => {
            users.find_mut(name).map_err(failed)?.role = *role;
            format!("{name} is {role}")
        }
        UserAction::Remove(name) => {
            users.remove(name).map_err(failed)?;
            format!("removed {name}")
        }
        UserAction::List(form) => return list(&users, *form),
    };
    users.write(file).map_err(failed)?;
    out(&told).map(drop)
}

fn ask(name: &UserName) -> Result<PasswordHash, Failure> {
    let typed = secret::ask(&format!("Password of {name}: "), "The same again: ").map_err(failed)?;
    password::check(&typed, Some(name.as_str())).map_err(Failure)?;
    PasswordHash::of(&typed).map_err(Failure)
}

fn list(users: &Users, form: Listing) -> Result<(), Failure> {
    let text = match form {
        Listing::Text => {
            let width = users.iter().map(|user| user.name.as_str().chars().count()).max().unwrap_or_default();
            let lines: Vec<String> = users.iter().map(|user| format!("{:width$}  {}", user.name.as_str(), user.role)).collect();
            if lines.is_empty() { "there is no user; `hlscam user add NAME` adds one".to_owned() } else { lines.join("\n") }
        }
        Listing::Json => {
            let one = |user: &User| serde_json::json!({"name": user.name.as_str(), "role": user.role.name()});
            serde_json::to_string(&serde_json::json!({"users": users.iter().map(one).collect::<Vec<_>>()})).map_err(failed)?
        }
    };
    out(&text).map(drop)
}
