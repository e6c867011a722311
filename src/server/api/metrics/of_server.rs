//! The metrics of the server.

use super::exposition::{Exposition, Family, Kind, family};
use crate::server::context::Shared;

const CONNECTIONS: Family = family("hlscam_connections", Kind::Gauge, "Open connections");
const ACCEPTED: Family = family("hlscam_connections_accepted", Kind::Counter, "Connections that were let in");
const ANSWERS: Family = family(
    "hlscam_http_responses",
    Kind::Counter,
    "Answers by the class of their status; those to who was turned away unread are refusals",
);
const SENT: Family = family("hlscam_sent_bytes", Kind::Counter, "Bytes sent to clients, heads included, before TLS");
const RECEIVED: Family = family("hlscam_received_bytes", Kind::Counter, "Bytes received from clients, heads included, after TLS");
const REFUSALS: Family = family("hlscam_refusals", Kind::Counter, "Connections and requests that were turned away, by reason");
const FAULTS: Family =
    family("hlscam_client_faults", Kind::Counter, "What clients do wrong: no HTTP, or half a request that does not come whole");
const UNDER_WAY: Family = family("hlscam_responses_in_flight", Kind::Gauge, "Answers with a body that are under way");
const HELD: Family = family("hlscam_responses_held_bytes", Kind::Gauge, "Memory that answers under way hold beside the window");
const SLOW: Family = family("hlscam_responses_slow", Kind::Counter, "Answers that were ended, for their readers were too slow");
const HANDSHAKES: Family = family("hlscam_tls_handshakes", Kind::Counter, "TLS handshakes, by how they went");
const LOGINS: Family = family("hlscam_logins", Kind::Counter, "Passwords that were checked, by whether they let somebody in");
const LISTENERS: Family = family("hlscam_event_listeners", Kind::Gauge, "Clients that listen to events and detections");
const PANICS: Family = family("hlscam_server_panics", Kind::Counter, "Bugs that the server has met and gone on after");

/// Adds them.
pub(super) fn put(text: &mut Exposition, shared: &Shared) {
    let (counts, faults, answers) = (&shared.counts, shared.faults.report(), shared.in_flight.report());
    text.single(CONNECTIONS, Some(counts.open() as f64));
    text.single(ACCEPTED, Some(counts.accepted.get() as f64));
    put_by(text, ANSWERS, "class", counts.answers());
    text.single(SENT, Some(counts.traffic.sent.get() as f64));
    text.single(RECEIVED, Some(counts.traffic.received.get() as f64));
    let refusals = [
        ("server_full", counts.full.get()),
        ("address_full", faults.too_many),
        ("too_many_wait", counts.crowded.get()),
        ("no_memory", answers.refused),
        ("too_many_changes", counts.hasty.get()),
        ("name_or_origin", counts.strange.get()),
    ];
    put_by(text, REFUSALS, "reason", refusals);
    put_by(text, FAULTS, "fault", [("protocol", faults.protocol), ("too_slow", faults.too_slow)]);
    text.single(UNDER_WAY, Some(answers.under_way as f64));
    text.single(HELD, Some(answers.bytes as f64));
    text.single(SLOW, Some(answers.slow as f64));
    put_by(text, HANDSHAKES, "result", [("ok", counts.handshakes.get()), ("failed", counts.handshakes_failed.get())]);
    put_by(text, LOGINS, "result", [("ok", counts.logins.get()), ("failed", counts.logins_failed.get())]);
    text.single(LISTENERS, Some(shared.subscribers.len() as f64));
    text.single(PANICS, Some((shared.panics.report().panics + shared.writers.report().panics) as f64));
}

/// A family of counts that a label tells apart.
fn put_by(text: &mut Exposition, of: Family, label: &str, counts: impl IntoIterator<Item = (&'static str, u64)>) {
    text.begin(of);
    for (value, count) in counts {
        text.put(&[(label, value)], count as f64);
    }
}
