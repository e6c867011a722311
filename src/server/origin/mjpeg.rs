//! `GET /cam/stream.mjpg`: pictures one after the other, for programs that know nothing else. They are encoded once for all who watch, and
//! only while somebody does. A client that is slow gets the newest when it is ready, and misses those between.

use super::{Method, Reply, Request, wake};
use crate::{
    bus::{Bus, Capacity, End, Policy, QueueConfig, Subscription},
    camera::Camera,
    capture::SourceState,
    encode::{
        EncodeError,
        jpeg::{self, JpegEncoder},
    },
    picture::Picture,
    server::http::{
        chunked::Chunks,
        reply::{later, plain},
    },
    sync::lock,
    time::{Span, Ticks},
};
use bytes::{BufMut, Bytes, BytesMut};
use std::{
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard},
    thread,
};
use tokio::sync::watch;

/// The name of the stream, below `/<stream>/`.
pub(super) const NAME: &str = "stream.mjpg";
/// What stands between two pictures (RFC 2046 §5.1); no JPEG header looks like it, and each part has its length.
const BOUNDARY: &str = "hlscam-picture";
/// Clients at a time: each takes some 3 Mbit/s at 640×480, and more of larger pictures.
pub(in crate::server) const WATCHERS_MAX: usize = 32;
/// Of these from one address.
pub(in crate::server) const WATCHERS_PER_ADDRESS_MAX: usize = 8;
/// Of these from the loopback address, where a reverse proxy connects from.
pub(in crate::server) const WATCHERS_OF_PROXY_MAX: usize = 24;
/// Widest picture; a wider one is made smaller. A dashboard shows it in a corner.
const WIDTH_MAX: u32 = 1280;
/// Least time between two pictures, which makes some ten a second: each is as large as a key frame. The slack is for cameras that jitter.
const SPACING: Span = Span::from_ms(90);
/// How often the thread looks whether anybody still watches while no picture comes.
const LOOK: Span = Span::from_ms(1000);
/// Seconds after which a client that was turned away may come again.
const RETRY_AFTER_S: u32 = 5;

/// The newest picture as a part of the body; empty before the first.
type Newest = watch::Sender<Bytes>;

/// The encoder of one camera for all who watch. It is there while somebody does.
#[derive(Debug, Default)]
pub(in crate::server) struct MjpegHub {
    running: Mutex<Option<Arc<Newest>>>,
}

impl MjpegHub {
    /// The pictures from now on.
    pub(super) fn watch(self: &Arc<Self>, bus: &Bus) -> io::Result<Watcher> {
        let mut running = lock(&self.running);
        if let Some(newest) = running.as_ref() {
            return Ok(Watcher::new(newest.subscribe()));
        }
        let (newest, watcher) = watch::channel(Bytes::new());
        let newest = Arc::new(newest);
        let pictures = bus.pictures.subscribe(QueueConfig::new("the MJPEG stream", Policy::NewestWins, Capacity::items(1)));
        let work = Encoding { hub: self.clone(), newest: newest.clone() };
        thread::Builder::new().name("mjpeg".to_owned()).spawn(move || work.run(pictures))?;
        *running = Some(newest);
        Ok(Watcher::new(watcher))
    }
}

/// What the thread has. When it ends, by a bug too, the next who comes begins anew.
struct Encoding {
    hub: Arc<MjpegHub>,
    newest: Arc<Newest>,
}

impl Encoding {
    fn run(self, mut pictures: Subscription<Arc<Picture>>) {
        let (mut encoder, mut last): (Option<JpegEncoder>, Option<Ticks>) = (None, None);
        while !self.is_alone() {
            let picture = match pictures.recv_timeout(LOOK) {
                Ok(Some(picture)) => picture,
                Ok(None) => continue,
                Err(End::Ended | End::Overrun) => return,
            };
            if last.is_some_and(|last| picture.at >= last && picture.at.since(last) < SPACING) {
                continue;
            }
            last = Some(picture.at);
            match encode(&mut encoder, &picture) {
                Ok(jpeg) => _ = self.newest.send_replace(part(&jpeg)),
                Err(error) => return tracing::warn!("the MJPEG stream ends: {error}"),
            }
        }
    }

