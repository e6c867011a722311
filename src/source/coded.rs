//! Pictures as the source has coded them, which a stream may hand on as they are: H.264 of a kind that every player takes.

use crate::{
    h264::sps::Sps,
    picture::Size,
    time::{FrameRate, Span, Ticks},
};
use bytes::Bytes;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// Profiles that every player takes: Baseline, Main, High.
const PROFILES: [(u32, &str); 3] = [(66, "Baseline"), (77, "Main"), (100, "High")];

/// An access unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodedFrame {
    /// When it was captured.
    pub at: Ticks,
    /// An IDR: decoding can start here.
    pub key: bool,
    /// Each NAL unit behind its length in 4 bytes, without parameter sets and delimiters.
    pub data: Bytes,
    /// What a decoder must know of it.
    pub format: Arc<CodedFormat>,
}

/// What a decoder must know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodedFormat {
    /// Size of the pictures.
    pub size: Size,
    /// The sequence parameter set, a NAL unit without start code.
    pub sps: Bytes,
    /// The picture parameter set.
    pub pps: Bytes,
}

/// How a source codes, as it was found when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coding {
    /// What it began with.
    pub format: Arc<CodedFormat>,
    /// Frames in a second.
    pub rate: FrameRate,
    /// From one key frame to the next.
    pub gop: Span,
    /// Bit/s between them.
    pub bitrate: u32,
}

/// Whether what a source has coded can be handed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fitness {
    /// Nobody has asked.
    #[default]
    NotAsked,
    /// It can.
    Fits(Coding),
    /// It cannot: why, as the end of a sentence.
    Unfit(String),
}

/// What is asked where nothing is said.
pub const PASS_THROUGH_DEFAULT: &str = "auto";

/// Whether what a source has coded is to be handed on as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PassThrough {
    /// Where that can be.
    #[default]
    Auto,
    /// In any case; what prevents it ends the stream.
    Always,
    /// In no case.
    Never,
}

/// What is done with what a source has coded; the stream decides, and the source looks at it with each picture. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct PassSwitch(Arc<Switches>);

#[derive(Debug, Default)]
struct Switches {
    passes: AtomicBool,
    decodes: AtomicBool,
}

impl PassSwitch {
    /// Handed on, and not decoded.
    pub fn passing() -> PassSwitch {
        let switch = PassSwitch::default();
        switch.0.passes.store(true, Ordering::Relaxed);
        switch
    }

    /// Whether it is handed on.
    pub fn passes(&self) -> bool {
        self.0.passes.load(Ordering::Relaxed)
    }

    /// From now on it is decoded alone.
    pub fn end(&self) {
        self.0.passes.store(false, Ordering::Relaxed);
    }

    /// Whether it is decoded, too.
    pub fn decodes(&self) -> bool {
        self.0.decodes.load(Ordering::Relaxed)
    }

    /// Somebody wants the pictures, or nobody does.
    pub fn set_decodes(&self, decodes: bool) {
        self.0.decodes.store(decodes, Ordering::Relaxed);
    }
}

impl CodedFormat {
    /// From parameter sets, or why frames of them cannot be handed on.
    pub fn read(sps: Bytes, pps: Bytes) -> Result<CodedFormat, String> {
        let read = Sps::read(&sps).ok_or("its parameters (SPS) cannot be read")?;
        if !PROFILES.iter().any(|(profile, _)| *profile == read.profile) {
            let names = PROFILES.map(|(_, name)| name).join(", ");
            return Err(format!("its H.264 is of profile {}, and players take {names}", read.profile));
        }
        if !read.is_plain {
            return Err("its colours are not 4:2:0 with 8 bits".to_owned());
        }
        if !read.is_progressive {
            return Err("its pictures may be interlaced".to_owned());
        }
        if read.pixel_aspect.is_some_and(|(across, down)| across != down) {
            return Err("its pixels are not square".to_owned());
        }
        if read.reordered.is_some_and(|reordered| reordered > 0) {
            return Err(REORDERED.to_owned());
        }
        let size = read.size.ok_or("its pictures have an odd side")?;
        Ok(CodedFormat { size, sps, pps })
    }
}

/// Why frames that are shown in another order than they come in are not handed on.
pub const REORDERED: &str = "it has B-frames";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::h264::sps::pps_id;

    fn unhex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn what_x264_writes_is_read() {
        let check = |hex: &str, size: (u32, u32), profile: u32, reordered: u32, fit: Result<(), &str>| {
            let unit = unhex(hex);
            let sps = Sps::read(&unit).unwrap();
            assert_eq!((sps.size, sps.profile, sps.reordered), (Size::new(size.0, size.1), profile, Some(reordered)), "{hex}");
            let read = CodedFormat::read(unit.into(), vec![0x68].into()).map(|_| ());
            assert_eq!(read, fit.map_err(str::to_owned), "{hex}");
        };
        check("6742c028da01e0089f97011000000300100000030328f1832a", (1920, 1080), 66, 0, Ok(()));
        check("6764001eacd940a02ff97011000003000100000300320f162d96", (640, 360), 100, 2, Err("it has B-frames"));
        check("67640015ace81410fcb8088000000300800000190f8a1550", (320, 240), 100, 0, Err("its pictures may be interlaced"));
        let chroma = "its H.264 is of profile 122, and players take Baseline, Main, High";
        check("677a000dbcb40a0fd808800000030080000019078a1550", (320, 240), 122, 0, Err(chroma));
        check("6764001eacb405a0936082000003000200000300641e2c5d40", (720, 576), 100, 0, Err("its pixels are not square"));
        // With the parameters of a hypothetical decoder before what counts.
        let rated = "67640015acb40a0fd8088000000300800000193020000989680004c4b7261003c58ba8";
        check(rated, (320, 240), 100, 0, Ok(()));
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_not_read() {
        let whole = unhex("6742c028da01e0089f97011000000300100000030328f1832a");
        for len in 0..12 {
            assert_eq!(Sps::read(&whole[..len]), None, "{len}");
        }
        for byte in [0, 0xff] {
            // It ends, whatever it says.
            Sps::read(&[byte; 200]);
        }
        assert_eq!((pps_id(&[0x68, 0xee]), pps_id(&[0x68, 0x40]), pps_id(&[])), (Some(0), Some(1), None));
    }
}
