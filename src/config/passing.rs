//! The meaning of `--pass-through`.

use super::check::{asked, refuse};
use crate::{
    camera::CameraConfig,
    cli::{SourceArgs, UsageError},
    source::coded::PassThrough,
};

/// What is asked; refused where it is always to be and something else that is asked prevents it.
pub(super) fn read(args: &SourceArgs, config: &CameraConfig) -> Result<PassThrough, UsageError> {
    let asked = asked("--pass-through", &args.pass_through, |text| match text {
        "auto" => Ok(PassThrough::Auto),
        "always" => Ok(PassThrough::Always),
        "never" => Ok(PassThrough::Never),
        _ => Err("what a source has coded is handed on where that can be, always or never; write auto, always or never".to_owned()),
    })?;
    match config.what_prevents_passing() {
        Some(why) if asked == PassThrough::Always => refuse("--pass-through", "always", why),
        _ => Ok(asked),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        cli,
        config::{Command, check},
        source::coded::PassThrough,
    };
    use std::ffi::OsString;

    fn read_line(line: &str) -> Result<PassThrough, String> {
        let words = std::iter::once("hlscam").chain(line.split_whitespace()).map(OsString::from);
        let cli = cli::parse(words).unwrap_or_else(|_| panic!("{line} is read"));
        match check::read(&cli).map_err(|error| error.to_string())?.command {
            Command::Stream(cameras, ..) => Ok(cameras[0].pass_through),
            Command::Record(camera, _) => Ok(camera.pass_through),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_drawn_prevents_it() {
        let check = |line: &str, expect: Result<PassThrough, &str>| {
            assert_eq!(read_line(line), expect.map_err(str::to_owned), "{line}");
        };
        check("", Ok(PassThrough::Auto));
        check("--device rtsp://cam/1 --pass-through never", Ok(PassThrough::Never));
        check("--device rtsp://cam/1 --overlay none --pass-through always", Ok(PassThrough::Always));
        check("record --output a.mp4 --device file:a.mp4 --overlay none --pass-through always", Ok(PassThrough::Always));
        let refuses =
            |line: &str, why: &str| check(&format!("{line} --pass-through always"), Err(&format!("--pass-through always: {why}")));
        refuses("--device rtsp://cam/1", "something is drawn into the picture; write --overlay none with it");
        let local = "the pictures of a local camera are encoded here; name a camera on the network or a file";
        refuses("--overlay none", local);
        refuses("--overlay none --device test", &local.replace("a local camera", "the test source"));
        let on_network = |more: &str| format!("--device rtsp://cam/1 --overlay none {more}");
        refuses(&on_network("--mask 0,0,9,9"), "a mask is drawn into the picture; leave --mask out");
        let framed = "the picture is turned, mirrored or cut; leave --rotate, --flip and --crop out";
        refuses(&on_network("--flip h"), framed);
        refuses(&on_network("--fps 10"), "another size or rate takes an encoder; leave --size and --fps out");
        refuses(&on_network("--clock-strip"), "the clock strip is drawn into the picture; leave --clock-strip out");
        let unknown = "what a source has coded is handed on where that can be, always or never; write auto, always or never";
        check("--pass-through maybe", Err(&format!("--pass-through maybe: {unknown}")));
    }
}
