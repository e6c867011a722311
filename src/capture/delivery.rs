//! Whether a source delivers the rate that it was opened with: in low light many cameras expose longer than a frame lasts, and halve it.

use super::CaptureLoop;
use crate::{
    source::SILENCE_MAX,
    time::{FrameRate, Span, Ticks},
};

/// The first pictures of a source are not counted: cameras set their exposure in that time.
const SETTLE: Span = Span::from_ms(3_000);
/// Pictures are counted for so long: 15 of the slowest rate that is watched.
const LOOK: Span = Span::from_ms(3_000);
/// The slowest such rate.
const RATE_MIN: f64 = 5.0;
/// A source is slow when it delivers less than this share of its rate; those that halve it are well below, and a picture that is lost now
/// and then leaves it above.
const SLOW_BELOW: f64 = 0.75;
/// It is slow no more when it delivers this share again.
const NORMAL_FROM: f64 = 0.9;
/// It is slow after so many looks in a row: a machine that is busy for a moment makes none.
const SLOW_LOOKS: u32 = 2;

/// Counts the pictures of a source, from its opening on.
pub(super) struct Delivery {
    rate: FrameRate,
    look: Option<Look>,
    slow_looks: u32,
    /// What it delivers, while it is slow.
    slow: Option<f64>,
}

struct Look {
    /// Pictures after it are counted.
    begin: Ticks,
    /// The last one.
    last: Ticks,
    count: u64,
    is_settled: bool,
}

impl Delivery {
    /// That of a source that was opened with this rate.
    pub(super) fn new(rate: FrameRate) -> Delivery {
        Delivery { rate, look: None, slow_looks: 0, slow: None }
    }

    /// By the source's own time no picture was due, so that none is missing.
    pub(super) fn begin_anew(&mut self) {
        self.look = None;
    }

    /// So many pictures came, and were left out.
    fn lose(&mut self, count: u64) {
        if let Some(look) = &mut self.look {
            look.count += count;
        }
    }

    /// A picture was captured then. What the source delivers where that is too little; it changes with a look.
    fn add(&mut self, at: Ticks) -> Option<f64> {
        let Some(look) = self.look.as_mut().filter(|look| at.since(look.last) < SILENCE_MAX) else {
            self.look = Some(Look { begin: at, last: at, count: 0, is_settled: false });
            self.slow_looks = 0;
            return self.slow;
        };
        look.last = at;
        look.count += 1;
        let length = at.since(look.begin);
        if length < if look.is_settled { LOOK } else { SETTLE } {
            return self.slow;
        }
        let (fps, is_settled) = (look.count as f64 / length.as_s(), look.is_settled);
        (look.begin, look.count, look.is_settled) = (at, 0, true);
        let rate = self.rate.as_f64();
        if is_settled && rate >= RATE_MIN {
            self.slow_looks = if fps < rate * SLOW_BELOW { self.slow_looks + 1 } else { 0 };
            self.slow = match self.slow {
                None => (self.slow_looks >= SLOW_LOOKS).then_some(fps),
                Some(_) => (fps < rate * NORMAL_FROM).then_some(fps),
            };
        }
        self.slow
    }
}

impl CaptureLoop {
    /// So many pictures came, and were left out.
    pub(super) fn lose(&mut self, count: u64) {
        self.delivery.iter_mut().for_each(|delivery| delivery.lose(count));
    }

    /// A picture was captured then: tells when the source becomes slow, and when it is as fast as before.
    pub(super) fn watch_delivery(&mut self, at: Ticks) {
        let Some(delivery) = &mut self.delivery else { return };
        let (rate, before) = (delivery.rate, delivery.slow);
        let slow = delivery.add(at);
        if slow == before {
            return;
        }
        self.status.set_slow(slow);
        match (before, slow) {
            (None, Some(fps)) => tracing::warn!(
                "{} delivers {fps:.0} of {rate} fps; in low light a camera exposes longer: give it more light, or have its settings \
                 keep the rate",
                self.name
            ),
            (Some(_), None) => tracing::info!("{} delivers {rate} fps again", self.name),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pictures of a camera at 30 fps.
    struct Camera {
        delivery: Delivery,
        at: Ticks,
    }

    impl Camera {
        fn new() -> Camera {
            Camera { delivery: Delivery::new(FrameRate::whole(30)), at: Ticks(0) }
        }

        /// Gives so many pictures a second for so long, and says what is told then, to the nearest whole number.
        fn gives(&mut self, fps: i64, seconds: i64) -> Option<i64> {
            let mut told = None;
            for _ in 0..fps * seconds {
                self.at = self.at + Span(90_000 / fps);
                told = self.delivery.add(self.at);
            }
            told.map(|fps| fps.round() as i64)
        }
    }

    #[test]
    fn a_camera_that_halves_its_rate_is_slow_until_it_has_it_again() {
        let mut camera = Camera::new();
        assert_eq!(camera.gives(30, 20), None);
        assert_eq!(camera.gives(15, 5), None, "one look is not enough");
        assert_eq!(camera.gives(15, 5), Some(15));
        assert_eq!(camera.gives(25, 10), Some(25), "it is not as fast as before yet");
        assert_eq!(camera.gives(29, 7), None);
        assert_eq!(camera.gives(25, 20), None, "it is slower, and not slow");
    }

    #[test]
    fn the_first_seconds_and_a_gap_are_not_counted() {
        let mut camera = Camera::new();
        assert_eq!(camera.gives(10, 3), None);
        assert_eq!(camera.gives(30, 10), None);
        for _ in 0..10 {
            camera.at = camera.at + SILENCE_MAX;
            assert_eq!(camera.gives(10, 7), None);
        }
    }

    #[test]
    fn what_was_lost_on_the_way_was_delivered() {
        let mut camera = Camera::new();
        camera.gives(30, 10);
        for _ in 0..300 {
            camera.gives(15, 1);
            camera.delivery.lose(15);
        }
        assert_eq!(camera.delivery.slow, None);
    }

    #[test]
    fn a_source_that_says_that_none_is_due_is_not_slow() {
        let mut camera = Camera::new();
        for _ in 0..30 {
            assert_eq!(camera.gives(10, 2), None);
            camera.delivery.begin_anew();
        }
    }

    #[test]
    fn a_camera_that_is_asked_for_few_pictures_is_not_watched() {
        let mut camera = Camera { delivery: Delivery::new(FrameRate::whole(4)), at: Ticks(0) };
        assert_eq!(camera.gives(2, 60), None);
    }
}
