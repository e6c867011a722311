//! Options in a config file: TOML with each option by its long name, and a table for each camera. Pure.
//!
//! Its options become the words of a command line, so that one place alone says what a value means.

use super::{
    UsageError,
    cameras::CAMERAS_MAX,
    catalog::{self, Kind, OptionInfo},
    environment::{COUNT_HINT, count},
    written::{Layer, Place, Written},
};
use crate::console::shown;
use std::{ffi::OsStr, sync::Arc};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Bytes of a config file: all options of all cameras are a tenth of it.
pub(super) const BYTES_MAX: u64 = 256 << 10;
/// The table of a camera.
pub const CAMERA: &str = "camera";

/// What the text of a config file says.
pub(super) fn read(text: &str, path: &str) -> Result<Layer, UsageError> {
    let file = File { text, path: path.into() };
    let table = DeTable::parse(text).map_err(|error| {
        let place = file.place(error.span().map_or(0, |span| span.start));
        // The message of the crate alone: its whole text repeats the line, in which a password may stand.
        UsageError(place.told(&format!("this is no TOML: {}", error.message())))
    })?;
    file.layer(table.get_ref())
}

/// A file that is read.
struct File<'a> {
    text: &'a str,
    path: Arc<str>,
}

type Entry<'a, 'i> = (&'a Spanned<std::borrow::Cow<'i, str>>, &'a Spanned<DeValue<'i>>);

impl File<'_> {
    /// Where a byte of it stands.
    fn place(&self, offset: usize) -> Place {
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = before.matches('\n').count() + 1;
        Place::File { path: self.path.clone(), line, column: before[line_start..].chars().count() + 1 }
    }

    fn refuse<T>(&self, offset: usize, why: &str) -> Result<T, UsageError> {
        Err(UsageError(self.place(offset).told(why)))
    }

    fn layer(&self, table: &DeTable<'_>) -> Result<Layer, UsageError> {
        let mut layer = Layer::default();
        for (key, value) in in_order(table) {
            if key.get_ref() == CAMERA {
                layer.cameras = self.cameras(value)?;
            } else {
                layer.of_all.extend(self.option(key, value, table)?.1);
            }
        }
        // A device for all, and devices of each: one of them was not meant.
        let device = in_order(table).into_iter().find(|(key, _)| catalog::option(key.get_ref()).is_some_and(OptionInfo::is_device));
        if let Some((key, _)) = device.filter(|_| !layer.cameras.is_empty()) {
            return self.refuse(key.span().start, "device: each [[camera]] has one of its own; leave it out here");
        }
        let name = layer.of_all.iter().find(|option| option.name == "--name").filter(|_| layer.cameras.len() > 1);
        if let Some(name) = name {
            return Err(UsageError(name.place.told("name: no two cameras have one name; write it into its [[camera]]")));
        }
        Ok(layer)
    }

    fn cameras(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Vec<Written>>, UsageError> {
        let start = value.span().start;
        let Some(tables) = value.get_ref().as_array() else {
            return self.refuse(start, "camera: a camera begins with a line [[camera]], in two pairs of brackets");
        };
        if tables.len() > CAMERAS_MAX {
            return self.refuse(start, &format!("{} cameras are too many for one hlscam; it takes {CAMERAS_MAX}", tables.len()));
        }
        tables.iter().map(|table| self.camera(table)).collect()
    }

    fn camera(&self, value: &Spanned<DeValue<'_>>) -> Result<Vec<Written>, UsageError> {
        let start = value.span().start;
        let Some(table) = value.get_ref().as_table() else {
            return self.refuse(start, "camera: a camera begins with a line [[camera]], in two pairs of brackets");
        };
        let mut camera = Vec::new();
        let mut has_device = false;
        for (key, value) in in_order(table) {
            let (option, written) = self.option(key, value, table)?;
            if option.is_shared {
                let why = format!("{}: it is one for all cameras; write it above the first [[camera]]", option.name);
                return self.refuse(key.span().start, &why);
            }
            has_device |= option.is_device();
            camera.extend(written);
        }
        if !has_device {
            return self.refuse(start, "this [[camera]] has no device; write one, like device = \"/dev/video0\"");
        }
        Ok(camera)
    }

    /// An option, and how it is said.
    fn option(
        &self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        table: &DeTable<'_>,
    ) -> Result<(&'static OptionInfo, Vec<Written>), UsageError> {
        let (name, start) = (key.get_ref().as_ref(), key.span().start);
        if name == "config" {
            return self.refuse(start, "config: a config file names no other; pass it on the command line");
        }
        let Some(option) = catalog::option(name) else {
            if value.get_ref().is_table() {
                return self
                    .refuse(start, &format!("there is no table {}; options stand without one, but for [[camera]]", shown(name)));
            }
            let near = catalog::nearest(name).filter(|near| !table.contains_key(near.as_str()));
            let near = near
                .map_or_else(|| "`hlscam config example` lists what there is".to_owned(), |near| format!("did you mean {near}?"));
            return self.refuse(start, &format!("there is no option {}; {near}", shown(name)));
        };
        let values: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
            DeValue::Array(values) if option.kind == Kind::List => values.iter().collect(),
            _ => vec![value],
        };
        if values.is_empty() && !option.defaults.is_empty() {
            let why = format!("{}: an empty list would be the default; write what is meant, or none", option.name);
            return self.refuse(value.span().start, &why);
        }
        if values.is_empty() {
            let place = self.place(value.span().start);
            return Ok((option, vec![Written { name: option.typed(), words: Vec::new(), place }]));
        }
        Ok((option, values.into_iter().map(|value| self.written(option, value)).collect::<Result<_, _>>()?))
    }

    fn written(&self, option: &OptionInfo, value: &Spanned<DeValue<'_>>) -> Result<Written, UsageError> {
        let start = value.span().start;
        let (name, place) = (option.typed(), self.place(start));
        let text = match value.get_ref() {
            DeValue::Boolean(is_on) if option.kind == Kind::Flag => return Ok(Written::flag(&name, *is_on, place)),
            _ if option.kind == Kind::Flag => {
                return self.refuse(start, &format!("{}: it is on or off; write true or false", option.name));
            }
            DeValue::String(text) => text.as_ref(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            other => {
                let what = if option.kind == Kind::List { "texts in brackets, [\"...\"]" } else { "a number, or a text in quotes" };
                let have = match other {
                    DeValue::Boolean(_) => "true or false",
                    DeValue::Array(_) => "a list",
                    DeValue::Table(_) => "a table",
                    _ => "something else",
                };
                return self.refuse(start, &format!("{}: this is {have}; write {what}", option.name));
            }
        };
        if option.kind == Kind::Count {
            return count(&name, text, place).map_or_else(|| self.refuse(start, &format!("{}: {COUNT_HINT}", option.name)), Ok);
        }
        Ok(Written::with_value(&name, OsStr::new(text), place))
    }
}