    /// Whether nobody watches; then whoever comes next begins anew.
    fn is_alone(&self) -> bool {
        let mut running = lock(&self.hub.running);
        let is_alone = self.newest.receiver_count() == 0;
        if is_alone {
            self.leave(&mut running);
        }
        is_alone
    }

    fn leave(&self, running: &mut MutexGuard<'_, Option<Arc<Newest>>>) {
        if running.as_ref().is_some_and(|newest| Arc::ptr_eq(newest, &self.newest)) {
            **running = None;
        }
    }
}

impl Drop for Encoding {
    fn drop(&mut self) {
        self.leave(&mut lock(&self.hub.running));
    }
}

fn encode(encoder: &mut Option<JpegEncoder>, picture: &Picture) -> Result<Bytes, EncodeError> {
    let size = picture.size();
    let mut open = match encoder.take().filter(|encoder| encoder.from() == size) {
        Some(open) => open,
        None => JpegEncoder::open(size, jpeg::scaled_size(size, Some(WIDTH_MAX)))?,
    };
    let jpeg = open.encode(picture)?;
    *encoder = Some(open);
    Ok(jpeg)
}

/// A picture as it is sent, with the boundary behind it: browsers show a picture when they see that.
fn part(jpeg: &Bytes) -> Bytes {
    let head = format!("Content-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n", jpeg.len());
    let mut part = BytesMut::with_capacity(head.len() + jpeg.len() + BOUNDARY.len() + 6);
    part.put_slice(head.as_bytes());
    part.put_slice(jpeg);
    part.put_slice(format!("\r\n--{BOUNDARY}\r\n").as_bytes());
    part.freeze()
}

/// The body of one client, until the stream ends or the client leaves.
pub(super) struct Watcher {
    newest: watch::Receiver<Bytes>,
    has_begun: bool,
    has_ended: bool,
}

impl Watcher {
    /// What is there already is sent at once.
    fn new(mut newest: watch::Receiver<Bytes>) -> Watcher {
        newest.mark_changed();
        Watcher { newest, has_begun: false, has_ended: false }
    }
}

impl Chunks for Watcher {
    type Error = Infallible;

    async fn next(&mut self) -> Option<Result<Bytes, Infallible>> {
        if !self.has_begun {
            self.has_begun = true;
            return Some(Ok(Bytes::from(format!("--{BOUNDARY}\r\n"))));
        }
        while !self.has_ended {
            if self.newest.changed().await.is_err() {
                self.has_ended = true;
                break;
            }
            let part = self.newest.borrow_and_update().clone();
            if !part.is_empty() {
                return Some(Ok(part));
            }
        }
        None
    }
}

/// The head of the answer, or why there is none.
pub(super) fn head(camera: &Camera, request: &Request) -> Reply {
    if request.method == Method::Other {
        return Reply::error(405, "only GET and HEAD are answered here", 0);
    }
    if !request.query.is_empty() && request.query.split('&').any(|pair| !matches!(pair.split('=').next(), Some("_" | "t"))) {
        return plain(400, "this stream takes no fields; it is as wide as the picture, and 1280 pixels at most\n")
            .for_method(request);
    }
    // Where the source is lost its pictures say so; before the first there is none that could.
    let capture = &camera.status.stream.capture;
    let absence = capture.absence().filter(|_| !wake::opens_when_asked(camera));
    if let (SourceState::Opening | SourceState::Ended, Some(absence)) = (capture.state(), absence) {
        return later(503, format!("there are no pictures now: {absence}\n"), RETRY_AFTER_S).for_method(request);
    }
    let headers = vec![
        ("content-type", format!("multipart/x-mixed-replace; boundary={BOUNDARY}")),
        ("cache-control", "no-store".to_owned()),
        // nginx would collect them.
        ("x-accel-buffering", "no".to_owned()),
    ];
    Reply { status: 200, headers, body: vec![], rest: None }
}

