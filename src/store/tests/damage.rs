//! Rows, files and folders that are not as they were left.

use super::*;

/// A store in a folder with four markers of a second each.
fn four(place: &Location) -> (Store, Vec<Marker>) {
    let mut store = Store::open(place, NOW).expect("a new file");
    let four = (0..4).map(|n| store.add(marker("door", n * 2000, Some(n * 2000 + 1000))).expect("room")).collect();
    (store, four)
}

/// Everything, in pages of one.
fn page_by_page(store: &Store) -> Vec<Marker> {
    let (mut found, mut query) = (Vec::new(), Query { limit: 1, ..all() });
    loop {
        let (page, next) = store.list(&query).expect("it works");
        found.extend(page);
        query.after = next;
        if next.is_none() {
            return found;
        }
    }
}

#[test]
fn a_row_that_cannot_be_read_does_not_take_the_others_with_it() {
    for damage in [
        "data = '{\"n\":'",
        "best = '{}'",
        "best = '{\"area\":{\"x\":0,\"y\":0,\"width\":1,\"height\":1},\"at_ms\":-5}'",
        "text = CAST(x'ff' AS TEXT)",
        "source = CAST(x'ff' AS TEXT)",
        "kind = CAST(x'ff' AS TEXT)",
        "kind = 'a\"' || char(10) || '#EXT-X-ENDLIST'",
        "count = -1",
        "begin = -9223372036854775808",
        "end = 0",
        "end = NULL, class = 0, data = 'x'",
        "end = NULL, class = 0, begin = -5, known = 9223372036854775807",
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let place = Location::Folder(folder.path().to_owned());
        let (store, four) = four(&place);
        let bad = &four[1];
        let number = parts_of(&bad.id).expect("an id").1;
        store.db.execute(&format!("UPDATE marker SET {damage} WHERE number = ?1"), [number]).expect("it works");
        let good: Vec<Marker> = four.iter().filter(|other| *other != bad).cloned().collect();
        assert_eq!(page_by_page(&store), good, "{damage}");
        assert_eq!(store.list(&all()).expect("it works").0, good, "{damage}");
        assert!(store.open_ones(&CameraName::default()).expect("it works").is_empty(), "{damage}");
        assert!(store.find(&bad.id).is_err() || damage.starts_with("kind"), "{damage}");
        assert!(store.n_unreadable() <= 1, "{damage}");
        // The next run closes what is open, also what it cannot read, and lists the same.
        drop(store);
        let mut store = Store::open(&place, NOW).unwrap_or_else(|error| panic!("{damage}: {error}"));
        assert_eq!((page_by_page(&store), store.len()), (good.clone(), 4), "{damage}");
        assert!(store.remove(&bad.id).expect("it works"), "{damage}");
        assert_eq!((page_by_page(&store), store.len(), store.n_unreadable()), (good, 3, 0), "{damage}");
    }
}

#[test]
fn whatever_is_flipped_in_a_file_is_told_with_its_name_and_is_no_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = Location::Folder(folder.path().to_owned());
    let path = folder.path().join(FILE_NAME);
    drop(four(&place));
    let whole = fs::read(&path).expect("a file");
    let (mut random, mut n_refused) = (1_u64, 0);
    let mut next = |below: usize| {
        // The constants of Knuth's MMIX.
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let check = |error: StoreError| {
        assert!(error.to_string().contains(FILE_NAME) && !error.to_string().contains('\n'), "{error}");
        1
    };
    for _ in 0..400 {
        let mut bytes = whole.clone();
        match next(4) {
            0 => bytes.truncate(next(whole.len())),
            1 => (0..=next(30)).for_each(|_| bytes[next(whole.len())] = next(256) as u8),
            2 => (0..=next(3)).for_each(|_| bytes[next(200)] = next(256) as u8),
            _ => (0..=next(3)).for_each(|_| bytes[next(whole.len())] ^= 1 << next(8)),
        }
        for entry in fs::read_dir(folder.path()).expect("a folder").flatten() {
            fs::remove_file(entry.path()).expect("it goes");
        }
        fs::write(&path, bytes).expect("a file");
        let mut store = match Store::open(&place, NOW) {
            Ok(store) => store,
            Err(error) => {
                n_refused += check(error);
                continue;
            }
        };
        let done = [
            store.list(&all()).map(drop),
            store.open_ones(&CameraName::default()).map(drop),
            store.add(marker("bell", 0, None)).map(drop),
            store.touch(&CameraName::default(), at(5)),
            store.find("door-2").map(drop),
            store.remove("door-2").map(drop),
            store.shrink_to(1),
            store.recover(),
        ];
        let errors = done.into_iter().filter_map(std::result::Result::err);
        errors.filter(|error| !error.to_string().starts_with("the marker ")).for_each(|error| _ = check(store.named(error)));
    }
    assert!(n_refused > 20, "{n_refused} of 400 were refused");
}

