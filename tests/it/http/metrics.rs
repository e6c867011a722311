//! `GET /metrics`: its grammar, its size, and that documents and dashboard name what there is.

use super::running::{Running, camera, serve_cameras};
use super::*;
use hlscam::{
    camera::Cameras,
    server::{AccessConfig, authority::Host},
    time::ManualClock,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// Most bytes that four cameras may take.
const LEN_MAX: usize = 64 * 1024;

const OPEN: &str = "accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n";

/// A family as an answer of OpenMetrics has it.
#[derive(Debug, Default)]
struct Family {
    kind: String,
    help: String,
    /// Name, labels and value of each number.
    numbers: Vec<(String, BTreeMap<String, String>, f64)>,
}

/// Reads a text of OpenMetrics 1.0, and fails where it breaks the grammar (its section "ABNF") or the rules about families.
fn parse(text: &str) -> BTreeMap<String, Family> {
    let mut families: BTreeMap<String, Family> = BTreeMap::new();
    let mut current = String::new();
    let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
    for line in body.lines() {
        assert!(!line.is_empty() && line.trim() == line, "{line:?}");
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert!(["counter", "gauge", "histogram", "info"].contains(&kind), "{line}");
            assert!(is_name(name) && !name.ends_with("_total") && !families.contains_key(name), "{line}: each family stands once");
            current = name.to_owned();
            families.insert(current.clone(), Family { kind: kind.to_owned(), ..Family::default() });
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').expect("a name and a unit");
            assert!(name == current && name.ends_with(&format!("_{unit}")), "{line}");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a name and a text");
            assert!(name == current && !help.contains(['\\', '"']) && !help.ends_with('.'), "{line}");
            families.get_mut(name).expect("it has begun").help = help.to_owned();
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a number");
            let (name, labels) =
                series.split_once('{').map_or((series, ""), |(name, rest)| (name, rest.strip_suffix('}').expect("labels end")));
            let family = families.get_mut(&current).expect("a family has begun");
            let suffix = name.strip_prefix(&*current).unwrap_or_else(|| panic!("{line} stands in {current}"));
            let allowed: &[&str] = match &*family.kind {
                "counter" => &["_total"],
                "histogram" => &["_bucket", "_count", "_sum"],
                "info" => &["_info"],
                _ => &[""],
            };
            assert!(allowed.contains(&suffix), "{line}");
            let value: f64 = value.parse().expect("a number");
            assert!(value.is_finite() && (family.kind == "gauge" || value >= 0.0), "{line}");
            let labels = labels_of(labels);
            let is_new = family.numbers.iter().all(|(other, known, _)| (other, known) != (&name.to_owned(), &labels));
            assert!(is_new, "{line} stands twice");
            family.numbers.push((name.to_owned(), labels, value));
        }
    }
    families
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// `a="b",c="d"`; no value of ours has a quote in it.
fn labels_of(text: &str) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect("a label");
        let (value, after) = value.split_once('"').expect("its value");
        assert!(is_name(name) && labels.insert(name.to_owned(), value.to_owned()).is_none(), "{text}");
        rest = after.strip_prefix(',').unwrap_or(after);
        assert!(after.is_empty() || !rest.is_empty(), "{text}");
    }
    labels
}

/// A server of so many cameras.
fn several(n: usize) -> Running {
    let clock = Arc::new(ManualClock::at(running::NOW));
    let all: Vec<_> = (0..n).map(|n| camera(&format!("a-camera-with-a-long-name-{n}"), &clock)).collect();
    let (first, others) = all.split_first().expect("one at least");
    let cameras = Cameras::new(first.clone(), others.to_vec()).expect("two names");
    let access = AccessConfig { host_names: vec![Host::Name("test".to_owned())], ..AccessConfig::default() };
    let (at, stop, ended) = serve_cameras(&cameras, Limits::default(), access);
    let controls = first.controls.clone();
    let (window, status, journal) = (first.window.clone(), first.status.clone(), first.markers.clone());
    Running { at, window, status, clock, journal, controls, stop, ended }
}

