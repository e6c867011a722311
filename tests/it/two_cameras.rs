//! Two cameras in one process: two test sources, through real encoders, behind the real server.

use crate::support::{DEADLINE, request, wait_for};
use hlscam::{
    camera::{Camera, CameraConfig, Cameras, LiveCamera},
    capture, cli,
    config::{Command, read},
    marker::draft::Draft,
    server::{AccessConfig, Door, Limits, Protection, ServerConfig, Site, bind, serve},
    store::{Location, SharedStore, Store},
    time::{Clock, SystemClock},
};
use std::{ffi::OsString, net::Ipv4Addr, sync::Arc};
use tokio::{runtime, sync::oneshot};

/// What a command line asks of its camera.
fn config(line: &str) -> CameraConfig {
    let words = std::iter::once("hlscam").chain(line.split_whitespace()).map(OsString::from);
    match read(&cli::parse(words).expect(line)).expect(line).command {
        Command::Stream(mut configs, ..) => configs.remove(0),
        other => panic!("{other:?}"),
    }
}

/// A camera whose source is open.
fn start(line: &str, store: &SharedStore, clock: &Arc<dyn Clock>) -> LiveCamera {
    let (waiting, source) = Camera::start(config(line), (store.clone(), None), clock.clone()).expect("it starts");
    waiting.run(capture::start(source).expect("a test source opens")).expect("it runs")
}

/// Ends a camera, and all its threads.
fn end(camera: LiveCamera) {
    let (result, remains) = camera.end();
    assert_eq!((result, remains.end()), (Ok(()), Ok(())));
}

#[test]
fn two_test_sources_run_in_one_process() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::start());
    // As two cameras of one process with one --storage.
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open_shared(&Location::Folder(folder.path().to_owned()), clock.wall()).expect("a store");
    let porch = start("--name porch --device test --size 320x240 --segment 1s --detect none", &store, &clock);
    let yard = start("--name yard --device test --size 160x120 --segment 1s --detect none", &store, &clock);
    let cameras = Cameras::new(porch.camera.clone(), vec![yard.camera.clone()]).expect("two names");
    let runtime = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let listener = bind(&ServerConfig {
        bind: Ipv4Addr::LOCALHOST.into(),
        port: 0,
        access: AccessConfig::default(),
        protection: Protection::default(),
        certificate: None,
        is_announced: false,
    })
    .expect("a port");
    let address = listener.local_addr().expect("a port").to_string();
    let (stop, stopped) = oneshot::channel::<()>();
    let site = Site::new(&cameras, AccessConfig::default(), Door::open_to_all());
    let served = runtime.spawn(serve(listener, site, Limits::default(), async { stopped.await.unwrap_or(()) }));

    for (name, size) in [("porch", "320x240"), ("yard", "160x120")] {
        // Playlists wait for the first segment themselves.
        let text = |path: &str| request(&address, &format!("/{name}/{path}")).expect("it answers").text();
        assert!(text("index.m3u8").contains(&format!("RESOLUTION={size}")), "{name}");
        let list = text("video.m3u8");
        let segment = list.lines().find(|line| line.starts_with("seg-")).expect("a segment").to_owned();
        let segment = request(&address, &format!("/{name}/{segment}")).expect("it answers");
        assert!(segment.status == 200 && segment.body.windows(4).any(|four| four == b"moof"), "{name}");
    }
    let listed = request(&address, "/api/cameras").expect("it answers").json();
    let live = |name: &str| serde_json::json!({"name": name, "state": "live", "source": "test source", "reason": null, "silent_since": null});
    assert_eq!(listed, serde_json::json!({"cameras": [live("porch"), live("yard")]}));

    let markers = |name: &str| {
        let list = request(&address, &format!("/api/markers?camera={name}")).expect("it answers").json();
        let markers = list["markers"].as_array().expect("a list").clone();
        markers.into_iter().map(|marker| (marker["camera"].clone(), marker["kind"].clone())).collect::<Vec<_>>()
    };
    for (camera, kind) in [(&porch, "bell"), (&yard, "gate")] {
        let draft = Draft { kind: kind.to_owned(), text: None, begin: clock.wall(), end: None, data: None };
        runtime.block_on(camera.camera.markers.add(draft)).expect("it is kept");
    }
    assert_eq!(markers("porch"), [("porch".into(), "bell".into())]);
    assert_eq!(markers("yard"), [("yard".into(), "gate".into())]);

    // One ends, and the other goes on.
    end(porch);
    assert_eq!(markers("yard"), [("yard".into(), "gate".into())]);
    assert!(request(&address, "/porch/video.m3u8").expect("it answers").text().ends_with("#EXT-X-ENDLIST\n"));
    let status = || request(&address, "/api/status?camera=yard").expect("it answers").json();
    let last = status()["window"]["last_msn"].as_u64().expect("a number");
    let next = wait_for(&address, &format!("/yard/video.m3u8?_HLS_msn={}", last + 2), |_| true).text();
    assert!(next.contains(&format!("-{}.m4s\n", last + 2)) && !next.contains("ENDLIST"), "{next}");
    end(yard);
    stop.send(()).expect("the server runs");
    let ended = runtime.block_on(async { tokio::time::timeout(DEADLINE, served).await.expect("in time") });
    ended.expect("no panic").expect("no failure");
}
