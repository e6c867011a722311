//! What a request says of the form of its answer: the coding that it takes (RFC 9110 §12.5.3), and what it has already (§13.1.2). Pure.

/// A form in which a text is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum ContentCoding {
    /// As it is.
    Identity,
    /// RFC 1952.
    Gzip,
}

/// The coding for this `Accept-Encoding`: gzip where it is accepted and weighs no less than `identity`. A malformed weight is 0.
pub(in crate::server) fn coding(accept_encoding: Option<&str>) -> ContentCoding {
    let weight = |name| accept_encoding.and_then(|accept| weight_of(accept, name));
    // §8.4.1.3: `x-gzip` is an old name of the same.
    let gzip = weight("gzip").or_else(|| weight("x-gzip")).or_else(|| weight("*")).unwrap_or(0);
    let is_preferred = gzip > 0 && gzip >= weight("identity").unwrap_or(0);
    if is_preferred { ContentCoding::Gzip } else { ContentCoding::Identity }
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
pub(in crate::server) fn thousandths(q: &str) -> Option<u32> {
    let (whole, fraction) = q.split_once('.').unwrap_or((q, ""));
    if !matches!(whole, "0" | "1") || fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    format!("{whole}{fraction:0<3}").parse().ok().filter(|value| *value <= 1000)
}

/// The entity tag of a text in a coding: strong tags differ by coding (§8.8.3.3).
pub(in crate::server) fn entity_tag(base: &str, coding: ContentCoding) -> String {
    match coding {
        ContentCoding::Gzip => format!("\"{base}-gzip\""),
        ContentCoding::Identity => format!("\"{base}\""),
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
    fn gzip_is_taken_where_it_weighs_no_less_than_the_plain_text() {
        let check = |accept: &str, expect: ContentCoding| assert_eq!(coding(Some(accept)), expect, "{accept}");
        use ContentCoding::{Gzip, Identity};
        check("gzip", Gzip);
        check("x-gzip", Gzip);
        check("gzip, deflate, br, zstd", Gzip);
        check("*", Gzip);
        check("br;q=1.0, GZIP;q=0.5, *;q=0", Gzip);
        check("br;q=0.2, gzip ; q=0.5", Gzip);
        check("zstd;q=0, *;q=0.1", Gzip);
        check("gzip;q=0, *", Identity);
        check("gzip;Q=0.001", Gzip);
        check("identity;q=1, gzip;q=0.5", Identity);
        check("identity, gzip", Gzip);
        check("identity;q=0, *;q=0", Identity);
        check("br, zstd", Identity);
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
            check(nothing, Identity);
        }
        assert_eq!(coding(None), Identity);
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
            (entity_tag("a", ContentCoding::Identity), entity_tag("a", ContentCoding::Gzip)),
            ("\"a\"".to_owned(), "\"a-gzip\"".to_owned())
        );
    }
}
