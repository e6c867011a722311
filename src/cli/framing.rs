//! What was typed of how the picture is framed.

use clap::Args;

/// Turned, mirrored and cut, in this order.
#[derive(Args, Debug, Default, PartialEq)]
#[command(next_help_heading = "Picture")]
pub struct FramingArgs {
    /// Turn the picture clockwise: 90, 180 or 270
    #[arg(long, value_name = "DEGREES")]
    pub rotate: Option<String>,
    /// Mirror the picture: h, left to right, or v, top to bottom; after --rotate
    #[arg(long, value_name = "h|v")]
    pub flip: Option<String>,
    /// Show a part of the picture alone: width, height, left and top in pixels, all even, or in per cent, 50%x50%+25%+0; WxH is
    /// the middle; after --rotate and --flip
    #[arg(long, value_name = "WxH+X+Y")]
    pub crop: Option<String>,
}
