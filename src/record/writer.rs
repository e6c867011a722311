//! A thread that writes a recording to the disk, so that a slow one holds up nobody: what finds no room in its queue is left out of the
//! recording, and told as what it is.

use crate::{
    drill,
    package::{PackagerEvent, Part},
    time::{Span, Ticks},
};
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
};

/// Bytes that wait for the disk, at most: half a minute at 8 Mbit/s, which is longer than a memory card stops to tidy up.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;

/// Writes one cut, on the thread `record`; `false` when nothing more can be written.
pub type Write = Box<dyn FnMut(&PackagerEvent) -> bool + Send>;

/// Where the stream puts its events. Never waits. Dropping it lets the thread end once all is written.
pub struct WriteQueue {
    sender: Sender<PackagerEvent>,
    shared: Arc<Shared>,
    /// The file, for messages.
    name: String,
    bytes_max: usize,
    /// Cuts are left out, up to the next segment that begins with room in the queue.
    is_behind: bool,
    was_told: bool,
    /// An init segment that came meanwhile.
    init: Option<PackagerEvent>,
}

/// The thread.
pub struct Writer {
    thread: JoinHandle<()>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    bytes: AtomicUsize,
    missing: AtomicI64,
    /// Nothing is written any more.
    has_ended: AtomicBool,
}

/// Says at the end of the thread, whatever ended it, that it has ended: a queue that is behind sends nothing, and would not notice.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Relaxed);
    }
}

/// Starts the thread. At most `bytes_max` wait for it.
pub fn start(name: String, bytes_max: usize, write: Write) -> io::Result<(WriteQueue, Writer)> {
    // Bounded by its bytes: a cut without any comes with a part that has some.
    let (sender, events) = unbounded();
    let shared = Arc::<Shared>::default();
    let thread = thread::Builder::new().name("record".to_owned()).spawn({
        let ending = Ending(shared.clone());
        move || run(&events, &ending.0, write)
    })?;
    let queue = WriteQueue { sender, shared: shared.clone(), name, bytes_max, is_behind: false, was_told: false, init: None };
    Ok((queue, Writer { thread, shared }))
}

fn run(events: &Receiver<PackagerEvent>, shared: &Shared, mut write: Write) {
    for cut in events {
        drill::pass("record");
        let goes_on = write(&cut);
        shared.bytes.fetch_sub(len(&cut), Ordering::Relaxed);
        if !goes_on {
            return;
        }
    }
}

fn len(cut: &PackagerEvent) -> usize {
    if let PackagerEvent::Part(Part { data, .. }) = cut { data.len() } else { 0 }
}

impl WriteQueue {
    /// Takes what was cut; `false` when nothing more can be written.
    pub fn put(&mut self, events: Vec<PackagerEvent>) -> bool {
        events.into_iter().all(|cut| self.put_one(cut))
    }

    fn put_one(&mut self, cut: PackagerEvent) -> bool {
        if self.shared.has_ended.load(Ordering::Relaxed) {
            return false;
        }
        let waiting = self.shared.bytes.load(Ordering::Relaxed);
        if self.is_behind && matches!(cut, PackagerEvent::Start(_)) && waiting <= self.bytes_max / 2 {
            self.is_behind = false;
            tracing::info!("the disk has caught up; {} goes on", self.name);
            if let Some(init) = self.init.take()
                && !self.send(init)
            {
                return false;
            }
        }
        match &cut {
            PackagerEvent::Part(_) if !self.is_behind && waiting + len(&cut) > self.bytes_max => {
                self.is_behind = true;
                self.tell();
            }
            _ => {}
        }
        if !self.is_behind {
            return self.send(cut);
        }
        match cut {
            PackagerEvent::Part(part) => {
                self.shared.missing.fetch_add(part.duration.0, Ordering::Relaxed);
            }
            PackagerEvent::Init { .. } => self.init = Some(cut),
            _ => {}
        }
        true
    }

