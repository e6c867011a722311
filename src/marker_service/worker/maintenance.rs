//! Periodic work of the service: forget old markers, close abandoned ones, note that the run lives, count.

use super::*;

/// Maintenance is done this often.
pub const MAINTENANCE_INTERVAL: Span = Span::from_ms(1000);
/// What a killed run knows of the end of its open markers is at most so old.
pub const TOUCH_INTERVAL: Span = Span::from_ms(5000);
/// A marker that is open for longer than this is closed: the client that should have ended it is gone.
pub const OPEN_SPAN_MAX: Span = Span::from_ms(24 * 3_600_000);

impl Worker {
    pub(super) fn maintain(&mut self, now: Ticks) {
        if now.since(self.maintained_at) < MAINTENANCE_INTERVAL {
            return;
        }
        self.maintained_at = now;
        if !self.is_failing || self.recover() {
            let done = self.tidy_up(now);
            self.note(done);
        }
        self.count();
    }

    /// Whether markers are kept again.
    fn recover(&mut self) -> bool {
        let done = self.store().recover();
        if self.note(done).is_none() {
            return false;
        }
        self.is_failing = false;
        self.counts.set_storage_error(None);
        let back = "markers are kept again";
        tracing::info!("{back}");
        self.events.publish(self.parts.clock.wall(), EventKind::StorageBack(back));
        true
    }

    fn tidy_up(&mut self, now: Ticks) -> Result<(), StoreError> {
        self.store().location_error().map_or(Ok(()), Err)?;
        let wall = self.today();
        self.forget_stale()?;
        if let (Retention::Window, Some(first)) = (self.parts.retention, self.parts.window.first_wall()) {
            self.store().forget_before(&self.parts.camera, first)?;
        }
        self.store().shrink_to(MARKERS_MAX)?;
        for mut marker in self.open_ones()? {
            // One of the detector's that nobody holds is left over from a write that failed.
            let is_left = marker.source == MarkerSource::Detector && !self.held.values().any(|id| *id == marker.id);
            if is_left || wall.since(marker.begin) > OPEN_SPAN_MAX {
                marker.end = Some(wall.max(marker.begin));
                self.close(marker)?;
            }
        }
        if now.since(self.touched_at) >= TOUCH_INTERVAL {
            self.touched_at = now;
            self.store().touch(&self.parts.camera, wall)?;
        }
        self.keep_numbers()
    }

    /// Keeps how far the numbers of this run may have come by the next time, so that the next run begins beyond them, whatever ends this one.
    fn keep_numbers(&mut self) -> Result<(), StoreError> {
        let next = self.parts.window.next_numbers();
        if self.bound.is_some_and(|bound| bound.has_room_for(next)) {
            return Ok(());
        }
        let bound = next.with_room();
        match (self.parts.retention, &self.parts.last_run) {
            (Retention::Newest, _) => self.store().keep_numbers(self.parts.camera.as_str(), bound)?,
            (Retention::Window, Some(last_run)) => {
                // The next run then begins at the time.
                if let Err(error) = last_run.keep(bound) {
                    tracing::debug!("cannot keep the numbers of this run: {error}");
                }
            }
            (Retention::Window, None) => {}
        }
        self.bound = Some(bound);
        Ok(())
    }

    /// Closes all open markers at the end of the run.
    pub(super) fn close_all(&mut self) {
        let wall = self.today();
        for mut marker in self.open_ones().unwrap_or_default() {
            marker.end = Some(wall.max(marker.begin));
            let done = self.close(marker);
            self.note(done);
        }
        // No room is left: nothing is cut any more.
        if self.parts.retention == Retention::Newest && self.bound.is_some() {
            let done = self.store().keep_numbers(self.parts.camera.as_str(), self.parts.window.next_numbers());
            self.note(done);
        }
        self.count();
    }

    /// Updates the counts of the status.
    pub(super) fn count(&self) {
        self.counts.stored.set(self.store().len());
        self.counts.unreadable.set(self.store().n_unreadable());
        let open = self.open_ones().map_or(0, |open| open.len());
        self.counts.open.set(open as u64);
    }
}
