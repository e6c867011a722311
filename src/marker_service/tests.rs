use super::*;
use crate::{
    detect::kind::Kind,
    events::Received,
    store::Location,
    time::ManualClock,
    window::feed::{BEGIN, Feed as WindowFeed, config},
};
use serde_json::json;

struct Bench {
    window: WindowFeed,
    clock: Arc<ManualClock>,
    status: Arc<CaptureStatus>,
    markers: Arc<MarkerService>,
    listener: crate::events::Listener,
    runs: Runs,
}

fn bench_at(location: &Location, retention: Retention) -> Bench {
    bench_of("cam", Store::open_shared(location, BEGIN).expect("a store"), retention)
}

fn bench_of(camera: &str, store: SharedStore, retention: Retention) -> Bench {
    let window = WindowFeed::new(config());
    let (clock, status) = (window.clock.clone(), Arc::new(CaptureStatus::default()));
    let (runs, queue) = runs();
    let parts = MarkerServiceParts {
        camera: CameraName::parse(camera).expect("a name"),
        store,
        retention,
        runs: queue,
        window: window.window.clone(),
        capture: status.clone(),
        clock: clock.clone(),
        run: "r1".to_owned(),
        last_run: None,
    };
    let markers = MarkerService::start(parts, &runs).expect("a thread");
    let listener = markers.events.listen();
    Bench { window, clock, status, markers, listener, runs }
}

fn bench() -> Bench {
    bench_at(&Location::Memory, Retention::Window)
}

impl Bench {
    /// The next event; its name and data.
    async fn hear(&mut self) -> (&'static str, serde_json::Value) {
        let received = tokio::time::timeout(std::time::Duration::from_secs(20), self.listener.next()).await.expect("in time");
        match received {
            Some(Received::Event(event)) => (event.kind.name(), serde_json::from_str(&event.json).expect("it is JSON")),
            other => panic!("{other:?}"),
        }
    }

    /// A run that sees something that has been there for a while, at the clock's time.
    fn see_face(&self) {
        let mut tracker = crate::detect::track::Tracker::default();
        let size = crate::picture::Size::new(640, 480).expect("even");
        let area = crate::picture::BoundingBox { x: 64, y: 48, width: 64, height: 96 };
        let now = self.clock.now();
        for ago_ms in [200, 100, 0] {
            tracker.update(
                now - Span::from_ms(ago_ms),
                crate::detect::track::Frame::whole(size),
                &[crate::detect::Hit { kind: Kind::FACE, area, strength: 20 }],
            );
        }
        self.runs.send(&Detection { at: now, tracks: tracker.tracks(), took: Span::from_ms(3) });
    }

    fn playlist(&self) -> String {
        let playlists = crate::playlist::Playlists::new(self.window.window.clone());
        let page = playlists.page(crate::playlist::Kind::Video(crate::playlist::Extent::Full), 1);
        String::from_utf8(page.expect("a segment").plain().concat()).expect("text")
    }
}

fn draft(kind: &str, begin: WallTime, end: Option<WallTime>) -> Draft {
    Draft { kind: kind.to_owned(), text: None, begin, end, data: None }
}

#[tokio::test]
async fn a_face_is_told_listed_and_ended() {
    let mut bench = bench();
    bench.window.push("K....|K....|");
    bench.see_face();
    let (name, told) = bench.hear().await;
    assert_eq!(name, "marker-begin");
    let marker = &told["marker"];
    let id = marker["id"].as_str().expect("a text").to_owned();
    assert_eq!(
        (&marker["kind"], &marker["source"], &marker["end"], &marker["count"]),
        (&json!("face"), &json!("detector"), &json!(null), &json!(1))
    );
    assert_eq!(marker["begin"], json!((BEGIN + Span::from_ms(2000)).to_string()));
    assert_eq!(marker["box"], json!({"x": 0.1, "y": 0.1, "width": 0.1, "height": 0.2, "at": marker["begin"]}));
    let line = format!(
        "#EXT-X-DATERANGE:ID=\"{id}\",CLASS=\"org.hlscam.face\",START-DATE=\"{}\",X-KIND=\"face\"",
        BEGIN + Span::from_ms(2000)
    );
    assert!(bench.playlist().contains(&line), "{}", bench.playlist());
    assert_eq!(bench.markers.find(id.clone()).await.expect("it is there").end, None);
    bench.clock.advance(Span::from_ms(11_000));
    let (name, told) = bench.hear().await;
    assert_eq!((name, &told["marker"]["id"]), ("marker-end", &json!(id)));
    assert_eq!(told["marker"]["end"], json!((BEGIN + Span::from_ms(2000)).to_string()));
    assert!(bench.playlist().contains("X-KIND=\"face\",X-COUNT=\"1\""), "{}", bench.playlist());
}

