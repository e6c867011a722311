//! The config file and the environment, through the real binary.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A folder with a config file.
struct Folder {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Folder {
    fn new(text: &str) -> Folder {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("hlscam.toml");
        fs::write(&file, text).expect("it is written");
        Folder { folder, file }
    }

    fn path(&self) -> &str {
        self.file.to_str().expect("it is text")
    }
}

/// A finished run, without variables but these; the usual places of a config file are in a folder that is empty.
fn run(args: &[&str], variables: &[(&str, &Path)]) -> Output {
    let empty = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(env!("CARGO_BIN_EXE_hlscam"));
    command.args(args).stdin(Stdio::null()).env_remove("HLSCAM_CONFIG").env("HOME", empty.path()).env_remove("XDG_CONFIG_HOME");
    command.envs(variables.iter().copied()).output().expect("the binary is built with the tests")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end().to_owned()
}

#[test]
fn what_is_wrong_is_one_sentence_with_its_place_and_exit_2() {
    let check = |told: &str, variables: &[(&str, &Path)], args: &[&str], expect: &str| {
        let folder = Folder::new(told);
        let output = run(&[&["--config", folder.path()], args].concat(), variables);
        let stderr = text(&output.stderr).replace(folder.path(), "hlscam.toml");
        assert_eq!((output.status.code(), stderr.as_str()), (Some(2), format!("error: {expect}").as_str()), "{told}");
    };
    check("port = 80\nbitrat = \"2M\"", &[], &[], "hlscam.toml:2:1: there is no option bitrat; did you mean bitrate?");
    let fps = "--fps 0: a frame rate is 1 to 240; write it like 30, 29.97 or 30000/1001";
    check("\n  fps = 0", &[], &[], &format!("hlscam.toml:2:9: {fps}"));
    check("fps = 9", &[("HLSCAM_FPS", Path::new("0"))], &[], &format!("HLSCAM_FPS: {fps}"));
    check("fps = 9", &[], &["--fps", "0"], fps);
    let output = run(&["--config", "there/is/none.toml"], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).starts_with("error: --config there/is/none.toml: cannot read the file: "), "{output:?}");
}

#[test]
fn the_file_is_found_in_its_usual_place_and_is_checked_and_shown() {
    let folder = Folder::new("");
    let file = folder.folder.path().join("hlscam/config.toml");
    fs::create_dir(file.parent().expect("a folder")).expect("it is made");
    fs::write(&file, "fps = 9\nmqtt = \"mqtt://me:secret@host\"").expect("it is written");
    let at_home = [("XDG_CONFIG_HOME", folder.folder.path())];
    // Where the computer has a file for all, that one is found.
    if !Path::new("/etc/hlscam.toml").exists() {
        let output = run(&["config", "check"], &at_home);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), format!("ok: {}", file.display())), "{output:?}");
    }
    let file = file.to_str().expect("it is text");
    let shown = run(&["config", "show", "--config", file], &[("HLSCAM_PORT", Path::new("81"))]);
    let told = text(&shown.stdout);
    for line in [&format!("fps = 9  # {file}:1:7"), "port = 81  # HLSCAM_PORT", &format!("mqtt = \"mqtt://...\"  # {file}:2:8")] {
        assert!(told.lines().any(|have| have == line), "{line}\n{told}");
    }
    assert!(!told.contains("secret"), "{told}");
    fs::write(file, "fps = 0").expect("it is written");
    assert_eq!(run(&["config", "check", "--config", file], &[]).status.code(), Some(2));
    let example = run(&["config", "example"], &[]);
    fs::write(file, &example.stdout).expect("it is written");
    assert_eq!(run(&["config", "check", "--config", file], &[]).status.code(), Some(0));
}

#[cfg(all(feature = "ffmpeg", feature = "opencv"))]
#[test]
fn two_cameras_of_a_file_are_streamed_and_the_log_tells_of_it() {
    use crate::support::Running;
    let folder = Folder::new(
        "detect = \"none\"\nsize = \"160x120\"\nport = 1\n[[camera]]\ndevice = \"test\"\nname = \"desk\"\n\
         [[camera]]\ndevice = \"test\"\nname = \"door\"\nsize = \"320x240\"\n",
    );
    let running = Running::start_with(&["-v"], &[("HLSCAM_CONFIG", &folder.file), ("HLSCAM_FPS", Path::new("15"))]);
    let playlist =
        |name: &str| running.wait_for(&format!("/{name}/index.m3u8"), |answer| answer.text().contains("RESOLUTION")).text();
    let (desk, door) = (playlist("desk"), playlist("door"));
    assert!(desk.contains("RESOLUTION=160x120") && desk.contains("FRAME-RATE=15"), "{desk}");
    assert!(door.contains("RESOLUTION=320x240") && door.contains("FRAME-RATE=15"), "{door}");
    drop(running);
    let alone = Folder::new("detect = \"none\"\nport = 0\n");
    let output = run(&["--config", alone.path(), "--device", "file:there/is/none.mkv"], &[]);
    assert!(text(&output.stderr).contains(&format!("options are read from {}, too", alone.path())), "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}
