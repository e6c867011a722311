//! Several cameras behind one server: each under its name, none in the way of another.

use super::running::{Running, camera, serve_cameras};
use super::*;
use bytes::Bytes;
use hlscam::{
    camera::{Camera, Cameras},
    encode::VideoParams,
    package::{InitId, Msn, PackagerEvent, Part, SegmentStart},
    picture::Size,
    server::{AccessConfig, authority::Host},
    time::{FrameRate, ManualClock},
};
use std::sync::Arc;

/// Publishes a whole segment of ten parts that say whose they are.
fn publish(camera: &Camera, clock: &ManualClock, msn: u64) {
    let params = VideoParams {
        size: Size::new(640, 480).expect("even"),
        rate: FrameRate::whole(30),
        sps: Bytes::from_static(&[0x67, 0x64, 0, 0x1f]),
        pps: Bytes::from_static(&[0x68]),
        bitrate_max: 100_000,
        passed: false,
    };
    let (at, wall, init) = (clock.now(), clock.wall(), InitId(1));
    let mut events = vec![
        PackagerEvent::Init { id: init, data: camera.name.to_string().into_bytes().into(), params: params.into() },
        PackagerEvent::Start(SegmentStart { msn: Msn(msn), at, wall, init, discontinuity: false }),
    ];
    let duration = Span::from_ms(200);
    events.extend((0..10).map(|index| {
        let key = index == 0;
        let data = format!("{} {msn}.{index};", camera.name).into_bytes().into();
        PackagerEvent::Part(Part {
            msn: Msn(msn),
            index,
            at: at + duration * i64::from(index),
            duration,
            independent: key,
            key_len: key.then_some(4),
            data,
        })
    }));
    events.push(PackagerEvent::End(Msn(msn)));
    camera.window.push_all(events);
}

/// A server of the cameras `porch` and `yard`.
fn two() -> (Running, Arc<Camera>, Arc<Camera>) {
    let clock = Arc::new(ManualClock::at(running::NOW));
    let (porch, yard) = (camera("porch", &clock), camera("yard", &clock));
    let cameras = Cameras::new(porch.clone(), vec![yard.clone()]).expect("two names");
    let access = AccessConfig { host_names: vec![Host::Name("test".to_owned())], ..AccessConfig::default() };
    let (at, stop, ended) = serve_cameras(&cameras, Limits::default(), access);
    let controls = porch.controls.clone();
    let (window, status, journal) = (porch.window.clone(), porch.status.clone(), porch.markers.clone());
    (Running { at, window, status, clock, journal, controls, stop, ended }, porch, yard)
}

#[tokio::test]
async fn each_camera_has_its_own_stream() {
    let (server, porch, yard) = two();
    publish(&porch, &server.clock, 1);
    for msn in 1..=3 {
        publish(&yard, &server.clock, msn);
    }
    for (name, last) in [("porch", "seg-t-1.m4s"), ("yard", "seg-t-3.m4s")] {
        let list = server.get(&format!("/{name}/video.m3u8")).await;
        assert!(list.status == 200 && list.text().trim_end().contains(last), "{name}: {}", list.text());
        let segment = server.get(&format!("/{name}/{last}")).await;
        assert!(segment.text().starts_with(&format!("{name} ")), "{}", segment.text());
        assert_eq!(server.get(&format!("/{name}/init-t-1.mp4")).await.text(), name);
    }
    assert_eq!(server.get("/porch/seg-t-9.m4s").await.status, 404);
    for nowhere in ["/cam/video.m3u8", "/PORCH/video.m3u8", "/porch%2Fvideo.m3u8", "/p%6frch/video.m3u8"] {
        assert_eq!(server.get(nowhere).await.status, 404, "{nowhere}");
    }
    // There is a page for each.
    assert!(server.get("/?camera=yard").await.text().contains("data-camera=\"yard\""));
}

#[tokio::test]
async fn the_api_is_about_the_camera_that_a_request_names_or_the_first() {
    let (server, porch, yard) = two();
    let json = async |target: &str| serde_json::from_str::<serde_json::Value>(server.get(target).await.text()).expect("JSON");
    porch.status.stream.capture.set_state(SourceState::Live, None);
    let listed = json("/api/cameras").await;
    let of = |name: &str, state: &str, reason: Option<&str>| serde_json::json!({"name": name, "state": state, "source": "", "reason": reason, "silent_since": null});
    let opening = of("yard", "opening", Some("the source is being opened"));
    assert_eq!(listed, serde_json::json!({"cameras": [of("porch", "live", None), opening]}));
    for (target, name) in [("/api/status", "porch"), ("/api/status?camera=porch", "porch"), ("/api/status?camera=yard", "yard")] {
        assert_eq!(json(target).await["camera"], name, "{target}");
    }
    assert_eq!(json("/api/status").await["cameras"]["yard"]["camera"], "yard");
    assert_eq!(json("/api/status?camera=yard").await["cameras"], serde_json::Value::Null);
    let unknown = server.get("/api/status?camera=attic").await;
    assert_eq!((unknown.status, unknown.text()), (404, "there is no camera of that name; there is porch, yard\n"));
    publish(&porch, &server.clock, 1);
    publish(&yard, &server.clock, 1);
    let made = server.send("POST", "/api/markers?camera=yard", "content-type: application/json\r\n", "{\"kind\":\"door\"}").await;
    assert_eq!(made.status, 201, "{}", made.text());
    let kinds = async |target: &str| json(target).await["markers"].as_array().map(Vec::len);
    assert_eq!((kinds("/api/markers?camera=yard").await, kinds("/api/markers").await), (Some(1), Some(0)));
    assert!(server.get("/yard/video.m3u8").await.text().contains("#EXT-X-DATERANGE:"));
    assert!(!server.get("/porch/video.m3u8").await.text().contains("#EXT-X-DATERANGE:"));
    // It is ready when all are.
    let ready = server.get("/readyz").await;
    assert_eq!((ready.status, ready.text()), (503, "not ready: yard: the source is being opened\n"));
    yard.status.stream.capture.set_state(SourceState::Live, None);
    assert_eq!(server.get("/readyz").await.status, 200);
}

#[tokio::test]
async fn two_cameras_of_one_name_are_refused() {
    let clock = Arc::new(ManualClock::at(running::NOW));
    let refused = Cameras::new(camera("porch", &clock), vec![camera("yard", &clock), camera("porch", &clock)]);
    assert_eq!(refused.expect_err("one too many").to_string(), "two cameras are named porch; give each a --name of its own");
}
