//! A file whose access units are handed on as they are.

use super::{CodedPicture, Given, MediaSource, Pace, SourceError};
use crate::{picture::Picture, source::coded::CodedFrame, time::Ticks};
use ffmpeg_next::packet::Packet;

impl MediaSource {
    /// As [`next_given`](crate::source::Source::next_given).
    pub(super) fn next_as_coded(&mut self) -> Result<Given, SourceError> {
        use crate::source::Source;
        match &self.pass {
            None => return self.next().map(Given::Picture),
            Some((switch, _)) if !switch.passes() => {
                // What was kept is gone; pictures follow the next key frame.
                (self.pass, self.waiting_coded) = (None, None);
                self.input.forget_kept();
                self.input.forget_pictures();
                return self.next().map(Given::Picture);
            }
            Some(_) => {}
        }
        let (mut frame, mut picture) = match self.waiting_coded.take() {
            Some(waiting) => waiting,
            None => match self.next_coded()? {
                Ok(coded) => coded,
                Err(why) => return Ok(Given::Unfit(why)),
            },
        };
        let Some(due) = self.wait(frame.at) else {
            self.waiting_coded = Some((frame, picture));
            return Err(SourceError::NotDue);
        };
        frame.at = due;
        picture.iter_mut().for_each(|picture| picture.at = due);
        Ok(Given::Coded(frame, picture))
    }

    /// The next access unit, placed from the opening on, and its picture where one is wanted; or why it cannot be handed on.
    fn next_coded(&mut self) -> Result<Result<CodedPicture, String>, SourceError> {
        loop {
            let packet = match self.input.next_packet() {
                Ok(packet) => packet,
                Err(SourceError::Ended) if matches!(self.pace, Pace::Looped(_)) => {
                    self.begin_again()?;
                    self.pass.iter_mut().for_each(|(_, units)| units.begin_round());
                    continue;
                }
                Err(other) => return Err(other),
            };
            let Some((_, units)) = &mut self.pass else { return Err(SourceError::Silent) };
            let frame = match units.take(&packet, self.input.stamp(&packet)) {
                Ok(Some(frame)) => frame,
                Ok(None) => continue,
                Err(why) => return Ok(Err(why)),
            };
            let place = self.timeline.place(Some(frame.at), self.input.duration(&packet));
            let frame = CodedFrame { at: Ticks::default() + place, ..frame };
            self.pictures += 1;
            let picture = self.picture(&frame, &packet);
            return Ok(Ok((frame, picture)));
        }
    }

    /// The picture of an access unit, where one is wanted.
    fn picture(&mut self, frame: &CodedFrame, packet: &Packet) -> Option<Picture> {
        let is_wanted = self.pass.as_ref().is_some_and(|(switch, _)| switch.decodes());
        if self.decodes && !is_wanted {
            self.input.forget_pictures();
        }
        // Decoding begins with a key frame.
        self.decodes = is_wanted && (self.decodes || frame.key);
        let is_decoded = self.decodes && self.input.decode_packet(packet, &mut self.decoded);
        is_decoded.then(|| self.shaper.shape(&mut self.decoded, frame.at, &self.pool).ok()).flatten()
    }
}
