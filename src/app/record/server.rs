//! A recording of a hlscam that runs: its stream as it is, with what is left of its past.

use super::{Missing, Outcome, Recording, STATUS_PERIOD};
use crate::{
    app::{Failure, failed},
    follow::{
        Ended, Followed, Follower, Patience,
        markers::{MarkerFeed, MarkerNews},
    },
    hooks::url::Address,
    record::{
        marked::{Intake, Triggers},
        recorder::Totals,
    },
    sync::lock,
    time::Span,
};
use std::{
    sync::{Arc, Mutex, MutexGuard, atomic::Ordering},
    thread,
};
use tokio::{runtime, sync::oneshot};

/// What the thread that follows and the one that shows share.
struct Shared {
    recorder: Mutex<Intake>,
    /// Beside the recorder, whose lock is held as long as a slow disk takes.
    written: Mutex<(Totals, Span)>,
}

/// Records until the time is over, the stream ends, or the user ends it.
pub(super) fn run(recording: &Recording<'_>, address: &Address) -> Result<Outcome, Failure> {
    let Recording { record, interrupt, report, .. } = recording;
    let triggers = recording.triggers();
    let shared = Arc::new(Shared { recorder: Mutex::new(recording.intake(triggers.as_ref())), written: Mutex::default() });
    let waited_for = record.on.clone().zip(triggers);
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let (stop, stopped) = oneshot::channel::<()>();
    let (address, pre_roll, duration) = (address.clone(), record.pre_roll, record.duration);
    let following = thread::Builder::new().name("follow".to_owned()).spawn({
        let shared = shared.clone();
        move || {
            runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = stopped => Ok(Ended::Enough),
                    ended = follow(&address, (pre_roll, duration), waited_for, &shared) => ended,
                }
            })
        }
    });
    let following = following.map_err(failed)?;
    let mut display = report.display(None);
    let mut interrupted = false;
    while !interrupted && !following.is_finished() {
        interrupted = interrupt.wait(STATUS_PERIOD);
        report.show(&mut display, lock(&shared.written).0);
    }
    recording.ending.store(interrupted, Ordering::Relaxed);
    stop.send(()).ok();
    let ended = following.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    drop(display);
    let missing = lock(&shared.written).1;
    let (totals, error) = lock(&shared.recorder).finish();
    let failure = match ended {
        Ok(Ended::Enough) => None,
        Ok(Ended::Stream) if record.duration.is_none() => None,
        Ok(Ended::Stream) => Some(Failure("the stream has ended before all was recorded".to_owned())),
        Ok(Ended::Lost(error)) => Some(failed(error)),
        Err(failure) => Some(failure),
    };
    Ok(Outcome::new(totals, Missing::Server(missing), failure, error, &record.output.to_string()))
}

/// Takes the stream, until nobody wants more.
async fn follow(
    address: &Address,
    (pre_roll, duration): (Span, Option<Span>),
    waited_for: Option<(Vec<String>, Arc<Mutex<Triggers>>)>,
    shared: &Shared,
) -> Result<Ended, Failure> {
    let mut follower = Follower::connect(address).await.map_err(failed)?;
    tracing::info!("recording {}", follower.title());
    lock(&shared.recorder).open_early().map_err(failed)?;
    let patience = if duration.is_some() { Patience::Limited } else { Patience::Endless };
    let mut take = |followed: Followed| {
        let mut recorder: MutexGuard<'_, Intake> = lock(&shared.recorder);
        match followed {
            Followed::Joined(past) => {
                let past = if pre_roll > Span::ZERO { past } else { Span::ZERO };
                duration.into_iter().for_each(|duration| recorder.set_length(past + duration));
                true
            }
            Followed::Missing(span) => {
                tracing::warn!(
                    "{:.1} s are missing here: the server does not have them any more, or has never had them",
                    span.as_s()
                );
                let missing = &mut lock(&shared.written).1;
                *missing = *missing + span;
                true
            }
            Followed::Event(event) => {
                let goes_on = recorder.take(&event);
                lock(&shared.written).0 = recorder.totals();
                goes_on
            }
        }
    };
    let Some((kinds, triggers)) = waited_for else {
        return follower.run(pre_roll, patience, &mut take).await.map_err(failed);
    };
    let feed = MarkerFeed::of(&follower);
    let mut tell = |news| {
        let mut triggers = lock(&triggers);
        match news {
            MarkerNews::Open(open, now) => triggers.set_open(&open, now),
            MarkerNews::Begin(id, begin) => triggers.begin(&id, begin),
            MarkerNews::End(id, begin, end) => triggers.end(&id, begin, end),
            MarkerNews::Removed(id) => triggers.remove(&id),
        }
    };
    tokio::select! {
        ended = follower.run(pre_roll, patience, &mut take) => ended.map_err(failed),
        () = feed.watch(&kinds, &mut tell) => Ok(Ended::Stream),
    }
}
