use super::{last_run::LastRun, *};
use crate::package::Msn;
use crate::{
    marker::{Best, Fractions, MarkerSource},
    time::Span,
    window::numbers::FirstNumbers,
};
use proptest::prelude::*;
use std::{fs, path::Path};

mod damage;

const NOW: WallTime = WallTime(1_795_191_552_000_000);

fn at(ms: i64) -> WallTime {
    NOW + Span::from_ms(ms)
}

fn marker(kind: &str, begin_ms: i64, end_ms: Option<i64>) -> Marker {
    Marker {
        id: String::new(),
        camera: CameraName::default(),
        kind: kind.to_owned(),
        text: None,
        source: MarkerSource::Api,
        begin: at(begin_ms),
        end: end_ms.map(at),
        count: None,
        confidence: None,
        best: None,
        data: None,
    }
}

fn memory() -> Store {
    Store::open(&Location::Memory, NOW).expect("memory")
}

fn all() -> Query {
    Query { camera: CameraName::default(), from: WallTime(0), to: at(i64::from(i32::MAX)), kinds: vec![], limit: 10, after: None }
}

fn ids(markers: &[Marker]) -> Vec<&str> {
    markers.iter().map(|marker| marker.id.as_str()).collect()
}

#[test]
fn what_is_stored_comes_back_as_it_was() {
    let mut store = memory();
    let full = Marker {
        text: Some("a 'guest'".to_owned()),
        source: MarkerSource::Detector,
        count: Some(3),
        confidence: Some(0.75),
        best: Some(Best { area: Fractions { x: 0.1, y: 0.2, width: 0.3, height: 0.4 }, at: at(5) }),
        data: Some(serde_json::json!({"a": [1, 2.5, null]})),
        ..marker("face", 0, None)
    };
    let mut full = store.add(full).expect("room");
    assert_eq!(store.find(&full.id).expect("it works"), Some(full.clone()));
    (full.end, full.text, full.data) = (Some(at(10)), None, None);
    assert!(store.save(&full).expect("it works"));
    assert_eq!(store.find(&full.id).expect("it works"), Some(full.clone()));
    assert!(store.remove(&full.id).expect("it works"));
    assert!(!store.remove(&full.id).expect("it works"));
    assert!(!store.save(&full).expect("it works"));
    assert_eq!(store.find("face-1").expect("it works"), None);
    assert_eq!(store.find("nonsense").expect("it works"), None);
    assert!(store.is_empty());
}

#[test]
fn an_id_is_never_given_twice() {
    let mut store = memory();
    let first = store.add(marker("face", 0, None)).expect("room");
    store.remove(&first.id).expect("it works");
    assert_ne!(store.add(marker("face", 0, None)).expect("room").id, first.id);
    let mut later = Store::open(&Location::Memory, at(1000)).expect("memory");
    assert_ne!(later.add(marker("face", 0, None)).expect("room").id, first.id);
}

#[test]
fn a_file_keeps_markers_and_numbers_and_closes_what_a_dead_run_left_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Location::Folder(folder.path().join("new/deep"));
    let mut store = Store::open(&place, NOW).expect("a new file");
    let closed = store.add(marker("face", 0, Some(500))).expect("room");
    let open = store.add(marker("face", 600, None)).expect("room");
    store.touch(&CameraName::default(), at(5000)).expect("it works");
    let untouched = store.add(marker("cat", 700, None)).expect("room");
    let gone = store.add(marker("cat", 800, None)).expect("room");
    store.remove(&gone.id).expect("it works");
    assert!(Store::open(&place, NOW).expect_err("one at a time").to_string().contains("another hlscam uses them"));
    // As after kill -9: nothing is said goodbye to.
    drop(store);
    let mut store = Store::open(&place, at(100_000)).expect("the same file");
    assert_eq!(store.find(&closed.id).expect("it works"), Some(closed));
    assert_eq!(store.find(&open.id).expect("it works").and_then(|marker| marker.end), Some(at(5000)));
    assert_eq!(store.find(&untouched.id).expect("it works").and_then(|marker| marker.end), Some(at(700)));
    assert_eq!(store.len(), 3);
    let newest = store.add(marker("cat", 900, None)).expect("room");
    assert!(parts_of(&newest.id) > parts_of(&gone.id), "{} follows {}", newest.id, gone.id);
}

