//! The counts of a running stream and its stages.

use crate::{
    capture::CaptureStatus,
    counter::{Gauge, LoadMeter, Samples},
    detect::watcher::WatcherCounts,
    governor::MachineReport,
    pacer::PacerCounts,
    pipeline::PipelineStatus,
    sync::lock,
};
use std::sync::{Arc, Mutex};

/// What one stream tells of itself, stage by stage.
#[derive(Debug, Default)]
pub struct StreamStatus {
    /// Its capture.
    pub capture: Arc<CaptureStatus>,
    /// Its detector.
    pub detector: Arc<WatcherCounts>,
    /// Its pipeline.
    pub pipeline: Arc<PipelineStatus>,
    /// How busy the encode thread is.
    pub load: LoadMeter,
    /// From arrival to its grid point (queue, pacing).
    pub pace_latency: Samples,
    /// 1 while what the source has coded is handed on.
    pub passes: Gauge,
    not_passed: Mutex<String>,
    pacer: Mutex<PacerCounts>,
    machine: Mutex<MachineReport>,
}

impl StreamStatus {
    /// The pacer's counts.
    pub fn set_pacer(&self, counts: PacerCounts) {
        *lock(&self.pacer) = counts;
    }

    /// The pacer's counts so far.
    pub fn pacer(&self) -> PacerCounts {
        *lock(&self.pacer)
    }

    /// What the source has coded is not handed on, for that reason.
    pub fn set_not_passed(&self, why: &str) {
        self.passes.set(0);
        why.clone_into(&mut lock(&self.not_passed));
    }

    /// Why what the source has coded is not handed on; empty where it is, or nothing is known yet.
    pub fn not_passed(&self) -> String {
        lock(&self.not_passed).clone()
    }

    /// What is not done at present, for want of time.
    pub fn set_machine(&self, machine: MachineReport) {
        *lock(&self.machine) = machine;
    }

    /// What is not done at present, for want of time.
    pub fn machine(&self) -> MachineReport {
        lock(&self.machine).clone()
    }
}
