//! The body of a segment that still grows: sent part by part, in chunks (HTTP/1.1, RFC 9112 §7.1) or DATA frames (HTTP/2).

use crate::server::origin::{Follower, Stalled};
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame};
use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

/// One step of a [`Follower`], with the follower for the step after it.
type Step = Pin<Box<dyn Future<Output = (Follower, Option<Result<Bytes, Stalled>>)> + Send>>;

/// A body of unknown length. It ends when the segment is whole, and fails when that does not come about, so that no cache keeps half
/// a segment.
pub(in crate::server) struct Following {
    step: Option<Step>,
}

impl Following {
    pub(in crate::server) fn new(follower: Follower) -> Following {
        Following { step: Some(step(follower)) }
    }
}

fn step(mut follower: Follower) -> Step {
    Box::pin(async move {
        let piece = follower.next().await;
        (follower, piece)
    })
}

impl HttpBody for Following {
    type Data = Bytes;
    type Error = Stalled;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Stalled>>> {
        let Some(running) = self.step.as_mut() else { return Poll::Ready(None) };
        let (follower, piece) = ready!(running.as_mut().poll(cx));
        self.step = matches!(piece, Some(Ok(_))).then(|| step(follower));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }
}
