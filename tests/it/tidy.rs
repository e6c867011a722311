//! The rules of the tree itself: file and function length, where native crates are named, links, documented options, what is not
//! written anywhere. Each rule is a test over the files as they are, so no document can drift from the code unseen.
//!
//! The unit tests have it too (src/lib.rs), so that `make check` builds one test program.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Lines at which a file is to be split by noun.
const FILE_LINES_MAX: usize = 500;
/// Lines at which a function is to be split.
const FUNCTION_LINES_MAX: usize = 70;

/// Native crates and the files that may name them; a folder stands for the files in it whose path begins so.
const ADAPTERS: [(&str, &[&str]); 6] = [
    ("nokhwa", &["src/source/camera"]),
    ("v4l", &["src/source/camera"]),
    ("opencv", &["src/detect/haar"]),
    ("ffmpeg_next", &["src/source/mjpeg", "src/source/media", "src/encode/ffmpeg", "src/ffmpeg"]),
    ("rumqttc", &["src/hooks/broker"]),
    ("rusqlite", &["src/sqlite", "src/store", "src/archive"]),
];

/// Folders that hold nothing of ours (`.git` is a file in a worktree).
const FOREIGN: [&str; 3] = [".git", "target", "node_modules"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the project, as paths from its root.
fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the tree can be read") {
            let entry = entry.expect("the tree can be read");
            let path = entry.path();
            if FOREIGN.iter().any(|name| entry.file_name() == *name) {
                continue;
            } else if path.is_dir() {
                walk(&path, found);
            } else {
                found.push(path.strip_prefix(root()).expect("it lies under the root").to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(root(), &mut found);
    found.sort();
    found
}

/// The text files with one of these extensions, as (path, text).
fn texts(extensions: &[&str]) -> Vec<(String, String)> {
    let wanted = |path: &PathBuf| path.extension().is_some_and(|have| extensions.iter().any(|want| have == *want));
    files().into_iter().filter(wanted).map(|path| (path.display().to_string(), read(&path))).collect()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Fails with all violations at once, one per line.
fn expect_none(rule: &str, violations: Vec<String>) {
    assert!(violations.is_empty(), "{rule}:\n{}", violations.join("\n"));
}

#[test]
fn code_files_stay_short() {
    let long = |(path, text): (String, String)| {
        let lines = text.lines().count();
        (lines >= FILE_LINES_MAX).then(|| format!("{path}: {lines} lines, split it by noun"))
    };
    let code = texts(&["rs", "js", "mjs", "py", "sh"]);
    expect_none("code files have fewer than 500 lines", code.into_iter().filter_map(long).collect());
}

/// Formatted code closes a function with a brace at the function's own indentation.
fn long_functions(path: &str, text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let head = line.trim_start().trim_start_matches("pub ").trim_start_matches("pub(crate) ").trim_start_matches("async ");
        if !head.trim_start_matches("const ").starts_with("fn ") || line.ends_with(['}', ';']) {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        let length = lines[start..].iter().position(|line| *line == close).map_or(0, |end| end + 1);
        if length >= FUNCTION_LINES_MAX {
            found.push(format!("{path}:{}: a function of {length} lines", start + 1));
        }
    }
    found
}

#[test]
fn functions_stay_short() {
    let long = texts(&["rs"]).iter().flat_map(|(path, text)| long_functions(path, text)).collect();
    expect_none("functions have fewer than 70 lines", long);
}

/// Whether a line of code, comments left out, names a crate.
fn names_crate(line: &str, name: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + name.len()..];
        let alone = before.is_none_or(|c| !is_word(c) && c != '"' && c != '/' && c != '.');
        alone && (after.starts_with("::") || (code.trim_start().starts_with("use ") && after.starts_with([';', ' '])))
    })
}

#[test]
fn native_crates_are_named_in_their_adapters_only() {
    let mut violations = Vec::new();
    for (path, text) in texts(&["rs"]) {
        for (name, homes) in ADAPTERS {
            if homes.iter().any(|home| path.starts_with(home)) {
                continue;
            }
            let named = text.lines().enumerate().filter(|(_, line)| names_crate(line, name));
            violations
                .extend(named.map(|(n, _)| format!("{path}:{}: names {name}, which belongs into {}*", n + 1, homes.join("*, "))));
        }
    }
    expect_none("a native crate appears in its adapter only", violations);
}

