//! What was typed of where pictures come from.

use crate::{capture, source};
use clap::Args;

// Brackets would be links in a doc comment.
const DEVICE_HELP: &str = "The camera: its number, its path (/dev/video0, /dev/v4l/by-id/...) or a part of its name; or its address on the \
                           network: rtsp[s]://, http[s]://, srt:// or udp://; or browser for the \
                           camera of a phone or computer, which its browser sends from the page /send; or test for a drawn picture; or file:PATH for a video \
                           file, looped in real time; or @FILE, whose one line says it; a stream may have several";

/// Where pictures come from.
#[derive(Args, Debug, PartialEq)]
#[command(next_help_heading = "Source")]
pub struct SourceArgs {
    /// The camera.
    #[arg(long, value_name = "SPEC", default_value = source::DEVICE_DEFAULT, help = DEVICE_HELP)]
    pub device: String,
    /// Stop at the end of a file instead of looping it
    #[arg(long)]
    pub once: bool,
    /// When the camera is lost: wait shows a slate until it is back; exit ends its stream, and hlscam with exit code 1 when no
    /// other stream is left
    #[arg(long, value_name = "WHAT", default_value = capture::ON_LOSS_DEFAULT)]
    pub on_camera_lost: String,
    /// Wait for a source that is not there yet, or cannot be opened, instead of ending with an error
    #[arg(long)]
    pub wait: bool,
    /// Set controls of the camera, each time it is opened; `hlscam devices --controls` lists what there is, and exposure,
    /// white_balance, focus and gain also take auto; may be given several times
    #[arg(long, value_name = "NAME=VALUE,...")]
    pub control: Vec<String>,
    /// Hand on the H.264 of a network camera or a file as it is, and encode nothing: auto, where nothing is drawn into the picture
    /// (--overlay none) and the source allows it; always; or never
    #[arg(long, value_name = "WHEN", default_value = source::coded::PASS_THROUGH_DEFAULT)]
    pub pass_through: String,
}
