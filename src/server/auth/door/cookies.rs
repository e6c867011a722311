//! The cookies that a browser is given: of its session, of a link that led to the page, and of a form.

use super::{Door, Guarded};
use crate::{
    server::auth::{
        credential,
        sessions::{SESSION_SPAN, SessionKey, hash},
        visitor::{SharedLink, Visitor},
    },
    time::Span,
};
use hyper::HeaderMap;

/// What the name of the cookie of a link ends with.
pub(super) const LINK: &str = "_link";
/// What that of a form ends with.
const FORM: &str = "_form";
/// A form may be filled in so much later.
const FORM_SPAN: Span = Span::from_ms(24 * 3_600_000);

impl Door {
    /// The cookie with which a page that a link led to is let in from then on.
    pub(in crate::server) fn link_cookie(&self, visitor: &Visitor, is_tls: bool) -> Option<String> {
        let (guarded, SharedLink { link, carried }) = (self.guarded.as_ref()?, visitor.link.as_ref()?);
        let span = link.until.since(guarded.clock.wall());
        Some(guarded.cookie((LINK, carried.as_ref()?), span, is_tls))
    }

    /// The cookie of a session once more: the browser keeps it from its last use on.
    pub(in crate::server) fn session_cookie(&self, visitor: &Visitor, is_tls: bool) -> Option<String> {
        let (guarded, key) = (self.guarded.as_ref()?, visitor.session.as_ref()?);
        Some(guarded.cookie(("", key.text()), SESSION_SPAN, is_tls))
    }

    /// The token of a form, and the cookie that holds it too: what a page of another origin sends has no cookie of ours, or does not tell
    /// what it holds. A browser that has one keeps it, for other forms of ours may be open in it.
    pub(in crate::server) fn form_token(&self, headers: &HeaderMap, is_tls: bool) -> Option<(String, String)> {
        let guarded = self.guarded.as_ref()?;
        let random = || SessionKey::random().inspect_err(|error| tracing::error!("the system has no random bytes: {error}")).ok();
        let key = guarded.form_key(headers).or_else(random)?;
        Some((key.text().to_owned(), guarded.cookie((FORM, key.text()), FORM_SPAN, is_tls)))
    }

    /// Whether a form tells the token that its browser was given.
    pub(in crate::server) fn is_own_form(&self, headers: &HeaderMap, token: &str) -> bool {
        let key = self.guarded.as_ref().and_then(|guarded| guarded.form_key(headers));
        // Their hashes are compared, so that the time it takes tells nothing of the token.
        key.is_some_and(|key| hash(key.text().as_bytes()) == hash(token.as_bytes()))
    }
}

impl Guarded {
    fn form_key(&self, headers: &HeaderMap) -> Option<SessionKey> {
        self.session(headers, FORM)
    }

    pub(super) fn cookie(&self, (of, value): (&str, &str), span: Span, is_tls: bool) -> String {
        let secure = if is_tls { "; Secure" } else { "" };
        // Without a path it is that of the page, also behind a proxy that puts it elsewhere (RFC 6265 §5.1.4).
        format!("{}={value}; HttpOnly; SameSite=Lax; Max-Age={}{secure}", self.cookie_name(of, is_tls), span.as_s() as i64)
    }

    /// Over TLS a cookie has another name: browsers let none without `Secure` take the place of one that has it, and so nobody could log in
    /// without TLS who once has with it (RFC 6265bis §5.7). The prefix keeps others on the way from planting one (§4.1.3.1).
    pub(super) fn cookie_name(&self, of: &str, is_tls: bool) -> String {
        format!("{}{}{of}", if is_tls { "__Secure-" } else { "" }, self.cookie)
    }

    /// What a cookie holds, by whichever name it came.
    pub(super) fn session(&self, headers: &HeaderMap, of: &str) -> Option<SessionKey> {
        [true, false].into_iter().find_map(|is_tls| credential::session(headers, &self.cookie_name(of, is_tls)))
    }
}
