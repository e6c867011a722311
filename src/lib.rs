//! hlscam streams a local camera to low-latency HLS, with face boxes burnt in.
//!
//! ```text
//! source ──Picture──▶ pacer ──PacedPicture──▶ paint ──▶ encode ──EncodedFrame──▶ segment ──Part, Segment──▶ window ──▶ server ──▶ web/
//!    │                                          ▲                                  (cmaf)
//!    └─newest only──▶ detect ──Detection────────┴──▶ marker ──Marker──▶ store, window, events ──▶ server, hooks
//! ```
//!
//! The modules below stand in the order in which a picture passes them.

mod drill;
pub mod time;

pub mod app;
pub mod cli;
pub mod config;
pub mod console;

pub mod picture;
pub mod source;

pub mod capture;
pub mod governor;
pub mod pacer;

pub mod detect;
pub mod paint;
pub mod track;
pub mod veil;

pub mod encode;

pub mod cmaf;
pub mod segment;

pub mod pipeline;
pub mod stream;

pub mod coding;
pub mod playlist;
pub mod window;

pub mod events;
pub mod hooks;
pub mod marker;
pub mod store;

pub mod record;

pub mod server;

pub mod status;
