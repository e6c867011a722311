//! The token without which nothing is taken: the page asks for one, and a page of another origin can read none. Pure, but for its key.

use crate::{
    camera_name::CameraName,
    server::auth::{
        sessions::{SessionKey, hex, unhex},
        visitor::Visitor,
    },
    time::{Span, WallTime},
    users::UserName,
};
use ring::{
    hmac::{self, HMAC_SHA256, Key},
    rand::SystemRandom,
};

/// How long one is good for: a page that is left open asks for another one with each connection.
const TICKET_SPAN: Span = Span::from_ms(3_600_000);
/// Longest text of one: a time and a seal.
const TEXT_LEN_MAX: usize = 100;

/// What tokens are sealed with: a key of this run alone.
pub(in crate::server) struct Tickets(Option<Key>);

impl Tickets {
    /// With a random key; without one, where the system gives no random bytes, nobody is let in.
    pub(in crate::server) fn random() -> Tickets {
        Tickets(Key::generate(HMAC_SHA256, &SystemRandom::new()).ok())
    }

    /// A token for that visitor and that camera.
    pub(in crate::server) fn issue(&self, camera: &CameraName, visitor: &Visitor, now: WallTime) -> Option<String> {
        let until_ms = (now + TICKET_SPAN).0 / 1000;
        let seal = hmac::sign(self.0.as_ref()?, sealed(until_ms, camera, visitor).as_bytes());
        Some(format!("{until_ms}.{}", hex(seal.as_ref())))
    }

    /// Whether it was given to that visitor for that camera, not too long ago.
    pub(in crate::server) fn admits(&self, ticket: &str, camera: &CameraName, visitor: &Visitor, now: WallTime) -> bool {
        let read = || {
            let (until_ms, seal) = Some(ticket).filter(|text| text.len() <= TEXT_LEN_MAX && text.is_ascii())?.split_once('.')?;
            let until_ms: i64 = until_ms.parse().ok().filter(|until_ms| *until_ms > now.0 / 1000)?;
            // In constant time.
            hmac::verify(self.0.as_ref()?, sealed(until_ms, camera, visitor).as_bytes(), &unhex(seal)?).ok()
        };
        read().is_some()
    }
}

/// What is sealed: whom it was given to, by the session where there is one, and what for.
fn sealed(until_ms: i64, camera: &CameraName, visitor: &Visitor) -> String {
    let session = visitor.session.as_ref().map_or("", SessionKey::text);
    let name = visitor.name.as_ref().map_or("", UserName::as_str);
    format!("send.{until_ms}.{camera}.{session}.{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_one_visitor_one_camera_and_an_hour() {
        let (tickets, now) = (Tickets::random(), WallTime(1_795_191_552_123_000));
        let camera = |name| CameraName::parse(name).expect("a name");
        let anna = Visitor { session: SessionKey::random().ok(), ..Visitor::anybody() };
        let ticket = tickets.issue(&camera("porch"), &anna, now).expect("there are random bytes");
        let admits = |ticket: &str, name, visitor: &Visitor, at| tickets.admits(ticket, &camera(name), visitor, at);
        assert!(admits(&ticket, "porch", &anna, now));
        assert!(!admits(&ticket, "yard", &anna, now));
        assert!(!admits(&ticket, "porch", &Visitor::anybody(), now));
        assert!(!admits(&ticket, "porch", &Visitor { session: SessionKey::random().ok(), ..Visitor::anybody() }, now));
        assert!(!admits(&ticket, "porch", &anna, now + TICKET_SPAN));
        assert!(!Tickets::random().admits(&ticket, &camera("porch"), &anna, now), "another run has another key");
        for damaged in ["", ".", "é", &ticket[..ticket.len() - 1], &ticket.replacen('.', "0.", 1), &format!("{ticket}0")] {
            assert!(!admits(damaged, "porch", &anna, now), "{damaged}");
        }
    }
}