#[test]
fn numbers_of_each_camera_are_kept_also_in_a_file_of_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Location::Folder(folder.path().to_owned());
    let mut store = Store::open(&place, NOW).expect("a new file");
    assert_eq!(store.numbers("cam").expect("it works"), None);
    let (first, second) = (FirstNumbers::at(NOW), FirstNumbers::at(at(5000)));
    for (camera, numbers) in [("cam", first), ("porch", first), ("cam", second)] {
        store.keep_numbers(camera, numbers).expect("room");
    }
    drop(store);
    let store = Store::open(&place, NOW).expect("the same file");
    assert_eq!(["cam", "porch"].map(|camera| store.numbers(camera).expect("it works")), [Some(second), Some(first)]);
}

/// What hlscam wrote before markers had a camera.
const VERSION_1: &str = r#"
    CREATE TABLE marker (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        kind TEXT NOT NULL, text TEXT, source TEXT NOT NULL,
        begin INTEGER NOT NULL, end INTEGER, known INTEGER NOT NULL, class INTEGER NOT NULL,
        count INTEGER, confidence REAL, best TEXT, data TEXT
    ) STRICT;
    CREATE INDEX marker_time ON marker (class, begin, number);
    CREATE INDEX marker_end ON marker (end);
    PRAGMA user_version = 1;
    INSERT INTO marker VALUES (41, 'face', NULL, 'detector', 1795191552000, 1795191557000, 1795191552000, 4, 2, 0.75,
        '{"area":{"x":0.1,"y":0.2,"width":0.3,"height":0.4},"at_ms":1795191553000}', NULL);
    INSERT INTO marker VALUES (42, 'door', 'the back one', 'api', 1795191560000, NULL, 1795191569000, 0, NULL, NULL, NULL, '{"a":1}');
    CREATE TABLE run (
        camera TEXT PRIMARY KEY, msn INTEGER NOT NULL, discontinuities INTEGER NOT NULL, key_frames INTEGER NOT NULL
    ) STRICT;
    INSERT INTO run VALUES ('cam', 1795191600, 7769, 17951916000);"#;

#[test]
fn a_file_of_the_version_before_is_taken_over_with_all_that_is_in_it() {
    let folder = tempfile::tempdir().expect("a folder");
    Connection::open(folder.path().join(FILE_NAME)).expect("a file").execute_batch(VERSION_1).expect("it works");
    let place = Location::Folder(folder.path().to_owned());
    let time = |s: i64| WallTime(s * 1_000_000);
    let face = Marker {
        id: "face-41".to_owned(),
        source: MarkerSource::Detector,
        begin: time(1_795_191_552),
        end: Some(time(1_795_191_557)),
        count: Some(2),
        confidence: Some(0.75),
        best: Some(Best { area: Fractions { x: 0.1, y: 0.2, width: 0.3, height: 0.4 }, at: time(1_795_191_553) }),
        ..marker("face", 0, None)
    };
    let door = Marker {
        id: "door-42".to_owned(),
        text: Some("the back one".to_owned()),
        begin: time(1_795_191_560),
        // When it was last known to go on.
        end: Some(time(1_795_191_569)),
        data: Some(serde_json::json!({"a": 1})),
        ..marker("door", 0, None)
    };
    // The second time it is one of this version.
    for next in ["dog-43", "dog-44"] {
        let mut store = Store::open(&place, at(100_000)).expect("it is taken over");
        let known = [face.clone(), door.clone()];
        assert_eq!(store.list(&all()).expect("it works").0[..2], known, "they are of the camera `cam`");
        assert_eq!(store.numbers("cam").expect("it works").expect("kept").discontinuities, 7769);
        let porch = CameraName::parse("porch").expect("a name");
        let dog = store.add(Marker { camera: porch.clone(), ..marker("dog", 0, Some(1)) }).expect("room");
        assert_eq!(dog.id, next, "numbers go on");
        assert_eq!(store.find(next).expect("it works"), Some(dog.clone()));
        assert_eq!(store.list(&Query { camera: porch, ..all() }).expect("it works").0.last(), Some(&dog));
        assert!(!ids(&store.list(&all()).expect("it works").0).contains(&next), "each camera's alone are listed");
    }
}

