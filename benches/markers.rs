//! How long the store takes for any hour among 100,000 markers: `cargo bench --bench markers`.

#![expect(clippy::print_stdout, reason = "a benchmark tells its result")]

use hlscam::{
    camera_name::CameraName,
    marker::{Marker, MarkerSource},
    store::{Location, MARKERS_MAX, Query, Store},
    time::{Clock, Span, SystemClock, WallTime},
};

/// The day begins at 2026-11-20T00:00:00Z.
const BEGIN: WallTime = WallTime(1_795_132_800_000_000);
/// Lengths of markers, in milliseconds, in turn: a glance, a visit, an evening.
const LENGTHS_MS: [i64; 5] = [500, 3000, 20_000, 60_000, 7_200_000];

fn main() {
    let clock = SystemClock::start();
    let mut store = Store::open(&Location::Memory, BEGIN).expect("memory");
    let spacing_ms = 86_400_000 / MARKERS_MAX as i64;
    let filled = timed(&clock, || {
        for n in 0..MARKERS_MAX as i64 {
            // One in a thousand is long.
            let length_ms = if n % 1000 == 0 { LENGTHS_MS[4] } else { LENGTHS_MS[(n % 4) as usize] };
            let begin = BEGIN + Span::from_ms(n * spacing_ms);
            store.add(marker(begin, begin + Span::from_ms(length_ms))).expect("room");
        }
    });
    println!("{} markers in {:.0} ms", store.len(), filled.as_ms());
    for limit in [1000, 10_000] {
        let mut took: Vec<(Span, usize)> = (0..24).map(|hour| hour_of(&clock, &store, hour, limit)).collect();
        took.sort_by_key(|(span, _)| *span);
        let ((median, found), (worst, _)) = (took[12], took[23]);
        println!("an hour, limit {limit}: {:.2} ms for {found} markers (median), {:.2} ms at worst", median.as_ms(), worst.as_ms());
    }
}

fn hour_of(clock: &SystemClock, store: &Store, hour: i64, limit: usize) -> (Span, usize) {
    let from = BEGIN + Span::from_ms(hour * 3_600_000);
    let query =
        Query { camera: CameraName::default(), from, to: from + Span::from_ms(3_600_000), kinds: vec![], limit, after: None };
    let mut found = 0;
    let span = timed(clock, || found = store.list(&query).expect("it works").0.len());
    (span, found)
}

fn timed(clock: &SystemClock, work: impl FnOnce()) -> Span {
    let begun = clock.now();
    work();
    clock.now().since(begun)
}

fn marker(begin: WallTime, end: WallTime) -> Marker {
    Marker {
        id: String::new(),
        camera: CameraName::default(),
        kind: "face".to_owned(),
        text: None,
        source: MarkerSource::Detector,
        begin,
        end: Some(end),
        count: Some(1),
        confidence: Some(0.9),
        best: None,
        data: None,
    }
}
