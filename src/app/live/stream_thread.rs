//! A camera on a thread of its own, from the opening of its source to its end. What happens to one camera holds up no other: a source that
//! blocks, cannot be opened, ends or meets a bug costs its own stream.

use crate::{
    app::{Failure, failed, open_source, retry::tried_again},
    camera::{Camera, CameraConfig, LiveCamera, PendingCamera, keep::KEPT_DEFAULT},
    camera_name::CameraName,
    capture::{CaptureParts, SourceState, demand::Unwatched},
    changeable::Changeable,
    hooks::{Hooks, HooksConfig, Keep},
    threads,
    time::Span,
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use std::{
    convert::Infallible,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};
use tokio::runtime::Handle;
use tracing::Span as LogSpan;

/// A stream that has ended by itself is noticed within this time.
const LOOK: Span = Span::from_ms(100);

/// Where there are several cameras, the lines of the log name theirs.
pub(super) fn log_span(camera: &CameraName, has_others: bool) -> LogSpan {
    if has_others { threads::of_camera(camera) } else { LogSpan::none() }
}

/// What the main thread knows of the threads of the cameras.
pub(super) struct Supervision {
    flags: Arc<Flags>,
    /// Disconnected when no stream is left.
    left: Receiver<Infallible>,
    /// Dropped to end all.
    going: Sender<Infallible>,
}

/// What each of these threads has of it.
#[derive(Clone)]
pub(super) struct Supervised {
    /// Where hooks run.
    runtime: Handle,
    flags: Arc<Flags>,
    /// Disconnected when the thread is to end.
    going: Receiver<Infallible>,
    /// Dropped when the viewers of the stream have been told of its end.
    left: Sender<Infallible>,
    /// Other streams go on when this one fails.
    has_others: bool,
}

#[derive(Default)]
struct Flags {
    /// A source takes long to open, or could not be opened and is tried again.
    is_late: AtomicBool,
    /// A stream has begun.
    has_begun: AtomicBool,
}

/// Of so many cameras, whose hooks run there. What the threads have is cloned for each, and must be dropped then.
pub(super) fn supervision(n_cameras: usize, runtime: Handle) -> (Supervision, Supervised) {
    let ((going, goes_on), (left, none_left)) = (bounded(0), bounded(0));
    let flags: Arc<Flags> = Arc::default();
    let supervised = Supervised { runtime, flags: flags.clone(), going: goes_on, left, has_others: n_cameras > 1 };
    (Supervision { flags, left: none_left, going }, supervised)
}

impl Supervision {
    /// Whether there is something to look at, or it takes long.
    pub(super) fn is_to_be_announced(&self) -> bool {
        self.flags.is_late.load(Ordering::Relaxed) || self.flags.has_begun.load(Ordering::Relaxed)
    }

    /// Whether all streams have ended by themselves.
    pub(super) fn have_all_ended(&self) -> bool {
        self.left.try_recv() == Err(TryRecvError::Disconnected)
    }

    /// Ends all streams, and waits until their viewers have been told; whether there were any.
    pub(super) fn end(self) -> bool {
        let Supervision { flags, left, going } = self;
        drop(going);
        // Until the last thread has dropped its end.
        left.recv().ok();
        flags.has_begun.load(Ordering::Relaxed)
    }
}

impl Supervised {
    /// Waits that long; true as soon as the thread is to end.
    fn is_over_after(&self, span: Span) -> bool {
        self.going.recv_timeout(span.to_duration()) != Err(RecvTimeoutError::Timeout)
    }
}

/// The thread of one camera.
pub(super) struct StreamThread {
    camera: Arc<Camera>,
    thread: JoinHandle<Result<(), Failure>>,
}

impl StreamThread {
    /// Starts it. `started` is the camera, and what opens its source.
    pub(super) fn start(
        config: &CameraConfig,
        hooks: Changeable<HooksConfig>,
        started: (PendingCamera, CaptureParts),
        supervised: Supervised,
    ) -> Result<StreamThread, Failure> {
        let camera = started.0.camera.clone();
        let (name, source, is_one_of_several) = (config.name.clone(), config.source.name(), supervised.has_others);
        let own =
            move |hooks: HooksConfig| if is_one_of_several { hooks.of_one_of_several(&name) } else { hooks.of_camera(&source) };
        let span = log_span(&camera.name, supervised.has_others);
        let is_waited_for = config.is_waited_for;
        let thread = span.in_scope(|| {
            threads::spawn("camera", {
                let camera = camera.clone();
                move || {
                    let has_others = supervised.has_others;
                    let streamed = catch_unwind(AssertUnwindSafe(|| stream(started, is_waited_for, (hooks, &own), supervised)));
                    let result = streamed.unwrap_or_else(|_| {
                        abandon(&camera);
                        Err(Failure("the stream ended by a bug".to_owned()))
                    });
                    if !has_others {
                        return result;
                    }
                    result.map_err(|Failure(why)| {
                        tracing::error!("the stream has failed: {why}");
                        Failure(format!("{}: {why}", camera.name))
                    })
                }
            })
        });
        let thread = thread.map_err(|error| Failure(format!("cannot start the thread of a camera: {error}")))?;
        Ok(StreamThread { camera, thread })
    }

    /// Waits for its end; why its stream failed, if so.
    pub(super) fn join(self) -> Result<(), Failure> {
        let StreamThread { camera, thread } = self;
        // Bugs are caught on the thread, but for one in its own ending.
        thread.join().unwrap_or_else(|_| Err(Failure(format!("the thread of camera {} ended by a bug", camera.name))))
    }
}

/// Streams until the source ends, or the thread is to end.
fn stream(
    (pending, mut source): (PendingCamera, CaptureParts),
    is_waited_for: bool,
    (asked, own): (Changeable<HooksConfig>, &dyn Fn(HooksConfig) -> HooksConfig),
    supervised: Supervised,
) -> Result<(), Failure> {
    // A camera that is opened for a viewer is not the end of the program where it cannot be.
    if supervised.has_others || is_waited_for || source.demand.unwatched() == Unwatched::Close {
        let flags = supervised.flags.clone();
        let meanwhile = if supervised.has_others { ", and the other cameras go on" } else { "" };
        source = tried_again(source, meanwhile, move || flags.is_late.store(true, Ordering::Relaxed));
    }
    let late = || supervised.flags.is_late.store(true, Ordering::Relaxed);
    let capture = match open_source(source, |span| supervised.is_over_after(span), late) {
        Ok(Some(capture)) => capture,
        Ok(None) => {
            pending.end("hlscam was ended");
            return Ok(());
        }
        Err(failure) => {
            pending.end("the source cannot be opened");
            return Err(failure);
        }
    };
    let live = pending.run(capture).map_err(failed)?;
    supervised.flags.has_begun.store(true, Ordering::Relaxed);
    let mut version = 0;
    let first = asked.newer_than(&mut version).unwrap_or_else(|| asked.get());
    let mut hooks = {
        let Camera { markers, hooks: counts, status, .. } = &*live.camera;
        let _inside = supervised.runtime.enter();
        Hooks::start(own(first), markers, counts, (status.asked.kinds.clone(), keep_of(&live.camera)))
    };
    while !live.has_ended() && !supervised.is_over_after(LOOK) {
        if let Some(changed) = asked.newer_than(&mut version) {
            supervised.runtime.block_on(hooks.change(own(changed)));
        }
    }
    end(live, hooks, supervised)
}

/// Keeps what just happened before a camera; none where there is no history to keep it in.
fn keep_of(camera: &Arc<Camera>) -> Option<Keep> {
    camera.recordings.as_ref()?;
    // The camera has the counts of its hooks, so that the hooks do not hold the camera.
    let camera = Arc::downgrade(camera);
    Some(Arc::new(move |span| {
        let camera = camera.upgrade().ok_or("the camera has ended")?;
        camera.keep_just_happened(span.unwrap_or(KEPT_DEFAULT)).map(drop).map_err(|error| error.to_string())
    }))
}

/// Ends the stream from its source on; its viewers hear of it before its source and its detector are waited for.
fn end(live: LiveCamera, hooks: Hooks, supervised: Supervised) -> Result<(), Failure> {
    let Supervised { runtime, left, .. } = supervised;
    let (result, remains) = live.end();
    let hooks = runtime.spawn(hooks.end());
    drop(left);
    let result = result.and(remains.end()).map_err(failed);
    // A panic in there has been told.
    runtime.block_on(hooks).ok();
    result
}

/// Tells the viewers of a stream that it has ended, whatever it was doing.
fn abandon(camera: &Camera) {
    camera.markers.end("the stream has failed");
    camera.window.end();
    camera.status.stream.capture.set_state(SourceState::Ended, None);
}