#[cfg(unix)]
#[test]
fn a_run_begins_right_after_the_last_one_of_its_stream_and_reads_no_file_of_others() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, link) = (folder.path().join("run"), folder.path().join("link"));
    let stream = |port: u16| LastRun::at(file.clone(), &port.to_string(), "cam");
    let last_run = stream(8080);
    // The clock is only asked where nothing is kept, as after a boot.
    assert_eq!(last_run.begin(FirstNumbers::at(NOW)).expect("a file"), FirstNumbers::at(NOW));
    let later = FirstNumbers::at(at(86_400_000));
    assert_eq!(last_run.begin(later).expect("a file"), FirstNumbers::at(NOW).with_room());
    let reached = FirstNumbers { msn: Msn(FirstNumbers::at(NOW).msn.0 + 900), ..FirstNumbers::at(NOW).with_room() };
    last_run.keep(reached).expect("a file");
    // Other streams of this user have their own numbers, and leave these until there are too many.
    for port in 1..64 {
        assert_eq!(stream(port).begin(later).expect("a file"), later);
    }
    assert_eq!(LastRun::at(file.clone(), "8080", "porch").begin(later).expect("a file"), later);
    assert_eq!(last_run.begin(later).expect("a file"), later, "64 others were written since");
    last_run.keep(reached).expect("a file");
    assert_eq!(last_run.begin(later).expect("a file"), reached);
    for nothing in ["", "no number", "7", "1 2 3 4", "1 -2 3", "0 1 1", "99999999999999999999 1 1", "18446744073709551615 1 1"] {
        fs::write(&file, format!("8080/cam {nothing}\n")).expect("a file");
        assert_eq!(last_run.begin(later).expect("a file"), later, "{nothing}");
    }
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    assert!(LastRun::at(link, "8080", "cam").begin(FirstNumbers::NEW).is_err());
    assert_eq!(last_run.begin(FirstNumbers::NEW).expect("a file"), later.with_room());
}

#[test]
fn a_file_that_cannot_be_used_is_told_with_its_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = |place: &Path| Store::open(&Location::Folder(place.to_owned()), NOW).expect_err("it cannot be").to_string();
    fs::write(folder.path().join(FILE_NAME), "this is no database, but a text that is long enough to be looked at")
        .expect("a file");
    assert!(told(folder.path()).contains("is damaged or no database"), "{}", told(folder.path()));
    assert!(told(&folder.path().join(FILE_NAME)).starts_with("cannot create the folder --storage "));
    let newer = folder.path().join("newer");
    drop(Store::open(&Location::Folder(newer.clone()), NOW).expect("a new file"));
    Connection::open(newer.join(FILE_NAME)).expect("a file").execute_batch("PRAGMA user_version = 7").expect("it works");
    assert!(told(&newer).contains("is of version 7"), "{}", told(&newer));
}

#[test]
fn the_oldest_go_first_and_open_ones_stay() {
    let mut store = memory();
    let open = store.add(marker("face", -9000, None)).expect("room");
    for n in 0..10 {
        store.add(marker("face", n * 10, Some(n * 10 + 5))).expect("room");
    }
    store.forget_before(&CameraName::default(), at(26)).expect("it works");
    assert_eq!(store.len(), 8);
    store.shrink_to(3).expect("it works");
    let (left, _) = store.list(&all()).expect("it works");
    assert_eq!(left.iter().map(|marker| marker.begin).collect::<Vec<_>>(), [open.begin, at(80), at(90)]);
    store.shrink_to(0).expect("it works");
    assert_eq!(store.len(), 1);
    assert_eq!(ids(&store.open_ones(&CameraName::default()).expect("it works")), [&open.id]);
}

/// A day with 100,000 markers of half a second to two hours.
fn crowded() -> Store {
    let mut store = memory();
    store.db.execute_batch("BEGIN").expect("it works");
    for n in 0..100_000 {
        let begin_ms = n * 864;
        let len_ms = [500, 3000, 20_000, 60_000, 7_200_000][(n % 500 / 125 + i64::from(n % 500 == 0) * 4).min(4) as usize];
        store.add(marker(["face", "cat"][(n % 2) as usize], begin_ms, Some(begin_ms + len_ms))).expect("room");
    }
    store.db.execute_batch("COMMIT").expect("it works");
    store
}