#[cfg(all(test, feature = "ffmpeg"))]
mod tests {
    use super::*;
    use crate::{bus::Publishers, picture::Size};
    use std::time::Duration;

    fn picture(ms: i64) -> Arc<Picture> {
        Arc::new(Picture::black(Size::new(64, 48).expect("even"), Ticks(ms * 90)))
    }

    fn publish(publishers: &mut Publishers, ms: i64) {
        publishers.pictures.publish(&[picture(ms)]).expect("nobody is essential");
    }

    /// Waits until the thread has ended.
    async fn end_of(hub: &MjpegHub) {
        let ended = async {
            while lock(&hub.running).is_some() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the thread ends");
    }

    async fn next(watcher: &mut Watcher) -> Option<Bytes> {
        watcher.next().await.map(|part| part.expect("it never fails"))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn all_who_watch_get_the_same_bytes_and_the_encoder_leaves_with_the_last() {
        let (bus, mut publishers) = Bus::open();
        let hub = Arc::<MjpegHub>::default();
        assert!(publishers.pictures.is_unheard(), "nothing is made while nobody watches");
        let (mut one, mut other) = (hub.watch(&bus).expect("a thread"), hub.watch(&bus).expect("a thread"));
        publish(&mut publishers, 0);
        assert_eq!(next(&mut one).await.as_deref(), Some(&b"--hlscam-picture\r\n"[..]));
        let first = next(&mut one).await.expect("a picture");
        let text = String::from_utf8_lossy(&first);
        assert!(text.starts_with("Content-Type: image/jpeg\r\nContent-Length: ") && text.ends_with("\r\n--hlscam-picture\r\n"));
        next(&mut other).await;
        let same = next(&mut other).await.expect("a picture");
        assert_eq!(same.as_ptr(), first.as_ptr(), "it was encoded once");
        // Who comes later sees at once what the others see.
        let mut late = hub.watch(&bus).expect("it runs");
        next(&mut late).await;
        assert_eq!(next(&mut late).await.map(|part| part.as_ptr()), Some(first.as_ptr()));
        drop((one, other, late));
        publish(&mut publishers, 1000);
        end_of(&hub).await;
        // Its subscription ends a moment after the thread has said that it does.
        let unheard = async {
            while !publishers.pictures.is_unheard() {
                publish(&mut publishers, 2000);
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), unheard).await.expect("nobody watches any more");
        let mut again = hub.watch(&bus).expect("a thread");
        publish(&mut publishers, 3000);
        next(&mut again).await;
        assert!(next(&mut again).await.is_some());
        drop(publishers);
        assert_eq!(next(&mut again).await, None, "the stream has ended");
        end_of(&hub).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn who_is_slow_misses_pictures_and_gets_the_newest() {
        let (bus, mut publishers) = Bus::open();
        let hub = Arc::<MjpegHub>::default();
        let (mut slow, mut fast) = (hub.watch(&bus).expect("a thread"), hub.watch(&bus).expect("a thread"));
        next(&mut fast).await;
        let mut newest = Bytes::new();
        for n in 0..5 {
            publish(&mut publishers, n * 100);
            newest = next(&mut fast).await.expect("a picture");
        }
        next(&mut slow).await;
        assert_eq!(next(&mut slow).await.map(|part| part.as_ptr()), Some(newest.as_ptr()));
        // Pictures that come too soon are left out, for all.
        publish(&mut publishers, 430);
        drop(publishers);
        assert_eq!((next(&mut slow).await, next(&mut fast).await), (None, None));
    }
}