async fn families_of(server: &Running) -> BTreeMap<String, Family> {
    let answer = server.ask("GET", "/metrics", OPEN).await;
    assert_eq!(answer.header("content-type"), "application/openmetrics-text; version=1.0.0; charset=utf-8");
    parse(answer.text())
}

/// A number of a family, by some of its labels.
fn number(families: &BTreeMap<String, Family>, name: &str, labels: &[(&str, &str)]) -> f64 {
    let family = families.iter().find(|(family, _)| name.starts_with(family.as_str()) && is_of(name, family));
    let family = family.unwrap_or_else(|| panic!("there is no {name}")).1;
    let has =
        |known: &BTreeMap<String, String>| labels.iter().all(|(name, value)| known.get(*name).is_some_and(|has| has == value));
    let mut found = family.numbers.iter().filter(|(other, known, _)| other == name && has(known)).map(|(.., value)| *value);
    found.next().unwrap_or_else(|| panic!("there is no {name} with {labels:?}"))
}

fn is_of(name: &str, family: &str) -> bool {
    matches!(&name[family.len()..], "" | "_total" | "_info" | "_bucket" | "_count" | "_sum")
}

#[tokio::test]
async fn the_metrics_of_four_cameras_keep_the_grammar_and_are_small() {
    let server = several(4);
    let open = server.ask("GET", "/metrics", OPEN).await;
    let families = parse(open.text());
    assert!(open.body.len() <= LEN_MAX, "{} bytes", open.body.len());
    for (name, family) in &families {
        assert!(!family.help.is_empty(), "{name} says what it is");
        for (series, labels, value) in family.numbers.iter().filter(|(series, ..)| series.ends_with("_count")) {
            let mut with_bound = labels.clone();
            with_bound.insert("le".to_owned(), "+Inf".to_owned());
            let bucket = format!("{name}_bucket");
            let all = family.numbers.iter().find(|(series, labels, _)| *series == bucket && *labels == with_bound);
            assert_eq!(all.map(|(.., value)| value), Some(value), "{series}");
        }
    }
    // What is served to all others differs by what OpenMetrics has of its own.
    let old = server.get("/metrics").await;
    assert_eq!((old.header("content-type"), old.header("vary")), ("text/plain; version=0.0.4; charset=utf-8", "Accept"));
    let series = |text: &str| {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.rsplit_once(' ').expect("a number").0.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(series(old.text()), series(open.text()));
    assert!(!old.text().contains("# EOF") && old.text().contains("# TYPE hlscam_http_responses_total counter\n"));
}

#[tokio::test]
async fn what_happens_is_counted() {
    let server = start(Limits::default());
    stream::publish(&server, 1);
    server.status.stream.capture.set_state(SourceState::Live, None);
    server.status.stream.capture.latency.add(Span::from_ms(3));
    server.status.stream.capture.damaged.bump();
    for target in ["/healthz", "/nothing", "/nothing", "/readyz"] {
        server.get(target).await;
    }
    assert_eq!(server.ask("GET", "/healthz", "sec-fetch-site: cross-site\r\n").await.status, 403);
    let families = families_of(&server).await;
    let check =
        |name: &str, labels: &[(&str, &str)], expect: f64| assert_eq!(number(&families, name, labels), expect, "{name} {labels:?}");
    let camera = ("camera", "cam");
    check("hlscam_source_state", &[camera, ("state", "live")], 1.0);
    check("hlscam_source_state", &[camera, ("state", "opening")], 0.0);
    check("hlscam_damaged_frames_total", &[camera], 1.0);
    check("hlscam_stage_latency_seconds_bucket", &[camera, ("stage", "capture"), ("le", "0.002")], 0.0);
    check("hlscam_stage_latency_seconds_bucket", &[camera, ("stage", "capture"), ("le", "0.005")], 1.0);
    check("hlscam_stage_latency_seconds_count", &[camera, ("stage", "capture")], 1.0);
    check("hlscam_window_segments", &[camera], 1.0);
    check("hlscam_http_responses_total", &[("class", "2xx")], 2.0);
    check("hlscam_http_responses_total", &[("class", "4xx")], 3.0);
    check("hlscam_refusals_total", &[("reason", "name_or_origin")], 1.0);
    check("hlscam_connections_accepted_total", &[], 6.0);
    check("hlscam_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1.0);
    assert!(number(&families, "hlscam_connections", &[]) >= 1.0, "the one that asks");
    assert!(
        number(&families, "hlscam_sent_bytes_total", &[]) > 1000.0 && number(&families, "hlscam_received_bytes_total", &[]) > 100.0
    );
    #[cfg(target_os = "linux")]
    assert!(number(&families, "process_open_fds", &[]) > 3.0 && number(&families, "process_resident_memory_bytes", &[]) > 1e6);
}

/// The table of docs/metrics.md: names as they are queried, and what each is.
fn documented() -> BTreeMap<String, (String, String)> {
    let rows = include_str!("../../../docs/metrics.md").lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
    cells.map(|cells| (cells[0].trim_matches('`').to_owned(), (cells[1].clone(), cells[2].clone()))).collect()
}

/// The names of an answer as they are queried, with type and meaning.
fn served(families: &BTreeMap<String, Family>) -> BTreeMap<String, (String, String)> {
    let told = families.iter().map(|(name, family)| {
        let suffix = match &*family.kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        (format!("{name}{suffix}"), (family.kind.clone(), family.help.clone()))
    });
    told.collect()
}

#[tokio::test]
async fn each_metric_is_documented_and_no_other() {
    let told = served(&families_of(&start(Limits::default())).await);
    let documented = documented();
    let missing: Vec<String> = told
        .iter()
        .filter(|(name, _)| !documented.contains_key(*name))
        .map(|(name, (kind, help))| format!("| `{name}` | {kind} | {help} |"))
        .collect();
    assert!(missing.is_empty(), "docs/metrics.md lacks\n{}", missing.join("\n"));
    for (name, of) in &documented {
        assert_eq!(told.get(name), Some(of), "docs/metrics.md: {name}");
    }
}

/// The names of metrics in a query of PromQL.
fn metrics_in(query: &str) -> BTreeSet<String> {
    let words = query.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("hlscam_") || word.starts_with("process_")).map(str::to_owned).collect()
}

/// All texts that queries stand in.
fn queries(value: &serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Array(all) => all.iter().for_each(|each| queries(each, found)),
        serde_json::Value::Object(all) => {
            for (key, value) in all {
                match value.as_str() {
                    Some(text) if ["expr", "query", "definition"].contains(&key.as_str()) => found.push(text.to_owned()),
                    _ => queries(value, found),
                }
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_dashboard_names_metrics_that_there_are() {
    let families = families_of(&start(Limits::default())).await;
    let known: BTreeSet<String> = families
        .iter()
        .flat_map(|(name, family)| match &*family.kind {
            "counter" => vec![format!("{name}_total")],
            "info" => vec![format!("{name}_info")],
            "histogram" => ["_bucket", "_sum", "_count"].map(|suffix| format!("{name}{suffix}")).to_vec(),
            _ => vec![name.clone()],
        })
        .collect();
    let dashboard: serde_json::Value = serde_json::from_str(include_str!("../../../docs/grafana.json")).expect("JSON");
    let mut found = Vec::new();
    queries(&dashboard, &mut found);
    let named: BTreeSet<String> = found.iter().flat_map(|query| metrics_in(query)).collect();
    assert!(named.len() > 15, "{named:?}");
    assert_eq!(named.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "docs/grafana.json");
}
