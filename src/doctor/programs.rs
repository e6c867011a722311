//! Which programs have something open, as far as `/proc` shows it to this user.

use std::{collections::BTreeMap, fs, path::Path};

/// A program that has something open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub(super) process: u32,
    pub(super) name: String,
}

/// Who has each of `wanted` open: paths, or sockets as `socket:[N]`. This program itself is left out.
pub(super) fn holders(wanted: &[String]) -> BTreeMap<String, Vec<Holder>> {
    let mut found: BTreeMap<String, Vec<Holder>> = BTreeMap::new();
    if wanted.is_empty() {
        return found;
    }
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    for process in numbers.filter(|process| *process != std::process::id()) {
        let folder = Path::new("/proc").join(process.to_string());
        // What belongs to other users cannot be read, but by root.
        let open = fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
        let mut links: Vec<String> = open
            .filter_map(|file| Some(fs::read_link(file.path()).ok()?.to_str()?.to_owned()))
            .filter(|link| wanted.contains(link))
            .collect();
        links.sort();
        links.dedup();
        for link in links {
            let name = fs::read_to_string(folder.join("comm")).unwrap_or_default().trim().to_owned();
            found.entry(link).or_default().push(Holder { process, name });
        }
    }
    found
}

/// `vlc (process 17), cheese (process 18)`.
pub(super) fn listed(holders: &[Holder]) -> String {
    holders.iter().map(|holder| format!("{} (process {})", holder.name, holder.process)).collect::<Vec<_>>().join(", ")
}

/// What ends them.
pub(super) fn end(holders: &[Holder]) -> String {
    let numbers: Vec<String> = holders.iter().map(|holder| holder.process.to_string()).collect();
    format!("kill {}", numbers.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_are_named_and_ended_by_their_numbers() {
        let two = [Holder { process: 17, name: "vlc".to_owned() }, Holder { process: 18, name: "cheese".to_owned() }];
        assert_eq!((listed(&two), end(&two)), ("vlc (process 17), cheese (process 18)".to_owned(), "kill 17 18".to_owned()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn who_has_a_file_open_is_found() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().canonicalize().expect("it is there").join("held");
        let file = fs::File::create(&path).expect("room");
        // It has the file as its stdout until its stdin ends.
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .stdout(file)
            .spawn()
            .expect("every system has it");
        let wanted = [path.to_str().expect("text").to_owned()];
        let found = holders(&wanted);
        drop(child.stdin.take());
        child.wait().expect("it is our child");
        let processes: Vec<u32> = found.values().flatten().map(|holder| holder.process).collect();
        assert_eq!(processes, [child.id()], "{found:?}");
    }
}
