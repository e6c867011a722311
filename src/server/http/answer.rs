//! A request with its context, as a handler gets it, and the handler's answer.

use super::reply::respond;
use crate::server::{
    auth::{proxies::Client, visitor::Visitor},
    context::Shared,
    net::body::AnswerBody,
    origin::Reply,
};
use hyper::{Request, Response, Uri, body::Incoming};
use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// A request that was let in.
pub(in crate::server) struct Call {
    pub(in crate::server) shared: Arc<Shared>,
    /// Where it comes from.
    pub(in crate::server) client: Client,
    /// Who asks.
    pub(in crate::server) visitor: Visitor,
    pub(in crate::server) request: Request<Incoming>,
}

impl Call {
    pub(in crate::server) fn uri(&self) -> &Uri {
        self.request.uri()
    }

    /// What stands last in the path: of a resource with an id, the id.
    pub(in crate::server) fn id(&self) -> String {
        self.uri().path().rsplit('/').next().unwrap_or_default().to_owned()
    }
}

/// An answer, there or to come.
pub(in crate::server) enum Answer {
    /// It is there; `None` once it is taken.
    Ready(Option<Response<AnswerBody>>),
    /// It comes.
    Held(Pin<Box<dyn Future<Output = Response<AnswerBody>> + Send>>),
}

impl Answer {
    /// A reply that comes.
    pub(in crate::server) fn held(reply: impl Future<Output = Reply> + Send + 'static) -> Answer {
        Answer::Held(Box::pin(async { respond(reply.await) }))
    }
}

impl From<Response<AnswerBody>> for Answer {
    fn from(response: Response<AnswerBody>) -> Answer {
        Answer::Ready(Some(response))
    }
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Answer {
        respond(reply).into()
    }
}

impl Future for Answer {
    type Output = Response<AnswerBody>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response<AnswerBody>> {
        match &mut *self {
            Answer::Ready(response) => Poll::Ready(response.take().expect("a future is not polled after its end")),
            Answer::Held(response) => response.as_mut().poll(cx),
        }
    }
}
