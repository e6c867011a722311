//! What exists twice, for one system and for all others, fits the same callers: whoever builds on Linux alone learns it here. `make lint`
//! has the compiler itself look at Windows and macOS where the toolchain has them.

use std::{collections::BTreeMap, fs, path::Path};

/// A function under a condition on the system.
#[derive(Debug, PartialEq)]
struct Twin {
    condition: String,
    /// Its types, without the names of its arguments.
    signature: String,
}

/// The condition of a line like `#[cfg(not(unix))]`, if it is one on the system alone.
fn condition(line: &str) -> Option<String> {
    let inner = line.trim().strip_prefix("#[cfg(")?.strip_suffix(")]")?;
    let system = inner.strip_prefix("not(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(inner);
    let is_system = matches!(system, "unix" | "windows" | "target_os = \"linux\"" | "target_os = \"macos\"");
    is_system.then(|| inner.to_owned())
}

/// `fn name(a: A, b: &B) -> C` as `(A, &B) -> C`.
fn types_of(signature: &str) -> String {
    let rest = signature.split_once('(').map_or("", |(_, rest)| rest);
    // A comma within brackets separates no arguments, and the first bracket without its partner ends them.
    let (mut depth, mut types, mut current, mut end) = (0, Vec::new(), String::new(), rest.len());
    for (at, c) in rest.char_indices() {
        depth += i32::from("(<[".contains(c)) - i32::from(")>]".contains(c));
        if depth < 0 {
            end = at;
            break;
        }
        if c == ',' && depth == 0 {
            types.push(std::mem::take(&mut current));
        } else {
            current.push(c);
        }
    }
    types.push(current);
    let result = rest.get(end + 1..).unwrap_or_default();
    let without_name = |argument: &String| match argument.split_once(": ") {
        Some((_, kind)) => kind.trim().to_owned(),
        None => argument.trim().to_owned(),
    };
    let types: Vec<String> = types.iter().map(without_name).filter(|kind| !kind.is_empty()).collect();
    format!("({}){}", types.join(", "), result.trim_end())
}

/// The functions of a file that stand right behind a condition on the system, by name.
fn twins(text: &str) -> BTreeMap<String, Vec<Twin>> {
    let mut found: BTreeMap<String, Vec<Twin>> = BTreeMap::new();
    let lines: Vec<&str> = text.lines().collect();
    for (at, line) in lines.iter().enumerate() {
        let Some(condition) = condition(line) else { continue };
        let rest = lines[at + 1..].iter().skip_while(|line| line.trim_start().starts_with(['#', '/']));
        let head: Vec<&str> = rest.take(12).copied().collect();
        let Some(first) = head.first().and_then(|line| line.split_once("fn ")) else { continue };
        if first.0.contains("//") || first.0.contains('(') && !first.0.contains("pub(") {
            continue;
        }
        let name = first.1.split(['(', '<']).next().unwrap_or_default().to_owned();
        let end = head.iter().position(|line| line.trim_end().ends_with('{') || line.trim_end().ends_with('}')).unwrap_or(0);
        let signature = head[..=end].iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
        let signature = signature.split(" {").next().unwrap_or_default().to_owned();
        found.entry(name).or_default().push(Twin { condition, signature: types_of(&signature) });
    }
    found.retain(|_, twins| twins.len() > 1);
    found
}

fn sources(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("src can be read") {
        let path = entry.expect("src can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn what_exists_for_each_system_takes_and_gives_the_same() {
    let (mut files, mut n_twins) = (Vec::new(), 0);
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    for file in files {
        for (name, twins) in twins(&fs::read_to_string(&file).expect("text")) {
            n_twins += 1;
            let first = &twins[0];
            for other in &twins[1..] {
                assert_eq!(
                    other.signature,
                    first.signature,
                    "{}: {name}, {} and {}",
                    file.display(),
                    first.condition,
                    other.condition
                );
            }
        }
    }
    assert!(n_twins > 3, "{n_twins} are found");
}

#[test]
fn a_function_that_takes_something_else_on_another_system_is_found() {
    let text = "#[cfg(unix)]\nfn a(fd: &File, len: u64) -> Option<(u8, u8)> {\n}\n#[cfg(not(unix))]\n/// Why.\nfn a(_: &File, _: u32) -> Option<(u8, u8)> {\n}\n";
    let found = twins(text);
    let signatures: Vec<&str> = found["a"].iter().map(|twin| twin.signature.as_str()).collect();
    assert_eq!(signatures, ["(&File, u64) -> Option<(u8, u8)>", "(&File, u32) -> Option<(u8, u8)>"]);
}