/// The modules of lib.rs, in its order.
fn modules(lib: &str) -> Vec<&str> {
    lib.lines().filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';')).collect()
}

/// The modules of the crate that a text names, as `crate::a::b` or in `use crate::{a, b::{c, d}}`. Comments are left out.
fn named_modules(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n");
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    let mut named = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        let Some(list) = rest.strip_prefix('{') else {
            named.insert(word(rest));
            continue;
        };
        let (mut depth, mut begins) = (0, true);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => begins = true,
                _ if begins && !c.is_whitespace() => {
                    named.insert(word(&list[at..]));
                    begins = false;
                }
                _ => {}
            }
        }
    }
    named
}

/// Imports of modules that stand below the importing one in lib.rs. As every import points up, there is no circle either.
fn imports_from_below(order: &[&str], module: &str, text: &str) -> Vec<String> {
    let place = |name: &str| order.iter().position(|module| *module == name);
    let Some(own) = place(module) else { return Vec::new() };
    named_modules(text).into_iter().filter(|name| place(name).is_some_and(|at| at > own)).collect()
}

#[test]
fn modules_import_from_above_only() {
    let lib = read("src/lib.rs");
    let order = modules(&lib);
    let mut violations = Vec::new();
    for (path, text) in texts(&["rs"]) {
        let Some(inner) = path.strip_prefix("src/").filter(|path| !path.ends_with("tests.rs") && !path.contains("/tests/")) else {
            continue;
        };
        let module = inner.split(['/', '.']).next().unwrap_or_default();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for below in imports_from_below(&order, module, text) {
            violations.push(format!(
                "{path}: {module} imports {below}, which stands below it in src/lib.rs; move what both need into a module above both"
            ));
        }
        if !inner.contains('/') && text.lines().any(|line| line.starts_with("use super::")) {
            violations.push(format!("{path}: write `use crate::` for what is not its own"));
        }
    }
    expect_none("modules import from above only", violations);
}

#[test]
fn every_rust_file_says_what_it_is() {
    // The tests of a file stand beside it and need no introduction.
    let silent = |(path, text): &(String, String)| !path.ends_with("tests.rs") && !text.starts_with("//! ");
    let found = texts(&["rs"]).into_iter().filter(silent).map(|(path, _)| format!("{path}: begins without //!"));
    expect_none("a file begins with its //! line", found.collect());
}

/// The targets of Markdown links and images in a text, code blocks left out.
fn links(text: &str) -> Vec<&str> {
    let prose = text.split("```").step_by(2);
    prose.flat_map(|part| part.split("](").skip(1)).filter_map(|rest| rest.split(')').next()).collect()
}

#[test]
fn relative_links_in_documents_resolve() {
    let mut violations = Vec::new();
    for (path, text) in texts(&["md"]) {
        let folder = root().join(&path).parent().expect("a file lies in a folder").to_owned();
        for link in links(&text) {
            let target = link.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains(':') && !folder.join(target).exists() {
                violations.push(format!("{path}: {link} does not exist"));
            }
        }
    }
    expect_none("relative links in documents resolve", violations);
}

/// What a document names between backticks: words, without code blocks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let spans = text.lines().filter(|line| !line.starts_with("    ")).flat_map(|line| line.split('`').skip(1).step_by(2));
    spans.filter(|span| !span.contains([' ', '…', '*', '<', '{', '$', '[', '=']))
}

/// Whether a word that a document names is in the tree: a file or folder, from any folder on, or the last name of a Rust path.
fn is_there(word: &str, paths: &[String], code: &str) -> bool {
    let ending = format!("/{word}");
    if word.ends_with('/') {
        return paths.iter().any(|path| path.starts_with(word) || path.contains(&ending));
    }
    if [".rs", ".js", ".mjs", ".md", ".css", ".txt"].iter().any(|extension| word.ends_with(extension)) {
        return paths.iter().any(|path| path == word || path.ends_with(&ending));
    }
    let is_path = word.contains("::") || word.matches('_').count() > 2;
    let name = word.trim_end_matches("()").rsplit("::").next().unwrap_or(word);
    let is_declared = || {
        let declared = ["fn", "struct", "enum", "trait", "mod", "const"].map(|keyword| format!("{keyword} {name}"));
        declared.iter().any(|text| code.contains(text.as_str())) || code.contains(&format!("pub {name}: "))
    };
    !is_path || is_declared()
}

