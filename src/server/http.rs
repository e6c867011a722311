//! What HTTP is to all answers: which copy is sent, and what every answer carries.

pub(super) mod answer;
pub(super) mod chunked;
pub(super) mod file_body;
pub(super) mod negotiation;
pub(super) mod query;
pub(super) mod reply;
pub(super) mod request_log;
pub(super) mod site;
pub(super) mod tls;
pub(super) mod token_bucket;
