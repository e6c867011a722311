//! Cameras: whether there are some, whether this user may open them, and who has them open already.

use super::{
    Finding,
    programs::{self, Holder},
    text::quoted,
    usb::{self, UsbCamera},
};
use std::{fs, path::Path};

/// Where the kernel lists what gives pictures.
const CLASS: &str = "/sys/class/video4linux";

/// What is known of a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CameraFacts {
    /// `/dev/video0`.
    pub(super) path: String,
    /// What it calls itself.
    pub(super) name: String,
    /// Whether this user may read and write it.
    pub(super) is_allowed: bool,
    /// The group that may.
    pub(super) group: Option<String>,
    /// Whether the user is in that group, and only this login is older.
    pub(super) needs_login: bool,
    /// Who has it open.
    pub(super) holders: Vec<Holder>,
    /// Where it is plugged in.
    pub(super) usb: Option<UsbCamera>,
}

/// Judges all of them.
pub(super) fn judge(cameras: &[CameraFacts]) -> Vec<Finding> {
    // Elsewhere nothing was looked for.
    if cameras.is_empty() && cfg!(target_os = "linux") {
        return vec![Finding::warning(
            "camera",
            "this host has no camera (/dev/video*); one on the network or a browser needs none",
            "plug one in and see `sudo dmesg | tail`, or pass --device rtsp://… or --device test",
        )];
    }
    cameras.iter().map(judge_one).collect()
}

fn judge_one(camera: &CameraFacts) -> Finding {
    let CameraFacts { path, name, .. } = camera;
    if !camera.is_allowed {
        let group = camera.group.as_deref().unwrap_or("video");
        if camera.needs_login {
            let what = format!("{path} ({name}) may not be opened: this login is older than its user's place in the group {group}");
            return Finding::failed("camera", what, format!("log out and in again, or `newgrp {group}`"));
        }
        let what = format!("{path} ({name}) may not be opened: it is for the group {group}");
        let mend = match group {
            // To be in that group is to be nearly root.
            "root" => format!("sudo chgrp video {0} && sudo chmod g+rw {0}", quoted(Path::new(path))),
            group => format!("sudo usermod -aG {group} \"$USER\", and log in again"),
        };
        return Finding::failed("camera", what, mend);
    }
    if camera.holders.is_empty() {
        return Finding::ok("camera", format!("{path} ({name}) may be opened, and no program of this user has it"));
    }
    let what = format!("{path} ({name}) is open in {}; most cameras serve one program", programs::listed(&camera.holders));
    Finding::warning("camera", what, programs::end(&camera.holders))
}

/// Reads what drivers, the kernel and `/dev` tell; elsewhere than on Linux nothing.
pub(super) fn read() -> Vec<CameraFacts> {
    let nodes = if cfg!(target_os = "linux") { nodes() } else { Vec::new() };
    let paths: Vec<String> = nodes.iter().map(|(path, _)| path.clone()).collect();
    let mut holders = programs::holders(&paths);
    let facts = nodes.into_iter().map(|(path, name)| {
        let (is_allowed, group, needs_login) = access(Path::new(&path));
        let folder = path.strip_prefix("/dev/").map(|node| Path::new(CLASS).join(node));
        let device = folder.and_then(|folder| fs::canonicalize(folder.join("device")).ok());
        let usb = device.and_then(|device| usb::read(&device, &format!("{path} ({name})")));
        CameraFacts { holders: holders.remove(&path).unwrap_or_default(), path, name, is_allowed, group, needs_login, usb }
    });
    facts.collect()
}

/// The nodes of cameras, with what they call themselves: those that their drivers call cameras, and of those that this user may not ask the
/// first of each.
#[cfg(all(feature = "camera", target_os = "linux"))]
fn nodes() -> Vec<(String, String)> {
    let devices = crate::source::camera::devices().into_iter();
    devices.map(|device| (device.path.display().to_string(), device.name)).collect()
}

/// The same in a build that can ask no driver: the first node of each.
#[cfg(not(all(feature = "camera", target_os = "linux")))]
fn nodes() -> Vec<(String, String)> {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut numbers: Vec<u32> = names.filter_map(|name| name.strip_prefix("video")?.parse().ok()).collect();
    numbers.sort_unstable();
    let nodes = numbers.into_iter().filter_map(|number| {
        let told = |what: &str| fs::read_to_string(Path::new(CLASS).join(format!("video{number}")).join(what)).ok();
        // A second node of a camera has what belongs to its pictures, and no pictures.
        let is_first = told("index").is_none_or(|index| index.trim() == "0");
        let name = told("name").map_or_else(|| "no name".to_owned(), |name| name.trim().to_owned());
        is_first.then(|| (format!("/dev/video{number}"), name))
    });
    nodes.collect()
}

