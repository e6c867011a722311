//! The camera as a [`Source`]: takes buffers from the inbox, makes pictures of them, and watches for silence.

use super::{
    STALL_MAX,
    capture::{Capture, CaptureMessage, Inbox},
    convert::{grey, nv12, yuyv},
    error::{called, lost},
    grab::NegotiatedFormat,
    negotiate::{Pixels, even},
    platform,
};
use crate::{
    picture::{Picture, PicturePool},
    source::{
        Device, Losses, NEXT_WAIT_MAX, OpenError, Source, SourceError, SourceFormat, coded::Fitness, control::ControlPort,
        mjpeg::MjpegDecoder,
    },
    time::{Clock, Span, Ticks},
};
use crossbeam_channel::RecvTimeoutError;
use std::sync::Arc;

/// A running camera.
pub(super) struct CameraSource {
    device: Device,
    format: SourceFormat,
    agreed: NegotiatedFormat,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
    inbox: Inbox,
    decoder: Option<MjpegDecoder>,
    /// When the newest buffer came, or the camera was opened.
    heard: Ticks,
    /// Capture time of the newest picture: no later one may lie before it.
    newest: Option<Ticks>,
    /// Ends the thread when the source is dropped.
    _capture: Option<Capture>,
}

impl CameraSource {
    /// A source of what comes into `inbox`, as `agreed`.
    pub(super) fn new(
        device: &Device,
        agreed: NegotiatedFormat,
        reason: String,
        inbox: Inbox,
        capture: Option<Capture>,
        (clock, pool): (Arc<dyn Clock>, PicturePool),
    ) -> Result<CameraSource, OpenError> {
        let name = device.name.clone();
        let refused =
            || OpenError(format!("{} gives pictures of {}x{}, which cannot be used", called(device), agreed.width, agreed.height));
        let size = even(agreed.width, agreed.height).ok_or_else(refused)?;
        let decoder = if agreed.pixels == Pixels::Mjpeg { Some(MjpegDecoder::open()?) } else { None };
        let format = SourceFormat {
            name,
            size,
            rate: agreed.rate,
            pixels: agreed.pixels.name().to_owned(),
            reason,
            fitness: Fitness::NotAsked,
        };
        let heard = clock.now();
        Ok(CameraSource {
            device: device.clone(),
            format,
            agreed,
            clock,
            pool,
            inbox,
            decoder,
            heard,
            newest: None,
            _capture: capture,
        })
    }

    fn picture(&mut self, bytes: &[u8], at: Ticks) -> Result<Picture, String> {
        // A stamp that fell back to the arrival may be followed by one that did not.
        let at = self.newest.map_or(at, |newest| at.max(newest + Span(1)));
        let picture = match &mut self.decoder {
            Some(decoder) => decoder.decode(bytes, at, &self.pool)?,
            None => {
                let mut picture = self.pool.take(self.format.size, at);
                match self.agreed.pixels {
                    Pixels::Nv12 => nv12(bytes, self.agreed.layout, &mut picture)?,
                    Pixels::Grey => grey(bytes, self.agreed.layout, &mut picture)?,
                    Pixels::Yuyv | Pixels::Mjpeg => yuyv(bytes, self.agreed.layout, &mut picture)?,
                }
                picture
            }
        };
        self.newest = Some(at);
        Ok(picture)
    }
}

impl Source for CameraSource {
    fn next(&mut self) -> Result<Picture, SourceError> {
        let sent = match self.inbox.receiver.recv_timeout(NEXT_WAIT_MAX.to_duration()) {
            Ok(sent) => sent,
            Err(RecvTimeoutError::Timeout) => {
                let silence = self.clock.now().since(self.heard);
                if silence < STALL_MAX {
                    return Err(SourceError::Silent);
                }
                let said = format!("{} has sent nothing for {:.0} s", called(&self.device), silence.as_s());
                return Err(SourceError::Lost(said));
            }
            Err(RecvTimeoutError::Disconnected) => return Err(SourceError::Lost(format!("{} has ended", called(&self.device)))),
        };
        self.heard = self.clock.now();
        match sent {
            CaptureMessage::Buffer(bytes, at) => self.picture(&bytes, at).map_err(SourceError::Damaged),
            CaptureMessage::Damaged => Err(SourceError::Damaged("the driver says so".to_owned())),
            CaptureMessage::Failed(failure) => Err(SourceError::Lost(lost(&self.device, &failure))),
        }
    }

