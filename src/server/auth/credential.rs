//! What a request shows to be let in: the cookie of a session, or a name and a password (HTTP Basic, RFC 7617). Pure.

use super::sessions::{KEY_TEXT_LEN, SessionKey};
use crate::{server::http::reply::text_of, users::password};
use hyper::{HeaderMap, header};

/// Longest name and password of HTTP Basic, decoded, in bytes.
const BASIC_LEN_MAX: usize = 1024;

/// A name and a password, as somebody typed them.
pub(in crate::server) struct NamedPassword {
    pub(in crate::server) name: String,
    pub(in crate::server) password: String,
}

/// The name and the password that a request shows.
pub(in crate::server) fn basic(headers: &HeaderMap) -> Option<NamedPassword> {
    text_of(headers, header::AUTHORIZATION).and_then(basic_of)
}

/// The session that the cookie of that name tells.
pub(in crate::server) fn session(headers: &HeaderMap, cookie: &str) -> Option<SessionKey> {
    values_of(headers, cookie).find(|value| value.len() == KEY_TEXT_LEN).and_then(SessionKey::parse)
}

/// The value of a cookie.
pub(in crate::server) fn value_of<'a>(headers: &'a HeaderMap, cookie: &'a str) -> Option<&'a str> {
    values_of(headers, cookie).next()
}

/// The values of the cookies of that name; browsers keep one for each path.
fn values_of<'a>(headers: &'a HeaderMap, cookie: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(move |(name, _)| *name == cookie).map(|(_, value)| value)
}

fn basic_of(value: &str) -> Option<NamedPassword> {
    let (scheme, coded) = value.split_once(' ')?;
    let is_short = coded.len() <= BASIC_LEN_MAX * 4 / 3 + 4;
    let text = Some(coded.trim()).filter(|_| scheme.eq_ignore_ascii_case("basic") && is_short).and_then(decoded)?;
    let (name, password) = text.split_once(':')?;
    (password.len() <= password::LEN_MAX).then(|| NamedPassword { name: name.to_owned(), password: password.to_owned() })
}

/// The text that base64 stands for (RFC 4648 §4), with its padding or without.
fn decoded(coded: &str) -> Option<String> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let digits = coded.trim_end_matches('=').bytes().map(digit).collect::<Option<Vec<u8>>>()?;
    let mut bytes = Vec::with_capacity(digits.len() * 3 / 4);
    for group in digits.chunks(4) {
        if group.len() == 1 {
            return None;
        }
        let bits = group.iter().fold(0_u32, |bits, digit| bits << 6 | u32::from(*digit)) << (6 * (4 - group.len()));
        bytes.extend(&bits.to_be_bytes()[1..group.len()]);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().expect("a value"))].into_iter().collect()
    }

    #[test]
    fn a_name_and_a_password_are_read_as_browsers_send_them() {
        let check = |value: &str, expect: Option<(&str, &str)>| {
            let read = basic(&headers(header::AUTHORIZATION, value));
            let read = read.map(|NamedPassword { name, password }| (name, password));
            assert_eq!(read.as_ref().map(|(name, password)| (name.as_str(), password.as_str())), expect, "{value}");
        };
        // RFC 7617 §2 and §2.1.
        check("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Some(("Aladdin", "open sesame")));
        check("basic dGVzdDoxMjPCow==", Some(("test", "123£")));
        check("Basic dGVzdDoxMjPCow", Some(("test", "123£")));
        check("Basic Og==", Some(("", "")));
        check("Basic YTpiOmM=", Some(("a", "b:c")));
        for wrong in ["Basic", "Basic ", "Basic YQ==", "Basic !", "Basic A", "Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Basic OoA="] {
            check(wrong, None);
        }
        check(&format!("Basic {}", "QTpB".repeat(1000)), None);
    }

    #[test]
    fn the_cookie_of_the_session_is_found_among_others() {
        let key = SessionKey::random().expect("random bytes");
        let text = key.text();
        for line in
            [format!("hlscam_80={text}"), format!("a=b; hlscam_80={text}; c=d"), format!("hlscam_80=short; hlscam_80={text}")]
        {
            assert_eq!(session(&headers(header::COOKIE, &line), "hlscam_80"), Some(key.clone()), "{line}");
        }
        for line in [format!("hlscam_81={text}"), format!("hlscam_80={}", &text[1..]), "hlscam_80".to_owned()] {
            assert_eq!(session(&headers(header::COOKIE, &line), "hlscam_80"), None, "{line}");
        }
    }
}