#[tokio::test]
async fn clients_make_change_end_and_remove_markers() {
    let mut bench = bench();
    bench.window.push("K....|K....|");
    let door = bench.markers.add(draft("door", BEGIN + Span::from_ms(500), None)).await.expect("made");
    assert_eq!(bench.hear().await.0, "marker-begin");
    let text = Edit { text: Some(Some("open".to_owned())), ..Edit::default() };
    assert_eq!(bench.markers.edit(door.id.clone(), text).await.expect("changed").text.as_deref(), Some("open"));
    assert_eq!(bench.hear().await.0, "marker-change");
    let end = Edit { end: Some(BEGIN + Span::from_ms(900)), ..Edit::default() };
    bench.markers.edit(door.id.clone(), end.clone()).await.expect("ended");
    assert_eq!(bench.hear().await.0, "marker-end");
    assert!(matches!(bench.markers.edit(door.id.clone(), end.clone()).await, Err(CommandError::Conflict(_))));
    let bell = bench.markers.add(draft("bell", BEGIN, Some(BEGIN))).await.expect("made");
    assert_eq!((bench.hear().await.0, bench.hear().await.0), ("marker-begin", "marker-end"));
    bench.markers.remove(bell.id.clone()).await.expect("removed");
    let (name, told) = bench.hear().await;
    assert_eq!((name, &told["id"]), ("marker-removed", &json!(bell.id)));
    assert!(matches!(bench.markers.remove(bell.id.clone()).await, Err(CommandError::NotFound(_))));
    assert!(matches!(bench.markers.edit("door-5".to_owned(), end).await, Err(CommandError::NotFound(_))));
    let query =
        Query { camera: CameraName::default(), from: BEGIN, to: BEGIN + Span::from_ms(600), kinds: vec![], limit: 10, after: None };
    let (found, next) = bench.markers.list(query).await.expect("a list");
    assert_eq!((found.len(), &found[0].id, next), (1, &door.id, None));
    assert_eq!((bench.markers.counts.stored.get(), bench.markers.counts.open.get(), bench.markers.counts.begun.get()), (1, 0, 2));
}

#[tokio::test]
async fn a_step_of_the_clock_ends_what_is_open_and_begins_it_anew() {
    for step_ms in [-3_600_000, 3_600_000, 1_000_000_000_000] {
        let (mut bench, step) = (bench(), Span::from_ms(step_ms));
        let at = |ms| json!((BEGIN + Span::from_ms(ms)).to_string());
        bench.window.push("K....|K....|");
        let door = bench.markers.add(draft("door", BEGIN + Span::from_ms(500), None)).await.expect("made");
        assert_eq!(bench.hear().await.0, "marker-begin");
        bench.see_face();
        assert_eq!(bench.hear().await.1["marker"]["begin"], at(2000));
        bench.clock.step_wall(step);
        bench.window.push("~K....|K....|");
        bench.see_face();
        let mut told = Vec::new();
        for _ in 0..4 {
            let (name, data) = bench.hear().await;
            told.push((name, data["marker"]["kind"].clone(), data["marker"]["begin"].clone(), data["marker"]["end"].clone()));
        }
        let expect = [
            ("marker-end", json!("face"), at(2000), at(2000)),
            ("marker-end", json!("door"), at(500), at(2000)),
            ("marker-begin", json!("door"), at(2000 + step_ms), json!(null)),
            ("marker-begin", json!("face"), at(4000 + step_ms), json!(null)),
        ];
        assert_eq!(told, expect, "{step_ms}");
        // Whoever opened the door closes it by the id that was told then.
        let end = Edit { end: Some(BEGIN + step + Span::from_ms(2500)), ..Edit::default() };
        let ended = bench.markers.edit(door.id.clone(), end.clone()).await.expect("ended");
        assert!(ended.id != door.id && ended.begin == BEGIN + step + Span::from_ms(2000));
        assert!(matches!(bench.markers.edit(door.id, end).await, Err(CommandError::Conflict(_))), "once");
    }
}

