//! A body whose length nobody knows: sent piece by piece as they come, in chunks (HTTP/1.1, RFC 9112 §7.1) or DATA frames (HTTP/2).

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// What gives the pieces of a body. It is asked for the next one when there is room to send it.
pub(in crate::server) trait Chunks: Send + 'static {
    /// Why the body is broken off, so that no cache takes it for the whole.
    type Error;

    /// The next piece; `None` after the last. It is not asked again after that, or after an error.
    fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, Self::Error>>> + Send;
}

/// One step, with the pieces for the step after it.
type Step<S> = Pin<Box<dyn Future<Output = (S, Option<Result<Bytes, <S as Chunks>::Error>>)> + Send>>;

/// The body. What gives its pieces is dropped with it.
pub(in crate::server) struct ChunkedBody<S: Chunks> {
    step: Option<Step<S>>,
}

impl<S: Chunks> ChunkedBody<S> {
    pub(in crate::server) fn new(pieces: S) -> ChunkedBody<S> {
        ChunkedBody { step: Some(step(pieces)) }
    }
}

fn step<S: Chunks>(mut pieces: S) -> Step<S> {
    Box::pin(async move {
        let piece = pieces.next().await;
        (pieces, piece)
    })
}

impl<S: Chunks> HttpBody for ChunkedBody<S> {
    type Data = Bytes;
    type Error = S::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, S::Error>>> {
        let Some(running) = self.step.as_mut() else { return Poll::Ready(None) };
        let (pieces, piece) = ready!(running.as_mut().poll(cx));
        self.step = matches!(piece, Some(Ok(_))).then(|| step(pieces));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }
}
