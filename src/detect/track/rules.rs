//! What a hit's strength means, and what a track is allowed for it. Cascades count neighbours, and networks give a score; the numbers of
//! each were chosen on labelled clips: docs/detection.md has the tables.

use crate::{detect::kind::Kind, time::Span};

/// What a strength is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Measure {
    /// Single hits of a cascade that were grouped.
    Neighbours,
    /// Thousandths of a network's score.
    Score,
}

/// The numbers by which things are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    measure: Measure,
    /// Strength of a hit that begins a track.
    pub begin: u32,
    /// Strength of a first hit that is shown at once, until a run misses it; a face that walks in is seen a run earlier by that.
    pub sure: u32,
    /// How long a track that stood still or moved this way and that is shown after its last hit.
    pub hold: Span,
    /// How long one is that moved steadily: something passes in front of it, or it is turned for a moment.
    pub hold_moving: Span,
    /// A track that a run has missed is not shown where its box is cut by the picture's edge: it has left.
    pub ends_at_edge: bool,
}

impl Rules {
    /// Of cascades. On labelled clips the false hits have 2 or 3 neighbours, rarely more, and a face in plain sight has 6 or more in nearly
    /// every run. They lose a face often, so a track is held longer than a hand before the face or a glance aside mostly takes, and
    /// shorter than a ghost that anyone would mind.
    pub const NEIGHBOURS: Rules = Rules {
        measure: Measure::Neighbours,
        begin: 5,
        sure: 12,
        hold: Span::from_ms(700),
        hold_moving: Span::from_ms(700),
        ends_at_edge: false,
    };
    /// Of networks. They lose a face seldom: what two runs have missed is gone, and would be drawn beside the head that turned away.
    pub const SCORES: Rules = Rules {
        measure: Measure::Score,
        begin: 500,
        sure: 800,
        hold: Span::from_ms(200),
        hold_moving: Span::from_ms(700),
        ends_at_edge: true,
    };

    /// Those by which a kind is followed where faces are by `of_faces`: everything else is found by cascades.
    pub fn of(kind: Kind, of_faces: Rules) -> Rules {
        if kind == Kind::FACE { of_faces } else { Rules::NEIGHBOURS }
    }

    /// A strength in units of what begins a track, so that hits of both measures can be averaged.
    pub(super) fn relative(&self, strength: u32) -> f64 {
        f64::from(strength) / f64::from(self.begin)
    }

    /// The confidence to be told for relative strengths, averaged over the last runs: a score is one, and neighbours are no measure of
    /// how many are right, so what begins a track is half.
    pub(super) fn confidence(&self, relative: f64) -> f64 {
        match self.measure {
            Measure::Neighbours => relative / (relative + 1.0),
            Measure::Score => (relative * self.relative_to_one()).min(1.0),
        }
    }

    /// The score that begins a track.
    fn relative_to_one(&self) -> f64 {
        f64::from(self.begin) / 1000.0
    }
}
