use super::*;
use crate::{
    encode,
    package::{InitId, Msn, Part, SegmentStart},
    picture::Size,
    time::{FrameRate, Ticks, WallTime},
};
use bytes::Bytes;
use crossbeam_channel::bounded;
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
};

const PART: Span = Span::from_ms(100);
/// A queue that nothing fills.
const AMPLE: Capacity = Capacity::items(1_000_000);

fn params() -> TrackParams {
    encode::fixture::params(Size::new(64, 48).expect("even"), FrameRate::whole(30), 1).into()
}

fn init() -> PackagerEvent {
    PackagerEvent::Init { id: InitId(1), data: Bytes::from_static(b"init").into(), params: params() }
}

/// The events of a segment of three parts of 100 bytes, in the batches in which they come.
fn segment(msn: u64) -> Vec<Vec<PackagerEvent>> {
    let msn = Msn(msn);
    let part = |index| {
        let data = vec![0; 100].into();
        PackagerEvent::Part(Part { msn, index, at: Ticks(0), duration: PART, independent: index == 0, key_len: None, data })
    };
    let start = SegmentStart { msn, at: Ticks(0), wall: WallTime(0), init: InitId(1), discontinuity: false };
    vec![vec![PackagerEvent::Start(start), part(0)], vec![part(1)], vec![part(2), PackagerEvent::End(msn)]]
}

fn publish(publisher: &mut Publisher<PackagerEvent>, batches: impl IntoIterator<Item = Vec<PackagerEvent>>) {
    for batch in batches {
        publisher.publish(&batch).expect("no essential subscriber ends");
    }
}

fn word(event: &PackagerEvent) -> String {
    match event {
        PackagerEvent::Init { id, .. } => format!("init{}", id.0),
        PackagerEvent::Start(start) => format!("start{}", start.msn.0),
        PackagerEvent::Part(part) => format!("{}.{}", part.msn.0, part.index),
        PackagerEvent::End(msn) => format!("end{}", msn.0),
    }
}

/// All that is there, until the end.
fn rest(mut subscription: Subscription<PackagerEvent>) -> (String, End) {
    let mut words = Vec::new();
    loop {
        match subscription.recv() {
            Ok(event) => words.push(word(&event)),
            Err(end) => return (words.join(" "), end),
        }
    }
}

/// Counts the parts that come to it by a call.
fn counter(topic: &Topic<PackagerEvent>, name: &str) -> Arc<AtomicU64> {
    let parts = Arc::new(AtomicU64::new(0));
    let counted = parts.clone();
    topic.call(name, Importance::Essential, move |batch| {
        let n = batch.iter().filter(|event| matches!(event, PackagerEvent::Part(_))).count();
        counted.fetch_add(n as u64, Ordering::Relaxed);
    });
    parts
}

#[test]
fn who_comes_late_begins_with_the_init_segment_and_the_next_segment() {
    let (bus, mut publishers) = Bus::open();
    publish(&mut publishers.events, [vec![init()]]);
    publish(&mut publishers.events, segment(1).into_iter().take(1));
    let late = bus.events.subscribe(QueueConfig::new("late", Policy::NextEntry, AMPLE));
    publish(&mut publishers.events, segment(1).into_iter().skip(1).chain(segment(2)));
    drop(publishers);
    assert_eq!(rest(late), ("init1 start2 2.0 2.1 2.2 end2".to_owned(), End::Ended));
    let later = bus.events.subscribe(QueueConfig::new("too late", Policy::NextEntry, AMPLE));
    assert_eq!(rest(later), (String::new(), End::Ended));
}

#[test]
fn frames_are_joined_at_a_key_frame_and_pictures_at_once() {
    let (bus, mut publishers) = Bus::open();
    let params = Arc::new(params());
    let mut frames = bus.frames.subscribe(QueueConfig::new("frames", Policy::NextEntry, AMPLE));
    for (n, key) in [false, false, true, false].into_iter().enumerate() {
        let frame = EncodedFrame { at: Ticks(n as i64), duration: Span(1), key, data: Bytes::from_static(b"frame") };
        publishers.frames.publish(&[Encoded { params: params.clone(), frame }]).expect("it goes on");
    }
    let mut at = || frames.try_recv().expect("it goes on").map(|encoded| encoded.frame.at.0);
    assert_eq!([at(), at(), at()], [Some(2), Some(3), None]);

    let mut pictures = bus.pictures.subscribe(QueueConfig::new("pictures", Policy::NewestWins, Capacity::items(1)));
    for at in 0..5 {
        let picture = Arc::new(Picture::black(Size::new(16, 16).expect("even"), Ticks(at)));
        publishers.pictures.publish(&[picture]).expect("it goes on");
    }
    let mut at = || pictures.recv_timeout(Span::ZERO).expect("it goes on").map(|picture| picture.at.0);
    assert_eq!([at(), at()], [Some(4), None]);
    assert_eq!(pictures.missed().items, 4);
}

