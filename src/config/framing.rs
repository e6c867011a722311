//! The meaning of `--rotate`, `--flip` and `--crop`.

use super::check::asked;
use crate::{
    cli::{UsageError, framing::FramingArgs},
    picture::{Framing, Rotation},
    quantity,
};

/// How pictures are framed.
pub(super) fn read(args: &FramingArgs) -> Result<Framing, UsageError> {
    let FramingArgs { rotate, flip, crop } = args;
    let turn = rotate.as_deref().map_or(Ok(Rotation::default()), |text| asked("--rotate", text, rotation))?;
    let turn = match flip {
        None => turn,
        Some(text) => asked("--flip", text, |text| match text {
            "h" => Ok(turn.mirrored()),
            "v" => Ok(turn.flipped()),
            _ => Err("a picture is mirrored left to right or top to bottom; write h or v, and for both --rotate 180".to_owned()),
        })?,
    };
    let crop = crop.as_deref().map(|text| asked("--crop", text, quantity::crop)).transpose()?;
    Ok(Framing { turn, crop })
}

/// Clockwise.
fn rotation(degrees: &str) -> Result<Rotation, String> {
    let orientation = match degrees {
        "90" => 6,
        "180" => 3,
        "270" => 8,
        _ => return Err("a picture is turned clockwise by quarters; write 90, 180 or 270, or leave it out".to_owned()),
    };
    Ok(Rotation::of_exif(orientation))
}
