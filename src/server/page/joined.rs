//! The page's modules as one file. A browser asks for modules as it finds their names, six at a time: over a long way that took seconds.
//!
//! Each module becomes a function that gives what it exports, in the order in which they need one another, so names of one never meet those
//! of another. The modules are written for it: `import { a, b } from './file.js';` on one line, and `export` before a declaration.

use std::collections::{BTreeMap, BTreeSet};

/// Before what is exported.
const EXPORT: &str = "export ";

/// The entry and all that it needs, or the name of what is missing or needs itself.
pub(in crate::server) fn joined(entry: &str, files: &BTreeMap<&str, &str>) -> Result<String, String> {
    let mut text = String::new();
    write(entry, files, &mut BTreeSet::new(), &mut Vec::new(), &mut text)?;
    Ok(text)
}

fn write<'a>(
    name: &'a str,
    files: &BTreeMap<&'a str, &'a str>,
    done: &mut BTreeSet<&'a str>,
    under_way: &mut Vec<&'a str>,
    text: &mut String,
) -> Result<(), String> {
    if done.contains(name) {
        return Ok(());
    }
    if under_way.contains(&name) {
        return Err(format!("{name} needs itself"));
    }
    let source = files.get(name).ok_or_else(|| format!("{name} is missing"))?;
    under_way.push(name);
    for (_, needed) in source.lines().filter_map(import) {
        write(needed, files, done, under_way, text)?;
    }
    under_way.pop();
    done.insert(name);
    module(name, source, text);
    Ok(())
}

/// One module as a function that is called at once.
fn module(name: &str, source: &str, text: &mut String) {
    text.push_str(&format!("// {name}\nconst {} = (() => {{\n", variable(name)));
    for line in source.lines() {
        let line = match import(line) {
            Some((names, from)) => format!("const {names} = {};", variable(from)),
            None => line.strip_prefix(EXPORT).unwrap_or(line).to_owned(),
        };
        text.push_str(&line);
        text.push('\n');
    }
    let exports: Vec<&str> = source.lines().filter_map(exported).collect();
    text.push_str(&format!("return {{ {} }};\n}})();\n\n", exports.join(", ")));
}

/// The names and the file of `import { a, b } from './file.js';`.
fn import(line: &str) -> Option<(&str, &str)> {
    let (names, from) = line.strip_prefix("import ")?.split_once(" from './")?;
    Some((names, from.strip_suffix("';")?))
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
    format!("module_{}", name.trim_end_matches(".js").replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_become_functions_in_the_order_in_which_they_need_one_another() {
        let files = BTreeMap::from([
            ("viewer.js", "import { b } from './b-one.js';\nimport { a, K } from './a.js';\nb(a, K);\n"),
            ("b-one.js", "import { a } from './a.js';\nconst K = 2;\nexport async function b() {\n  return a + K;\n}\n"),
            ("a.js", "/** Text. */\nexport const K = 1;\nexport class a {}\n"),
            ("other.js", "nobody needs this\n"),
        ]);
        let expect = "// a.js\nconst module_a = (() => {\n/** Text. */\nconst K = 1;\nclass a {}\nreturn { K, a };\n})();\n\n\
            // b-one.js\nconst module_b_one = (() => {\nconst { a } = module_a;\nconst K = 2;\nasync function b() {\n  return a + K;\n}\n\
            return { b };\n})();\n\n\
            // viewer.js\nconst module_viewer = (() => {\nconst { b } = module_b_one;\nconst { a, K } = module_a;\nb(a, K);\nreturn {  };\n})();\n\n";
        assert_eq!(joined("viewer.js", &files).as_deref(), Ok(expect));
    }

    #[test]
    fn what_is_missing_or_needs_itself_is_named() {
        let check = |a: &str, expect: &str| {
            let files = BTreeMap::from([("a.js", a), ("b.js", "import { a } from './a.js';\n")]);
            assert_eq!(joined("a.js", &files), Err(expect.to_owned()));
        };
        check("import { c } from './c.js';\n", "c.js is missing");
        check("import { b } from './b.js';\n", "a.js needs itself");
    }
}
