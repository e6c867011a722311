//! Real H.264 for tests, from the ffmpeg program where there is one.

use crate::{
    encode::{EncodedFrame, VideoParams},
    missing::left_out,
    picture::Size,
    time::{FrameRate, Ticks},
};
use bytes::Bytes;
use std::process::{Command, Output};

/// A key frame every second, as ours.
const GOP: u32 = 30;

/// Runs a tool; `None`, and a word to the reader, where it is not installed.
pub(crate) fn tool(name: &str, args: &[&str]) -> Option<Output> {
    match Command::new(name).args(args).output() {
        Ok(output) => Some(output),
        Err(error) => {
            left_out(&format!("{name} cannot be run: {error}"));
            None
        }
    }
}

/// What ffprobe counts and reads in a file: size, decoded frames, start and duration. And nothing may be complained of.
pub(crate) fn probe(path: &str) -> Option<String> {
    let entries = "stream=width,height,nb_read_frames,start_time,color_space,color_range,profile:format=duration";
    let output = tool("ffprobe", &["-v", "error", "-count_frames", "-show_entries", entries, "-of", "compact=p=0", path])?;
    let text = String::from_utf8_lossy(&output.stdout).trim().replace('\n', " ");
    Some(format!("{text}{}", String::from_utf8_lossy(&output.stderr).trim()))
}

/// `frames` frames of a moving test picture at 30 fps from media time `start`, and their parameters.
pub(crate) fn footage(frames: u32, start: Ticks) -> Option<(VideoParams, Vec<EncodedFrame>)> {
    let source = "testsrc2=size=320x240:rate=30";
    let (count, gop) = (frames.to_string(), GOP.to_string());
    let x264 = "scenecut=0:bframes=0:sliced-threads=0:aud=0:colorprim=smpte170m:transfer=smpte170m:colormatrix=smpte170m";
    let mut args = vec!["-v", "error", "-f", "lavfi", "-i", source, "-frames:v", &count, "-pix_fmt", "yuv420p", "-c:v", "libx264"];
    args.extend(["-preset", "veryfast", "-profile:v", "high", "-g", &gop, "-x264-params", x264, "-f", "h264", "-"]);
    let output = tool("ffmpeg", &args)?;
    if !output.status.success() {
        left_out(&format!("this ffmpeg cannot encode: {}", String::from_utf8_lossy(&output.stderr).trim()));
        return None;
    }
    Some(from_annex_b(&output.stdout, start))
}

/// One slice per frame is assumed, which the options above make sure of.
fn from_annex_b(stream: &[u8], start: Ticks) -> (VideoParams, Vec<EncodedFrame>) {
    let rate = FrameRate::whole(30);
    let (mut sps, mut pps, mut unit, mut frames) = (Bytes::new(), Bytes::new(), Vec::new(), Vec::new());
    for nal in nals(stream) {
        match nal[0] & 0x1f {
            7 => sps = Bytes::copy_from_slice(nal),
            8 => pps = Bytes::copy_from_slice(nal),
            kind => {
                unit.extend_from_slice(&(nal.len() as u32).to_be_bytes());
                unit.extend_from_slice(nal);
                if let 1 | 5 = kind {
                    let n = frames.len() as i64;
                    let at = start + rate.frame_start(n);
                    let duration = (start + rate.frame_start(n + 1)).since(at);
                    frames.push(EncodedFrame { at, duration, key: kind == 5, data: std::mem::take(&mut unit).into() });
                }
            }
        }
    }
    (VideoParams { size: Size::new(320, 240).unwrap(), rate, sps, pps, bitrate_max: 2_000_000, passed: false }, frames)
}

/// The NAL units between start codes. Zeros before a start code belong to it.
fn nals(stream: &[u8]) -> Vec<&[u8]> {
    let starts: Vec<usize> = stream.windows(3).enumerate().filter(|(_, bytes)| *bytes == [0, 0, 1]).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain([stream.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| {
            let nal = &stream[start + 3..end];
            let zeros = nal.iter().rev().take_while(|byte| **byte == 0).count();
            &nal[..nal.len() - zeros]
        })
        .collect()
}