#[tokio::test]
async fn what_a_clock_that_was_ahead_has_dated_is_listed_until_it_cannot_be_watched() {
    let mut bench = bench();
    bench.window.push("K....|K....|");
    let bell = bench.markers.add(draft("bell", BEGIN + Span::from_ms(500), Some(BEGIN + Span::from_ms(900)))).await.expect("made");
    bench.clock.step_wall(Span::from_ms(-3_600_000));
    bench.window.push("~K....|K....|");
    assert_eq!(bench.markers.find(bell.id.clone()).await.expect("it can be watched").id, bell.id);
    assert!(bench.playlist().contains(&bell.id));
    // The window is 12 s long.
    bench.window.push(&"K....|".repeat(13));
    assert!(!bench.playlist().contains(&bell.id));
    let is_gone = async {
        while bench.markers.find(bell.id.clone()).await.is_ok() {
            bench.clock.advance(MAINTENANCE_INTERVAL);
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), is_gone).await.expect("it is forgotten");
}

#[tokio::test]
async fn a_removed_open_marker_gets_its_end_in_the_playlist_and_is_not_told_again() {
    let mut bench = bench();
    bench.window.push("K....|K....|");
    bench.see_face();
    let id = bench.hear().await.1["marker"]["id"].as_str().expect("a text").to_owned();
    bench.markers.remove(id.clone()).await.expect("removed");
    assert_eq!(bench.hear().await.0, "marker-removed");
    assert!(bench.playlist().contains(&format!("ID=\"{id}\"")) && bench.playlist().contains("END-DATE"), "{}", bench.playlist());
    bench.clock.advance(Span::from_ms(11_000));
    bench.markers.end("a test");
    assert_eq!(bench.hear().await.0, "stream-ended");
}

#[tokio::test]
async fn markers_leave_with_the_window() {
    let mut bench = bench();
    bench.window.push("K....|K....|");
    let old = bench.markers.add(draft("bell", BEGIN, Some(BEGIN))).await.expect("made");
    let open = bench.markers.add(draft("door", BEGIN, None)).await.expect("made");
    bench.window.push(&"K....|".repeat(60));
    let query = Query { camera: CameraName::default(), from: BEGIN, to: BEGIN, kinds: vec![], limit: 10, after: None };
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while bench.markers.list(query.clone()).await.expect("a list").0.len() > 1 {
        assert!(tokio::time::Instant::now() < deadline);
    }
    assert!(matches!(bench.markers.find(old.id).await, Err(CommandError::NotFound(_))));
    assert!(bench.markers.find(open.id).await.is_ok());
    assert!(matches!(bench.markers.add(draft("bell", BEGIN, Some(BEGIN))).await, Err(CommandError::Past(_))));
}

#[tokio::test]
async fn stored_markers_outlive_window_and_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Location::Folder(folder.path().to_owned());
    let mut bench = bench_at(&place, Retention::Newest);
    bench.window.push(&"K....|".repeat(60));
    let old = bench.markers.add(draft("bell", BEGIN, Some(BEGIN))).await.expect("made");
    let open = bench.markers.add(draft("door", BEGIN + Span::from_ms(59_000), None)).await.expect("made");
    assert!(!bench.playlist().contains(&old.id), "it lies before the window");
    bench.markers.end("a test");
    assert!(matches!(bench.markers.find(old.id.clone()).await, Err(CommandError::Ended)));
    let bench = bench_at(&place, Retention::Newest);
    assert!(bench.markers.find(old.id).await.is_ok());
    assert_eq!(bench.markers.find(open.id).await.expect("kept").end, Some(BEGIN + Span::from_ms(60_000)));
}