    fn send(&self, cut: PackagerEvent) -> bool {
        self.shared.bytes.fetch_add(len(&cut), Ordering::Relaxed);
        self.sender.send(cut).is_ok()
    }

    /// Once: how much is missing is told at the end.
    fn tell(&mut self) {
        if !std::mem::replace(&mut self.was_told, true) {
            tracing::warn!(
                "the disk is too slow for {}: pictures are left out of it until the disk has caught up; record to a faster disk, \
                 or with a lower --bitrate",
                self.name
            );
        }
    }
}

impl Writer {
    /// Waits until all that was put is written, which needs the queue to be dropped. Returns how much of the stream found no room.
    pub fn end(self) -> Span {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        Ticks(self.shared.missing.load(Ordering::Relaxed)).since(Ticks(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        package::{InitId, Msn, SegmentStart},
        sync::lock,
        time::WallTime,
    };
    use crossbeam_channel::bounded;
    use std::sync::Mutex;

    /// A segment of three parts of 100 bytes and 200 ms.
    fn segment(msn: u64) -> Vec<PackagerEvent> {
        let msn = Msn(msn);
        let start = SegmentStart { msn, at: Ticks(0), wall: WallTime(0), init: InitId(1), discontinuity: false };
        let part = |index| Part {
            msn,
            index,
            at: Ticks(0),
            duration: Span::from_ms(200),
            independent: index == 0,
            key_len: None,
            data: vec![0; 100].into(),
        };
        [PackagerEvent::Start(start)]
            .into_iter()
            .chain((0..3).map(|index| PackagerEvent::Part(part(index))))
            .chain([PackagerEvent::End(msn)])
            .collect()
    }

    #[test]
    fn a_slow_disk_holds_up_nobody_and_costs_whole_ends_of_segments() {
        let (go, gate) = bounded::<()>(0);
        let written = Arc::<Mutex<Vec<String>>>::default();
        let write: Write = Box::new({
            let written = written.clone();
            move |cut| {
                // Each write takes until the test lets it; all go through once the test has let go.
                gate.recv().ok();
                let mut written = lock(&written);
                written.push(match cut {
                    PackagerEvent::Start(start) => format!("start{}", start.msn.0),
                    PackagerEvent::Part(part) => format!("{}.{}", part.msn.0, part.index),
                    PackagerEvent::End(msn) => format!("end{}", msn.0),
                    PackagerEvent::Init { .. } => "init".to_owned(),
                });
                true
            }
        });
        let (mut queue, writer) = start("out.mp4".to_owned(), 500, write).expect("a thread");
        assert!((1..=3).all(|msn| queue.put(segment(msn))), "nobody waits");
        // Up to 2.1 there was room. Seven events are written and the eighth is under way: then less than half is waiting.
        (0..8).for_each(|_| go.send(()).expect("it writes"));
        assert!(queue.put(segment(4)));
        drop((go, queue));
        assert_eq!(writer.end(), Span::from_ms(800), "2.2 and the third segment");
        let written = lock(&written).join(" ");
        assert_eq!(written, "start1 1.0 1.1 1.2 end1 start2 2.0 2.1 start4 4.0 4.1 4.2 end4");
    }

    #[test]
    fn the_stream_is_told_when_nothing_more_can_be_written() {
        let (mut queue, writer) = start("out.mp4".to_owned(), 1000, Box::new(|_| false)).expect("a thread");
        queue.put(segment(1));
        while queue.put(segment(2)) {
            thread::yield_now();
        }
        drop(queue);
        writer.end();
    }

    #[test]
    fn a_stream_whose_pictures_are_left_out_is_told_so_too() {
        let (go, gate) = bounded::<()>(0);
        let write: Write = Box::new(move |_| {
            gate.recv().ok();
            false
        });
        let (mut queue, writer) = start("out.mp4".to_owned(), 500, write).expect("a thread");
        assert!((1..=3).all(|msn| queue.put(segment(msn))) && queue.is_behind);
        drop(go);
        while queue.put(segment(4)) {
            thread::yield_now();
        }
        drop(queue);
        writer.end();
    }
}
