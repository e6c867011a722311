//! What was said about where the server listens.

use crate::server::Bind;
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

/// With what a Unix socket begins.
const UNIX: &str = "unix:";
/// What systemd has opened.
const SYSTEMD: &str = "systemd";

/// Reads the value of `--bind`, or says why it is none.
pub(super) fn read(text: &str) -> Result<Bind, String> {
    if let Some(path) = text.strip_prefix(UNIX) {
        return match path {
            "" => Err("the file is missing; write one, like unix:/run/hlscam/hlscam.sock".to_owned()),
            path => Ok(Bind::Unix(PathBuf::from(path))),
        };
    }
    if text == SYSTEMD {
        return Ok(Bind::Systemd);
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().map(Bind::Address).map_err(|_| hint(text))
}

fn hint(text: &str) -> String {
    match (text, text.parse::<SocketAddr>()) {
        (_, Ok(address)) => format!("the port is an option of its own; write --bind {} --port {}", address.ip(), address.port()),
        ("localhost", _) => "this is a name, not an IP address; write 127.0.0.1".to_owned(),
        (path, _) if path.contains('/') => format!("this is no IP address; a Unix socket is written {UNIX}{path}"),
        _ => "this is no IP address; write 127.0.0.1 for this computer alone, or 0.0.0.0 for the whole network".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_listens_at_an_address_a_file_or_what_systemd_opened() {
        let address = |text: &str| Ok(Bind::Address(text.parse().expect(text)));
        assert_eq!(read("127.0.0.1"), address("127.0.0.1"));
        assert_eq!(read("[::1]"), address("::1"));
        assert_eq!(read("unix:/run/a b.sock"), Ok(Bind::Unix("/run/a b.sock".into())));
        assert_eq!(read("systemd"), Ok(Bind::Systemd));
        assert!(read("unix:").is_err_and(|why| why.starts_with("the file is missing")));
        assert!(read("/run/x.sock").is_err_and(|why| why.ends_with("a Unix socket is written unix:/run/x.sock")));
        assert!(read("localhost").is_err_and(|why| why.ends_with("write 127.0.0.1")));
        assert!(read("127.0.0.1:80").is_err_and(|why| why.ends_with("write --bind 127.0.0.1 --port 80")));
    }
}
