//! The way back: a picture out of encoded frames.

use crate::{
    encode::{EncodeError, VideoParams},
    ffmpeg,
    picture::{Picture, Size},
    time::Ticks,
};
use bytes::Bytes;
use ffmpeg_next::{Dictionary, Error, codec, decoder, format::Pixel, frame, packet};

const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// The picture of the last of these access units in AVCC form, of which the first is a key frame.
pub(in crate::encode) fn last(params: &VideoParams, units: &[Bytes]) -> Result<Picture, EncodeError> {
    ffmpeg::settle();
    let failed = |error: Error| EncodeError(format!("cannot decode the stream's own pictures: {error}"));
    let codec = decoder::find(codec::Id::H264).ok_or_else(|| failed(Error::DecoderNotFound))?;
    let mut options = Dictionary::new();
    // One thread: a picture is not worth taking the encoder's.
    options.set("threads", "1");
    options.set("flags", "+low_delay");
    let opened = codec::Context::new_with_codec(codec).decoder().open_as_with(codec, options);
    let mut decoder = opened.and_then(|opened| opened.video()).map_err(failed)?;
    let (mut newest, mut spare) = (frame::Video::empty(), frame::Video::empty());
    let mut n_out = 0;
    let mut take = |decoder: &mut decoder::Video| {
        while decoder.receive_frame(&mut spare).is_ok() {
            std::mem::swap(&mut newest, &mut spare);
            n_out += 1;
        }
    };
    for (n, unit) in units.iter().enumerate() {
        let sets = if n == 0 { [&params.sps[..], &params.pps[..]] } else { [&[][..]; 2] };
        let mut packet = packet::Packet::copy(&annex_b(sets, unit));
        packet.set_pts(Some(n as i64));
        packet.set_dts(Some(n as i64));
        decoder.send_packet(&packet).map_err(failed)?;
        take(&mut decoder);
    }
    decoder.send_eof().map_err(failed)?;
    take(&mut decoder);
    if n_out != units.len() {
        return Err(EncodeError(format!("cannot decode the stream's own pictures: {n_out} of {} came out", units.len())));
    }
    picture(&newest)
}

/// As a byte stream (H.264 Annex B), behind parameter sets where there are some.
fn annex_b(sets: [&[u8]; 2], unit: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(unit.len() + 256);
    for set in sets.into_iter().filter(|set| !set.is_empty()) {
        bytes.extend_from_slice(&START_CODE);
        bytes.extend_from_slice(set);
    }
    let mut rest = unit;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (nal, after) = after.split_at(after.len().min(u32::from_be_bytes(*length) as usize));
        bytes.extend_from_slice(&START_CODE);
        bytes.extend_from_slice(nal);
        rest = after;
    }
    bytes
}

fn picture(frame: &frame::Video) -> Result<Picture, EncodeError> {
    let unfit = || EncodeError(format!("cannot use a decoded picture of {}x{}", frame.width(), frame.height()));
    let size = Size::new(frame.width(), frame.height()).filter(|_| frame.format() == Pixel::YUV420P).ok_or_else(unfit)?;
    let mut picture = Picture::black(size, Ticks(0));
    let planes = picture.planes_mut();
    for (index, (plane, width)) in
        [(planes.y, size.width()), (planes.u, size.width() / 2), (planes.v, size.width() / 2)].into_iter().enumerate()
    {
        let rows = frame.data(index).chunks(frame.stride(index));
        plane.chunks_exact_mut(width).zip(rows).for_each(|(to, from)| to.copy_from_slice(&from[..width]));
    }
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::cmaf::footage::footage;

    #[test]
    fn the_last_picture_comes_out_and_damage_is_an_error() {
        let Some((params, frames)) = footage(20, Ticks(0)) else { return };
        let units: Vec<Bytes> = frames.iter().map(|frame| frame.data.clone()).collect();
        let (first, last_of_all) = (last(&params, &units[..1]).expect("decodes"), last(&params, &units).expect("decodes"));
        assert_eq!(first.size(), params.size);
        assert!(first.as_bytes() != last_of_all.as_bytes(), "the picture moves");
        assert!(last(&params, &[]).is_err());
        assert!(last(&params, &[Bytes::from_static(b"\0\0\0\x04nope")]).is_err());
    }
}
