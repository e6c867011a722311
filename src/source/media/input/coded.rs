//! What a file has coded, packet by packet.

use super::{AHEAD_BYTES_MAX, AHEAD_PACKETS_MAX, Input, in_ticks};
use crate::{
    source::{
        SourceError,
        coded::{CodedFrame, Fitness},
        media::units::{self, Units},
    },
    time::{Span, Ticks},
};
use ffmpeg_next::{Error, codec, frame, packet::Packet};
use std::collections::VecDeque;

impl Input {
    /// Whether what the file has coded can be handed on, and what takes its packets apart. Reads up to the second key frame. `is_changed`
    /// where the container has its pictures turned or stretched.
    pub(in crate::source::media) fn measure(&mut self, is_changed: bool) -> (Fitness, Option<Units>) {
        if is_changed {
            return (Fitness::Unfit("its pictures are to be turned or stretched".to_owned()), None);
        }
        match self.find_coding() {
            Ok(coding) => match self.units() {
                Ok(units) => (Fitness::Fits(coding), Some(units)),
                Err(why) => (Fitness::Unfit(why), None),
            },
            Err(why) => (Fitness::Unfit(why), None),
        }
    }

    fn units(&self) -> Result<Units, String> {
        self.demuxer.stream(self.stream).map_or_else(|| Err("it has no video".to_owned()), |stream| Units::new(&stream))
    }

    fn find_coding(&mut self) -> Result<crate::source::coded::Coding, String> {
        let mut units = self.units()?;
        let mut frames: Vec<(Ticks, CodedFrame)> = Vec::new();
        for packet in self.kept.iter().flatten().chain(&self.ahead) {
            take(&mut units, packet, self.stamp(packet), &mut frames)?;
        }
        let mut bytes = 0;
        loop {
            if let Some(coding) = units::coding(frames.iter().map(|(at, frame)| (*at, frame)), self.rate) {
                return coding;
            }
            if self.ahead.len() >= AHEAD_PACKETS_MAX || bytes > AHEAD_BYTES_MAX {
                return Err(units::too_long());
            }
            match self.read() {
                Ok(packet) if packet.stream() == self.stream => {
                    bytes += packet.size();
                    take(&mut units, &packet, self.stamp(&packet), &mut frames)?;
                    self.ahead.push_back(packet);
                }
                Ok(_) | Err(Error::InvalidData) => {}
                Err(_) => return Err("it has no second key frame".to_owned()),
            }
        }
    }

    /// What was kept is not handed on.
    pub(in crate::source::media) fn forget_kept(&mut self) {
        self.kept = None;
    }

    /// The next packet of our stream, from the first on; [`SourceError::Ended`] at the end of the file.
    pub(in crate::source::media) fn next_packet(&mut self) -> Result<Packet, SourceError> {
        if let Some(packet) = self.kept.as_mut().and_then(VecDeque::pop_front) {
            return Ok(packet);
        }
        self.kept = None;
        self.first = None;
        loop {
            match self.ahead.pop_front().map_or_else(|| self.read(), Ok) {
                Ok(packet) if packet.stream() == self.stream => {
                    self.search.found();
                    return Ok(packet);
                }
                Ok(_) | Err(Error::InvalidData) => {}
                Err(_) => return Err(SourceError::Ended),
            }
        }
    }

    /// A packet's time stamp by the file's clock.
    pub(in crate::source::media) fn stamp(&self, packet: &Packet) -> Option<Ticks> {
        packet.pts().map(|stamp| Ticks(in_ticks(stamp, self.time_base)))
    }

    /// How long a packet says it is shown.
    pub(in crate::source::media) fn duration(&self, packet: &Packet) -> Option<Span> {
        Some(packet.duration()).filter(|duration| *duration > 0).map(|duration| Span(in_ticks(duration, self.time_base)))
    }

    /// A decoder that has decoded nothing needs no memory.
    pub(in crate::source::media) fn forget_pictures(&mut self) {
        (self.first, self.draining, self.awaits_key) = (None, false, true);
        let parameters = self.demuxer.stream(self.stream).map(|stream| stream.parameters());
        let fresh = parameters.and_then(|parameters| codec::Context::from_parameters(parameters).ok()?.decoder().video().ok());
        if let Some(fresh) = fresh {
            self.decoder = fresh;
        }
    }

    /// Decodes a packet whose picture somebody wants; what cannot be decoded is left out.
    pub(in crate::source::media) fn decode_packet(&mut self, packet: &Packet, into: &mut frame::Video) -> bool {
        self.decoder.send_packet(packet).is_ok() && self.decoder.receive_frame(into).is_ok()
    }
}

fn take(units: &mut Units, packet: &Packet, stamp: Option<Ticks>, frames: &mut Vec<(Ticks, CodedFrame)>) -> Result<(), String> {
    let taken = units.take(packet, stamp)?;
    frames.extend(taken.map(|frame| (frame.at, frame)));
    Ok(())
}
