//! Failpoints: places at which a test makes a thread panic. Only in builds with debug assertions, so not in a release.

/// Called in each iteration of a thread. `HLSCAM_DRILL=NAME:N` panics at the N-th call with that name, `NAME:N+` at each from the N-th on.
#[cfg(debug_assertions)]
pub(crate) fn hit(name: &str) {
    use std::{
        env,
        sync::{
            OnceLock,
            atomic::{AtomicU64, Ordering},
        },
    };
    static PLAN: OnceLock<Option<(String, u64, bool)>> = OnceLock::new();
    static TURNS: AtomicU64 = AtomicU64::new(0);
    let plan = PLAN.get_or_init(|| {
        let text = env::var("HLSCAM_DRILL").ok()?;
        let (name, turn) = text.split_once(':')?;
        Some((name.to_owned(), turn.trim_end_matches('+').parse().ok()?, turn.ends_with('+')))
    });
    if let Some((wanted, turn, goes_on)) = plan
        && wanted == name
    {
        let now = TURNS.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(now != *turn && !(*goes_on && now > *turn), "the failpoint {name}");
    }
}

#[cfg(not(debug_assertions))]
pub(crate) fn hit(_: &str) {}
