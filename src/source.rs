//! Where pictures come from: a camera of this host or on the network, a file, or the drawn test source.
//!
//! A source is opened, used and dropped on the capture thread. It decides nothing about time: it stamps each picture with its
//! capture time and hands it on; the [pacer](crate::pacer) makes an even grid of them.

use crate::{
    picture::{Picture, PicturePool, Size},
    time::{Clock, FrameRate, Span},
};
use address::NetworkAddress;
use coded::{CodedFrame, Fitness, PassSwitch};
use control::ControlPort;
use inbox::Inbox;
use serde::Serialize;
use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

pub mod address;
pub mod camera;
pub mod coded;
pub mod control;
mod framed;
pub mod inbox;
#[cfg(feature = "ffmpeg")]
mod media;
pub mod mjpeg;
pub mod test;

pub use framed::framed;

/// The source when none is named: the first camera.
pub const DEVICE_DEFAULT: &str = "0";

/// The name of a source that a browser sends.
pub const BROWSER: &str = "browser";

/// Picture size when none is asked for, where a source has several: every camera gives it, faces are found well in it, and any machine
/// encodes it in real time.
pub const SIZE_DEFAULT: (u32, u32) = (640, 480);

/// Frame rate when none is asked for, or a source tells none: every camera gives it in good light.
pub const RATE_DEFAULT: FrameRate = FrameRate::whole(30);

/// Longest time that [`Source::next`] blocks, so that a stop is seen soon.
pub const NEXT_WAIT_MAX: Span = Span::from_ms(500);

/// After this long without a picture the old one is no longer shown as if it were live.
pub const SILENCE_MAX: Span = Span::from_ms(1000);

/// Tells a source, and the threads around it, that they are no longer wanted: what they wait for is given up. Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    raised: Arc<AtomicBool>,
    /// That of all, of which this is a part.
    above: Option<Arc<AtomicBool>>,
}

impl Stop {
    /// That of a part: it is raised with this one, or alone.
    pub fn of_part(&self) -> Stop {
        Stop { raised: Arc::default(), above: Some(self.raised.clone()) }
    }

    /// From now on nothing more is wanted.
    pub fn raise(&self) {
        self.raised.store(true, Ordering::Relaxed);
    }

    /// Whether it was raised.
    pub fn is_raised(&self) -> bool {
        self.raised.load(Ordering::Relaxed) || self.above.as_ref().is_some_and(|above| above.load(Ordering::Relaxed))
    }
}

/// A running source of pictures. Not `Send`: it is made, used and dropped on one thread.
pub trait Source {
    /// The next picture, as soon as there is one; gives up with [`SourceError::Silent`] or [`SourceError::NotDue`] after [`NEXT_WAIT_MAX`].
    /// What it reads from may hold it longer; the capture looks after itself then.
    fn next(&mut self) -> Result<Picture, SourceError>;

    /// As [`Source::next`]; of a source that hands on what it has coded, that, with the picture where one is wanted.
    fn next_given(&mut self) -> Result<Given, SourceError> {
        self.next().map(Given::Picture)
    }

    /// What was opened, and why so.
    fn format(&self) -> &SourceFormat;

    /// What was lost since it was opened; nothing, for a source that loses nothing.
    fn losses(&self) -> Losses {
        Losses::default()
    }

    /// What lists and sets its controls, while it is open; none, for a source that has none.
    fn controls(&self) -> Option<Arc<dyn ControlPort>> {
        None
    }
}

/// Pictures that a source lost or could show only in part, counted since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Left out because the caller had not yet taken the one before: the newest wins.
    pub dropped: u64,
    /// Shown although their end was missing.
    pub truncated: u64,
}

/// What a source delivers, as negotiated.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceFormat {
    /// What a person calls it: the camera's name, the file's name, `rtsp://host`, `test source`.
    pub name: String,
    /// Size of its pictures; a later picture may differ, and then the stream begins a new discontinuity.
    pub size: Size,
    /// The nominal rate.
    pub rate: FrameRate,
    /// The pixel format or codec on the wire: `MJPEG`, `YUYV`, `h264`, `drawn`.
    pub pixels: String,
    /// Why this format was chosen, one clause for the log; empty where there was no choice.
    pub reason: String,
    /// Whether what it has coded can be handed on as it is.
    pub fitness: Fitness,
}

/// What a source gives.
#[derive(Debug)]
pub enum Given {
    /// A picture.
    Picture(Picture),
    /// An access unit, and the picture in it, where it was decoded.
    Coded(CodedFrame, Option<Picture>),
    /// From here on what it has coded cannot be handed on: why, as the end of a sentence. Pictures follow as soon as that is not asked any
    /// more.
    Unfit(String),
}

/// Why there is no picture now. The variants are what the caller does about it.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing came in time: ask again.
    #[error("no picture in time")]
    Silent,
    /// By the source's own time no picture is due yet, and the last one stands: ask again.
    #[error("no picture is due")]
    NotDue,
    /// One picture was damaged and left out: count it, ask again.
    #[error("damaged picture: {0}")]
    Damaged(String),
    /// The source is gone: drop it, open it again with back-off.
    #[error("{0}")]
    Lost(String),
    /// The source has come to its end: end the stream.
    #[error("the source has ended")]
    Ended,
}

/// Why a source could not be opened: one sentence that says what failed, on what, and what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub String);

