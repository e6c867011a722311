//! The I/O of a connection below hyper: it counts bytes, and reads the HTTP/2 preface ahead to tell the version.

use super::activity::Activity;
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    sync::oneshot,
};

/// RFC 9113 §3.4. No request of HTTP/1 begins like it.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Version {
    Http1,
    Http2,
}

/// A stream that counts the bytes that move. Dropping it sends the stream back.
pub(in crate::server) struct PrefacedIo<I> {
    /// There until it is dropped.
    io: Option<I>,
    activity: Arc<Activity>,
    back: Option<oneshot::Sender<I>>,
    /// What was looked at already, up to `ahead_len`, and is still to be read.
    ahead: [u8; PREFACE.len()],
    ahead_len: usize,
}

impl<I> Drop for PrefacedIo<I> {
    fn drop(&mut self) {
        if let (Some(io), Some(back)) = (self.io.take(), self.back.take()) {
            // Nobody takes it back when the server ends.
            back.send(io).ok();
        }
    }
}

impl<I: Unpin> PrefacedIo<I> {
    pub(in crate::server) fn new(io: I, activity: Arc<Activity>, back: oneshot::Sender<I>) -> PrefacedIo<I> {
        PrefacedIo { io: Some(io), activity, back: Some(back), ahead: [0; PREFACE.len()], ahead_len: 0 }
    }

    fn io(&mut self) -> Pin<&mut I> {
        Pin::new(self.io.as_mut().expect("it is there until it is dropped"))
    }

    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(n)) = result {
            self.activity.wrote(n);
        }
        result
    }
}

impl<I: AsyncRead + Unpin> PrefacedIo<I> {
    /// What the peer speaks, by its first bytes; they are read again afterwards. A peer that leaves before it said enough speaks HTTP/1.
    ///
    /// hyper-util's `auto` does the same, but hands those bytes over alone, and hyper then makes its buffer twice as large.
    pub(in crate::server) async fn version(&mut self) -> io::Result<Version> {
        let io = self.io.as_mut().expect("it is there until it is dropped");
        while self.ahead_len < PREFACE.len() {
            let read = io.read(&mut self.ahead[self.ahead_len..]).await?;
            self.activity.read(&self.ahead[self.ahead_len..][..read]);
            self.ahead_len += read;
            if read == 0 || !PREFACE.starts_with(&self.ahead[..self.ahead_len]) {
                return Ok(Version::Http1);
            }
        }
        Ok(Version::Http2)
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for PrefacedIo<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let given = self.ahead_len.min(buf.remaining());
        if given > 0 {
            buf.put_slice(&self.ahead[..given]);
            self.ahead.copy_within(given.., 0);
            self.ahead_len -= given;
        }
        let before = buf.filled().len();
        let result = if buf.remaining() > 0 || given == 0 { self.io().poll_read(cx, buf) } else { Poll::Pending };
        self.activity.read(&buf.filled()[before..]);
        // What went wrong or was not there is told the next time.
        if given > 0 { Poll::Ready(Ok(())) } else { result }
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for PrefacedIo<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = self.io().poll_write(cx, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[io::IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let result = self.io().poll_write_vectored(cx, bytes);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    /// The version of what is sent piece by piece, and what is read afterwards.
    async fn met(pieces: &[&[u8]]) -> (Version, Vec<u8>) {
        let (mut client, server) = tokio::io::duplex(1024);
        let (back, _) = oneshot::channel();
        let mut prefaced = PrefacedIo::new(server, Arc::default(), back);
        let send = async {
            for piece in pieces {
                client.write_all(piece).await.expect("there is room");
                tokio::task::yield_now().await;
            }
            drop(client);
        };
        let (version, ()) = tokio::join!(prefaced.version(), send);
        let mut read = Vec::new();
        prefaced.read_to_end(&mut read).await.expect("a duplex does not fail");
        (version.expect("a duplex does not fail"), read)
    }

    #[tokio::test]
    async fn the_first_bytes_tell_the_version_and_are_read_again() {
        let check = async |pieces: &[&[u8]], expect: Version| {
            assert_eq!(met(pieces).await, (expect, pieces.concat()), "{pieces:?}");
        };
        check(&[b"GET / HTTP/1.1\r\n\r\n"], Version::Http1).await;
        check(&[b"G", b"ET / HTTP/1.1\r\n\r\n"], Version::Http1).await;
        check(&[b"P", b"OST /api/markers HTTP/1.1\r\n\r\n"], Version::Http1).await;
        check(&[], Version::Http1).await;
        check(&[b"PRI * HTTP/2.0\r\n"], Version::Http1).await;
        check(&[PREFACE, b"settings"], Version::Http2).await;
        check(&[&PREFACE[..1], &PREFACE[1..20], &PREFACE[20..], b"settings"], Version::Http2).await;
    }

    #[tokio::test]
    async fn what_was_looked_at_comes_with_what_follows_and_in_any_portions() {
        let (mut client, server) = tokio::io::duplex(1024);
        let (back, _) = oneshot::channel();
        let mut prefaced = PrefacedIo::new(server, Arc::default(), back);
        let request = b"GET /cam/video.m3u8?_HLS_msn=7 HTTP/1.1\r\n\r\n";
        client.write_all(request).await.expect("there is room");
        assert_eq!(prefaced.version().await.expect("it does not fail"), Version::Http1);
        let (mut small, mut large) = ([0; 5], [0; 1024]);
        assert_eq!(prefaced.read(&mut small).await.expect("it is there"), 5);
        let rest = prefaced.read(&mut large).await.expect("it is there");
        assert_eq!([&small[..], &large[..rest]].concat(), request, "in one go");
    }
}
