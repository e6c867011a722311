//! One sender at a time, and a queue that never piles up.

use super::*;

fn claim(who: &str, page: &str, takes_over: bool) -> Claim {
    Claim { who: Who(who.to_owned()), page: page.to_owned(), takes_over, since: WallTime(0) }
}

fn frame(n: i64, key: bool) -> SentFrame {
    SentFrame { stamp_us: n, key, data: Bytes::from_static(&[7; 10]) }
}

fn take() -> Take {
    Take { coding: Coding::Frames(FrameCodec::H264), media_type: "avc1.42e01f".to_owned(), fps: 30 }
}

/// The stamps of all frames that wait, and how many takes begin among them.
fn taken(inbox: &Inbox, number: u64) -> Vec<i64> {
    let mut stamps = Vec::new();
    loop {
        match inbox.take(number, Duration::ZERO) {
            Found::Item(Item::Frame(frame)) => stamps.push(frame.stamp_us),
            Found::Item(_) => {}
            Found::Nothing | Found::Gone => return stamps,
        }
    }
}

#[test]
fn one_sends_a_second_is_told_who_and_may_take_over() {
    let inbox = Arc::new(Inbox::default());
    let anna = inbox.claim(claim("anna (10.0.0.7)", "a", false)).expect("nobody sends");
    let refused = inbox.claim(claim("otto (10.0.0.8)", "b", false)).expect_err("anna sends");
    assert_eq!(refused.who, Who("anna (10.0.0.7)".to_owned()));
    assert!(refused.to_string().starts_with("anna (10.0.0.7) sends to this camera already, since "), "{refused}");
    let otto = inbox.claim(claim("otto (10.0.0.8)", "b", true)).expect("he takes over");
    assert_eq!(anna.news.borrow().farewell, Some(Farewell::TakenOver(Who("otto (10.0.0.8)".to_owned()))));
    // What anna still sends goes nowhere, and her leaving frees nothing.
    anna.frame(frame(1, true));
    drop(anna);
    assert_eq!(inbox.sender().map(|(who, _)| who), Some(Who("otto (10.0.0.8)".to_owned())));
    // A page that comes again after its network was away takes its own place.
    let again = inbox.claim(claim("otto (10.0.0.9)", "b", false)).expect("it is his");
    assert_eq!(otto.news.borrow().farewell, Some(Farewell::Replaced));
    drop((otto, again));
    assert_eq!(inbox.sender(), None);
}

#[test]
fn the_source_gets_what_its_sender_sent_and_is_told_when_it_left() {
    let inbox = Arc::new(Inbox::default());
    assert_eq!(inbox.await_sender(Duration::ZERO), None);
    let seat = inbox.claim(claim("anna", "a", false)).expect("nobody sends");
    assert_eq!(inbox.await_sender(Duration::ZERO), None, "it has not begun");
    seat.begin(take());
    seat.frame(frame(1, true));
    let (number, who, begun) = inbox.await_sender(Duration::ZERO).expect("it has");
    assert_eq!((who.0.as_str(), begun), ("anna", take()));
    assert_eq!(inbox.take(number, Duration::ZERO), Found::Item(Item::Frame(frame(1, true))));
    assert_eq!(inbox.take(number, Duration::ZERO), Found::Nothing);
    inbox.note_shown(number);
    assert!(seat.news.borrow().is_shown);
    // What has not been taken is of before.
    seat.frame(frame(2, true));
    seat.begin(take());
    assert_eq!((inbox.begins_anew(number), inbox.begins_anew(number + 1)), (Some(true), None));
    assert_eq!(inbox.take_same(number, Duration::ZERO), Found::Gone, "what begins anew ends the bytes before it");
    assert_eq!(inbox.take(number, Duration::ZERO), Found::Item(Item::Begin(take())));
    drop(seat);
    assert_eq!(inbox.take(number, Duration::ZERO), Found::Gone);
}

#[test]
fn a_queue_that_is_full_leaves_frames_out_up_to_the_next_key_frame() {
    let inbox = Arc::new(Inbox::default());
    let seat = inbox.claim(claim("anna", "a", false)).expect("nobody sends");
    seat.begin(take());
    let (number, ..) = inbox.await_sender(Duration::ZERO).expect("it has begun");
    let most = QUEUE_FRAMES_MAX as i64;
    (0..most + 5).for_each(|n| seat.frame(frame(n, n == 0)));
    assert_eq!(seat.news.borrow().keys_wanted, 1);
    assert_eq!(taken(&inbox, number), (0..most).collect::<Vec<_>>());
    // There is room, and what refers to what is missing is of no use.
    seat.frame(frame(100, false));
    seat.frame(frame(101, true));
    seat.frame(frame(102, false));
    assert_eq!(taken(&inbox, number), [101, 102]);
}

#[tokio::test]
async fn bytes_wait_for_room_and_not_for_a_place_that_is_lost() {
    let inbox = Arc::new(Inbox::default());
    let seat = inbox.claim(claim("anna", "a", false)).expect("nobody sends");
    let bytes = || Bytes::from(vec![0; QUEUE_BYTES_MAX]);
    seat.bytes(bytes()).await;
    let second = seat.bytes(bytes());
    let mut second = std::pin::pin!(second);
    let is_waiting = std::future::poll_fn(|cx| std::task::Poll::Ready(second.as_mut().poll(cx).is_pending())).await;
    assert!(is_waiting, "there is no room");
    assert_eq!(inbox.take(1, Duration::ZERO), Found::Item(Item::Bytes(bytes())));
    second.await;
    inbox.refuse(1, "it cannot be read".to_owned());
    seat.bytes(bytes()).await;
    assert_eq!(seat.news.borrow().farewell, Some(Farewell::Unreadable("it cannot be read".to_owned())));
    inbox.close();
    let late = inbox.claim(claim("otto", "b", false)).expect("nobody sends");
    assert_eq!(late.news.borrow().farewell, Some(Farewell::Ended));
}