/// How fast pictures come.
#[derive(Clone)]
pub enum Pace {
    /// Each at its time on this clock; after the end, from the beginning again.
    Looped(Arc<dyn Clock>),
    /// Each at its time on this clock; the source ends with the file.
    Once(Arc<dyn Clock>),
    /// As fast as they can be decoded, stamped with the file's own time from zero; the source ends with the file.
    Unpaced,
}

/// Opens a file that FFmpeg reads, and that holds a picture. `stop` ends what it waits for, now and later; with `pass`, what it has coded
/// is handed on while that says so.
#[cfg(feature = "ffmpeg")]
pub fn open_file(
    path: &Path,
    pace: Pace,
    pool: PicturePool,
    (stop, pass): (Stop, Option<PassSwitch>),
) -> Result<Box<dyn Source>, OpenError> {
    media::MediaSource::open(path, pace, pool, (stop, pass)).map(|source| Box::new(source) as Box<dyn Source>)
}

/// Opens a camera on the network, at first and again: connects, and waits for the first picture. Each call blocks for 15 s at most, and for
/// as long as the system takes to look up the host.
#[cfg(feature = "ffmpeg")]
pub fn network_opener(
    address: NetworkAddress,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
    pass: Option<PassSwitch>,
) -> impl FnMut(&Stop) -> Result<Box<dyn Source>, OpenError> + Send {
    let mut opener = media::network::NetworkOpener::new(address, clock, pool, pass);
    move |stop: &Stop| opener.open(stop)
}

/// Opens what a browser sends, at first and again: waits for a sender, and for its first picture. Each call blocks until there is one, or the
/// stop is raised; fails where what is sent cannot be read.
#[cfg(feature = "ffmpeg")]
pub fn browser_opener(
    inbox: Arc<Inbox>,
    request: FormatRequest,
    clock: Arc<dyn Clock>,
    pool: PicturePool,
) -> impl FnMut(&Stop) -> Result<Box<dyn Source>, OpenError> + Send {
    let opener = media::browser::BrowserOpener::new(inbox, request, clock, pool);
    move |stop: &Stop| opener.open(stop)
}

/// There is no FFmpeg in this build.
#[cfg(not(feature = "ffmpeg"))]
pub fn browser_opener(
    _inbox: Arc<Inbox>,
    _request: FormatRequest,
    _clock: Arc<dyn Clock>,
    _pool: PicturePool,
) -> impl FnMut(&Stop) -> Result<Box<dyn Source>, OpenError> + Send {
    move |_: &Stop| Err(OpenError("cannot open browser: this build is without FFmpeg; build it with the feature ffmpeg".to_owned()))
}

/// There is no FFmpeg in this build.
#[cfg(not(feature = "ffmpeg"))]
pub fn network_opener(
    address: NetworkAddress,
    _clock: Arc<dyn Clock>,
    _pool: PicturePool,
    _pass: Option<PassSwitch>,
) -> impl FnMut(&Stop) -> Result<Box<dyn Source>, OpenError> + Send {
    move |_: &Stop| Err(OpenError(format!("cannot open {address}: this build is without FFmpeg; build it with the feature ffmpeg")))
}

/// There is no FFmpeg in this build.
#[cfg(not(feature = "ffmpeg"))]
pub fn open_file(
    path: &Path,
    _pace: Pace,
    _pool: PicturePool,
    _ends: (Stop, Option<PassSwitch>),
) -> Result<Box<dyn Source>, OpenError> {
    Err(OpenError(format!("cannot open {}: this build is without FFmpeg; build it with the feature ffmpeg", path.display())))
}

/// The meaning of `--device`.
#[derive(Clone, Debug, PartialEq)]
pub enum SourceSpec {
    /// A camera: its index, its path, or a part of its name, as typed.
    Camera(String),
    /// The drawn test source, with a script of faults.
    Test(test::Script),
    /// A file that FFmpeg reads, looped in real time.
    File(PathBuf),
    /// A camera on the network.
    Network(NetworkAddress),
    /// The camera of a browser, which sends it.
    Browser,
}

impl SourceSpec {
    /// What tells it from the other sources of this host. Nothing of an address that may be secret.
    pub fn name(&self) -> String {
        match self {
            SourceSpec::Camera(selector) => selector.clone(),
            SourceSpec::Test(_) => "test".to_owned(),
            SourceSpec::File(path) => format!("file:{}", path.display()),
            SourceSpec::Network(address) => address.to_string(),
            SourceSpec::Browser => BROWSER.to_owned(),
        }
    }
}

/// What is asked of a source; the source comes as near as it can, or refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FormatRequest {
    /// The size asked; `None` takes the source's own, or 640×480 of a camera.
    pub size: Option<Size>,
    /// The rate asked; `None` takes the source's own, or 30 of a camera.
    pub rate: Option<FrameRate>,
}

/// A camera found on this host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Device {
    /// The number that `--device` takes.
    pub index: u32,
    /// The node, `/dev/video0`.
    pub path: PathBuf,
    /// The path that survives a reboot, `/dev/v4l/by-id/…`, where there is one.
    pub stable_path: Option<PathBuf>,
    /// What it calls itself.
    pub name: String,
    /// Everything it lists.
    pub formats: Vec<DeviceFormat>,
}

/// One pixel format and size that a camera lists.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DeviceFormat {
    /// `MJPEG`, `YUYV`, `NV12` or `GREY`; another FourCC is listed, but cannot be used.
    pub pixels: String,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Frames per second, highest first.
    pub fps: Vec<f64>,
}
