//! What this process uses of the system, by the names that Prometheus' own libraries use. What a system does not tell is left out.

use super::exposition::{Exposition, Family, Kind, family};

const CPU: Family = family("process_cpu_seconds", Kind::Counter, "Time that all threads have worked, user and system");
const RESIDENT: Family = family("process_resident_memory_bytes", Kind::Gauge, "Memory that is in use now");
const VIRTUAL: Family = family("process_virtual_memory_bytes", Kind::Gauge, "Address space that is taken");
const FILES: Family = family("process_open_fds", Kind::Gauge, "Open files and sockets");
const FILES_MAX: Family = family("process_max_fds", Kind::Gauge, "Most files and sockets that may be open");
const THREADS: Family = family("process_threads", Kind::Gauge, "Threads");
const STARTED: Family = family("process_start_time_seconds", Kind::Gauge, "When the program began, Unix time");

/// What the system tells.
#[derive(Debug, Default, PartialEq)]
struct Usage {
    cpu_s: Option<f64>,
    resident: Option<f64>,
    virtual_: Option<f64>,
    files: Option<f64>,
    files_max: Option<f64>,
    threads: Option<f64>,
}

/// Adds them; the program began at `started_s`, Unix time.
pub(super) fn put(text: &mut Exposition, started_s: f64) {
    let usage = usage();
    text.single(CPU, usage.cpu_s);
    text.single(RESIDENT, usage.resident);
    text.single(VIRTUAL, usage.virtual_);
    text.single(FILES, usage.files);
    text.single(FILES_MAX, usage.files_max);
    text.single(THREADS, usage.threads);
    text.single(STARTED, Some(started_s));
}

#[cfg(target_os = "linux")]
fn usage() -> Usage {
    use rustix::{
        process::{Resource, getrlimit},
        time::{ClockId, clock_gettime},
    };
    use std::fs;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    Usage {
        cpu_s: Some(cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9),
        // Without the one that is open to count them.
        files: fs::read_dir("/proc/self/fd").ok().map(|files| files.count().saturating_sub(1) as f64),
        files_max: getrlimit(Resource::Nofile).current.map(|most| most as f64),
        ..of_status(&status)
    }
}

#[cfg(not(target_os = "linux"))]
fn usage() -> Usage {
    Usage::default()
}

/// What `/proc/self/status` tells (proc_pid_status(5)).
#[cfg(any(target_os = "linux", test))]
fn of_status(status: &str) -> Usage {
    let number = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let bytes = |name: &str| number(name).map(|kib| kib * 1024.0);
    Usage { resident: bytes("VmRSS"), virtual_: bytes("VmSize"), threads: number("Threads"), ..Usage::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_threads_are_read_as_the_kernel_writes_them() {
        let usage = of_status("Name:\thlscam\nVmSize:\t  735120 kB\nVmRSS:\t   40960 kB\nThreads:\t11\n");
        let expect = Usage { resident: Some(41_943_040.0), virtual_: Some(752_762_880.0), threads: Some(11.0), ..Usage::default() };
        assert_eq!((usage, of_status("nothing of it\nVmRSS: x kB")), (expect, Usage::default()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_uses_something_of_everything() {
        let usage = usage();
        let all = [usage.cpu_s, usage.resident, usage.virtual_, usage.files, usage.threads];
        assert!(all.iter().all(|value| value.is_some_and(|value| value > 0.0)), "{usage:?}");
    }
}
