//! The rendered text of a window's playlists, kept from version to version: text that does not change any more, the lines of date ranges, and
//! the playlists of one version, rendered when they are first asked for.

use super::{
    Kind, RenderedPlaylist,
    dash::{self, presentation::Presentation},
    entry, iframe_entry, iframes,
    incremental::IncrementalText,
    lines::Lines,
    multivariant, still, video,
};
use crate::{gzip::Block, package::Msn, window::snapshot::Snapshot};
use std::sync::Arc;

/// The texts of one window.
#[derive(Debug, Default)]
pub struct Texts {
    /// The version that they are of; none before the first look.
    snapshot: Option<Snapshot>,
    /// Number of the first segment in the rolls.
    first: u64,
    /// The listed segments whose parts are not listed any more.
    pub(super) video: IncrementalText,
    /// The key frames of all listed segments, an entry per segment.
    pub(super) iframes: IncrementalText,
    pub(super) lines: Lines,
    published: dash::published::Published,
    pages: [Option<Arc<RenderedPlaylist>>; Kind::COUNT],
}

impl Texts {
    /// The version that they are of; 0, which is that of an empty window, before the first look.
    pub fn version(&self) -> u64 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.version)
    }

    /// The first segment that [`Texts::follow`] needs to see.
    pub fn next(&self) -> Msn {
        Msn(self.first + self.video.len() as u64)
    }

    /// Goes on to a version, with the listed segments from [`Texts::next`] on.
    pub fn follow(&mut self, snapshot: Snapshot) {
        if self.snapshot.as_ref().is_some_and(|known| known.version == snapshot.version) {
            return;
        }
        let first = snapshot.first_msn();
        while self.first < first && !self.iframes.is_empty() {
            self.video.pop();
            self.iframes.pop();
            self.first += 1;
        }
        if self.iframes.is_empty() {
            self.first = first;
        }
        let with_parts = first + snapshot.without_parts as u64;
        for segment in &snapshot.segments {
            let msn = segment.start.msn.0;
            if msn == self.first + self.iframes.len() as u64 {
                self.iframes.push(&iframe_entry(segment));
            }
            if msn == self.next().0 && msn < with_parts {
                self.video.push(&entry(segment));
            }
        }
        debug_assert_eq!((self.iframes.len(), self.video.len()), (snapshot.listed_len, snapshot.without_parts));
        self.lines.follow(&snapshot.ranges);
        self.pages = Default::default();
        self.snapshot = Some(snapshot);
    }

    /// What was frozen since the last call, to be compressed where nobody waits.
    pub fn take_fresh(&mut self) -> Vec<Arc<Block>> {
        let mut fresh = self.video.take_fresh();
        fresh.append(&mut self.iframes.take_fresh());
        fresh
    }

    /// A playlist of the version, written on the first call only. `None` before the first whole segment.
    pub fn page(&mut self, kind: Kind) -> Option<Arc<RenderedPlaylist>> {
        let Texts { snapshot, published, .. } = self;
        let snapshot = snapshot.as_ref().filter(|snapshot| snapshot.listed_len > 0)?;
        let kind = if snapshot.ended { kind.full() } else { kind };
        if let Kind::Former(presentation) = kind {
            return Some(Arc::new(still(snapshot, dash::render(snapshot, presentation, published))));
        }
        if let Some(page) = &self.pages[kind.index()] {
            return Some(page.clone());
        }
        let newest = Presentation::newest(&snapshot.timeline);
        let manifest = (kind == Kind::Manifest).then(|| dash::render(snapshot, newest, published));
        let snapshot = self.snapshot.as_ref()?;
        let page = Arc::new(match kind {
            Kind::Multivariant => multivariant(snapshot),
            Kind::Video(extent) => video(self, snapshot, extent),
            Kind::IFrames(extent) => iframes(self, snapshot, extent),
            Kind::Manifest | Kind::Former(_) => still(snapshot, manifest.unwrap_or_default()),
        });
        self.pages[kind.index()] = Some(page.clone());
        Some(page)
    }
}
