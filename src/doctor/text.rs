//! How what others have named, programs and folders, is written for people and for shells.

use std::path::Path;

/// A text without its control characters, which a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// A path as an argument of a command in a shell.
pub(super) fn quoted(path: &Path) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    let bytes = path.as_os_str().as_encoded_bytes();
    if bytes.starts_with(b"-") {
        // Else it would be an option.
        return quoted(&Path::new(".").join(path));
    }
    match path.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Some(text) if !text.chars().any(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        // What cannot be typed is written by its number, as bash and zsh read it.
        _ => format!("$'{}'", bytes.escape_ascii()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_no_name() {
        assert_eq!(shown("vlc (Küche)"), "vlc (Küche)");
        assert_eq!(shown("a\x1b[2Jb\nc\u{9b}"), "a\\u{1b}[2Jb\\nc\\u{9b}");
    }

    #[test]
    fn a_shell_reads_a_path_as_one_word() {
        let check = |path: &str, expect: &str| assert_eq!(quoted(Path::new(path)), expect);
        check("/srv/cam-1/a_b.c", "/srv/cam-1/a_b.c");
        check("/srv/my cam", "'/srv/my cam'");
        check("/srv/$(reboot)", "'/srv/$(reboot)'");
        check("it's", r"'it'\''s'");
        check("~/cam", "'~/cam'");
        check("/srv/Küche", "'/srv/Küche'");
        check("a\nb'c", r"$'a\nb\'c'");
        check("", "''");
    }

    #[cfg(unix)]
    #[test]
    fn a_path_is_no_option_and_may_be_no_text() {
        use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
        assert_eq!(quoted(Path::new("-rf")), "./-rf");
        assert_eq!(quoted(Path::new(OsStr::from_bytes(b"/a\xff"))), r"$'/a\xff'");
    }
}
