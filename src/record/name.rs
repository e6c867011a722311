//! The names of the files of a recording: a plain one and its numbered followers, or a pattern of `strftime`.

use super::Overwrite;
use crate::time::{
    Span, WallTime,
    zone::{Zone, strftime},
};
use std::{
    collections::VecDeque,
    fmt, io,
    path::{Path, PathBuf},
};

/// What was named so lately by this run is not replaced, for the clock may have been set back: no zone sets its own by more than this.
const NAMED_LATELY: Span = Span::from_ms(3 * 3_600_000);
/// A name with a number larger than this is not tried: then another program makes them.
const NUMBER_MAX: u32 = 100_000;

/// What the files of a recording are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileName {
    /// One name; the files after the first have a number behind it.
    Plain(PathBuf),
    /// The time of a file's first frame fills the pattern.
    Pattern(String, Zone),
}

impl FileName {
    /// A name with a `%` in it is a pattern; the reason if that is none.
    pub fn parse(path: &Path, zone: Zone) -> Result<FileName, String> {
        let Some(pattern) = path.to_str().filter(|text| text.contains('%')) else {
            return Ok(FileName::Plain(path.to_owned()));
        };
        let hint = "write it like %Y-%m-%d_%H-%M-%S.mp4, and %% for a per cent sign";
        // Any time shows it.
        let filled = strftime(pattern, WallTime(0), zone)
            .map_err(|_| format!("there is a % in it that begins no conversion of strftime; {hint}"))?;
        if filled.matches('/').count() != pattern.matches('/').count() || filled.contains('\0') {
            return Err(format!("a conversion in it puts slashes into the name; {hint}"));
        }
        Ok(FileName::Pattern(pattern.to_owned(), zone))
    }

    /// Whether the time is in it.
    pub fn is_pattern(&self) -> bool {
        matches!(self, FileName::Pattern(..))
    }

    /// As it was typed.
    pub fn as_path(&self) -> &Path {
        match self {
            FileName::Plain(path) => path,
            FileName::Pattern(pattern, _) => Path::new(pattern),
        }
    }

    fn at(&self, wall: WallTime) -> PathBuf {
        match self {
            FileName::Plain(path) => path.clone(),
            // It was tried when it was read.
            FileName::Pattern(pattern, zone) => strftime(pattern, wall, *zone).unwrap_or_else(|_| pattern.clone()).into(),
        }
    }

    /// Makes the folders whose names are filled with the time.
    pub(super) fn make_folders(&self, path: &Path) -> io::Result<()> {
        let is_filled = self.is_pattern() && self.as_path().parent().is_some_and(|parent| parent.to_string_lossy().contains('%'));
        match path.parent() {
            Some(parent) if is_filled => std::fs::create_dir_all(parent),
            _ => Ok(()),
        }
    }
}

/// As it was typed.
impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_path().display())
    }
}

/// The names of this run, each given once.
#[derive(Debug)]
pub(super) struct Names {
    pub(super) name: FileName,
    overwrite: Overwrite,
    given: u32,
    lately: VecDeque<(WallTime, PathBuf)>,
}

impl Names {
    pub(super) fn new(name: FileName, overwrite: Overwrite) -> Names {
        Names { name, overwrite, given: 0, lately: VecDeque::new() }
    }

    /// Makes the next file. What another run has made is replaced or passed over as was asked; only a plain first name is refused.
    pub(super) fn make<T, E>(
        &mut self,
        wall: WallTime,
        mut make: impl FnMut(&Path, Overwrite) -> Result<T, E>,
        is_taken: impl Fn(&E) -> bool,
    ) -> Result<T, E> {
        let base = self.name.at(wall);
        self.lately.retain(|(at, _)| (wall.0 - at.0).abs() < NAMED_LATELY.as_us());
        let first = if self.name.is_pattern() { 1 } else { self.given + 1 };
        let may_pass = self.name.is_pattern() || self.given > 0;
        for n in first.. {
            let path = numbered(&base, n);
            let is_ours = self.lately.iter().any(|(_, ours)| *ours == path);
            if is_ours && n < NUMBER_MAX {
                continue;
            }
            match make(&path, self.overwrite) {
                Err(error) if is_taken(&error) && may_pass && n < NUMBER_MAX => {}
                Err(error) => return Err(error),
                Ok(made) => {
                    self.given = n;
                    if self.name.is_pattern() {
                        self.lately.push_back((wall, path));
                    }
                    return Ok(made);
                }
            }
        }
        unreachable!("the last number is made or refused")
    }
}