/// What the next run gets: at each time it is beyond all that this one has given.
#[tokio::test]
async fn numbers_are_kept_ahead_of_a_run_and_exact_at_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Location::Folder(folder.path().to_owned());
    let mut bench = bench_at(&place, Retention::Newest);
    // Another process reads the file at any time; here, once the markers lets it go.
    let kept = || Store::open(&place, BEGIN).expect("the file").numbers("cam").expect("it works").expect("they are kept");
    bench.window.push("K....|!K....|K....|");
    bench.clock.advance(MAINTENANCE_INTERVAL);
    // Answered after a turn that did the maintenance.
    for _ in 0..2 {
        bench.markers.add(draft("bell", BEGIN, Some(BEGIN))).await.expect("made");
    }
    let copy = tempfile::tempdir().expect("a folder");
    for file in std::fs::read_dir(folder.path()).expect("a folder").flatten() {
        std::fs::copy(file.path(), copy.path().join(file.file_name())).expect("a copy, as a kill would leave it");
    }
    let next = bench.window.window.next_numbers();
    assert_eq!((next.msn.0, next.discontinuities, next.key_frames), (4, 1, 3));
    let store = Store::open(&Location::Folder(copy.path().to_owned()), BEGIN).expect("the copy");
    let killed = store.numbers("cam").expect("it works").expect("they are kept");
    assert!(killed.has_room_for(next), "{killed:?}");
    bench.markers.end("a test");
    assert_eq!(kept(), next);
}

#[tokio::test]
async fn storage_that_goes_away_is_told_and_so_is_its_return() {
    let above = tempfile::tempdir().expect("a folder");
    let folder = above.path().join("storage");
    let mut bench = bench_at(&Location::Folder(folder.clone()), Retention::Newest);
    bench.window.push("K....|K....|");
    let bell = || draft("bell", BEGIN, Some(BEGIN));
    bench.markers.add(bell()).await.expect("made");
    assert_eq!((bench.hear().await.0, bench.hear().await.0), ("marker-begin", "marker-end"));
    std::fs::remove_dir_all(&folder).expect("it goes");
    for _ in 0..2 {
        assert!(matches!(bench.markers.add(bell()).await, Err(CommandError::Unkept(_))));
    }
    let (name, told) = bench.hear().await;
    assert!(name == "storage-lost" && told["reason"].as_str().is_some_and(|why| why.contains("markers.sqlite")), "{name} {told}");
    assert!(bench.markers.counts.storage_error().is_some());
    std::fs::create_dir(&folder).expect("a folder");
    bench.clock.advance(MAINTENANCE_INTERVAL);
    assert_eq!(bench.hear().await.0, "storage-back", "told once that it was lost");
    assert_eq!(bench.markers.counts.storage_error(), None);
    bench.markers.add(bell()).await.expect("made");
    // Without anybody who asks, too.
    std::fs::remove_dir_all(&folder).expect("it goes");
    assert_eq!((bench.hear().await.0, bench.hear().await.0), ("marker-begin", "marker-end"));
    bench.clock.advance(MAINTENANCE_INTERVAL);
    assert_eq!(bench.hear().await.0, "storage-lost");
}

#[tokio::test]
async fn a_lost_camera_is_told_once_and_so_is_its_return() {
    let mut bench = bench();
    bench.status.set_state(SourceState::Live, None);
    let last = bench.clock.wall() + Span::from_ms(-1000);
    bench.status.set_state(SourceState::Silent, Some(last));
    let (name, told) = bench.hear().await;
    assert_eq!((name, &told["reason"]), ("camera-lost", &json!("it gives no pictures")));
    let (name, told) = bench.hear().await;
    assert_eq!((name, &told["marker"]["kind"], &told["marker"]["end"]), ("marker-begin", &json!("camera-lost"), &json!(null)));
    // Its marker begins where the pictures ended.
    let (begin, id) = (told["marker"]["begin"].clone(), told["marker"]["id"].clone());
    assert_eq!(begin, json!(last.to_string()));
    bench.status.set_state(SourceState::Lost, None);
    bench.markers.add(draft("bell", BEGIN, None)).await.expect("made");
    assert_eq!(bench.hear().await.0, "marker-begin");
    bench.clock.advance(Span::from_ms(500));
    bench.status.set_state(SourceState::Live, None);
    assert_eq!(bench.hear().await.0, "camera-back");
    let (name, told) = bench.hear().await;
    assert_eq!((name, &told["marker"]["id"], &told["marker"]["begin"]), ("marker-end", &id, &begin));
    assert_eq!(told["marker"]["end"], json!(bench.clock.wall().to_string()));
}

