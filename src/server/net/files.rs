//! The budget of open files: connections, rejections, copies in memory, and what is kept for cameras, hooks and the store come out of the
//! one limit that the system has for this process.

use super::{limits::REJECTIONS_MAX, memfd_cache};

/// Most files that are kept for what is no connection and no copy: cameras and recordings that are opened again, commands of hooks (four
/// each), the store. A full server must not keep a lost camera from being opened again.
const RESERVED_MAX: usize = 128;

/// Under a small limit, the least of them: a camera, and two commands.
const RESERVED_MIN: usize = 12;

/// What each may have at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) struct Budget {
    /// Connections that are served.
    pub(in crate::server) connections: usize,
    /// Connections that are told why they are turned away.
    pub(in crate::server) rejections: usize,
    /// Copies of answers in memory.
    pub(in crate::server) copies: usize,
}

impl Budget {
    /// For this process, which has opened all else that it needs; at most `connections` of them.
    pub(in crate::server) fn of_system(connections: usize) -> Budget {
        let Some(free) = free() else {
            return Budget { connections, rejections: REJECTIONS_MAX, copies: memfd_cache::FILES_MAX };
        };
        let budget = Budget::of(free, connections);
        if budget.connections < connections {
            tracing::info!(
                "the system's limit of open files leaves room for {} connections; more need a higher one (ulimit -n)",
                budget.connections
            );
        }
        budget
    }

    /// Shares out `free` files. Copies save copying, and must not cost a viewer his place.
    fn of(free: usize, connections: usize) -> Budget {
        let left = free - (free / 4).clamp(RESERVED_MIN, RESERVED_MAX).min(free);
        let rejections = (left / 16).clamp(1, REJECTIONS_MAX);
        let copies = (left / 8).min(memfd_cache::FILES_MAX);
        // One is accepted before it is known that it is too many. Whatever there is, somebody must be able to watch.
        Budget { connections: left.saturating_sub(rejections + copies + 1).clamp(1, connections.max(1)), rejections, copies }
    }
}

/// Files that may still be opened; `None` where they are not counted.
#[cfg(unix)]
fn free() -> Option<usize> {
    use rustix::process::{Resource, getrlimit};
    /// Open files of a stream, where the system does not list them.
    const OPEN_UNTOLD: usize = 24;
    let limit = usize::try_from(getrlimit(Resource::Nofile).current?).unwrap_or(usize::MAX);
    let open = std::fs::read_dir("/dev/fd").map_or(OPEN_UNTOLD, Iterator::count);
    Some(limit.saturating_sub(open))
}

/// Elsewhere sockets do not count as files.
#[cfg(not(unix))]
fn free() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_fit_the_limit_whatever_it_is() {
        let check = |free: usize, connections: usize, rejections: usize, copies: usize| {
            assert_eq!(Budget::of(free, 8192), Budget { connections, rejections, copies }, "{free}");
        };
        // Limits of 64, 256, 1024 and 16,384, of which a stream has 17 itself.
        check(47, 28, 2, 4);
        check(239, 146, 11, 22);
        check(1007, 715, 54, 109);
        check(16_367, 8192, 64, 256);
        for free in RESERVED_MIN + 3..3000 {
            let Budget { connections, rejections, copies } = Budget::of(free, 8192);
            assert!(connections + rejections + copies + 1 + RESERVED_MIN <= free, "{free}");
        }
    }

    #[test]
    fn somebody_can_always_watch_and_nobody_gets_more_than_asked() {
        assert_eq!(Budget::of(0, 10).connections, 1);
        assert_eq!(Budget::of(1 << 40, 10).connections, 10);
    }
}