#[test]
fn a_database_of_another_program_is_named_and_left_alone() {
    for sql in [
        "CREATE TABLE photos (id INTEGER); CREATE TABLE albums (id INTEGER);",
        "CREATE TABLE marker (id INTEGER);",
        "CREATE TABLE marker (id INTEGER); PRAGMA user_version = 1;",
        "CREATE TABLE photos (id INTEGER); PRAGMA user_version = 3;",
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE_NAME);
        Connection::open(&path).and_then(|db| db.execute_batch(sql)).expect("a database");
        let told = Store::open(&Location::Folder(folder.path().to_owned()), NOW).expect_err("it is another's").to_string();
        assert!(told.contains("markers.sqlite is a database of another program (with the tables "), "{told}");
        assert!(told.contains("pass another folder, or move it away") && !told.contains('\n'), "{told}");
        let tables =
            Connection::open(&path).and_then(|db| db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)));
        assert_eq!(tables, Ok(sql.matches("CREATE").count() as i64));
    }
}

#[test]
fn a_folder_that_is_deleted_gets_all_markers_again_when_it_is_back() {
    let above = tempfile::tempdir().expect("a folder");
    let folder = above.path().join("storage");
    let place = Location::Folder(folder.clone());
    let (mut store, four) = four(&place);
    let open = store.add(marker("face", 9000, None)).expect("room");
    fs::remove_dir_all(&folder).expect("it goes");
    for refused in [store.add(marker("door", 0, None)).map(drop), store.save(&open).map(drop), store.remove(&four[0].id).map(drop)]
    {
        let told = refused.expect_err("it would be lost").to_string();
        assert!(told.contains("markers.sqlite is not there any more"), "{told}");
    }
    assert_eq!(store.list(&all()).expect("what is known can be read").0.len(), 5);
    assert!(store.location_error().is_some() && store.recover().is_err());
    fs::create_dir(&folder).expect("a folder");
    // What a copy before this one, and a file before that, have left.
    fs::write(folder.join("markers.sqlite.copy"), "half").expect("a file");
    fs::write(folder.join("markers.sqlite-wal"), vec![7; 5000]).expect("a file");
    store.recover().expect("it is back");
    assert!(store.location_error().is_none());
    assert_eq!(ids(&store.open_ones(&CameraName::default()).expect("it works")), [&open.id], "what goes on goes on");
    let newest = store.add(marker("door", 10_000, Some(10_001))).expect("room");
    assert!(parts_of(&newest.id).map(|(_, number)| number) > parts_of(&open.id).map(|(_, number)| number));
    drop(store);
    let store = Store::open(&place, NOW).expect("the copy");
    assert_eq!(store.len(), 6);
    assert_eq!(store.find(&four[3].id).expect("it works").as_ref(), Some(&four[3]));
}

#[test]
fn a_folder_that_was_away_is_gone_on_with_and_another_file_in_its_place_too() {
    let above = tempfile::tempdir().expect("a folder");
    let (folder, away) = (above.path().join("storage"), above.path().join("away"));
    let place = Location::Folder(folder.clone());
    let (mut store, four) = four(&place);
    fs::rename(&folder, &away).expect("it moves");
    assert!(store.add(marker("door", 0, None)).is_err());
    fs::rename(&away, &folder).expect("it moves");
    store.recover().expect("it is back");
    store.add(marker("bell", 0, Some(1))).expect("room");
    fs::rename(&folder, &away).expect("it moves");
    // Another run's file, with one marker that is open and a number of its own.
    let mut other = Store::open(&place, NOW).expect("a new file");
    let left = other.add(marker("cat", 5, None)).expect("room");
    drop(other);
    store.recover().expect("another file");
    assert_eq!(store.find(&left.id).expect("it works").and_then(|left| left.end), Some(at(5)));
    let newest = store.add(marker("door", 7, None)).expect("room");
    assert!(parts_of(&newest.id).map(|(_, number)| number) > parts_of(&four[3].id).map(|(_, number)| number), "no number twice");
}

#[test]
fn a_file_that_can_only_be_read_is_written_again_when_it_can_be() {
    let folder = tempfile::tempdir().expect("a folder");
    let (mut store, _) = four(&Location::Folder(folder.path().to_owned()));
    store.db.execute_batch("PRAGMA query_only = ON").expect("it works");
    let told = store.add(marker("door", 0, None)).map_err(|error| store.named(error)).expect_err("it cannot be kept").to_string();
    assert!(told.contains("markers.sqlite failed: it can only be read; let hlscam write there"), "{told}");
    assert!(store.recover().is_err() && store.location_error().is_none());
    store.db.execute_batch("PRAGMA query_only = OFF").expect("it works");
    store.recover().expect("it can be written");
    store.add(marker("door", 0, None)).expect("room");
}

#[test]
fn where_there_is_no_room_for_a_file_the_store_begins_without_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = memory();
    store.file = Some(File::nowhere(folder.path()));
    assert!(store.location_error().is_some() && store.add(marker("door", 0, None)).is_err());
    store.recover().expect("there is room now");
    let made = store.add(marker("door", 0, None)).expect("room");
    drop(store);
    let store = Store::open(&Location::Folder(folder.path().to_owned()), NOW).expect("a file");
    assert!(store.find(&made.id).expect("it works").is_some());
}