#[tokio::test]
async fn a_loss_that_is_over_before_anybody_looks_is_told() {
    let mut bench = bench();
    for state in
        [SourceState::Live, SourceState::Lost, SourceState::Live, SourceState::Silent, SourceState::Lost, SourceState::Live]
    {
        bench.status.set_state(state, None);
    }
    for _ in 0..2 {
        for expect in ["camera-lost", "marker-begin", "camera-back", "marker-end"] {
            assert_eq!(bench.hear().await.0, expect);
        }
    }
    assert_eq!(*bench.markers.signal.borrow(), SignalState::Live);
    bench.status.set_state(SourceState::Lost, None);
    bench.markers.end("a test");
    for expect in ["camera-lost", "marker-begin", "marker-end", "stream-ended"] {
        assert_eq!(bench.hear().await.0, expect);
    }
}

#[tokio::test]
async fn the_end_of_the_stream_ends_all_markers_and_then_the_events() {
    let mut bench = bench();
    bench.window.push("K....|K....|");
    bench.see_face();
    assert_eq!(bench.hear().await.0, "marker-begin");
    bench.markers.add(draft("door", BEGIN, None)).await.expect("made");
    assert_eq!(bench.hear().await.0, "marker-begin");
    let mut reader = bench.markers.feed.read();
    bench.markers.end("a test");
    let names = [bench.hear().await.0, bench.hear().await.0, bench.hear().await.0];
    assert_eq!(names, ["marker-end", "marker-end", "stream-ended"]);
    assert_eq!(bench.listener.next().await, None);
    assert_eq!(reader.next().await, None);
    assert!(!bench.playlist().lines().any(|line| line.starts_with("#EXT-X-DATERANGE") && !line.contains("END-DATE")));
}

#[tokio::test]
async fn single_detections_are_told_to_who_reads() {
    let bench = bench();
    let mut reader = bench.markers.feed.read();
    bench.clock.advance(Span::from_ms(1000));
    bench.see_face();
    let run: serde_json::Value = serde_json::from_str(&reader.next().await.expect("a run")).expect("it is JSON");
    assert_eq!((&run["camera"], &run["media_time_s"], &run["took_ms"]), (&json!("cam"), &json!(1.0), &json!(3.0)));
    assert_eq!(run["at"], json!((BEGIN + Span::from_ms(1000)).to_string()));
    let seen = &run["boxes"][0];
    assert_eq!((&seen["kind"], &seen["x"], &seen["height"]), (&json!("face"), &json!(0.1), &json!(0.2)));
}

