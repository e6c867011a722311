//! What is recorded by itself.

use super::{
    check::{asked, refuse},
    record::{kinds, length},
};
use crate::{
    archive::auto_record::RecordRules,
    cli::{UsageError, rules::RulesArgs},
    time::{Span, hours::WeeklyHours, zone::Zone},
};

/// Most of the past or of the rest: what is longer is recorded all the time.
const ROLL_MAX: Span = Span::from_ms(3_600_000);
/// Shortest time for which a recording is kept.
const KEEP_MIN: Span = Span::from_ms(60_000);
/// Longest: ten years.
const KEEP_MAX: Span = Span::from_ms(3650 * 24 * 3_600_000);

/// What it means.
pub(super) fn read(args: &RulesArgs) -> Result<RecordRules, UsageError> {
    let kinds = args.record_on.as_deref().map_or(Ok(Vec::new()), |text| kinds("--record-on", text))?;
    let hours = args.record_schedule.as_deref().map(|text| asked("--record-schedule", text, WeeklyHours::parse)).transpose()?;
    let roll = |option, text: &str| length(option, Some(text), (Span::ZERO, ROLL_MAX), "this is", "10s or 2m");
    let keep = length("--record-keep", args.record_keep.as_deref(), (KEEP_MIN, KEEP_MAX), "the time is", "30d")?;
    let rules = RecordRules {
        kinds,
        hours,
        zone: Zone::Local,
        pre_roll: roll("--record-pre-roll", &args.record_pre_roll)?.unwrap_or_default(),
        post_roll: roll("--record-post-roll", &args.record_post_roll)?.unwrap_or_default(),
        keep,
    };
    if let (Some(text), false) = (&args.record_keep, rules.is_any()) {
        return refuse("--record-keep", text, "nothing is recorded by itself; write --record-on face or --record-schedule too");
    }
    Ok(rules)
}