/// The name of the n-th file of one recording: `name.mp4`, `name-2.mp4`, `name-3.mp4`.
fn numbered(path: &Path, n: u32) -> PathBuf {
    if n <= 1 {
        return path.to_owned();
    }
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{n}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<FileName, String> {
        FileName::parse(Path::new(text), Zone::Utc)
    }

    /// The next name, where those are taken on the disk.
    fn next(names: &mut Names, wall_s: i64, taken: &[&str]) -> Result<String, ()> {
        let make = |path: &Path, overwrite| {
            let name = path.to_str().expect("text").to_owned();
            if overwrite == Overwrite::Refuse && taken.contains(&name.as_str()) { Err(()) } else { Ok(name) }
        };
        names.make(WallTime::from_unix_ms(wall_s * 1000), make, |()| true)
    }

    #[test]
    fn a_name_with_a_per_cent_sign_is_a_pattern() {
        assert_eq!(parse("a/out.mp4"), Ok(FileName::Plain("a/out.mp4".into())));
        assert_eq!(parse("%F/%H.mp4"), Ok(FileName::Pattern("%F/%H.mp4".to_owned(), Zone::Utc)));
        for (text, why) in [("%K.mp4", "begins no conversion"), ("100%.mp4", "begins no conversion"), ("%D.mp4", "puts slashes")] {
            let told = parse(text).expect_err(text);
            assert!(told.contains(why), "{text}: {told}");
        }
    }

    #[test]
    fn plain_names_are_numbered_and_only_the_first_is_refused() {
        let mut names = Names::new(parse("a/out.mp4").expect("a name"), Overwrite::Refuse);
        assert_eq!(next(&mut names, 0, &["a/out.mp4"]), Err(()));
        assert_eq!(next(&mut names, 0, &[]).as_deref(), Ok("a/out.mp4"));
        assert_eq!(next(&mut names, 0, &["a/out-2.mp4"]).as_deref(), Ok("a/out-3.mp4"));
        assert_eq!(next(&mut names, 0, &[]).as_deref(), Ok("a/out-4.mp4"));
        let mut names = Names::new(parse("noending").expect("a name"), Overwrite::Replace);
        assert_eq!(next(&mut names, 0, &["noending"]).as_deref(), Ok("noending"));
        assert_eq!(numbered(Path::new("a.b/clip"), 3), Path::new("a.b/clip-3"));
        assert_eq!(next(&mut names, 0, &["noending-2"]).as_deref(), Ok("noending-2"));
    }

    #[test]
    fn patterns_are_filled_and_never_name_a_file_of_this_run_twice() {
        let mut names = Names::new(parse("%H-%M.mp4").expect("a name"), Overwrite::Replace);
        assert_eq!(next(&mut names, 0, &["00-00.mp4"]).as_deref(), Ok("00-00.mp4"));
        assert_eq!(next(&mut names, 30, &[]).as_deref(), Ok("00-00-2.mp4"));
        assert_eq!(next(&mut names, 60, &[]).as_deref(), Ok("00-01.mp4"));
        // A day later it is an old file like any other.
        assert_eq!(next(&mut names, 86_400, &[]).as_deref(), Ok("00-00.mp4"));
        let mut names = Names::new(parse("%H.mp4").expect("a name"), Overwrite::Refuse);
        assert_eq!(next(&mut names, 0, &["00.mp4", "00-2.mp4"]).as_deref(), Ok("00-3.mp4"));
    }

    #[test]
    fn folders_of_a_pattern_are_made_and_others_are_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let check = |pattern: &str, expect: bool| {
            let name = FileName::parse(&folder.path().join(pattern), Zone::Utc).expect("a pattern");
            let path = name.at(WallTime(0));
            name.make_folders(&path).expect("they can be made");
            assert_eq!(path.parent().is_some_and(Path::exists), expect, "{pattern}");
        };
        check("%Y/%m/%d.mp4", true);
        check("none/%d.mp4", false);
    }
}