#[tokio::test]
async fn clients_cannot_leave_markers_open_without_end() {
    let bench = bench();
    for _ in 0..OPEN_MAX {
        bench.markers.add(draft("door", BEGIN, None)).await.expect("made");
    }
    assert!(matches!(bench.markers.add(draft("door", BEGIN, None)).await, Err(CommandError::TooManyOpen)));
    bench.markers.add(draft("door", BEGIN, Some(BEGIN))).await.expect("an ended one is no burden");
    bench.clock.advance(OPEN_SPAN_MAX + MAINTENANCE_INTERVAL);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while bench.markers.counts.open.get() > 0 {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_page_of_markers_ends_where_it_is_long_enough_and_the_next_one_goes_on() {
    let mut bench = bench();
    bench.window.push("K....|K....|");
    let long = "y".repeat(4000);
    let n = (PAGE_LEN_MAX / long.len() + 10) as i64;
    for ms in 0..n {
        let begin = BEGIN + Span::from_ms(ms);
        bench.markers.add(Draft { data: Some(json!(long)), ..draft("door", begin, Some(begin)) }).await.expect("made");
    }
    let query = Query {
        camera: CameraName::default(),
        from: BEGIN,
        to: BEGIN + Span::from_ms(n),
        kinds: vec![],
        limit: 10_000,
        after: None,
    };
    let first = bench.markers.page(query.clone()).await.expect("a page");
    assert!((PAGE_LEN_MAX..PAGE_LEN_MAX + 5000).contains(&first.json.len()), "{}", first.json.len());
    let rest = bench.markers.page(Query { after: first.next, ..query.clone() }).await.expect("a page");
    assert_eq!(rest.next, None);
    let all: serde_json::Value = serde_json::from_str(&format!("[{},{}]", first.json, rest.json)).expect("JSON");
    let (listed, _) = bench.markers.list(query).await.expect("a list");
    assert_eq!(all, serde_json::to_value(listed).expect("JSON"));
}

#[tokio::test]
async fn two_cameras_share_a_store_and_each_has_its_own_markers() {
    let folder = tempfile::tempdir().expect("a folder");
    let location = Location::Folder(folder.path().to_owned());
    let store = Store::open_shared(&location, BEGIN).expect("a store");
    let porch = bench_of("porch", store.clone(), Retention::Newest);
    let yard = bench_of("yard", store, Retention::Newest);
    let door = porch.markers.add(draft("door", BEGIN, None)).await.expect("made");
    let gate = yard.markers.add(draft("door", BEGIN, None)).await.expect("made");
    assert_eq!((door.camera.as_str(), gate.camera.as_str()), ("porch", "yard"));
    assert_ne!(door.id, gate.id);

    // Neither finds, changes, removes or lists what is the other's.
    let text = Edit { text: Some(Some("open".to_owned())), ..Edit::default() };
    assert!(matches!(porch.markers.find(gate.id.clone()).await, Err(CommandError::NotFound(_))));
    assert!(matches!(porch.markers.edit(gate.id.clone(), text).await, Err(CommandError::NotFound(_))));
    assert!(matches!(porch.markers.remove(gate.id.clone()).await, Err(CommandError::NotFound(_))));
    for (bench, own) in [(&porch, &door), (&yard, &gate)] {
        let camera = own.camera.clone();
        let query = Query { camera, from: BEGIN, to: BEGIN, kinds: vec![], limit: 10, after: None };
        assert_eq!(bench.markers.list(query).await.expect("a list").0, std::slice::from_ref(own));
        assert_eq!(bench.markers.counts.open.get(), 1);
    }

    // The end of one ends its own markers, and the other goes on.
    porch.markers.end("a test");
    assert_eq!(yard.markers.find(gate.id.clone()).await.expect("it is there").end, None);
    yard.markers.add(draft("bell", BEGIN, Some(BEGIN))).await.expect("made");
    yard.markers.end("a test");

    // The next run finds what both have left.
    drop((porch, yard));
    let store = Store::open(&location, BEGIN + Span::from_ms(60_000)).expect("nobody else holds it");
    for id in [&door.id, &gate.id] {
        assert!(store.find(id).expect("it works").is_some_and(|marker| marker.end.is_some()), "{id}");
    }
}

#[tokio::test]
async fn what_leaves_the_window_of_one_camera_stays_in_that_of_another() {
    let store = Store::open_shared(&Location::Memory, BEGIN).expect("memory");
    let [mut porch, mut yard] = ["porch", "yard"].map(|camera| bench_of(camera, store.clone(), Retention::Window));
    porch.window.push("K....|");
    yard.window.push("K....|");
    let old = porch.markers.add(draft("bell", BEGIN, Some(BEGIN))).await.expect("made");
    let other = yard.markers.add(draft("bell", BEGIN, Some(BEGIN))).await.expect("made");
    porch.window.push(&"K....|".repeat(60));
    // Its clock too, so that its thread does its maintenance, which forgets nothing.
    yard.clock.advance(MAINTENANCE_INTERVAL + MAINTENANCE_INTERVAL);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while porch.markers.find(old.id.clone()).await.is_ok() {
        assert!(tokio::time::Instant::now() < deadline);
    }
    assert!(yard.markers.find(other.id).await.is_ok());
}
