//! A TCP connection that sends from a file in memory what the [`memfd_cache`](super::memfd_cache) holds, and everything else as it comes.

use super::memfd_cache::{FileRange, LEN_MIN, MemfdCache};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, ReadBuf},
    net::TcpStream,
};

/// The connection.
pub(in crate::server) struct SendfileStream {
    stream: TcpStream,
    cache: Arc<MemfdCache>,
}

impl SendfileStream {
    pub(in crate::server) fn new(stream: TcpStream, cache: Arc<MemfdCache>) -> SendfileStream {
        SendfileStream { stream, cache }
    }

    /// The first of the slices that lies in a file, with the stretch of it that they come to.
    fn in_file(&self, slices: &[IoSlice<'_>]) -> Option<(usize, FileRange)> {
        let before = slices.iter().position(|slice| slice.len() >= LEN_MIN)?;
        Some((before, self.cache.find(slices[before..].iter().map(|slice| &slice[..]))?))
    }
}

/// Sends what is before the file, such as the head of an answer, and then from the file; gives what went out, which may be less.
fn send(stream: &TcpStream, before: &[IoSlice<'_>], stretch: &FileRange) -> io::Result<usize> {
    let wanted: usize = before.iter().map(|slice| slice.len()).sum();
    if wanted > 0 {
        let sent = send_more(stream, before)?;
        if sent < wanted {
            return Ok(sent);
        }
    }
    match send_file(stream, stretch) {
        Ok(sent) => Ok(wanted + sent),
        // What is out is out; the caller comes again with the rest.
        Err(_) if wanted > 0 => Ok(wanted),
        Err(error) => Err(error),
    }
}

#[cfg(target_os = "linux")]
fn send_more(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
    // The head waits for the body's first bytes, so that they share a packet.
    Ok(sendmsg(stream, slices, &mut SendAncillaryBuffer::default(), SendFlags::MORE | SendFlags::NOSIGNAL)?)
}

#[cfg(target_os = "linux")]
fn send_file(stream: &TcpStream, stretch: &FileRange) -> io::Result<usize> {
    let mut offset = stretch.offset;
    Ok(rustix::fs::sendfile(stream, &*stretch.file, Some(&mut offset), stretch.len)?)
}

#[cfg(not(target_os = "linux"))]
fn send_more(_: &TcpStream, _: &[IoSlice<'_>]) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
fn send_file(_: &TcpStream, _: &FileRange) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

impl AsyncRead for SendfileStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for SendfileStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let Some((before, stretch)) = self.in_file(slices) else {
            return Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        };
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_io(Interest::WRITABLE, || send(&self.stream, &slices[..before], &stretch)) {
                // The readiness was out of date, and is cleared now.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A kernel that cannot do it can still write.
                Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => {
                    return Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
                }
                result => return Poll::Ready(result),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use std::{future::poll_fn, net::Ipv4Addr};
    use tokio::{
        io::AsyncReadExt,
        net::{TcpListener, TcpStream},
    };

    /// Sends all slices through such a stream and gives what comes out at the other end.
    async fn sent(cache: &Arc<MemfdCache>, slices: &[&[u8]]) -> Vec<u8> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let reader = tokio::spawn(async move {
            let mut client = TcpStream::connect(address).await.expect("it listens");
            let mut all = Vec::new();
            client.read_to_end(&mut all).await.expect("it comes to an end");
            all
        });
        let (stream, _) = listener.accept().await.expect("a client");
        let mut stream = SendfileStream::new(stream, cache.clone());
        let len = slices.iter().map(|slice| slice.len()).sum::<usize>();
        let mut done = 0;
        while done < len {
            let mut left = Vec::new();
            let mut skip = done;
            for slice in slices {
                let from = skip.min(slice.len());
                skip -= from;
                left.push(IoSlice::new(&slice[from..]));
            }
            let left: Vec<IoSlice<'_>> = left.into_iter().filter(|slice| !slice.is_empty()).collect();
            done += poll_fn(|cx| Pin::new(&mut stream).poll_write_vectored(cx, &left)).await.expect("the client reads");
        }
        drop(stream);
        reader.await.expect("no panic")
    }

    #[tokio::test]
    async fn what_is_sent_is_the_same_with_and_without_files() {
        let cache = Arc::new(MemfdCache::default());
        // Far more than a socket takes at once, so writes are cut short anywhere.
        let pieces: Vec<Bytes> = (0..6u8).map(|n| (0..=255).cycle().skip(n.into()).take(1_000_003).collect()).collect();
        let head = b"HTTP/1.1 200 OK\r\n\r\n".as_slice();
        let slices: Vec<&[u8]> = [head].into_iter().chain(pieces.iter().map(|piece| &piece[..])).chain([head]).collect();
        let expect = slices.concat();
        for copies in 0..3 {
            assert!(sent(&cache, &slices).await == expect, "after {copies} requests");
            cache.note(&pieces);
        }
        #[cfg(target_os = "linux")]
        assert!(cache.find([&pieces[5][..]].into_iter()).is_some(), "the last time, it came from a file");
        // Of two files, and a piece that has none between them.
        cache.note(&pieces[2..3]);
        cache.note(&pieces[2..3]);
        assert!(sent(&cache, &slices).await == expect);
    }

    #[tokio::test]
    async fn a_client_that_left_is_an_error() {
        let cache = Arc::new(MemfdCache::default());
        let piece = [Bytes::from(vec![7; 1 << 20])];
        cache.note(&piece);
        cache.note(&piece);
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let client = TcpStream::connect(listener.local_addr().expect("it is bound")).await.expect("it listens");
        let (stream, _) = listener.accept().await.expect("a client");
        drop(client);
        let mut stream = SendfileStream::new(stream, cache);
        let write = async {
            loop {
                poll_fn(|cx| Pin::new(&mut stream).poll_write_vectored(cx, &[IoSlice::new(&piece[0])])).await?;
            }
        };
        let error: io::Result<()> = tokio::time::timeout(std::time::Duration::from_secs(10), write).await.expect("it is noticed");
        assert!(error.is_err());
    }
}
