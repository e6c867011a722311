//! What all answers are made from.

use super::{
    http::{bucket::Bucket, gate::Gate},
    net::{admission::Admission, burst::Burst, faults::Faults, mirror::Mirror, under_way::UnderWay, viewers::Viewers},
    page::assets::Asset,
};
use crate::{
    hooks::HooksCounts,
    marker_service::MarkerService,
    playlist::Playlists,
    status::Status,
    sync::lock,
    time::Clock,
    window::{WAITERS_MAX, Window},
};
use axum::extract::State;
use std::{
    net::IpAddr,
    sync::{Arc, Mutex},
};
use tokio::sync::Semaphore;

/// What the routes answer from.
pub(super) struct Shared {
    pub(super) window: Arc<Window>,
    pub(super) playlists: Arc<Playlists>,
    pub(super) status: Arc<Status>,
    pub(super) hooks: Arc<HooksCounts>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) mirror: Arc<Mirror>,
    pub(super) journal: Arc<MarkerService>,
    pub(super) faults: Faults,
    pub(super) gate: Gate,
    /// Pages of markers that may be made.
    pub(super) pages: Semaphore,
    /// Places of clients that listen to events.
    pub(super) subscribers: Arc<Admission>,
    pub(super) under_way: Arc<UnderWay>,
    pub(super) assets: Vec<Asset>,
    pub(super) viewers: Mutex<Viewers>,
    pub(super) changes: Mutex<Bucket>,
    pub(super) crowd: Mutex<Burst>,
}

/// How a handler is given it.
pub(super) type Shares = State<Arc<Shared>>;

impl Shared {
    pub(super) fn count_viewers(&self) {
        let viewers = lock(&self.viewers).count(self.clock.now());
        self.status.viewers.set(viewers);
    }

    /// Whether one more change is let through now.
    pub(super) fn take_change(&self) -> bool {
        lock(&self.changes).take(self.clock.now())
    }

    pub(super) fn tell_crowd(&self) {
        if lock(&self.crowd).begins(self.clock.now()) {
            tracing::warn!("requests are turned away: {WAITERS_MAX} wait for the stream already, the most");
        }
    }

    pub(super) fn note_viewer(&self, peer: IpAddr) {
        lock(&self.viewers).note(peer, self.clock.now());
    }
}
