//! When a picture of a camera on the network was captured, on our monotonic clock. Pure.
//!
//! The camera's time stamps say how its pictures lie to each other, and its clock may stand anywhere and run a little fast or slow. A
//! packet comes some time after its stamp: the network, the camera's encoder and whatever waits before it. The shortest such delay of late
//! is the one that nothing but the way itself has caused, so it takes a stamp to our clock, and the jitter of the rest does not show.
//! What a camera needs before it sends cannot be seen from here, and counts as if the picture were captured when it was sent.

use crate::time::{Span, Ticks};

/// The shortest delay is looked for in the last one or two of these. A clock that is off by 500 ppm moves by 5 ms meanwhile.
const WINDOW: Span = Span::from_ms(5_000);

/// Stamps that lie no further back than this are out of order, as those of B-frames are; beyond it the camera's clock was set, or has
/// wrapped around.
const REORDER_MAX: Span = Span::from_ms(1_000);

/// A delay that has grown by more than this for a whole window is a camera whose clock stood still; less is caught up with by and by.
const STEP: Span = Span::from_ms(500);

/// Of the time that has passed, this part is caught up with: 6 % more or less between two pictures is not seen.
const SLEW: i64 = 16;

/// A picture older than this is one whose stamp cannot be believed.
const AGE_MAX: Span = Span::from_ms(2_000);

/// Takes the stamps of one camera to our clock.
#[derive(Default)]
pub(super) struct CameraClock {
    /// From a stamp to our clock.
    offset: Option<Span>,
    /// The shortest delays of this window and of the one before.
    shortest: [Option<Span>; 2],
    /// When this window began.
    begun: Ticks,
    /// The latest stamp, and when a packet came last.
    heard: Option<(Ticks, Ticks)>,
    /// Where the last picture was placed.
    last: Option<Ticks>,
}

impl CameraClock {
    /// A packet with that stamp has come.
    pub(super) fn arrived(&mut self, stamp: Ticks, now: Ticks) {
        let delay = Span(now.0.saturating_sub(stamp.0));
        let Some((latest, heard)) = self.heard else { return self.begin(stamp, now) };
        if latest.0.saturating_sub(stamp.0) > REORDER_MAX.0 {
            return self.begin(stamp, now);
        }
        self.heard = Some((latest.max(stamp), now));
        if now.since(self.begun) >= WINDOW {
            self.shortest = [None, self.shortest[0]];
            self.begun = now;
        }
        self.shortest[0] = Some(self.shortest[0].map_or(delay, |shortest| shortest.min(delay)));
        let shortest = self.shortest.into_iter().flatten().min().unwrap_or(delay);
        let offset = self.offset.unwrap_or(shortest);
        let grown = shortest.0.saturating_sub(offset.0);
        self.offset = Some(if grown <= 0 || grown > STEP.0 {
            shortest
        } else {
            Span(offset.0 + grown.min(now.since(heard).0.max(0) / SLEW))
        });
    }

    /// Where a stamp lies on our clock by what is known now, which may be before its beginning.
    pub(super) fn on_our_clock(&self, stamp: Ticks) -> Option<Ticks> {
        self.offset.map(|offset| Ticks(stamp.0.saturating_add(offset.0)))
    }

    /// When the picture with that stamp was captured: not in the future, and after the picture before it. One without a stamp was captured
    /// now.
    pub(super) fn place(&mut self, stamp: Option<Ticks>, now: Ticks) -> Ticks {
        let said = stamp.zip(self.offset).map_or(now, |(stamp, offset)| Ticks(stamp.0.saturating_add(offset.0)));
        let is_believable = (now - AGE_MAX..=now).contains(&said);
        let at = if is_believable { said } else { now };
        let at = self.last.map_or(at, |last| at.max(last + Span(1)));
        self.last = Some(at);
        at
    }

