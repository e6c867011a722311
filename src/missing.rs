//! Skips a test on a machine that lacks what it needs.

/// Says that a test is left out, for `what` is not here; with `HLSCAM_MISSING=fail` in the environment, as `scripts/test` sets it, the test
/// fails instead: there everything was installed, and a test that did not run is no proof.
pub(crate) fn left_out(what: &str) {
    assert!(std::env::var_os("HLSCAM_MISSING").is_none_or(|value| value != "fail"), "{what}; HLSCAM_MISSING asks for all tests");
    eprintln!("skipped: {what}");
}
