//! What the camera has coded, as it comes.

use super::{Connection, OPEN_MAX, Packet, Timing, decoder_of};
use crate::{
    source::{
        SourceError,
        coded::{CodedFrame, Fitness},
        media::units,
    },
    time::{TICKS_PER_S, Ticks},
};
use ffmpeg_next::frame;

/// An access unit, with its packet where that was read just now; or why it cannot be handed on.
type ReadFrame = Result<(CodedFrame, Option<Packet>), String>;

impl Connection {
    /// Whether what the camera codes can be handed on. Reads up to the second key frame, where it has not come yet.
    pub(in crate::source::media) fn measure(&mut self) -> Fitness {
        self.watch.renew(OPEN_MAX);
        loop {
            match &self.units {
                None => return Fitness::NotAsked,
                Some(Err(why)) => return Fitness::Unfit(why.clone()),
                Some(Ok(_)) if self.timing == Timing::Arrival => {
                    return Fitness::Unfit("its pictures have no time stamps".to_owned());
                }
                Some(Ok(_)) => {}
            }
            if let Some(measured) = units::coding(self.kept.iter().map(|(stamp, frame)| (*stamp, frame)), self.rate) {
                return measured.map_or_else(Fitness::Unfit, Fitness::Fits);
            }
            if self.watch.is_ended() || self.read_packet().is_err_and(|error| matches!(error, SourceError::Lost(_))) {
                return Fitness::Unfit(units::too_long());
            }
        }
    }

    /// The next packet of our stream. FFmpeg gives the first of RTSP no stamp; where it is handed on, it lies a frame before the second.
    pub(super) fn read_stamped(&mut self) -> Result<Packet, SourceError> {
        let mut packet = self.ahead.take().map_or_else(|| self.read_any(), Ok)?;
        if self.units.is_some() && packet.is_key() && packet.pts().is_none() {
            let next = self.read_any()?;
            let (num, den) = (i64::from(self.time_base.numerator()).max(1), i64::from(self.time_base.denominator()));
            let frame = self.rate.frame_span().0 * den / (num * TICKS_PER_S);
            packet.set_pts(next.pts().map(|stamp| stamp.saturating_sub(frame)));
            self.ahead = Some(next);
        }
        Ok(packet)
    }

    /// Keeps what a packet has, for whoever asks.
    pub(super) fn keep(&mut self, packet: &Packet) {
        let stamp = packet.pts().and_then(|stamp| self.ticks(stamp));
        let Some(Ok(units)) = &mut self.units else { return };
        match units.take(packet, stamp) {
            Ok(Some(frame)) => {
                let frame = self.placed(frame);
                self.kept.push_back(frame);
            }
            Ok(None) => {}
            Err(why) => self.units = Some(Err(why)),
        }
    }

    /// From here on it is asked for access units, or for pictures alone, which follow the next key frame.
    pub(in crate::source::media) fn turn(&mut self, hands_on: bool) {
        self.keeps = false;
        self.watch.renew(self.stall_max());
        if hands_on {
            self.first = None;
            self.settle_kept();
        } else {
            self.kept.clear();
            self.units = None;
            self.awaits_key = true;
        }
        self.forget_pictures();
    }

    /// What many cameras send at once when they begin was not captured at once: it lies where its stamps say. What is older than our clock
    /// is left out.
    fn settle_kept(&mut self) {
        if self.timing == Timing::Files {
            return;
        }
        for (stamp, frame) in &mut self.kept {
            frame.at = self.camera_clock.on_our_clock(*stamp).unwrap_or(frame.at);
        }
        while self.kept.front().is_some_and(|(_, frame)| !frame.key || frame.at < Ticks(0)) {
            self.kept.pop_front();
        }
    }

    /// A decoder that has decoded nothing needs no memory.
    pub(in crate::source::media) fn forget_pictures(&mut self) {
        let fresh = self.demuxer.stream(self.stream).and_then(|stream| decoder_of(stream.parameters()).ok());
        if let Some(fresh) = fresh {
            self.decoder = fresh;
        }
    }

    /// The next access unit, with its packet where that was read just now; blocks until it comes, or the camera is lost. Or why it cannot be
    /// handed on.
    pub(in crate::source::media) fn next_coded(&mut self) -> Result<ReadFrame, SourceError> {
        if let Some((_, frame)) = self.kept.pop_front() {
            return Ok(Ok((frame, None)));
        }
        loop {
            let Some(packet) = self.read_packet()? else { continue };
            let stamp = packet.pts().and_then(|stamp| self.ticks(stamp));
            let taken = match &mut self.units {
                Some(Ok(units)) => units.take(&packet, stamp),
                Some(Err(why)) => Err(why.clone()),
                None => Err("nobody asked for it".to_owned()),
            };
            match taken {
                Ok(Some(frame)) => return Ok(Ok((self.placed(frame).1, Some(packet)))),
                Ok(None) => {}
                Err(why) => return Ok(Err(why)),
            }
        }
    }

    /// Decodes a packet whose picture somebody wants; what cannot be decoded is left out.
    pub(in crate::source::media) fn decode_packet(&mut self, packet: &Packet, into: &mut frame::Video) -> bool {
        self.decoder.send_packet(packet).is_ok() && self.decoder.receive_frame(into).is_ok()
    }

    /// When an access unit that was just read was captured, on our clock; of files its stamp. With its stamp.
    fn placed(&mut self, frame: CodedFrame) -> (Ticks, CodedFrame) {
        let stamp = frame.at;
        let at = match self.timing {
            Timing::Files => stamp,
            Timing::Stamped | Timing::Arrival => self.camera_clock.place(Some(stamp), self.clock.now()),
        };
        (stamp, CodedFrame { at, ..frame })
    }
}
