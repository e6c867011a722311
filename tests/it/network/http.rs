//! A server that answers each request with what a test wants, on a thread per connection.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// Bytes of a request's head.
const HEAD_MAX: usize = 16 << 10;

/// The running server; it accepts no more when dropped.
pub(crate) struct HttpCamera {
    pub(crate) port: u16,
    stop: Arc<AtomicBool>,
}

impl HttpCamera {
    /// `answer` is given the head of each request and its connection, which is closed behind it.
    pub(crate) fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> HttpCamera {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let (stop, answer) = (Arc::new(AtomicBool::new(false)), Arc::new(answer));
        let camera = HttpCamera { port, stop: stop.clone() };
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let answer = answer.clone();
                thread::spawn(move || {
                    let head = read_head(&mut stream)?;
                    answer(&head, &mut stream);
                    Some(())
                });
            }
        });
        camera
    }
}

impl Drop for HttpCamera {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        TcpStream::connect(("127.0.0.1", self.port)).ok();
    }
}

/// The head of a request; `None` where the client went.
pub(crate) fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < HEAD_MAX {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    String::from_utf8(head).ok()
}

/// A whole answer.
pub(crate) fn answer(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    // The client may have gone.
    stream.write_all(&[head.as_bytes(), body].concat()).ok();
}
