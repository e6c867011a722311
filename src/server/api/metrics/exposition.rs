//! The text that servers of metrics read: OpenMetrics 1.0, and the older format of Prometheus (version 0.0.4). They differ in the names of
//! counters in `# TYPE`, in the lines of units and in the end. Pure.

use crate::{
    counter::{BOUNDS_MS, Distribution},
    server::http::negotiation::thousandths,
};
use std::fmt::Write;

/// Bytes of the metrics of one camera, about.
const LEN_EXPECTED: usize = 16 * 1024;

/// The bounds of [`BOUNDS_MS`] in seconds, as labels of buckets: canonical numbers (OpenMetrics, "Considerations: Canonical Numbers").
const BOUNDS: [&str; BOUNDS_MS.len()] =
    ["0.001", "0.002", "0.005", "0.01", "0.02", "0.05", "0.1", "0.2", "0.5", "1.0", "2.0", "5.0"];

/// A format of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// OpenMetrics 1.0.
    OpenMetrics,
    /// Prometheus' own, 0.0.4.
    Prometheus,
}

impl Dialect {
    /// The one for this `Accept`: OpenMetrics where it is named, and weighs no less than plain text; it never is by `*/*`.
    pub(super) fn asked(accept: Option<&str>) -> Dialect {
        let (mut open, mut plain) = (0, 0);
        for each in accept.unwrap_or_default().split(',') {
            let mut parts = each.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
            let parameter = |wanted: &str| parameters.iter().find(|(name, _)| name.trim().eq_ignore_ascii_case(wanted));
            let weight = parameter("q").map_or(1000, |(_, q)| thousandths(q.trim()).unwrap_or(0));
            let version = parameter("version").map(|(_, version)| version.trim().trim_matches('"'));
            match &*name {
                "application/openmetrics-text" if version.is_none_or(|version| version.starts_with("1.")) => {
                    open = open.max(weight)
                }
                "text/plain" => plain = plain.max(weight),
                _ => {}
            }
        }
        if open > 0 && open >= plain { Dialect::OpenMetrics } else { Dialect::Prometheus }
    }

    /// Its `Content-Type`.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Dialect::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Dialect::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What kind of number a family has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    /// A constant 1, with labels that say something.
    Info,
}

/// Metrics of one name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Family {
    /// As it is served, but for `_total` of a counter and `_info`.
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// One sentence without a full stop, a backslash or a quote.
    pub(super) help: &'static str,
}

/// Shorthand for tables of families.
pub(super) const fn family(name: &'static str, kind: Kind, help: &'static str) -> Family {
    Family { name, kind, help }
}

/// A text in the making. All numbers of a family stand together.
pub(super) struct Exposition {
    dialect: Dialect,
    text: String,
    name: &'static str,
    kind: Kind,
}

/// Names and values of labels.
pub(super) type Labels<'a> = &'a [(&'a str, &'a str)];

impl Exposition {
    pub(super) fn new(dialect: Dialect) -> Exposition {
        Exposition { dialect, text: String::with_capacity(LEN_EXPECTED), name: "", kind: Kind::Gauge }
    }

    /// What follows is of that family.
    pub(super) fn begin(&mut self, Family { name, kind, help }: Family) {
        let is_open = self.dialect == Dialect::OpenMetrics;
        let (told, kind_told) = match kind {
            Kind::Counter => (if is_open { "" } else { "_total" }, "counter"),
            Kind::Gauge => ("", "gauge"),
            Kind::Histogram => ("", "histogram"),
            Kind::Info => (if is_open { "" } else { "_info" }, if is_open { "info" } else { "gauge" }),
        };
        self.line(format_args!("# TYPE {name}{told} {kind_told}"));
        if let Some(unit) = ["seconds", "bytes"].iter().find(|unit| is_open && name.ends_with(*unit)) {
            self.line(format_args!("# UNIT {name} {unit}"));
        }
        self.line(format_args!("# HELP {name}{told} {help}"));
        (self.name, self.kind) = (name, kind);
    }

    /// A number of the family.
    pub(super) fn put(&mut self, labels: Labels<'_>, value: f64) {
        let suffix = match self.kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        self.number(suffix, labels, None, value);
    }

    /// A family that is one number without labels, if it is known.
    pub(super) fn single(&mut self, of: Family, value: Option<f64>) {
        self.begin(of);
        if let Some(value) = value {
            self.put(&[], value);
        }
    }

    /// A distribution of the family, which is a histogram.
    pub(super) fn put_distribution(&mut self, labels: Labels<'_>, told: &Distribution) {
        for (bound, count) in BOUNDS.iter().zip(told.up_to) {
            self.number("_bucket", labels, Some(bound), count as f64);
        }
        self.number("_bucket", labels, Some("+Inf"), told.count as f64);
        self.number("_count", labels, None, told.count as f64);
        self.number("_sum", labels, None, told.sum_s);
    }

