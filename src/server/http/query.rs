//! What fields of a query mean that several resources take.

use crate::time::WallTime;

/// The time in a field; a refusal is a sentence about it.
pub(in crate::server) fn time(field: &str, value: &str) -> Result<WallTime, String> {
    // A plus sign that was not encoded reads as a blank.
    WallTime::parse(&value.replace(' ', "+"))
        .ok_or_else(|| format!("{field} is no time; send RFC 3339 like 2026-11-20T16:19:12Z, or seconds since 1970"))
}
