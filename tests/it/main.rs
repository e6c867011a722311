//! The integration tests: one binary, a module per area.

#[cfg(feature = "camera")]
mod camera;
mod cli;
mod config_file;
mod conformance;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod dates;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod ending;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod exporting;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod framing;
mod http;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod limits;
#[cfg(all(feature = "ffmpeg", feature = "opencv"))]
mod manual_clock;
#[path = "../../src/missing.rs"]
mod missing;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod named_files;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod network;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod on_camera_lost;
#[cfg(all(feature = "ffmpeg", feature = "opencv"))]
mod on_demand;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod operating;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod pictures;
#[cfg(all(feature = "ffmpeg", feature = "opencv"))]
mod pipeline;
mod ports;
#[cfg(all(feature = "ffmpeg", feature = "opencv"))]
mod privacy;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod recording;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod reload;
#[cfg(all(unix, feature = "ffmpeg", feature = "opencv"))]
mod sending;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod several_cameras;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod sockets;
#[cfg(all(unix, feature = "ffmpeg", feature = "opencv"))]
mod source;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod storage;
mod supply;
#[cfg(all(feature = "ffmpeg", feature = "opencv"))]
mod support;
mod systems;
mod tidy;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod tls;
#[cfg(all(feature = "ffmpeg", feature = "opencv"))]
mod two_cameras;
#[cfg(all(feature = "ffmpeg", feature = "opencv"))]
mod users;
#[cfg(all(target_os = "linux", feature = "ffmpeg", feature = "opencv"))]
mod wait;
