//! A camera read directly through V4L2: what nokhwa 0.10.11 cannot open.

use super::super::{
    error::Failure,
    grab::{Buffer, Grab, Grabbed},
};
use bytes::Bytes;
use std::{io, path::Path, time::Duration};
use v4l::{
    buffer::{Flags, Type},
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
                // V4L2's own stamp is of a clock that cannot be read here without unsafe code; the arrival serves.
                Ok(Grabbed::Buffer(Buffer { bytes: Bytes::copy_from_slice(used), stamp: None }))
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                self.late = true;
                Ok(Grabbed::Nothing)
            }
            Err(error) => Err(Failure::of_io(&error)),
        }
    }
}
