//! The memory limit of this process's control group, which is that of its service or container. The kernel kills a process that reaches it,
//! without a message.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where Linux shows control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// Bytes that this process may have; none where nothing limits it.
pub(super) fn memory_max() -> Option<u64> {
    memory_max_at(Path::new(ROOT), &fs::read_to_string("/proc/self/cgroup").ok()?)
}

/// The least of what the groups from the process's own up to the root have. Which those are, `of_process` tells, as in `/proc/self/cgroup`.
/// A container sees its own group as the root, under whatever name.
fn memory_max_at(root: &Path, of_process: &str) -> Option<u64> {
    let files = of_process.lines().filter_map(|line| {
        let mut fields = line.splitn(3, ':').skip(1);
        match (fields.next()?, fields.next()?) {
            ("", group) => Some((root.to_owned(), group, "memory.max")),
            (kinds, group) if kinds.split(',').any(|kind| kind == "memory") => {
                Some((root.join("memory"), group, "memory.limit_in_bytes"))
            }
            _ => None,
        }
    });
    let limits = files.flat_map(|(root, group, file)| {
        let groups: Vec<PathBuf> =
            Path::new(group.trim_start_matches('/')).ancestors().map(|group| root.join(group).join(file)).collect();
        groups
    });
    limits.filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok()).min().filter(|limit| *limit < UNLIMITED)
}

/// From here on the first version of control groups means that there is no limit.
const UNLIMITED: u64 = 1 << 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_of_a_process_and_the_groups_above_it_counts() {
        let root = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| {
            let file = root.path().join(file);
            fs::create_dir_all(file.parent().expect("it has one")).and_then(|()| fs::write(file, text)).expect("room");
        };
        let check =
            |of_process: &str, expect: Option<u64>| assert_eq!(memory_max_at(root.path(), of_process), expect, "{of_process}");
        write("system.slice/memory.max", "max\n");
        write("system.slice/hlscam.service/memory.max", "67108864\n");
        write("memory/memory.limit_in_bytes", "9223372036854771712\n");
        write("memory/docker/memory.limit_in_bytes", "50000000\n");
        check("0::/system.slice/hlscam.service\n", Some(64 << 20));
        check("0::/system.slice/hlscam.service/below\n", Some(64 << 20));
        check("0::/system.slice\n", None);
        check("9:pids:/docker\n4:cpu,memory:/docker/abc\n0::/system.slice\n", Some(50_000_000));
        check("4:memory:/\n", None);
        check("", None);
        check("nonsense", None);
        // In a container the group is the root, and the name is that of outside.
        write("memory.max", "1000000\n");
        check("0::/of/the/host\n", Some(1_000_000));
    }
}
