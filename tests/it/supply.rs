//! What is linked into the program: every crate comes from crates.io, and its licence is one that `deny.toml` allows.

use serde_json::Value;
use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// Splits at the places of a word that stand outside of brackets.
fn split<'a>(text: &'a str, word: &str) -> Vec<&'a str> {
    let (mut depth, mut begin, mut parts) = (0_i32, 0, Vec::new());
    for (at, byte) in text.bytes().enumerate() {
        depth += match byte {
            b'(' => 1,
            b')' => -1,
            _ => 0,
        };
        if depth == 0 && at >= begin && text[at..].starts_with(word) {
            parts.push(&text[begin..at]);
            begin = at + word.len();
        }
    }
    parts.push(&text[begin..]);
    parts
}

/// Whether an expression of SPDX can be met with licences of that list. `/` is how old crates write OR.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let text = expression.trim();
    let inner = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).filter(|inner| !inner.contains(['(', ')']));
    let text = inner.unwrap_or(text);
    if allowed.contains(text) {
        return true;
    }
    // AND binds closer than OR (SPDX annex D.4).
    for or in [" OR ", "/"] {
        let parts = split(text, or);
        if parts.len() > 1 {
            return parts.into_iter().any(|part| is_met(part, allowed));
        }
    }
    let parts = split(text, " AND ");
    parts.len() > 1 && parts.into_iter().all(|part| is_met(part, allowed))
}

/// The texts of a list in `deny.toml`.
fn listed(name: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("deny.toml")).expect("deny.toml");
    let (_, list) = text.split_once(&format!("\n{name} = [")).expect(name);
    let (list, _) = list.split_once(']').expect("its end");
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_crate_comes_from_the_registry_and_may_be_handed_on() {
    let cargo = Command::new(env!("CARGO"))
        .args(["metadata", "--locked", "--format-version", "1", "--all-features"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let output = cargo.expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_slice(&output.stdout).expect("json");
    let crates: Vec<&Value> = told["packages"].as_array().expect("a list").iter().filter(|one| one["name"] != "hlscam").collect();
    assert!(crates.len() > 100, "all are told: {}", crates.len());
    let (allowed, registries) = (listed("allow"), listed("allow-registry"));
    let text = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let is_known = |source: &str| source.strip_prefix("registry+").is_some_and(|registry| registries.contains(registry));
    let wrong: Vec<String> = crates
        .iter()
        .filter(|one| !is_known(&text(one, "source")) || !is_met(&text(one, "license"), &allowed))
        .map(|one| format!("{} {}: {} from {}", one["name"], one["version"], one["license"], one["source"]))
        .collect();
    assert!(wrong.is_empty(), "deny.toml allows neither:\n{}", wrong.join("\n"));
}

#[test]
fn a_licence_is_read_as_spdx_writes_it() {
    let allowed: BTreeSet<String> = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned).into();
    for met in [
        "MIT",
        "MIT OR GPL-3.0",
        "GPL-3.0/MIT",
        "GPL-3.0 / MIT",
        "MIT AND ISC",
        "(GPL-3.0 OR MIT) AND ISC",
        "Apache-2.0 WITH LLVM-exception OR X",
    ] {
        assert!(is_met(met, &allowed), "{met}");
    }
    for unmet in ["", "GPL-3.0", "MIT AND GPL-3.0", "GPL-3.0 OR MIT AND X", "(GPL-3.0 OR X) AND MIT", "Apache-2.0", "MIT WITH x"] {
        assert!(!is_met(unmet, &allowed), "{unmet}");
    }
}
