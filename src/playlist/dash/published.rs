//! When the manifest last changed: `MPD@publishTime`, which grows with each change and never goes back (ISO/IEC 23009-1 §5.3.1.2).

use super::elements::Mpd;
use crate::time::WallTime;

/// The manifest that was told last.
#[derive(Debug, Default)]
pub struct Published {
    last: Option<(Mpd, WallTime)>,
}

impl Published {
    /// Since when this is what the manifest says: the last time if it says the same, else now. A clock that was set back does not matter.
    pub(super) fn since(&mut self, manifest: &Mpd, now: WallTime) -> WallTime {
        let since = match &self.last {
            Some((known, since)) if known == manifest => return *since,
            Some((_, since)) => now.whole_ms().max(WallTime::from_unix_ms(since.as_unix_ms() + 1)),
            None => now.whole_ms(),
        };
        self.last = Some((manifest.clone(), since));
        since
    }
}