#[test]
fn documents_name_what_there_is() {
    let paths: Vec<String> = files().iter().map(|path| path.display().to_string()).collect();
    let code: String = texts(&["rs"]).into_iter().map(|(_, text)| text).collect();
    let mut violations = Vec::new();
    for document in ["docs/architecture.md", "CONTRIBUTING.md"] {
        let text = read(root().join(document));
        // What was renamed is not there any more.
        let text = text.split("## What was renamed").next().unwrap_or_default();
        let missing = quoted(text).filter(|word| !is_there(word, &paths, &code));
        violations.extend(missing.map(|word| format!("{document}: {word} is not there")));
    }
    expect_none("documents name files and tests that there are", violations);
}

/// The names that a Cargo.toml depends on.
fn cargo_dependencies(manifest: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            inside = table.trim_end_matches(']').ends_with("dependencies");
        } else if let (true, Some((name, _))) = (inside, line.split_once('=')) {
            names.insert(name.trim().split('.').next().unwrap_or_default().to_owned());
        }
    }
    names
}

/// The names that a package.json depends on; none where there is no such file.
fn npm_dependencies(path: &str) -> BTreeSet<String> {
    let Ok(text) = fs::read_to_string(root().join(path)) else { return BTreeSet::new() };
    let package: serde_json::Value = serde_json::from_str(&text).expect("package.json is JSON");
    let tables = ["dependencies", "devDependencies"].into_iter().filter_map(|table| package[table].as_object());
    tables.flat_map(|table| table.keys().cloned()).collect()
}

#[test]
fn every_dependency_has_its_reason_written_down() {
    let record = "docs/decisions/0002-dependencies.md";
    let reasons: BTreeSet<String> = read(record)
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    let mut used = cargo_dependencies(&read("Cargo.toml"));
    used.extend(cargo_dependencies(&read("fuzz/Cargo.toml")).into_iter().filter(|name| name != "hlscam"));
    used.extend(npm_dependencies("web/package.json"));
    used.extend(npm_dependencies("tests/e2e/package.json"));
    let unexplained = used.difference(&reasons).map(|name| format!("{record}: no line for {name}"));
    let unused = reasons.difference(&used).map(|name| format!("{record}: {name} is not used any more"));
    expect_none("every dependency has its line, and no other has", unexplained.chain(unused).collect());
}

/// The help on a command (on hlscam itself for an empty one), from the text that the tests of the command line compare with the program's.
fn help(command: &str) -> String {
    let name = if command.is_empty() { "help.txt".to_owned() } else { format!("help-{command}.txt") };
    read(Path::new("tests/it/golden").join(name))
}

