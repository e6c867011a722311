//! The thread that writes a recording to the disk. It is a subscriber of the bus, so a slow disk holds up no other thread. Events that find
//! no room in its queue are missing in the recording, and the end says how much.

use crate::{
    bus::{Capacity, Importance, Policy, QueueConfig, Subscription},
    failpoint,
    package::PackagerEvent,
    time::Span,
};
use std::{
    io,
    thread::{self, JoinHandle},
};

/// Bytes that wait for the disk, at most: half a minute at 8 Mbit/s, which is longer than a memory card stops to tidy up.
pub const QUEUE_BYTES_MAX: usize = 32 << 20;

/// Writes one event, on the thread `record`; `false` when nothing more can be written.
pub type Write = Box<dyn FnMut(&PackagerEvent) -> bool + Send>;

/// The thread.
pub struct Writer {
    thread: JoinHandle<Span>,
}

/// On what terms the writer of that file subscribes: at most `bytes_max` wait for it, and there is no stream without it.
pub fn queue_config(file: &str, bytes_max: usize) -> QueueConfig {
    QueueConfig {
        importance: Importance::Essential,
        behind: format!(
            "the disk is too slow for {file}: pictures are left out of it until the disk has caught up; record to a faster disk, or \
             with a lower --bitrate"
        ),
        caught_up: format!("the disk has caught up; {file} goes on"),
        ..QueueConfig::new(file, Policy::NextEntry, Capacity::bytes(bytes_max))
    }
}

/// Starts the thread. It ends with the stream, or when nothing more can be written.
pub fn start(mut events: Subscription<PackagerEvent>, mut write: Write) -> io::Result<Writer> {
    let thread = thread::Builder::new().name("record".to_owned()).spawn(move || {
        while let Ok(event) = events.recv() {
            failpoint::hit("record");
            if !write(&event) {
                break;
            }
        }
        events.missed().span
    })?;
    Ok(Writer { thread })
}

impl Writer {
    /// Whether it has nothing more to write.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits until all that was published is written, which needs the stream to have ended. Returns how much of it found no room.
    pub fn end(self) -> Span {
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bus::{Bus, Publisher},
        package::{InitId, Msn, Part, SegmentStart},
        sync::lock,
        time::{Ticks, WallTime},
    };
    use crossbeam_channel::bounded;
    use std::sync::{Arc, Mutex};

    /// A stream, and the writer of a recording of it.
    fn recording(bytes_max: usize, write: Write) -> (Publisher<PackagerEvent>, Writer) {
        let (bus, publishers) = Bus::open();
        let writer = start(bus.events.subscribe(queue_config("out.mp4", bytes_max)), write).expect("a thread");
        (publishers.events, writer)
    }

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
            move |event| {
                // Each write takes until the test lets it; all go through once the test has let go.
                gate.recv().ok();
                let mut written = lock(&written);
                written.push(match event {
                    PackagerEvent::Start(start) => format!("start{}", start.msn.0),
                    PackagerEvent::Part(part) => format!("{}.{}", part.msn.0, part.index),
                    PackagerEvent::End(msn) => format!("end{}", msn.0),
                    PackagerEvent::Init { .. } => "init".to_owned(),
                });
                true
            }
        });
        let (mut stream, writer) = recording(500, write);
        assert!((1..=3).all(|msn| stream.publish(&segment(msn)).is_ok()), "nobody waits");
        // Up to 2.1 there was room. Seven events are written and the eighth is under way: then less than half is waiting.
        (0..8).for_each(|_| go.send(()).expect("it writes"));
        assert!(stream.publish(&segment(4)).is_ok());
        drop((go, stream));
        assert_eq!(writer.end(), Span::from_ms(800), "2.2 and the third segment");
        let written = lock(&written).join(" ");
        assert_eq!(written, "start1 1.0 1.1 1.2 end1 start2 2.0 2.1 start4 4.0 4.1 4.2 end4");
    }

    #[test]
    fn the_stream_is_told_when_nothing_more_can_be_written() {
        let (mut stream, writer) = recording(1000, Box::new(|_| false));
        stream.publish(&segment(1)).ok();
        while stream.publish(&segment(2)).is_ok() {
            thread::yield_now();
        }
        drop(stream);
        writer.end();
    }

    #[test]
    fn a_stream_whose_pictures_are_left_out_is_told_so_too() {
        let (go, gate) = bounded::<()>(0);
        let write: Write = Box::new(move |_| {
            gate.recv().ok();
            false
        });
        let (mut stream, writer) = recording(500, write);
        assert!((1..=3).all(|msn| stream.publish(&segment(msn)).is_ok()));
        drop(go);
        while stream.publish(&segment(4)).is_ok() {
            thread::yield_now();
        }
        drop(stream);
        assert!(writer.end() > Span::ZERO, "it was behind");
    }
}