#[test]
fn a_subscriber_that_sleeps_holds_up_nobody_and_costs_its_bound() {
    let (bus, mut publishers) = Bus::open();
    let window = counter(&bus.events, "window");
    let awake = bus.events.subscribe(QueueConfig::new("awake", Policy::FailLoudly, AMPLE));
    let mut asleep = bus.events.subscribe(QueueConfig::new("asleep", Policy::NextEntry, Capacity::bytes(500)));
    let (wake, gate) = bounded::<()>(0);
    let sleeper = thread::spawn(move || {
        let first = asleep.recv().expect("it begins");
        gate.recv().ok();
        let (waiting, missed) = (asleep.waiting(), asleep.missed());
        (word(&first), waiting, missed, rest(asleep).0)
    });
    publish(&mut publishers.events, [vec![init()]]);
    publish(&mut publishers.events, (1..=1000).flat_map(segment));
    assert_eq!(window.load(Ordering::Relaxed), 3000, "the publisher was never held up");
    drop(wake);
    drop(publishers);
    let (first, waiting, missed, rest_of_it) = sleeper.join().expect("no bug");
    assert_eq!((first.as_str(), waiting), ("init1", Capacity { items: 9, bytes: 500 }));
    assert_eq!(rest_of_it, "start1 1.0 1.1 1.2 end1 start2 2.0 2.1");
    assert_eq!(missed.span, PART * 2995);
    assert_eq!(rest(awake).0.split(' ').count(), 5001, "another one got everything");
}

#[test]
fn a_subscriber_that_wakes_goes_on_at_a_segment() {
    let (bus, mut publishers) = Bus::open();
    let mut slow = bus.events.subscribe(QueueConfig::new("slow", Policy::NextEntry, Capacity::items(6)));
    publish(&mut publishers.events, (1..=2).flat_map(segment));
    // Another init segment comes while it is behind.
    publish(&mut publishers.events, [vec![init()]]);
    let mut words = Vec::new();
    while let Some(event) = slow.try_recv().expect("it goes on") {
        words.push(word(&event));
    }
    publish(&mut publishers.events, segment(3));
    drop(publishers);
    assert_eq!(words.join(" "), "start1 1.0 1.1 1.2 end1 start2");
    assert_eq!(rest(slow).0, "init1 start3 3.0 3.1 3.2 end3");
}

#[test]
fn who_must_miss_nothing_is_told_that_it_has() {
    let (bus, mut publishers) = Bus::open();
    let strict = bus.events.subscribe(QueueConfig::new("strict", Policy::FailLoudly, Capacity::items(3)));
    publish(&mut publishers.events, segment(1));
    assert_eq!(rest(strict), ("start1 1.0 1.1".to_owned(), End::Overrun));
    let config = QueueConfig::new("essential", Policy::FailLoudly, Capacity::items(1));
    let _essential = bus.events.subscribe(QueueConfig { importance: Importance::Essential, ..config });
    let ended = SubscriberEnded { name: "essential".to_owned(), by_bug: false };
    assert_eq!(publishers.events.publish(&segment(2)[0]), Err(ended));
}

#[test]
fn a_bug_in_a_subscriber_ends_it_alone() {
    let (bus, mut publishers) = Bus::open();
    let (before, mut calls) = (counter(&bus.events, "before"), 0);
    bus.events.call("broken", Importance::Optional, move |_| {
        calls += 1;
        assert!(calls < 3, "a bug of the test");
    });
    let after = counter(&bus.events, "after");
    publish(&mut publishers.events, (1..=10).flat_map(segment));
    let both = [before.load(Ordering::Relaxed), after.load(Ordering::Relaxed)];
    assert_eq!((both, publishers.events.subscribers.len()), ([30, 30], 2));

    bus.events.call("the window", Importance::Essential, |_| panic!("a bug of the test"));
    let ended = SubscriberEnded { name: "the window".to_owned(), by_bug: true };
    assert_eq!(publishers.events.publish(&segment(11)[0]), Err(ended));
    assert_eq!(after.load(Ordering::Relaxed), 31, "the others have got theirs");
}

#[test]
fn a_subscriber_that_comes_and_goes_leaves_nothing_behind() {
    const TIMES: usize = 1000;
    let (bus, mut publishers) = Bus::open();
    let parts = counter(&bus.events, "window");
    let is_over = Arc::new(AtomicBool::new(false));
    let guest = thread::spawn({
        let (bus, is_over) = (bus.clone(), is_over.clone());
        move || {
            for n in 0..TIMES {
                let mut guest = bus.events.subscribe(QueueConfig::new("guest", Policy::NextEntry, Capacity::items(10)));
                // Every tenth stays until something has come.
                if n % 10 == 0 {
                    guest.recv().expect("the stream goes on");
                }
            }
            is_over.store(true, Ordering::Relaxed);
        }
    });
    let mut published = 0;
    while !is_over.load(Ordering::Relaxed) {
        published += 1;
        publish(&mut publishers.events, segment(published));
    }
    guest.join().expect("no bug");
    publish(&mut publishers.events, segment(published + 1));
    assert_eq!(parts.load(Ordering::Relaxed), 3 * (published + 1), "the window got every part");
    assert_eq!(publishers.events.subscribers.len(), 1, "the window alone is left");

    // While nothing is published, too.
    for _ in 0..TIMES {
        drop(bus.events.subscribe(QueueConfig::new("guest", Policy::NewestWins, AMPLE)));
    }
    assert_eq!(lock(&bus.events.newcomers).as_ref().map(Vec::len), Some(1));
}
