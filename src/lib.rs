//! hlscam streams a local camera to low-latency HLS, with face boxes burnt in.
//!
//! ```text
//! source ──Picture──▶ pacer ──PacedPicture──▶ paint ──▶ encode ──EncodedFrame──▶ segment ──Part, Segment──▶ window ──▶ server ──▶ web/
//!    │                                          ▲                                  (cmaf)
//!    └─newest only──▶ detect ──Detection────────┴──▶ marker ──Marker──▶ store, window, events ──▶ server, hooks
//! ```
//!
//! The modules stand in the order of their dependencies: each imports from modules above it only, and `tests/it/tidy.rs` checks that.
//! Each group has a comment, so that rustfmt leaves the order as it is.

// Vocabulary: time, pictures and numbers. It knows nothing of the product.
mod drill;
mod host;
mod sync;
pub mod time;
// What is made of it.
pub mod counter;
mod ffmpeg;
pub mod grid;
pub mod picture;

// The flow of one camera, from its pictures to what is published. It knows nothing of HTTP and of what is kept.
pub mod source;
// Captured, and on the grid.
pub mod capture;
pub mod governor;
pub mod pacer;
// Searched.
pub mod detect;
// Hidden and drawn.
pub mod paint;
pub mod veil;
// Encoded.
pub mod encode;
// Cut.
pub mod cmaf;
pub mod segment;
// All of it, on its threads.
pub mod pipeline;
pub mod stream;

// What is kept: the newest pictures, recordings, markers.
pub mod record;
pub mod window;
// Markers, and what happens.
pub mod events;
pub mod marker;
pub mod marker_service;
pub mod store;

// What is offered: playlists, hooks, status, HTTP.
pub mod coding;
pub mod hooks;
pub mod playlist;
// The report.
pub mod status;
// The server.
pub mod server;

// The program: what was asked, and what it starts.
pub mod app;
pub mod cli;
pub mod config;
pub mod console;