    fn begin(&mut self, stamp: Ticks, now: Ticks) {
        let delay = Span(now.0.saturating_sub(stamp.0));
        self.offset = Some(delay);
        self.shortest = [Some(delay), None];
        self.begun = now;
        self.heard = Some((stamp, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame at 25 fps, in ms.
    const FRAME_MS: i64 = 40;
    /// Our clock when the camera begins.
    const BEGIN_MS: i64 = 1_000_000;

    fn ticks(ms: i64) -> Ticks {
        Ticks::default() + Span::from_ms(ms)
    }

    /// Where pictures are placed that have those stamps and come at those times after the beginning, all in ms.
    fn places(pictures: impl IntoIterator<Item = (i64, i64)>) -> Vec<i64> {
        let mut clock = CameraClock::default();
        let placed = pictures.into_iter().map(|(stamp, at)| {
            let now = ticks(BEGIN_MS + at);
            clock.arrived(ticks(stamp), now);
            clock.place(Some(ticks(stamp)), now).since(ticks(BEGIN_MS)).as_ms().round() as i64
        });
        placed.collect()
    }

    /// The spacing of all but the first.
    fn spacings(places: &[i64], from: usize) -> Vec<i64> {
        places[from..].windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    #[test]
    fn jitter_of_the_network_does_not_show() {
        // The first comes without delay, as one of a few always does.
        let late = |n: i64| (n * 7919) % 31;
        let placed = places((0..500).map(|n| (7_000 + n * FRAME_MS, n * FRAME_MS + late(n))));
        assert_eq!(placed, (0..500).map(|n| n * FRAME_MS).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_held_back_at_the_beginning_is_caught_up_with_at_once() {
        // A server sends the second before at once.
        let placed = places((0..100).map(|n| (n * FRAME_MS, if n < 25 { n } else { (n - 25) * FRAME_MS + 25 })));
        assert_eq!(placed[24], 24);
        assert_eq!(spacings(&placed, 25), vec![FRAME_MS; 74]);
        assert_eq!(placed[99], 74 * FRAME_MS + 25);
    }

    #[test]
    fn a_clock_that_drifts_is_followed() {
        for ppm in [-500, 500] {
            let frames = 20 * 60 * 25;
            let placed = places((0..frames).map(|n| (n * FRAME_MS + n * FRAME_MS * ppm / 1_000_000, n * FRAME_MS)));
            for (n, place) in placed.iter().enumerate() {
                let age = n as i64 * FRAME_MS - place;
                assert!((0..=6).contains(&age), "{ppm} ppm, picture {n}: {age} ms old");
            }
        }
    }

    #[test]
    fn a_clock_that_is_set_or_wraps_begins_anew() {
        let wrap = (1_i64 << 33) / 90;
        for leap in [-3_600_000, 3_600_000, -wrap] {
            let placed = places((0..200).map(|n| (wrap + n * FRAME_MS + if n >= 100 { leap } else { 0 }, n * FRAME_MS)));
            assert_eq!(placed, (0..200).map(|n| n * FRAME_MS).collect::<Vec<_>>(), "{leap}");
        }
    }

    #[test]
    fn a_delay_that_stays_is_caught_up_with_by_and_by_and_a_long_one_at_once() {
        let delayed = |ms: i64| places((0..2_000).map(move |n| (n * FRAME_MS, n * FRAME_MS + if n >= 500 { ms } else { 0 })));
        let little = delayed(200);
        assert!(spacings(&little, 0).iter().all(|spacing| (FRAME_MS..=FRAME_MS + 3).contains(spacing)), "{little:?}");
        assert_eq!(little[1999], 1999 * FRAME_MS + 200);
        // Its clock stood still for half a minute.
        let much = delayed(30_000);
        assert_eq!(much[500], 500 * FRAME_MS + 30_000, "it is not thirty seconds old");
        assert_eq!(much[1999], 1999 * FRAME_MS + 30_000);
    }

    #[test]
    fn pictures_out_of_order_are_placed_by_their_stamps() {
        // IBBP: packets come as I P B B, and pictures come out as the decoder has them.
        let mut clock = CameraClock::default();
        let order = [0, 3, 1, 2, 6, 4, 5, 9, 7, 8];
        let mut placed = Vec::new();
        for (n, frame) in order.into_iter().enumerate() {
            let now = ticks(BEGIN_MS + n as i64 * FRAME_MS);
            clock.arrived(ticks(frame * FRAME_MS), now);
            // The decoder gives the picture before the last P.
            if n >= 2 {
                placed.push(clock.place(Some(ticks((n as i64 - 2) * FRAME_MS)), now).since(ticks(BEGIN_MS)).as_ms() as i64);
            }
        }
        assert_eq!(spacings(&placed, 0), vec![FRAME_MS; 7], "{placed:?}");
    }

    #[test]
    fn no_stamp_is_now_and_times_always_rise() {
        let mut clock = CameraClock::default();
        assert_eq!(
            [clock.place(None, Ticks(7)), clock.place(None, Ticks(7)), clock.place(None, Ticks(9))].map(|at| at.0),
            [7, 8, 9]
        );
        clock.arrived(Ticks(i64::MAX), Ticks(10));
        clock.arrived(Ticks(i64::MIN), Ticks(11));
        assert!(clock.place(Some(Ticks(i64::MIN)), Ticks(12)) > Ticks(9));
    }
}
