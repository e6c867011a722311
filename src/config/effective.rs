//! What each option is, whatever wrote it: two of these tell what was changed.

use crate::cli::{
    Written,
    catalog::{self, Kind},
};
use std::collections::BTreeMap;

/// The values of all options of a camera, by their names.
pub type Options = BTreeMap<&'static str, Vec<String>>;

/// What they are for a camera of which that was written.
pub(super) fn options(written: &[Written]) -> Options {
    catalog::options().iter().map(|option| (option.name.as_str(), values(option, written))).collect()
}

fn values(option: &catalog::OptionInfo, written: &[Written]) -> Vec<String> {
    let name = option.typed();
    let own: Vec<&Written> = written.iter().filter(|written| written.name == name).collect();
    let value = |written: &&Written| written.value().to_string_lossy().into_owned();
    match (option.kind, own.last()) {
        (_, None) => option.defaults.clone(),
        (Kind::Value, Some(last)) => vec![value(last)],
        (Kind::List, _) => own.iter().filter(|written| !written.words.is_empty()).map(value).collect(),
        (Kind::Flag | Kind::Count, _) => own.iter().flat_map(|written| &written.words).map(|_| name.clone()).collect(),
    }
}

/// The names of the options that differ.
pub fn changed(before: &Options, after: &Options) -> Vec<&'static str> {
    after.iter().filter(|(name, value)| before.get(*name) != Some(value)).map(|(name, _)| *name).collect()
}
