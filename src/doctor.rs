//! `hlscam doctor`: what is wrong on this host, each with what mends it. Nothing is changed but for a file that measures a disk and is gone again.
//!
//! Reading the system and judging what was read are apart: each judgement is a pure function of facts. Elsewhere than on Linux less can be read,
//! and what is not known is left out.

mod cameras;
mod host;
mod network;
mod programs;
mod software;
mod text;
mod usb;

use serde::Serialize;
use std::{fmt, net::IpAddr, path::PathBuf};

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is as it should be.
    Ok,
    /// It may be meant so; it may be in the way.
    Warning,
    /// hlscam does not work so.
    Failed,
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub verdict: Verdict,
    /// What it is of: `camera`, `usb`, `detection`, `encoder`, `port`, `firewall`, `clock`, `disk`, `memory`.
    pub about: &'static str,
    /// One sentence.
    pub what: String,
    /// The command that mends it, or what to do where there is none.
    pub mend: Option<String>,
}

impl Finding {
    fn ok(about: &'static str, what: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Ok, about, what: what.into(), mend: None }
    }

    fn warning(about: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Warning, about, what: what.into(), mend: Some(mend.into()) }
    }

    fn failed(about: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Failed, about, what: what.into(), mend: Some(mend.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warning => "warning",
            Verdict::Failed => "failed",
        };
        write!(f, "{verdict:<8}{:<11}{}", self.about, text::shown(&self.what))?;
        match &self.mend {
            Some(mend) => write!(f, "\n{:<19}-> {}", "", text::shown(mend)),
            None => Ok(()),
        }
    }
}

/// What hlscam is to do on this host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where it is to listen.
    pub bind: IpAddr,
    /// At which port.
    pub port: u16,
    /// Where its history is to be kept; none is not looked at.
    pub storage: Option<PathBuf>,
}

/// Looks at everything. `memory_max` is what this process may have, in bytes, where something limits it. Waits for the disk, for two
/// seconds or so where it is slow.
pub fn examine(plan: &Plan, memory_max: Option<u64>) -> Vec<Finding> {
    let cameras = cameras::read();
    let mut findings = cameras::judge(&cameras);
    findings.extend(usb::judge(&cameras.iter().filter_map(|camera| camera.usb.clone()).collect::<Vec<_>>()));
    findings.extend(software::judge(&software::read()));
    findings.push(network::judge_port(plan, &network::read_port(plan)));
    findings.extend(network::judge_firewall(plan, network::read_firewalls().as_deref()));
    findings.extend(host::judge_clock(host::read_clock()));
    findings.extend(plan.storage.as_deref().map(|folder| {
        let nearest = host::nearest(folder);
        host::judge_disk(folder, nearest, &host::read_disk(nearest))
    }));
    findings.extend(host::judge_memory(host::read_memory(), memory_max));
    findings
}

/// The findings as an object for programs.
#[derive(Serialize)]
struct Report<'a> {
    findings: &'a [Finding],
    warnings: usize,
    failed: usize,
}

/// How many findings have that verdict.
pub fn count(findings: &[Finding], verdict: Verdict) -> usize {
    findings.iter().filter(|finding| finding.verdict == verdict).count()
}

/// The findings for people, a line or two each.
pub fn text(findings: &[Finding]) -> String {
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

/// The findings as JSON.
pub fn json(findings: &[Finding]) -> Result<String, serde_json::Error> {
    let (warnings, failed) = (count(findings, Verdict::Warning), count(findings, Verdict::Failed));
    serde_json::to_string_pretty(&Report { findings, warnings, failed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_lines_for_people_and_an_object_for_programs() {
        let findings = [Finding::ok("clock", "it is right"), Finding::failed("port", "port 8080 is taken", "hlscam --port 8081")];
        assert_eq!(
            text(&findings),
            "ok      clock      it is right\nfailed  port       port 8080 is taken\n                   -> hlscam --port 8081"
        );
        let told: serde_json::Value = serde_json::from_str(&json(&findings).expect("plain data")).expect("JSON");
        let expect = serde_json::json!({
            "findings": [
                {"verdict": "ok", "about": "clock", "what": "it is right", "mend": null},
                {"verdict": "failed", "about": "port", "what": "port 8080 is taken", "mend": "hlscam --port 8081"},
            ],
            "warnings": 0,
            "failed": 1,
        });
        assert_eq!(told, expect);
    }

    #[test]
    fn names_of_others_do_nothing_to_the_terminal() {
        let finding = Finding::warning("camera", "it is open in a\x1b[2J\nb", "kill\r17");
        assert_eq!(finding.to_string(), "warning camera     it is open in a\\u{1b}[2J\\nb\n                   -> kill\\r17");
    }

    #[test]
    fn this_host_is_looked_at_without_harm() {
        let folder = tempfile::tempdir().expect("a folder");
        // It is not there yet, and is not made here.
        let plan = Plan { bind: [127, 0, 0, 1].into(), port: 0, storage: Some(folder.path().join("kept")) };
        let findings = examine(&plan, None);
        for about in ["detection", "encoder", "port", "firewall", "disk"] {
            assert!(findings.iter().any(|finding| finding.about == about), "{about}: {findings:?}");
        }
        let is_camera = findings.iter().any(|finding| finding.about == "camera");
        assert_eq!(is_camera, cfg!(target_os = "linux"), "what is not known is left out: {findings:?}");
        assert_eq!(folder.path().read_dir().map(Iterator::count).ok(), Some(0), "nothing is left behind");
    }
}
