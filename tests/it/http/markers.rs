//! Markers over HTTP: made, read, changed and removed, and everything that is refused.

use super::running::{Answer, NOW, Running, start};
use hlscam::{server::Limits, time::Span};
use serde_json::{Value, json};

const JSON: &str = "content-type: application/json\r\n";

fn value(answer: &Answer) -> Value {
    assert_eq!(answer.header("content-type"), "application/json", "{}", answer.text());
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("access-control-allow-origin"), "");
    serde_json::from_slice(&answer.body).expect("JSON")
}

async fn post(server: &Running, body: &str) -> Answer {
    server.send("POST", "/api/markers", JSON, body).await
}

#[tokio::test]
async fn a_marker_is_made_read_changed_and_removed() {
    let server = start(Limits::default());
    let made = post(&server, r#"{"kind":"door","text":"front","data":{"battery":0.9}}"#).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let marker = value(&made);
    let id = marker["id"].as_str().expect("a text");
    assert_eq!(made.header("location"), format!("markers/{id}"));
    let expect = json!({"id": id, "camera": "cam", "kind": "door", "text": "front", "source": "api", "begin": NOW.to_string(), "end": null,
        "count": null, "confidence": null, "box": null, "data": {"battery": 0.9}});
    assert_eq!(marker, expect);
    assert_eq!(value(&server.get(&format!("/api/markers/{id}")).await), expect);
    let target = format!("/api/markers/{id}");
    let changed = server.send("PATCH", &target, JSON, r#"{"text":null,"end":"2026-11-20T16:19:13Z"}"#).await;
    assert_eq!((changed.status, &value(&changed)["end"]), (200, &json!("2026-11-20T16:19:13.000Z")));
    assert_eq!(value(&server.get("/api/markers").await), json!({"markers": [value(&changed)], "next": null}));
    assert_eq!(server.send("PATCH", &target, JSON, r#"{"end":"2026-11-20T16:19:14Z"}"#).await.status, 409);
    assert_eq!(server.ask("DELETE", &target, "").await.status, 204);
    assert_eq!(server.ask("DELETE", &target, "").await.status, 404);
    assert_eq!(server.get(&target).await.status, 404);
    assert_eq!(value(&server.get("/api/markers").await), json!({"markers": [], "next": null}));
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    let server = start(Limits::default());
    for second in 0..7 {
        let at = (NOW + Span::from_ms(second * 1000 - 10_000)).to_string();
        let kind = ["bell", "door"][(second % 2) as usize];
        assert_eq!(post(&server, &json!({"kind": kind, "begin": at, "end": at}).to_string()).await.status, 201);
    }
    let mut begins = Vec::new();
    let mut target = "/api/markers?limit=3&kind=bell,door".to_owned();
    loop {
        let page = value(&server.get(&target).await);
        begins.extend(page["markers"].as_array().expect("a list").iter().map(|marker| marker["begin"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        target = format!("/api/markers?limit=3&kind=bell,door&cursor={next}");
    }
    assert_eq!(begins.len(), 7);
    assert!(begins.is_sorted());
    let query = "from=2026-11-20T16:19:03.123Z&to=2026-11-20T16:19:05.123Z";
    let count =
        async |more: &str| value(&server.get(&format!("/api/markers?{query}{more}")).await)["markers"].as_array().map(Vec::len);
    assert_eq!(count("").await, Some(3));
    assert_eq!(count("&kind=bell").await, Some(1));
    assert_eq!(count("&kind=cat").await, Some(0));
}

#[tokio::test]
async fn what_cannot_be_is_refused_in_a_sentence() {
    let server = start(Limits::default());
    let check = async |method: &str, target: &str, headers: &str, body: &str, status: u16, why: &str| {
        let answer = server.send(method, target, headers, body).await;
        assert_eq!(answer.status, status, "{method} {target} {headers} {body}: {}", answer.text());
        assert!(answer.text().contains(why), "{}", answer.text());
        assert_eq!(answer.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(answer.header("cache-control"), "no-store");
    };
    let (good, all) = (r#"{"kind":"dog"}"#, "/api/markers");
    check("POST", all, "", good, 415, "Content-Type: application/json").await;
    check("POST", all, "content-type: text/plain\r\n", good, 415, "must be JSON").await;
    check("POST", all, "content-type: application/x-www-form-urlencoded\r\n", good, 415, "must be JSON").await;
    check("POST", all, JSON, "{", 400, "not the JSON that is wanted").await;
    check("POST", all, JSON, "\u{0}\u{1}", 400, "not the JSON that is wanted").await;
    check("POST", all, JSON, r#"{"kind":"dog","begin":NaN}"#, 400, "not the JSON that is wanted").await;
    check("POST", all, JSON, r#"{"kind":"dog","begin":"2030-01-01T00:00:00Z"}"#, 400, "lies in the future").await;
    check("POST", all, JSON, r#"{"kind":"dog","begin":20,"end":10}"#, 400, "end is before begin").await;
    check("POST", all, JSON, r#"{"kind":"dog","id":"face-1"}"#, 400, "unknown field `id`").await;
    check("POST", all, JSON, &format!(r#"{{"kind":"dog","data":"{}"}}"#, "x".repeat(5000)), 400, "data is larger than").await;
    check("POST", all, JSON, &format!(r#"{{"kind":"dog","data":"{}"}}"#, "x".repeat(13_000)), 413, "longer than 12288 bytes").await;
    check("POST", all, JSON, &"x".repeat(17_000), 413, "longer than 16384 bytes").await;
    check("POST", all, &format!("{JSON}origin: http://evil.example\r\n"), good, 403, "other origins").await;
    check("POST", all, &format!("{JSON}origin: null\r\n"), good, 403, "other origins").await;
    check("POST", all, &format!("{JSON}sec-fetch-site: cross-site\r\n"), good, 403, "other origins").await;
    check("PATCH", "/api/markers/dog-1", JSON, r#"{"text":"x"}"#, 404, "there is no marker dog-1").await;
    check("PATCH", "/api/markers/dog-1", JSON, "{}", 400, "nothing would change").await;
    check("DELETE", "/api/markers/%00", "", "", 404, "there is no marker").await;
    check("DELETE", "/api/markers/dog-1", "origin: http://evil.example\r\n", "", 403, "other origins").await;
    check("GET", "/api/markers?from=never", "", "", 400, "from is no time").await;
    check("PUT", all, JSON, good, 405, "does not take this method").await;
    assert_eq!(value(&server.get(all).await), json!({"markers": [], "next": null}));
}

#[tokio::test]
async fn a_body_without_length_is_cut_off_too() {
    let server = start(Limits::default());
    let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
    let mut stream = server.connect().await;
    let head = format!("POST /api/markers HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{JSON}transfer-encoding: chunked\r\n\r\n");
    super::send(&mut stream, &(head + &chunk.repeat(4) + "0\r\n\r\n")).await;
    assert_eq!(Answer::parse(&super::read_all(&mut stream).await).status, 413);
}

#[tokio::test]
async fn a_page_of_ours_may_post() {
    let server = start(Limits::default());
    let own = format!("{JSON}origin: http://test\r\n");
    assert_eq!(server.send("POST", "/api/markers", &own, r#"{"kind":"note"}"#).await.status, 201);
}

#[tokio::test]
async fn floods_are_slowed_down() {
    let server = start(Limits::default());
    let mut statuses = Vec::new();
    for _ in 0..201 {
        // The clock stands still.
        statuses.push(server.ask("DELETE", "/api/markers/dog-1", "").await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 404).count(), 200);
    let answer = post(&server, r#"{"kind":"dog"}"#).await;
    assert_eq!((answer.status, answer.header("retry-after")), (429, "1"));
    server.clock.advance(Span::from_ms(1000));
    assert_eq!(post(&server, r#"{"kind":"dog"}"#).await.status, 201);
    assert_eq!(server.get("/api/markers").await.status, 200);
}
