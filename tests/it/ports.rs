//! Ports for programs that cannot take one themselves and tell it.

use std::{
    net::{TcpListener, TcpStream},
    sync::atomic::{AtomicU16, Ordering},
};
use tokio::net::TcpSocket;

/// The system hands out none of these by itself (Linux begins at 32768, others at 49152), so nobody who takes any port meets one of ours.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// A port that nobody has, and that no other test of this run gets.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Runs beside this one begin elsewhere.
    let begin = (std::process::id() % u32::from(COUNT)) as u16;
    let mut ports = std::iter::repeat_with(|| FIRST + (begin + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok() && TcpStream::connect(("127.0.0.1", *port)).is_err();
    ports.by_ref().take(usize::from(COUNT)).find(is_free).expect("one of so many is free")
}

/// A port at which nobody listens, and nobody can, as long as the socket is there.
pub(crate) fn closed_port() -> (TcpSocket, u16) {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind(([127, 0, 0, 1], 0).into()).expect("a port");
    let port = socket.local_addr().expect("it is bound").port();
    (socket, port)
}
