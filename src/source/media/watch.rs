//! How long FFmpeg may wait for the network: its interrupt callback asks here.

use crate::{
    source::Stop,
    time::{Clock, Span, SystemClock, Ticks},
};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// Ends a wait when its time is over, or nobody wants it any more. Clones are one.
#[derive(Clone)]
pub(super) struct Watch(Arc<Watched>);

struct Watched {
    /// When the wait began.
    begun: AtomicI64,
    /// How long it may take.
    span: AtomicI64,
    stop: Stop,
    clock: Arc<dyn Clock>,
}

impl Watch {
    /// A wait of at most `span` begins.
    pub(super) fn begin(span: Span, stop: Stop) -> Watch {
        let clock = SystemClock::start();
        let begun = AtomicI64::new(clock.now().0);
        Watch(Arc::new(Watched { begun, span: AtomicI64::new(span.0), stop, clock: Arc::new(clock) }))
    }

    /// A new wait begins.
    pub(super) fn renew(&self, span: Span) {
        self.0.span.store(span.0, Ordering::Relaxed);
        self.0.begun.store(self.0.clock.now().0, Ordering::Relaxed);
    }

    /// Its length at most.
    pub(super) fn span(&self) -> Span {
        Span(self.0.span.load(Ordering::Relaxed))
    }

    /// Whether its time is over.
    pub(super) fn is_over(&self) -> bool {
        self.0.clock.now().since(Ticks(self.0.begun.load(Ordering::Relaxed))) > self.span()
    }

    /// Whether it is to be given up.
    pub(super) fn is_ended(&self) -> bool {
        self.0.stop.is_raised() || self.is_over()
    }
}
