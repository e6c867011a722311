//! The system's limit of open files, of which every connection takes one.

/// Files that are not connections: cameras, recordings, libraries being opened. A full server must not keep a lost camera from being
/// opened again.
const FILES_RESERVED: usize = 128;

/// Raises this process's limit for `connections`, as far as the system allows, and returns how many connections there is room for.
/// Many systems start a program with 1024 files and let it ask for more.
#[cfg(unix)]
pub(super) fn room_for(connections: usize) -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let wanted = (connections + FILES_RESERVED) as u64;
    let limit = getrlimit(Resource::Nofile);
    let of = |bound: Option<u64>| bound.unwrap_or(u64::MAX);
    let mut room = of(limit.current);
    if room < wanted {
        let raised = wanted.min(of(limit.maximum));
        match setrlimit(Resource::Nofile, Rlimit { current: Some(raised), maximum: limit.maximum }) {
            Ok(()) => room = raised,
            Err(error) => tracing::debug!(%error, "the limit of open files stays at {room}"),
        }
    }
    let room = usize::try_from(room).unwrap_or(usize::MAX).saturating_sub(FILES_RESERVED).min(connections);
    if room < connections {
        tracing::info!("the system's limit of open files leaves room for {room} connections; see ulimit -n");
    }
    // With a limit below the reserve somebody must still be able to watch.
    room.max(1)
}

/// Elsewhere sockets do not count as files.
#[cfg(not(unix))]
pub(super) fn room_for(connections: usize) -> usize {
    connections
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_few_connections_have_room_and_nobody_gets_more_than_asked() {
        assert_eq!(room_for(10), 10);
        assert!((1..=1 << 40).contains(&room_for(1 << 40)));
    }
}
