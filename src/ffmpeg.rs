//! What all users of FFmpeg share.

pub(crate) mod scaler;

use std::sync::Once;

/// Gives FFmpeg's errors their texts, which is not safe to do twice at a time, and ends its chatter: it would tear the status line, and
/// what matters of it reaches us as return codes. Every adapter of FFmpeg calls it first.
pub(crate) fn settle() {
    static SETTLED: Once = Once::new();
    SETTLED.call_once(|| {
        ffmpeg_next::util::error::register_all();
        ffmpeg_next::format::network::init();
        ffmpeg_next::util::log::set_level(ffmpeg_next::util::log::Level::Fatal);
    });
}
