//! How an authority is spoken to: with what the rest of the program trusts (`SSL_CERT_FILE`), and with limits.

pub(super) use crate::hooks::webhook::chain;
use crate::{hooks::url::Address, http_client};
use bytes::Bytes;
use http_body_util::Limited;
use hyper::Request;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use std::{pin::Pin, time::Duration};
use tokio::time::timeout;

/// Longest answer, in bytes: a chain of certificates has some 8 KB.
const ANSWER_LEN_MAX: usize = 1 << 20;
/// An authority begins to answer within this time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// Connections to an authority.
#[derive(Clone)]
pub(super) struct Http(Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>);

impl Http {
    pub(super) fn new(server: &Address) -> Result<Http, rustls::Error> {
        Ok(Http(Client::builder(TokioExecutor::new()).build(http_client::connector(server)?)))
    }
}

impl HttpClient for Http {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let answer = self.0.request(request);
        Box::pin(async move {
            let answer = timeout(ANSWER_TIMEOUT, answer).await.map_err(|_| Error::Other("it does not answer".into()))?;
            let answer = answer.map_err(|error| Error::Other(Box::new(error)))?;
            Ok(BytesResponse::from(answer.map(|body| Limited::new(body, ANSWER_LEN_MAX))))
        })
    }
}