    fn format(&self) -> &SourceFormat {
        &self.format
    }

    fn losses(&self) -> Losses {
        let truncated = self.decoder.as_ref().map_or(0, MjpegDecoder::truncated);
        Losses { dropped: self.inbox.dropped.get(), truncated }
    }

    fn controls(&self) -> Option<Arc<dyn ControlPort>> {
        platform::port(&self.device)
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            capture::{Outbox, inbox},
            error::Failure,
            negotiate::Choice,
        },
        *,
    };
    use crate::time::{FrameRate, ManualClock, WallTime};
    use bytes::Bytes;

    fn source(pixels: Pixels) -> (CameraSource, Outbox, Arc<ManualClock>) {
        let device =
            Device { index: 0, path: "/dev/video0".into(), stable_path: None, name: "Fake".to_owned(), formats: Vec::new() };
        let choice = Choice { pixels, width: 5, height: 3, rate: FrameRate::whole(30), reason: String::new() };
        let clock = Arc::new(ManualClock::at(WallTime(0)));
        let (outbox, inbox) = inbox();
        let with = (clock.clone() as Arc<dyn Clock>, PicturePool::default());
        let source =
            CameraSource::new(&device, NegotiatedFormat::tight(&choice), "as asked".to_owned(), inbox, None, with).expect("opens");
        (source, outbox, clock)
    }

    fn said(next: Result<Picture, SourceError>) -> String {
        match next {
            Ok(picture) => format!("{picture:?}"),
            Err(error) => format!("{error:?}"),
        }
    }

    #[test]
    fn buffers_become_pictures_in_order_of_time() {
        let (mut source, outbox, _clock) = source(Pixels::Grey);
        outbox.send(CaptureMessage::Buffer(Bytes::from_static(&[7; 15]), Ticks(90)));
        outbox.send(CaptureMessage::Buffer(Bytes::from_static(&[8; 20]), Ticks(80)));
        let first = source.next().expect("a picture");
        assert_eq!((first.as_bytes(), first.at), (&[7, 7, 7, 7, 7, 7, 7, 7, 128, 128, 128, 128][..], Ticks(90)));
        assert_eq!(said(source.next()), "Picture(4x2 at 91)");
    }

    #[test]
    fn a_short_buffer_is_damaged_and_the_next_one_is_shown() {
        let (mut source, outbox, _clock) = source(Pixels::Yuyv);
        outbox.send(CaptureMessage::Buffer(Bytes::from_static(&[0; 19]), Ticks(1)));
        outbox.send(CaptureMessage::Buffer(Bytes::from_static(&[0; 36]), Ticks(2)));
        assert_eq!(said(source.next()), "Damaged(\"19 bytes came where a picture needs 20\")");
        assert_eq!(said(source.next()), "Picture(4x2 at 2)");
        outbox.send(CaptureMessage::Damaged);
        assert_eq!(said(source.next()), "Damaged(\"the driver says so\")");
    }

    #[test]
    fn silence_becomes_a_loss_after_the_watchdogs_time() {
        let (mut source, outbox, clock) = source(Pixels::Nv12);
        clock.advance(STALL_MAX - Span(1));
        assert_eq!(said(source.next()), "Silent");
        clock.advance(Span(1));
        assert_eq!(said(source.next()), "Lost(\"camera 0 (Fake) has sent nothing for 5 s\")");
        outbox.send(CaptureMessage::Buffer(Bytes::from_static(&[0; 30]), Ticks(1)));
        assert_eq!(said(source.next()), "Picture(4x2 at 1)");
        assert_eq!(said(source.next()), "Silent");
    }

    #[test]
    fn an_unplugged_camera_is_lost_at_once() {
        let (mut source, outbox, _clock) = source(Pixels::Mjpeg);
        outbox.send(CaptureMessage::Failed(Failure { errno: Some(19), text: String::new() }));
        drop(outbox);
        assert_eq!(said(source.next()), "Lost(\"camera 0 (Fake) was unplugged\")");
        assert_eq!(said(source.next()), "Lost(\"camera 0 (Fake) has ended\")");
    }

    #[test]
    fn dropped_buffers_are_told() {
        let (source, outbox, _clock) = source(Pixels::Grey);
        for n in 0..5 {
            outbox.send(CaptureMessage::Buffer(Bytes::new(), Ticks(n)));
        }
        assert_eq!(source.losses(), Losses { dropped: 3, truncated: 0 });
    }
}
