//! What a request says of the form of its answer: the coding that it takes (RFC 9110 §12.5.3), and what it has already (§13.1.2). Pure.

use crate::coding::ContentCoding;

/// The coding to answer in, of those that we have: the one that weighs most, ours first where they weigh the same; `None` to send the
/// text as it is. What is malformed weighs nothing.
pub(in crate::server) fn coding(accept_encoding: Option<&str>) -> Option<ContentCoding> {
    let accept = accept_encoding?;
    let weight = |coding: ContentCoding| {
        let named = match coding {
            // §8.4.1.3: an old name of the same.
            ContentCoding::Gzip => weight_of(accept, "gzip").or(weight_of(accept, "x-gzip")),
            ContentCoding::Brotli | ContentCoding::Zstd => weight_of(accept, coding.name()),
        };
        named.or(weight_of(accept, "*")).unwrap_or(0)
    };
    let mut best = (None, weight_of(accept, "identity").unwrap_or(0));
    for coding in ContentCoding::ALL {
        let weight = weight(coding);
        // Who takes it plain and packed alike gets it packed.
        if weight > best.1 || (weight == best.1 && weight > 0 && best.0.is_none()) {
            best = (Some(coding), weight);
        }
    }
    best.0
}

/// The weight of a name, in thousandths; `None` where it is not there.
fn weight_of(accept: &str, wanted: &str) -> Option<u32> {
    accept.split(',').find_map(|each| {
        let (name, parameters) = each.split_once(';').unwrap_or((each, ""));
        let q = parameters.trim().strip_prefix(['q', 'Q']).and_then(|rest| rest.trim_start().strip_prefix('='));
        let weight = if parameters.trim().is_empty() { 1000 } else { q.and_then(|q| thousandths(q.trim())).unwrap_or(0) };
        name.trim().eq_ignore_ascii_case(wanted).then_some(weight)
    })
}

/// A qvalue of §12.4.2: from 0 to 1, with at most three decimals.
fn thousandths(q: &str) -> Option<u32> {
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    if !matches!(whole, "0" | "1") || fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{whole}{fraction:0<3}").parse().ok().filter(|value| *value <= 1000)
}

/// The entity tag of a text in a coding: strong tags differ by coding (§8.8.3.3).
pub(in crate::server) fn entity_tag(base: &str, coding: Option<ContentCoding>) -> String {
    match coding {
        Some(coding) => format!("\"{base}-{}\"", coding.name()),
        None => format!("\"{base}\""),
    }
}

/// Whether `If-None-Match` names the tag, compared weakly (§13.1.2). No tag of ours has a comma.
pub(in crate::server) fn is_known(if_none_match: Option<&str>, tag: &str) -> bool {
    if_none_match.is_some_and(|tags| {
        tags.split(',').map(str::trim).any(|each| each == "*" || each.strip_prefix("W/").unwrap_or(each) == tag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_coding_that_weighs_most_is_taken() {
        let check = |accept: &str, expect: &str| {
            assert_eq!(coding(Some(accept)).map_or("identity", ContentCoding::name), expect, "{accept}");
        };
        check("gzip", "gzip");
        check("x-gzip", "gzip");
        check("gzip, deflate", "gzip");
        check("gzip, deflate, br", "br");
        check("gzip, deflate, br, zstd", "zstd");
        check("*", "zstd");
        check("br;q=1.0, GZIP;q=0.5, *;q=0", "br");
        check("br;q=0.2, gzip ; q=0.5", "gzip");
        check("zstd;q=0, *;q=0.1", "br");
        check("gzip;q=0, br;q=0, zstd;q=0, *", "identity");
        check("gzip;Q=0.001", "gzip");
        check("identity;q=1, gzip;q=0.5", "identity");
        check("identity, gzip", "gzip");
        check("identity;q=0, *;q=0", "identity");
        for nothing in [
            "",
            ",",
            "identity",
            "deflate",
            "gzipp",
            "gzip;q=0",
            "gzip;q=0.000",
            "gzip;q=x",
            "gzip;q=inf",
            "gzip;q=2",
            "gzip;q=0.5000",
            "gzip;q=-1",
            "gzip;level=9",
        ] {
            check(nothing, "identity");
        }
        assert_eq!(coding(None), None);
    }

    #[test]
    fn entity_tags_are_compared_weakly() {
        let check = |header: &str, expect| assert_eq!(is_known(Some(header), "\"a\""), expect, "{header}");
        check("\"a\"", true);
        check("W/\"a\"", true);
        check("\"b\", W/\"a\"", true);
        check("*", true);
        check("a", false);
        check("\"a-gzip\"", false);
        check("", false);
        assert!(!is_known(None, "\"a\""));
        assert_eq!(
            (entity_tag("a", None), entity_tag("a", Some(ContentCoding::Brotli))),
            ("\"a\"".to_owned(), "\"a-br\"".to_owned())
        );
    }
}