/// The commands that the main help lists.
fn commands(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let names =
        listed.filter(|line| line.starts_with("  ") && !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Long options at the head of a line, as help texts list them.
fn listed_options(help: &str) -> BTreeSet<String> {
    let heads = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
    heads.filter_map(|line| long_options(line).next()).collect()
}

/// Every `--word` in a text, but for the two that every program has.
fn long_options(text: &str) -> impl Iterator<Item = String> + '_ {
    text.match_indices("--").filter_map(|(at, _)| {
        let before = text[..at].chars().next_back();
        let name: String =
            text[at + 2..].chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-').collect();
        let alone = before.is_none_or(|c| !c.is_alphanumeric() && c != '-' && c != '|');
        (alone && name.starts_with(|c: char| c.is_ascii_lowercase()) && name != "help" && name != "version")
            .then(|| format!("--{name}"))
    })
}

#[test]
fn documented_options_are_the_options_there_are() {
    let main = help("");
    let mut real = listed_options(&main);
    for command in commands(&main).into_iter().chain(["user-add", "user-list"].map(str::to_owned)) {
        real.extend(listed_options(&help(&command)));
    }
    assert!(real.contains("--device"), "the help text lists the options: {main}");
    let documented: BTreeSet<String> = long_options(&read("docs/configuration.md")).collect();
    let missing = real.difference(&documented).map(|name| format!("docs/configuration.md: {name} is missing"));
    let invented = documented.difference(&real).map(|name| format!("docs/configuration.md: hlscam has no {name}"));
    expect_none("docs/configuration.md lists the options of `hlscam --help`", missing.chain(invented).collect());
}

#[test]
fn nothing_is_left_to_do_and_no_path_of_one_machine_is_named() {
    // Put together here, so that this file does not break its own rule.
    let banned = [
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["/wo", "rk/"].concat(),
        ["/ro", "ot/"].concat(),
        ["/ho", "me/"].concat(),
        // What Git leaves where two changes meet.
        ["<<<<", "<<< "].concat(),
        [">>>>", ">>> "].concat(),
    ];
    let mut violations = Vec::new();
    for path in files() {
        // Pictures and other binary files have no text to read.
        let Ok(text) = fs::read_to_string(root().join(&path)) else { continue };
        for (n, line) in text.lines().enumerate() {
            violations.extend(
                banned
                    .iter()
                    .filter(|word| line.contains(word.as_str()))
                    .map(|word| format!("{}:{}: {word}", path.display(), n + 1)),
            );
        }
    }
    expect_none("nothing is left to do and no path of one machine is named", violations);
}

#[test]
fn what_drives_the_browsers_runs_with_the_oldest_node_that_setup_accepts() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("it is there");
    let setup = read("scripts/setup");
    let oldest = setup.lines().find_map(|line| line.strip_prefix("NODE_MIN=")?.split(' ').next()).expect("it is said there");
    let lock: serde_json::Value = serde_json::from_str(&read("tests/e2e/package-lock.json")).expect("JSON");
    let wanted =
        lock["packages"]["node_modules/playwright-core"]["engines"]["node"].as_str().and_then(|text| text.strip_prefix(">="));
    let number = |text: &str| text.parse::<u32>().expect("a number");
    assert!(wanted.is_some_and(|wanted| number(wanted) <= number(oldest)), "{wanted:?}, and {oldest} is accepted");
}

#[test]
fn the_rules_see_what_they_are_for() {
    assert_eq!(modules("// a\nmod b;\n\npub mod c;\nuse d;\n"), ["b", "c"]);
    let text = "use crate::{\n    a::{b, c},\n    d,\n};\nfn f() { crate::e::f() } // crate::g";
    assert_eq!(named_modules(text).into_iter().collect::<Vec<_>>(), ["a", "d", "e"]);
    assert_eq!(imports_from_below(&["a", "d", "x", "e"], "x", text), ["e"]);
    assert!(names_crate("use lens::core::Mat;", "lens"));
    assert!(names_crate("    let x: lens_next::Frame = y;", "lens_next"));
    assert!(!names_crate("// use lens::core::Mat;", "lens"));
    assert!(!names_crate("    path(\"/dev/lens/by-id\")", "lens"));
    assert_eq!(links("see [a](b.md#c) and ![d](e.png)\n```\n[x](y)\n```\n"), ["b.md#c", "e.png"]);
    assert_eq!(quoted("see `a.rs`, `b c`\n    `d`\nand `e::f`").collect::<Vec<_>>(), ["a.rs", "e::f"]);
    let is_there = |word| is_there(word, &["src/a/b.rs".to_owned()], "fn f()\n");
    assert_eq!(["b.rs", "a/b.rs", "a/", "x::f", "c.rs", "x/", "x::g"].map(is_there), [true, true, true, true, false, false, false]);
    assert_eq!(cargo_dependencies("[features]\na = []\n[dependencies]\nb = \"1\"\nc.d = 2\n[lints.rust]\ne = 1").len(), 2);
    assert_eq!(long_options("| `--part` | x---y, a--b, --fps=3 |").collect::<Vec<_>>(), ["--part", "--fps"]);
    assert_eq!(commands("Commands:\n  record  x\n          more\n  help  y\n\nOptions:\n"), ["record"]);
    let long = format!("fn f() {{\n{}}}\n", "    x();\n".repeat(FUNCTION_LINES_MAX));
    assert_eq!(long_functions("f.rs", &long).len(), 1);
}
