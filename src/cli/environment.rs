//! Options in the environment: `HLSCAM_DETECT_FPS=5` is `--detect-fps 5`. Pure.

use super::{
    UsageError,
    catalog::{self, Kind, OptionInfo},
    written::{Place, Written},
};
use std::ffi::{OsStr, OsString};

/// With what the variables begin.
pub(super) const PREFIX: &str = "HLSCAM_";
/// The variable that names the config file.
pub(super) const CONFIG: &str = "HLSCAM_CONFIG";
/// Stands between the values of an option that may be given several times: none of them has it.
const SEPARATOR: char = ';';
/// Variables that mean something else, to this program or to its tests; with a `_` at the end, all that begin so.
const OTHERS: [&str; 8] = [
    "HLSCAM_BIN",
    "HLSCAM_CAMERA",
    "HLSCAM_CAMERA_",
    "HLSCAM_CASCADE_DIR",
    "HLSCAM_DRILL",
    "HLSCAM_MISSING",
    "HLSCAM_TEST_",
    "HLSCAM_XNNPACK_DIR",
];

/// The options that variables say, in the order of the help, and what is to be warned of.
pub(super) fn read(variables: &[(OsString, OsString)]) -> Result<(Vec<Written>, Vec<String>), UsageError> {
    let mut written = Vec::new();
    for option in catalog::options() {
        let name = option.variable();
        // An empty one is not set: that is how files of variables leave one out.
        let value = variables.iter().find(|(have, value)| *have == *name.as_str() && !value.is_empty());
        if let Some((_, value)) = value {
            written.extend(option_of(option, &name, value)?);
        }
    }
    let unknown = variables.iter().filter_map(|(name, _)| name.to_str()).filter(|name| name.starts_with(PREFIX));
    Ok((written, unknown.filter_map(mistyped).collect()))
}

fn option_of(option: &OptionInfo, variable: &str, value: &OsStr) -> Result<Vec<Written>, UsageError> {
    let (name, place) = (option.typed(), Place::Variable(variable.to_owned()));
    let refuse = |why: &str| Err(UsageError(place.told(why)));
    let Some(text) = value.to_str() else { return refuse("it is not valid UTF-8; name the file or device by another path") };
    Ok(match option.kind {
        Kind::Value => vec![Written::with_value(&name, value, place)],
        Kind::List => {
            let values = text.split(SEPARATOR).map(str::trim).filter(|value| !value.is_empty());
            values.map(|value| Written::with_value(&name, OsStr::new(value), place.clone())).collect()
        }
        Kind::Flag => match text {
            "true" | "1" => vec![Written::flag(&name, true, place)],
            "false" | "0" => vec![Written::flag(&name, false, place)],
            _ => return refuse("it is on or off; write true or false"),
        },
        Kind::Count => match count(&name, text, place.clone()) {
            Some(written) => vec![written],
            None => return refuse(COUNT_HINT),
        },
    })
}

/// What is said of a count that is none.
pub(super) const COUNT_HINT: &str = "it is 0, 1 or 2; write one of them";

/// A flag so many times.
pub(super) fn count(name: &str, text: &str, place: Place) -> Option<Written> {
    let times = text.parse().ok().filter(|times| *times <= 2_usize)?;
    Some(Written { name: name.to_owned(), words: vec![OsString::from(name); times], place })
}

/// Whether it is there for something else.
fn is_other(variable: &str) -> bool {
    OTHERS.iter().any(|other| variable == *other || (other.ends_with('_') && variable.starts_with(other)))
}

/// What is to be said of a variable that looks like one of ours and is none. It is no error: others have variables of these names, too.
fn mistyped(variable: &str) -> Option<String> {
    let is_known = variable == CONFIG || catalog::options().iter().any(|option| option.variable() == variable);
    if is_known || is_other(variable) {
        return None;
    }
    let name = variable.strip_prefix(PREFIX)?.to_ascii_lowercase().replace('_', "-");
    let near = catalog::nearest(&name).and_then(|near| catalog::option(&near))?;
    Some(format!("{variable}: there is no option of that name, so it does nothing; did you mean {}?", near.variable()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(variables: &[(&str, &str)]) -> Result<(Vec<String>, Vec<String>), String> {
        let variables: Vec<_> = variables.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let (written, warnings) = read(&variables).map_err(|error| error.to_string())?;
        let words = written.iter().flat_map(|option| &option.words).map(|word| word.to_string_lossy().into_owned());
        Ok((words.collect(), warnings))
    }

    #[test]
    fn variables_are_read_as_options() {
        let set = [("HLSCAM_FPS", "15"), ("PATH", "/bin"), ("HLSCAM_ONCE", "true"), ("HLSCAM_OPEN", "0"), ("HLSCAM_PORT", "")];
        assert_eq!(read_of(&set), Ok((vec!["--once".to_owned(), "--fps=15".to_owned()], Vec::new())));
        let set = [("HLSCAM_MASK", "-1,0,2,2; 4,4,2,2;"), ("HLSCAM_VERBOSE", "2")];
        let words = ["--verbose", "--verbose", "--mask=-1,0,2,2", "--mask=4,4,2,2"].map(str::to_owned).to_vec();
        assert_eq!(read_of(&set), Ok((words, Vec::new())));
    }

    #[test]
    fn what_is_wrong_in_a_variable_names_it() {
        assert_eq!(read_of(&[("HLSCAM_ONCE", "yes")]), Err("HLSCAM_ONCE: it is on or off; write true or false".to_owned()));
        assert_eq!(read_of(&[("HLSCAM_VERBOSE", "9")]), Err(format!("HLSCAM_VERBOSE: {COUNT_HINT}")));
        let others: Vec<_> = OTHERS.iter().map(|name| (*name, "1")).chain([("HLSCAM_CONFIG", "none")]).collect();
        assert_eq!(read_of(&others), Ok((Vec::new(), Vec::new())));
        let warning = "HLSCAM_BITRAT: there is no option of that name, so it does nothing; did you mean HLSCAM_BITRATE?";
        assert_eq!(read_of(&[("HLSCAM_BITRAT", "1M")]), Ok((Vec::new(), vec![warning.to_owned()])));
        // No option is named like what has a meaning of its own.
        assert!(!catalog::options().iter().any(|option| is_other(&option.variable())));
    }
}