/// The entries of a table as they stand in the file.
fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> Vec<Entry<'a, 'i>> {
    let mut entries: Vec<Entry<'a, 'i>> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(options: &[Written]) -> String {
        let words = options.iter().flat_map(|option| &option.words).map(|word| word.to_string_lossy().into_owned());
        words.collect::<Vec<_>>().join(" ")
    }

    fn check(text: &str, of_all: &str, cameras: &[&str]) {
        let layer = read(text, "f.toml").unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(words(&layer.of_all), of_all, "{text}");
        assert_eq!(layer.cameras.iter().map(|camera| words(camera)).collect::<Vec<_>>(), cameras, "{text}");
    }

    fn refused(text: &str, expect: &str) {
        assert_eq!(read(text, "f.toml").map_err(|error| error.to_string()), Err(expect.to_owned()), "{text}");
    }

    #[test]
    fn options_stand_by_their_long_names() {
        check("", "", &[]);
        check("port = 9_000\nfps = 29.97\nsize = \"320x240\"\n", "--port=9000 --fps=29.97 --size=320x240", &[]);
        check("once = true\ntls = false\nverbose = 2", "--once --verbose --verbose", &[]);
        check("mask = [\"-1,0,2,2\", \"4,4,2,2\"]\nhost-name = \"a\"", "--mask=-1,0,2,2 --mask=4,4,2,2 --host-name=a", &[]);
        check(
            "fps = 9\n[[camera]]\nname = \"z\"\ndevice = \"test\"\n[[camera]]\ndevice = 1\nfps = 5\n",
            "--fps=9",
            &["--name=z --device=test", "--device=1 --fps=5"],
        );
        let off = read("tls = false\nmask = []", "f").expect("it is right").of_all;
        assert_eq!(off.iter().map(|option| option.name.as_str()).collect::<Vec<_>>(), ["--tls", "--mask"]);
        assert_eq!(off[1].place.to_string(), "f:2:8");
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line_and_column() {
        refused("fps = 9\n\nbitrat = \"2M\"", "f.toml:3:1: there is no option bitrat; did you mean bitrate?");
        refused("zzz = 1", "f.toml:1:1: there is no option zzz; `hlscam config example` lists what there is");
        refused("# ä\n  config = \"x\"", "f.toml:2:3: config: a config file names no other; pass it on the command line");
        refused("fps = true", "f.toml:1:7: fps: this is true or false; write a number, or a text in quotes");
        refused("fps = [1]", "f.toml:1:7: fps: this is a list; write a number, or a text in quotes");
        refused(
            "mask = [\"0,0,2,2\", 1979-05-27]",
            "f.toml:1:20: mask: this is something else; write texts in brackets, [\"...\"]",
        );
        refused("once = \"yes\"", "f.toml:1:8: once: it is on or off; write true or false");
        refused("verbose = 3", "f.toml:1:11: verbose: it is 0, 1 or 2; write one of them");
        refused("[server]\nport = 1", "f.toml:1:2: there is no table server; options stand without one, but for [[camera]]");
        refused("[camera]\nname = \"a\"", "f.toml:1:1: camera: a camera begins with a line [[camera]], in two pairs of brackets");
        refused("[[camera]]\nfps = 1", "f.toml:1:1: this [[camera]] has no device; write one, like device = \"/dev/video0\"");
        refused(
            "[[camera]]\ndevice = \"a\"\nport = 1",
            "f.toml:3:1: port: it is one for all cameras; write it above the first [[camera]]",
        );
        refused("device = 0\n[[camera]]\ndevice = 1", "f.toml:1:1: device: each [[camera]] has one of its own; leave it out here");
        let two = "[[camera]]\ndevice = 1\n".repeat(2);
        refused(&format!("name = \"a\"\n{two}"), "f.toml:1:8: name: no two cameras have one name; write it into its [[camera]]");
        refused(&"[[camera]]\ndevice = 1\n".repeat(17), "f.toml:1:1: 17 cameras are too many for one hlscam; it takes 16");
    }

    #[test]
    fn what_is_no_toml_is_told_without_what_stands_there() {
        for text in ["mqtt = mqtt://me:secret@host", "mqtt = \"mqtt://me:secret@host", "fps = 1\nfps = 2", "a b c"] {
            let told = read(text, "f.toml").expect_err(text).to_string();
            assert!(told.starts_with("f.toml:") && told.contains(": this is no TOML: ") && !told.contains("secret"), "{told}");
        }
    }
}