    /// The whole text.
    pub(super) fn end(mut self) -> String {
        if self.dialect == Dialect::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    fn number(&mut self, suffix: &str, labels: Labels<'_>, bound: Option<&str>, value: f64) {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        let all = labels.iter().copied().chain(bound.map(|bound| ("le", bound)));
        let mut separator = '{';
        for (name, value) in all {
            self.text.push(separator);
            self.text.push_str(name);
            self.text.push_str("=\"");
            push_escaped(&mut self.text, value);
            self.text.push('"');
            separator = ',';
        }
        if separator == ',' {
            self.text.push('}');
        }
        // Rust writes numbers without exponents; none of ours is infinite.
        self.line(format_args!(" {}", if value.is_finite() { value } else { 0.0 }));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // A string takes what is written.
        writeln!(self.text, "{line}").ok();
    }
}

/// The value of a label between quotes (OpenMetrics, "Escaping").
fn push_escaped(text: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{counter::Histogram, time::Span};

    #[test]
    fn who_names_openmetrics_gets_it_and_all_others_the_old_format() {
        let check = |accept: Option<&str>, expect| assert_eq!(Dialect::asked(accept), expect, "{accept:?}");
        use Dialect::{OpenMetrics, Prometheus};
        let of_prometheus = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;\
            version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        check(Some(of_prometheus), OpenMetrics);
        check(Some("application/openmetrics-text"), OpenMetrics);
        check(Some("Application/OpenMetrics-Text; Version=\"1.0.0\""), OpenMetrics);
        check(Some("text/plain, application/openmetrics-text"), OpenMetrics);
        check(Some("application/openmetrics-text;q=0.3, text/plain;q=0.5"), Prometheus);
        check(Some("application/openmetrics-text;version=0.0.1"), Prometheus);
        check(Some("application/openmetrics-text;q=0"), Prometheus);
        check(Some("application/openmetrics-text;q=x"), Prometheus);
        check(Some("text/html, */*"), Prometheus);
        check(Some(""), Prometheus);
        check(None, Prometheus);
    }

    fn told(dialect: Dialect) -> String {
        let mut text = Exposition::new(dialect);
        text.begin(family("a_bytes", Kind::Counter, "What was sent"));
        text.put(&[("camera", "x\"\\\ny"), ("to", "b")], 3.0);
        text.begin(family("b", Kind::Info, "What it is"));
        text.put(&[("version", "1")], 1.0);
        text.single(family("c", Kind::Gauge, "Nobody knows"), None);
        text.single(family("d", Kind::Gauge, "Some"), Some(0.25));
        text.end()
    }

    #[test]
    fn counters_and_infos_are_named_as_each_format_wants() {
        let numbers = "a_bytes_total{camera=\"x\\\"\\\\\\ny\",to=\"b\"} 3\n";
        assert_eq!(
            told(Dialect::OpenMetrics),
            format!(
                "# TYPE a_bytes counter\n# UNIT a_bytes bytes\n# HELP a_bytes What was sent\n{numbers}# TYPE b info\n# HELP b What it is\n\
                 b_info{{version=\"1\"}} 1\n# TYPE c gauge\n# HELP c Nobody knows\n# TYPE d gauge\n# HELP d Some\nd 0.25\n# EOF\n"
            )
        );
        assert_eq!(
            told(Dialect::Prometheus),
            format!(
                "# TYPE a_bytes_total counter\n# HELP a_bytes_total What was sent\n{numbers}# TYPE b_info gauge\n# HELP b_info What it is\n\
                 b_info{{version=\"1\"}} 1\n# TYPE c gauge\n# HELP c Nobody knows\n# TYPE d gauge\n# HELP d Some\nd 0.25\n"
            )
        );
    }

    #[test]
    fn the_buckets_of_a_histogram_are_its_bounds_in_seconds() {
        let histogram = Histogram::default();
        histogram.add(Span::from_ms(3));
        let mut text = Exposition::new(Dialect::OpenMetrics);
        text.begin(family("h_seconds", Kind::Histogram, "How long"));
        text.put_distribution(&[("stage", "encode")], &histogram.distribution());
        let text = text.end();
        for (bound, ms) in BOUNDS.iter().zip(BOUNDS_MS) {
            assert_eq!(bound.parse(), Ok(ms as f64 / 1000.0));
            assert!(
                text.contains(&format!("h_seconds_bucket{{stage=\"encode\",le=\"{bound}\"}} {}\n", u8::from(ms > 3))),
                "{text}"
            );
        }
        assert!(text.ends_with(
            "h_seconds_bucket{stage=\"encode\",le=\"+Inf\"} 1\nh_seconds_count{stage=\"encode\"} 1\nh_seconds_sum{stage=\"encode\"} 0.003\n# EOF\n"
        ));
    }
}
