//! The page's modules as one file; build.rs does it. A browser asks for modules as it finds their names, six at a time: over a long way that took seconds.
//!
//! Each module becomes a function that gives what it exports, in the order in which they need one another, so names of one never meet those
//! of another. The modules are written for it: `import { a, b } from './file.js';` or `from '../folder/file.js'` on one line, and `export`
//! before a declaration.

use std::collections::{BTreeMap, BTreeSet};

/// Before what is exported.
const EXPORT: &str = "export ";

/// The entry and all that it imports, or the name of what is missing or imports itself.
pub(crate) fn join(entry: &str, modules: &BTreeMap<String, String>) -> Result<String, String> {
    let mut joined = Joined { modules, done: BTreeSet::new(), under_way: Vec::new(), text: String::new() };
    joined.add(entry)?;
    Ok(joined.text)
}

struct Joined<'a> {
    modules: &'a BTreeMap<String, String>,
    done: BTreeSet<String>,
    under_way: Vec<String>,
    text: String,
}

impl Joined<'_> {
    fn add(&mut self, name: &str) -> Result<(), String> {
        if self.done.contains(name) {
            return Ok(());
        }
        if self.under_way.iter().any(|other| other == name) {
            return Err(format!("{name} imports itself"));
        }
        let source = self.modules.get(name).ok_or_else(|| format!("{name} is missing"))?;
        self.under_way.push(name.to_owned());
        for (_, from) in source.lines().filter_map(import) {
            self.add(&resolved(name, from))?;
        }
        self.under_way.pop();
        self.done.insert(name.to_owned());
        module(name, source, &mut self.text);
        Ok(())
    }
}

/// One module as a function that is called at once.
fn module(name: &str, source: &str, text: &mut String) {
    text.push_str(&format!("// {name}\nconst {} = (() => {{\n", variable(name)));
    for line in source.lines() {
        let line = match import(line) {
            Some((names, from)) => format!("const {names} = {};", variable(&resolved(name, from))),
            None => line.strip_prefix(EXPORT).unwrap_or(line).to_owned(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    let exports: Vec<&str> = source.lines().filter_map(exported).collect();
    text.push_str(&format!("return {{ {} }};\n}})();\n\n", exports.join(", ")));
}

/// The names and the path of `import { a, b } from './file.js';`.
fn import(line: &str) -> Option<(&str, &str)> {
    let (names, from) = line.strip_prefix("import ")?.split_once(" from '")?;
    Some((names, from.strip_suffix("';")?))
}

/// A path that a module imports, from `web/`.
fn resolved(importer: &str, path: &str) -> String {
    let mut parts: Vec<&str> = importer.split('/').collect();
    parts.pop();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

/// The name that a line exports.
fn exported(line: &str) -> Option<&str> {
    let declaration = line.strip_prefix(EXPORT)?;
    let declaration = declaration.strip_prefix("async ").unwrap_or(declaration);
    let (_, rest) = declaration.split_once(' ')?;
    rest.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$')).next()
}

/// What holds a module's exports.
fn variable(name: &str) -> String {
    format!("module_{}", name.trim_end_matches(".js").replace(['-', '/'], "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn modules(of: &[(&str, &str)]) -> BTreeMap<String, String> {
        of.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn modules_become_functions_in_the_order_in_which_they_import_one_another() {
        let modules = modules(&[
            ("viewer.js", "import { b } from './room/b-one.js';\nimport { a, K } from './a.js';\nb(a, K);\n"),
            ("room/b-one.js", "import { a } from '../a.js';\nconst K = 2;\nexport async function b() {\n  return a + K;\n}\n"),
            ("a.js", "/** Text. */\nexport const K = 1;\nexport class a {}\n"),
            ("other.js", "nobody imports this\n"),
        ]);
        let expect = "// a.js\nconst module_a = (() => {\n/** Text. */\nconst K = 1;\nclass a {}\nreturn { K, a };\n})();\n\n\
            // room/b-one.js\nconst module_room_b_one = (() => {\nconst { a } = module_a;\nconst K = 2;\nasync function b() {\n  return a + K;\n}\n\
            return { b };\n})();\n\n\
            // viewer.js\nconst module_viewer = (() => {\nconst { b } = module_room_b_one;\nconst { a, K } = module_a;\nb(a, K);\nreturn {  };\n})();\n\n";
        assert_eq!(join("viewer.js", &modules).as_deref(), Ok(expect));
    }

    #[test]
    fn what_is_missing_or_imports_itself_is_named() {
        let check = |a: &str, expect: &str| {
            let modules = modules(&[("a.js", a), ("room/b.js", "import { a } from '../a.js';\n")]);
            assert_eq!(join("a.js", &modules), Err(expect.to_owned()));
        };
        check("import { c } from './c.js';\n", "c.js is missing");
        check("import { b } from './room/b.js';\n", "a.js imports itself");
    }
}
