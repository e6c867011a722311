//! What HTTP is to all answers: who is answered, which copy is sent, and what every answer carries.

pub(super) mod answer;
pub mod authority;
pub(super) mod bucket;
pub(super) mod gate;
pub(super) mod negotiation;
pub(super) mod own_names;
pub(super) mod reply;
pub(super) mod same_origin;
pub(super) mod stepped;
