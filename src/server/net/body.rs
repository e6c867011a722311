//! Response bodies: shared pieces sent in one go, or a stream.

use super::in_flight::{InFlightGuard, Ownership};
use bytes::{Buf, Bytes};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
use hyper::body::{Body, Frame, SizeHint};
use std::{
    error::Error,
    io::IoSlice,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// The body of any answer.
pub(in crate::server) enum AnswerBody {
    /// Pieces, which may be shared with the window. All are handed over as one frame, so that a segment is one write and not one per part.
    Pieces(Pieces),
    /// Pieces as they come; nobody knows how many.
    Stream(UnsyncBoxBody<Bytes, Broken>),
    /// None, for the client has it: the body of 304. Its length is told as unknown, for Content-Length would be that of the answer left out
    /// (RFC 9110 §8.6).
    Known,
}

/// Why a stream is broken off.
pub(in crate::server) type Broken = Box<dyn Error + Send + Sync>;

/// Shared bytes in several pieces, to be sent in order and never copied.
#[derive(Debug, Default)]
pub(in crate::server) struct Pieces {
    pieces: Vec<Bytes>,
    /// The first piece that is not sent to its end.
    first: usize,
    len: usize,
    /// Counts what goes out, and stays taken until all is out.
    guard: Option<Arc<InFlightGuard>>,
}

impl Pieces {
    pub(in crate::server) fn new(pieces: Vec<Bytes>) -> Pieces {
        let mut all = Pieces { len: pieces.iter().map(Bytes::len).sum(), pieces, first: 0, guard: None };
        all.skip_empty();
        all
    }

    /// The same pieces, counted by `guard` as they are sent.
    pub(in crate::server) fn at(self, guard: Option<Arc<InFlightGuard>>) -> Pieces {
        Pieces { guard, ..self }
    }

    fn skip_empty(&mut self) {
        while self.pieces.get(self.first).is_some_and(Bytes::is_empty) {
            self.first += 1;
        }
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.len
    }

    fn chunk(&self) -> &[u8] {
        self.pieces.get(self.first).map_or(&[], |piece| piece)
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = self.pieces[self.first.min(self.pieces.len())..].iter().filter(|piece| !piece.is_empty());
        slices.iter_mut().zip(pieces).map(|(slice, piece)| *slice = IoSlice::new(piece)).count()
    }

    fn advance(&mut self, mut n: usize) {
        if let Some(guard) = &self.guard {
            guard.sent(n);
        }
        self.len -= n;
        while n > 0 {
            let piece = &mut self.pieces[self.first];
            let step = n.min(piece.len());
            piece.advance(step);
            n -= step;
            self.skip_empty();
        }
    }
}

impl AnswerBody {
    pub(in crate::server) fn stream(pieces: impl Body<Data = Bytes, Error: Into<Broken>> + Send + 'static) -> AnswerBody {
        AnswerBody::Stream(pieces.map_err(Into::into).boxed_unsync())
    }

    /// Whose bytes it holds, and how many; `None` if there are none. `is_kept` tells that caches may keep it: then others read the same.
    pub(in crate::server) fn ownership(&self, is_kept: bool) -> Option<(Ownership, usize)> {
        match self {
            AnswerBody::Known => None,
            AnswerBody::Stream(_) => Some((Ownership::Stream, 0)),
            AnswerBody::Pieces(pieces) if !pieces.has_remaining() => None,
            AnswerBody::Pieces(pieces) if is_kept => Some((Ownership::Shared(pieces.chunk().as_ptr().addr()), pieces.len)),
            AnswerBody::Pieces(pieces) => Some((Ownership::Owned, pieces.len)),
        }
    }
}

impl Body for AnswerBody {
    type Data = Pieces;
    type Error = Broken;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Pieces>, Broken>>> {
        match &mut *self {
            AnswerBody::Pieces(pieces) if pieces.has_remaining() => Poll::Ready(Some(Ok(Frame::data(std::mem::take(pieces))))),
            AnswerBody::Pieces(_) | AnswerBody::Known => Poll::Ready(None),
            AnswerBody::Stream(body) => {
                let frame = |frame: Frame<Bytes>| frame.map_data(|data| Pieces::new(vec![data]));
                Pin::new(body).poll_frame(cx).map(|next| next.map(|result| result.map(frame)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            AnswerBody::Pieces(pieces) => !pieces.has_remaining(),
            AnswerBody::Stream(body) => body.is_end_stream(),
            AnswerBody::Known => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            AnswerBody::Pieces(pieces) => SizeHint::with_exact(pieces.len as u64),
            AnswerBody::Stream(body) => body.size_hint(),
            AnswerBody::Known => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a vectored write would take.
    fn listed(pieces: &Pieces) -> Vec<Vec<u8>> {
        let mut slices = [IoSlice::new(&[]); 8];
        let count = pieces.chunks_vectored(&mut slices);
        slices[..count].iter().map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn pieces_are_sent_in_order_and_without_copying() {
        let piece = Bytes::from_static(b"moof");
        let mut pieces = Pieces::new(vec![Bytes::new(), piece.clone(), Bytes::new(), Bytes::from_static(b"mdat!")]);
        assert_eq!(listed(&pieces), [&b"moof"[..], b"mdat!"]);
        assert_eq!((pieces.remaining(), pieces.chunk().as_ptr()), (9, piece.as_ptr()));
        pieces.advance(4);
        assert_eq!((pieces.remaining(), pieces.chunk()), (5, &b"mdat!"[..]));
        pieces.advance(5);
        assert_eq!((pieces.has_remaining(), pieces.chunk(), listed(&pieces).len()), (false, &b""[..], 0));
    }

    #[test]
    fn a_body_of_pieces_is_one_frame_of_a_known_length() {
        let mut body = AnswerBody::Pieces(Pieces::new(vec![Bytes::from_static(b"moof"), Bytes::from_static(b"mdat")]));
        assert_eq!((body.size_hint().exact(), body.is_end_stream()), (Some(8), false));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let Poll::Ready(Some(Ok(frame))) = Pin::new(&mut body).poll_frame(&mut cx) else { panic!("nothing to wait for") };
        assert_eq!(frame.into_data().map(|data| data.remaining()).ok(), Some(8));
        assert!(body.is_end_stream() && matches!(Pin::new(&mut body).poll_frame(&mut cx), Poll::Ready(None)));
    }

    proptest! {
        #[test]
        fn pieces_taken_in_any_steps_are_the_whole(lens in prop::collection::vec(0..5usize, 0..8), steps in prop::collection::vec(1..7usize, 40)) {
            let whole: Vec<u8> = (0..).take(lens.iter().sum()).collect();
            let mut rest = Bytes::from(whole.clone());
            let mut pieces = Pieces::new(lens.iter().map(|len| rest.split_to(*len)).collect());
            let mut seen: Vec<u8> = Vec::new();
            for step in steps {
                let n = step.min(pieces.remaining());
                let all = listed(&pieces).concat();
                prop_assert_eq!(all.len(), pieces.remaining());
                seen.extend(&all[..n]);
                pieces.advance(n);
            }
            prop_assert_eq!(seen, whole);
        }
    }
}
