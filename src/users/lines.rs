//! The text of a file of users.

use super::{Role, USERS_MAX, User, UserName, Users, password::PasswordHash};

/// The first line; its number is that of the format.
const HEAD: &str = "# users of hlscam, format ";
/// The format that is written.
const FORMAT: u32 = 1;

/// The whole text.
pub(super) fn text(users: &Users) -> String {
    let line = |User { name, role, password }: &User| format!("{name}:{role}:{}\n", password.as_str());
    users.iter().map(line).fold(format!("{HEAD}{FORMAT}\n"), |text, line| text + &line)
}

/// Reads it. Empty lines and lines that begin with `#` are passed over.
pub(super) fn parse(text: &str) -> Result<Users, String> {
    let head = text.lines().next().unwrap_or_default();
    let format = head.strip_prefix(HEAD).and_then(|format| format.trim().parse::<u32>().ok());
    match format {
        Some(FORMAT) => {}
        Some(newer) if newer > FORMAT => return Err(format!("a newer hlscam has written it (format {newer})")),
        _ => return Err(format!("its first line is not `{HEAD}{FORMAT}`; `hlscam user add` makes one")),
    }
    let mut users = Users::default();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
        // The line itself is not told: it may be a password.
        let user = parse_line(line.trim()).map_err(|why| format!("line {}: {why}", index + 1))?;
        if users.iter().count() >= USERS_MAX {
            return Err(format!("it has more than {USERS_MAX} users"));
        }
        users.add(user).map_err(|_| format!("line {}: that name was there before", index + 1))?;
    }
    Ok(users)
}

fn parse_line(line: &str) -> Result<User, String> {
    let mut fields = line.splitn(3, ':');
    let (Some(name), Some(role), Some(password)) = (fields.next(), fields.next(), fields.next()) else {
        return Err("a line is NAME:ROLE:HASH".to_owned());
    };
    let role = Role::parse(role).ok_or("a role is viewer, operator or admin")?;
    Ok(User { name: UserName::parse(name)?, role, password: PasswordHash::parse(password)? })
}
