//! `--on-event-exec`: a command of the shell for each event, with the event as JSON on its standard input.
//!
//! It is set by who starts the program alone. Its output goes nowhere; it can log for itself.

use super::{HookCounts, event_of, payload};
use crate::{
    events::{Events, Listener},
    failpoint,
};
use std::{process::Stdio, sync::Arc, time::Duration};
use tokio::{
    io::AsyncWriteExt,
    process::{Child, Command},
    sync::Semaphore,
    task::{JoinError, JoinSet},
    time::timeout,
};
use tracing::Instrument;

/// A command that takes longer is killed, with all that it has started: a notification takes seconds.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// Commands at a time; more events wait in the ring.
pub const RUNNING_MAX: usize = 4;
/// What the log calls it. The command itself may hold a password.
const NAME: &str = "the command of --on-event-exec";

/// Runs a command for each event, until they end and all commands have.
pub(super) async fn run(
    command: String,
    limit: Duration,
    (events, mut listener): (Arc<Events>, Listener),
    counts: Arc<HookCounts>,
) {
    let places = Arc::new(Semaphore::new(RUNNING_MAX));
    let mut running = JoinSet::new();
    while let Some(heard) = listener.next().await {
        failpoint::hit("exec");
        let Some(event) = event_of(heard, &counts) else { continue };
        let place = places.clone().acquire_owned().await.expect("nobody closes it");
        while let Some(ended) = running.try_join_next() {
            note_bug(&ended, &counts);
        }
        let (command, counts, input) = (command.clone(), counts.clone(), payload(&events, &event));
        let executed = async move {
            failpoint::hit("exec-command");
            match execute(&command, &input, limit).await {
                Ok(()) => {
                    counts.succeed(NAME);
                    counts.sent.bump();
                }
                Err(why) => {
                    counts.fail(NAME, &why);
                    counts.failed.bump();
                }
            }
            drop(place);
        };
        running.spawn(executed.in_current_span());
    }
    while let Some(ended) = running.join_next().await {
        note_bug(&ended, &counts);
    }
}

/// A bug in the task of one command costs its event, and no other.
fn note_bug(ended: &Result<(), JoinError>, counts: &HookCounts) {
    if ended.as_ref().is_err_and(JoinError::is_panic) {
        counts.failed.bump();
        counts.panics.note();
    }
}

async fn execute(command: &str, input: &str, limit: Duration) -> Result<(), String> {
    let mut child = shell(command)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("the shell cannot be started: {error}"))?;
    let group = Group::of(&child);
    let work = async {
        if let Some(mut stdin) = child.stdin.take() {
            // A command that does not read what it is told is none the worse for it.
            let _ = stdin.write_all(format!("{input}\n").as_bytes()).await;
        }
        child.wait().await
    };
    match timeout(limit, work).await {
        Ok(Ok(status)) => {
            group.leave();
            if status.success() { Ok(()) } else { Err(format!("it ended with {status}")) }
        }
        Ok(Err(error)) => Err(format!("it cannot be waited for: {error}")),
        Err(_) => Err(format!("it did not end within {} s, and was killed", limit.as_secs_f64())),
    }
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    // A group of its own: Ctrl-C is not for it, and all of it can be killed.
    shell.arg("-c").arg(command).process_group(0);
    shell
}

#[cfg(not(unix))]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd");
    shell.arg("/C").arg(command);
    shell
}

/// The command and all that it has started; killed when dropped.
struct Group {
    #[cfg(unix)]
    id: Option<rustix::process::Pid>,
}

#[cfg(unix)]
impl Group {
    fn of(child: &Child) -> Group {
        Group { id: child.id().and_then(|id| rustix::process::Pid::from_raw(id as i32)) }
    }

    /// It has ended; what it left running was meant to.
    fn leave(mut self) {
        self.id = None;
    }
}

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // Gone already is as good.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

/// Elsewhere the child alone is killed, by tokio.
#[cfg(not(unix))]
impl Group {
    fn of(_child: &Child) -> Group {
        Group {}
    }

    fn leave(self) {}
}

#[cfg(all(test, unix))]
mod tests {
    use super::{super::ring, *};
    use crate::{events::EventKind, time::WallTime};

    async fn after(command: &str, limit: Duration, n_events: usize) -> (u64, u64) {
        let (events, counts) = (ring(), Arc::new(HookCounts::default()));
        (0..n_events).for_each(|_| events.publish(WallTime(0), EventKind::CameraLost("a test")));
        events.close();
        let listener = events.listen_after("");
        run(command.to_owned(), limit, (events, listener), counts.clone()).await;
        (counts.sent.get(), counts.failed.get())
    }

    #[tokio::test]
    async fn a_command_gets_each_event_as_json() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("events");
        assert_eq!(after(&format!("cat >> {}", file.display()), TIMEOUT, 3).await, (3, 0));
        let text = std::fs::read_to_string(file).expect("it was written");
        let mut ids: Vec<_> =
            text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["event_id"].clone()).collect();
        ids.sort_by_key(ToString::to_string);
        assert_eq!(ids, ["r-1", "r-2", "r-3"]);
    }

    #[tokio::test]
    async fn a_command_that_fails_or_reads_nothing_is_counted() {
        assert_eq!(after("exit 3", TIMEOUT, 2).await, (0, 2));
        assert_eq!(after("true", TIMEOUT, 2).await, (2, 0));
        assert_eq!(after("no-such-program-anywhere", TIMEOUT, 1).await, (0, 1));
    }

    #[tokio::test]
    async fn a_command_that_hangs_is_killed_with_its_children() {
        let folder = tempfile::tempdir().expect("a folder");
        let pid_file = folder.path().join("pid");
        let command = format!("sleep 1000 & echo $! > {}; wait", pid_file.display());
        let began = async {
            while !std::fs::read_to_string(&pid_file).is_ok_and(|pid| pid.ends_with('\n')) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // Its time is over when it has begun, however long that took.
            tokio::time::pause();
            tokio::time::advance(TIMEOUT).await;
            tokio::time::resume();
        };
        let (ended, ()) = tokio::join!(after(&command, TIMEOUT, 1), began);
        assert_eq!(ended, (0, 1));
        let pid = std::fs::read_to_string(pid_file).expect("it began").trim().to_owned();
        let is_running =
            || std::process::Command::new("kill").args(["-0", &pid]).stderr(Stdio::null()).status().expect("kill").success();
        let is_zombie = || std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
        let gone = async {
            while is_running() && !is_zombie() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(Duration::from_secs(20), gone).await.expect("it is killed");
    }
}
