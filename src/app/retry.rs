//! A source that cannot be opened at the start, and is tried again until it can.

use crate::{
    capture::{CaptureParts, Opener},
    source::Stop,
    time::{Clock, Span},
};

/// First wait before it is tried again.
const RETRY_FIRST: Span = Span::from_ms(500);
/// Longest such wait: somebody who plugs a camera in sees it come soon.
const RETRY_MAX: Span = Span::from_ms(5000);
/// Within this time such a wait sees that it is to end.
const RETRY_LOOK: Span = Span::from_ms(100);

/// The same source, which is tried again, with pauses that grow, until it is open for the first time: what is lost later the capture has
/// opened again itself. The log says why, and what happens meanwhile; `late` is called with each failure.
pub(super) fn tried_again(parts: CaptureParts, meanwhile: &'static str, late: impl Fn() + Send + 'static) -> CaptureParts {
    let CaptureParts { mut opener, clock, status, .. } = parts;
    let (its_clock, its_status) = (clock.clone(), status.clone());
    let (mut has_opened, mut told) = (false, None);
    let patient: Opener = Box::new(move |stop: &Stop| {
        let mut pause = RETRY_FIRST;
        loop {
            let error = match opener(stop) {
                Err(error) if !has_opened && !stop.is_raised() => error,
                outcome => {
                    has_opened |= outcome.is_ok();
                    return outcome;
                }
            };
            let why = error.to_string();
            its_status.set_refusal(why.clone());
            late();
            if told.as_ref() != Some(&why) {
                tracing::warn!("{why}; it is tried again{meanwhile}");
                told = Some(why);
            }
            rest(&*its_clock, pause, stop);
            pause = (pause * 2).min(RETRY_MAX);
        }
    });
    CaptureParts { opener: patient, clock, status, ..parts }
}

/// A pause that the stop ends.
fn rest(clock: &dyn Clock, pause: Span, stop: &Stop) {
    let end = clock.now() + pause;
    while !stop.is_raised() && clock.now() < end {
        clock.sleep_until(end.min(clock.now() + RETRY_LOOK));
    }
}
