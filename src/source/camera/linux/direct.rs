//! A camera read directly through V4L2: what nokhwa 0.10.11 cannot open.

use super::super::{
    error::Failure,
    grab::{Buffer, Grab, Grabbed},
    stamp::Stamp,
};
use crate::time;
use bytes::Bytes;
use std::{io, path::Path, time::Duration};
use v4l::{
    buffer::{Flags, Metadata, Type},
    io::traits::CaptureStream,
    prelude::MmapStream,
};

/// Buffers that the driver fills in turn; as many as nokhwa asks for.
const BUFFERS: u32 = 4;
/// Longest wait for a buffer, after which the thread looks whether it should end.
const WAIT_MAX: Duration = Duration::from_millis(500);

/// A stream of mapped buffers.
pub(super) struct Direct {
    stream: MmapStream<'static>,
    /// A wait timed out, so all buffers are with the driver.
    late: bool,
}

impl Direct {
    /// Opens the node as its format is set.
    pub(super) fn open(path: &Path) -> Result<Direct, Failure> {
        let failed = |error: io::Error| Failure::of_io(&error);
        let device = v4l::Device::with_path(path).map_err(failed)?;
        let mut stream = MmapStream::with_buffers(&device, Type::VideoCapture, BUFFERS).map_err(failed)?;
        stream.set_timeout(WAIT_MAX);
        Ok(Direct { stream, late: false })
    }
}

impl Grab for Direct {
    fn grab(&mut self) -> Result<Grabbed, Failure> {
        if self.late {
            // The stream's `next` would queue a buffer that is queued already. So one buffer is taken back first; its bytes cannot be
            // reached, so the first picture after a silence is lost.
            match self.stream.dequeue() {
                Ok(_) => self.late = false,
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(Grabbed::Nothing),
                Err(error) => return Err(Failure::of_io(&error)),
            }
        }
        match self.stream.next() {
            Ok((_, meta)) if meta.flags.contains(Flags::ERROR) => Ok(Grabbed::Damaged),
            Ok((bytes, meta)) => {
                let used = bytes.get(..meta.bytesused as usize).unwrap_or(bytes);
                Ok(Grabbed::Buffer(Buffer { bytes: Bytes::copy_from_slice(used), stamp: stamp(meta, time::monotonic()) }))
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.late = true;
                Ok(Grabbed::Nothing)
            }
            Err(error) => Err(Failure::of_io(&error)),
        }
    }
}

/// How old a buffer is at `now` of the monotonic clock, where its driver stamps by that.
fn stamp(meta: &Metadata, now: Duration) -> Option<Stamp> {
    let is_monotonic = meta.flags & Flags::TIMESTAMP_MASK == Flags::TIMESTAMP_MONOTONIC;
    let seconds = u64::try_from(meta.timestamp.sec).ok().filter(|_| is_monotonic)?;
    let micros = u64::try_from(meta.timestamp.usec).ok()?;
    Some(Stamp::Age(now.saturating_sub(Duration::from_secs(seconds) + Duration::from_micros(micros))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use v4l::Timestamp;

    #[test]
    fn a_buffer_is_as_old_as_the_monotonic_clock_says() {
        let check = |flags: Flags, sec, usec, expect: Option<u64>| {
            let meta = Metadata { flags, timestamp: Timestamp::new(sec, usec), ..Metadata::default() };
            let age = expect.map(|ms| Stamp::Age(Duration::from_millis(ms)));
            assert_eq!(stamp(&meta, Duration::from_millis(100_040)), age, "{flags:?} {sec} {usec}");
        };
        check(Flags::TIMESTAMP_MONOTONIC | Flags::DONE, 100, 10_000, Some(30));
        check(Flags::TIMESTAMP_MONOTONIC, 101, 0, Some(0));
        check(Flags::TIMESTAMP_COPY, 100, 0, None);
        check(Flags::DONE, 100, 0, None);
        check(Flags::TIMESTAMP_MONOTONIC, -1, 0, None);
    }
}