/// What SQLite does for a query: instructions of its virtual machine, a few dozen for each row that it looks at.
fn steps_of(store: &Store, query: &Query) -> (usize, i32) {
    let before = |store: &Store| {
        let steps = |class| {
            let statement = store.db.prepare_cached(&select(class)).expect("it is cached");
            statement.get_status(rusqlite::StatementStatus::VmStep)
        };
        (0..=CLASSES).map(steps).sum::<i32>()
    };
    let begun = before(store);
    let (found, _) = store.list(query).expect("it works");
    (found.len(), before(store) - begun)
}

#[test]
fn any_hour_of_100_000_markers_costs_what_it_finds() {
    let store = crowded();
    let plan: Vec<String> = store
        .db
        .prepare(&format!("EXPLAIN QUERY PLAN {}", select(1)))
        .and_then(|mut plan| {
            let params = named_params! { ":to": 0, ":from": 0, ":after_begin": 0, ":after_number": 0, ":kinds": "[]" };
            plan.query_map(params, |row| row.get(3))?.collect()
        })
        .expect("a plan");
    assert!(plan[0].starts_with("SEARCH marker USING INDEX marker_time (class=? AND begin>? AND begin<?)"), "{plan:?}");
    assert!(!plan.iter().any(|line| line.contains("TEMP B-TREE") || line.contains("SCAN marker")), "{plan:?}");
    for hour in [0, 11, 23] {
        let from = hour * 3_600_000;
        let query = Query { camera: CameraName::default(), from: at(from), to: at(from + 3_600_000), limit: 10_000, ..all() };
        let (found, steps) = steps_of(&store, &query);
        assert!((4160..5000).contains(&found), "{found} in hour {hour}");
        assert!(steps < 60 * found as i32, "{steps} steps for {found} markers in hour {hour}");
        let (found, steps) = steps_of(&store, &Query { limit: 10, ..query });
        assert!((found, steps < 30_000) == (10, true), "{steps} steps for {found} markers in hour {hour}");
    }
}

#[test]
fn no_more_is_read_than_there_is_room_for() {
    let store = crowded();
    let mut taken = Vec::new();
    let next = store.visit(&Query { limit: 10_000, ..all() }, |marker| {
        taken.push(marker.id);
        Ok(taken.len() < 3)
    });
    let (first, cursor) = store.list(&Query { limit: 3, ..all() }).expect("it works");
    assert_eq!(taken, first.into_iter().map(|marker| marker.id).collect::<Vec<_>>());
    assert_eq!(next.expect("it works"), cursor);
    assert!(cursor.is_some());
}

proptest! {
    #[test]
    fn a_query_finds_what_overlaps_in_order_page_by_page(
        markers in prop::collection::vec((0..100_000i64, prop::option::weighted(0.9, prop_oneof![Just(0i64), 0..3000i64, 0..90_000i64])), 0..40),
        from in 0..100_000i64, len in 0..50_000i64, limit in 1..7usize, one_kind in any::<bool>()
    ) {
        let mut store = memory();
        let mut added = Vec::new();
        for (n, (begin_ms, len_ms)) in markers.iter().enumerate() {
            let new = marker(["face", "cat"][n % 2], *begin_ms, len_ms.map(|len_ms| begin_ms + len_ms));
            added.push(store.add(new).expect("room"));
        }
        let kinds = if one_kind { vec!["cat".to_owned(), "dog".to_owned()] } else { vec![] };
        let mut query = Query { camera: CameraName::default(), from: at(from), to: at(from + len), kinds, limit, after: None };
        let mut expect: Vec<&Marker> = added
            .iter()
            .filter(|marker| marker.begin <= query.to && marker.end.is_none_or(|end| end >= query.from))
            .filter(|marker| !one_kind || marker.kind == "cat")
            .collect();
        expect.sort_by_key(|marker| marker.begin);
        let mut found = Vec::new();
        loop {
            let (page, next) = store.list(&query).expect("it works");
            prop_assert!(page.len() <= limit);
            found.extend(page);
            query.after = next;
            if next.is_none() {
                break;
            }
        }
        prop_assert_eq!(found.iter().collect::<Vec<_>>(), expect);
    }
}