/// Whether this user may open it, the group that may, and whether another login would be in that group.
#[cfg(unix)]
fn access(path: &Path) -> (bool, Option<String>, bool) {
    use rustix::fs::{Access, access};
    use std::{env, os::unix::fs::MetadataExt};
    let is_allowed = access(path, Access::READ_OK | Access::WRITE_OK).is_ok();
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let group = fs::metadata(path).ok().and_then(|about| group_of(&groups, about.gid()));
    let user = user_of(["USER", "LOGNAME"].map(|name| env::var(name).ok()));
    let needs_login = user.zip(group.as_ref()).is_some_and(|(user, (_, members))| members.contains(&user));
    (is_allowed, group.map(|(name, _)| name), !is_allowed && needs_login)
}

#[cfg(not(unix))]
fn access(_: &Path) -> (bool, Option<String>, bool) {
    (true, None, false)
}

/// The user, by variables of which some may be missing or empty.
#[cfg(any(unix, test))]
fn user_of(variables: [Option<String>; 2]) -> Option<String> {
    variables.into_iter().flatten().find(|name| !name.is_empty())
}

/// The name of a group and its members (group(5)).
#[cfg(any(unix, test))]
fn group_of(groups: &str, number: u32) -> Option<(String, Vec<String>)> {
    groups.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, id, members] = fields[..] else { return None };
        let members = members.split(',').filter(|member| !member.is_empty());
        (id.parse() == Ok(number)).then(|| (name.to_owned(), members.map(str::to_owned).collect()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn camera() -> CameraFacts {
        CameraFacts {
            path: "/dev/video0".to_owned(),
            name: "HD Webcam".to_owned(),
            is_allowed: true,
            group: Some("video".to_owned()),
            needs_login: false,
            holders: Vec::new(),
            usb: None,
        }
    }

    fn check(camera: CameraFacts, verdict: Verdict, what: &str, mend: Option<&str>) {
        let finding = judge_one(&camera);
        assert_eq!((finding.verdict, finding.what.as_str(), finding.mend.as_deref()), (verdict, what, mend));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_host_without_cameras_is_told_so() {
        let [finding] = &judge(&[])[..] else { panic!("one finding") };
        assert_eq!(finding.verdict, Verdict::Warning);
    }

    #[test]
    fn a_camera_that_may_not_be_opened_names_the_group_that_may() {
        let denied = CameraFacts { is_allowed: false, ..camera() };
        check(
            denied.clone(),
            Verdict::Failed,
            "/dev/video0 (HD Webcam) may not be opened: it is for the group video",
            Some("sudo usermod -aG video \"$USER\", and log in again"),
        );
        check(
            CameraFacts { needs_login: true, ..denied.clone() },
            Verdict::Failed,
            "/dev/video0 (HD Webcam) may not be opened: this login is older than its user's place in the group video",
            Some("log out and in again, or `newgrp video`"),
        );
        check(
            CameraFacts { group: Some("root".to_owned()), ..denied },
            Verdict::Failed,
            "/dev/video0 (HD Webcam) may not be opened: it is for the group root",
            Some("sudo chgrp video /dev/video0 && sudo chmod g+rw /dev/video0"),
        );
    }

    #[test]
    fn a_camera_that_is_busy_names_who_has_it() {
        check(camera(), Verdict::Ok, "/dev/video0 (HD Webcam) may be opened, and no program of this user has it", None);
        let holders = vec![Holder { process: 17, name: "vlc".to_owned() }];
        check(
            CameraFacts { holders, ..camera() },
            Verdict::Warning,
            "/dev/video0 (HD Webcam) is open in vlc (process 17); most cameras serve one program",
            Some("kill 17"),
        );
    }

    #[test]
    fn groups_are_read_as_the_system_writes_them() {
        let groups = "root:x:0:\nvideo:x:44:anna,otto\nnonsense\n";
        assert_eq!(group_of(groups, 44), Some(("video".to_owned(), vec!["anna".to_owned(), "otto".to_owned()])));
        assert_eq!(group_of(groups, 45), None);
        assert_eq!(group_of(groups, 0), Some(("root".to_owned(), vec![])), "nobody is no member");
    }

    #[test]
    fn a_user_without_a_name_is_nobody() {
        let check = |variables: [Option<&str>; 2], expect: Option<&str>| {
            assert_eq!(user_of(variables.map(|name| name.map(str::to_owned))).as_deref(), expect, "{variables:?}");
        };
        check([Some("anna"), Some("otto")], Some("anna"));
        check([None, Some("otto")], Some("otto"));
        check([Some(""), Some("otto")], Some("otto"));
        check([Some(""), None], None);
        check([None, None], None);
    }
}
