//! hlscam streams a local camera to low-latency HLS, with face boxes burnt in.
//!
//! ```text
//! source ──Picture──▶ pacer ──PacedFrame──▶ compose ──▶ encode ──EncodedFrame──▶ package ──PackagerEvent──▶ bus ──▶ window ──▶ server ──▶ web/
//!    │                                         ▲
//!    └─newest only──▶ detect ──Detection───────┴──▶ marker ──Marker──▶ store, window, events ──▶ server, hooks
//! ```
//!
//! The modules stand in the order of their dependencies: each imports from modules above it only, and `tests/it/tidy.rs` checks that.
//! Each group has a comment, so that rustfmt leaves the order as it is.

// Vocabulary: names, time, pictures and numbers. It knows nothing of the product.
pub mod camera_name;
mod failpoint;
mod host;
#[cfg(test)]
mod missing;
mod plain_file;
mod sync;
mod threads;
pub mod time;

// What is made of it.
pub mod changeable;
pub mod counter;
pub mod grid;
pub mod panics;
pub mod picture;

// And what is read of coded ones.
pub mod h264;

// And of pictures, what all users of FFmpeg share.
#[cfg(feature = "ffmpeg")]
mod ffmpeg;

// The flow of one camera, from its pictures to what is published. It knows nothing of HTTP and of what is kept. First its pictures.
pub mod source;

// Captured, and on the grid.
pub mod capture;
pub mod governor;
pub mod pacer;

// Searched.
pub mod detect;

// Composed: one finished picture per grid point.
pub mod compose;

// Encoded.
pub mod encode;

// Packaged.
pub mod package;

// Handed out.
pub mod bus;

// Made in several renditions.
pub mod rendition;

// All of it.
pub mod pipeline;

// And its threads.
pub mod stream;

// How a database is opened.
mod sqlite;

// What is kept: the newest pictures, and recordings.
pub mod record;
pub mod window;

// And the same on a disk.
pub mod archive;

// What is cut out of it: films, and pictures.
pub mod clip;
pub mod snapshot;
pub mod whole_file;

// Markers.
pub mod marker;

// What happens, and where markers are kept.
pub mod events;
pub mod store;

// The thread that keeps and tells them.
pub mod marker_service;

// What is offered: texts and hooks.
pub mod gzip;
pub mod hooks;

// What asks another server.
pub mod http_client;

// And what follows its stream.
pub mod follow;

// Playlists.
pub mod playlist;

// The report.
pub mod status;

// Everything of one camera, and all of them.
pub mod camera;

// Who may do what.
pub mod users;

// The certificate that it shows.
pub mod certificate;

// And the name that it is found by.
pub mod mdns;

// The server.
pub mod server;

// What is wrong with this host.
pub mod doctor;

// The program: what it shows.
pub mod console;

// How quantities are written.
pub mod quantity;

// What was typed.
pub mod cli;

// What it means.
pub mod config;

// What it starts.
pub mod app;

// The rules of the tree, for `make check`.
#[cfg(test)]
#[path = "../tests/it/tidy.rs"]
mod tidy;
