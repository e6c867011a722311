//! Why a camera on the network cannot be opened, each as one sentence that holds no secret.
//!
//! FFmpeg's own texts name the address with its password at times, and go no further than its log, which is off; its error codes do not.

use super::watch::Watch;
use crate::{
    source::{
        OpenError,
        address::{NetworkAddress, Scheme},
    },
    time::Span,
};
use ffmpeg_next::{Error, util::error as errno};
use std::io;

/// Why there is no stream.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The host has no address.
    Unknown(io::Error),
    /// FFmpeg has failed with that.
    Failed(Error),
    /// Nothing came for so long.
    Silent(Span),
    /// There is sound alone, or text.
    NoVideo,
    /// Nothing here decodes what that codec made.
    NoDecoder(&'static str),
    /// Single pictures are no stream.
    Still,
    /// There are pictures, but none that can be shown; in the decoder's words.
    NoPicture(String),
    /// Pictures of a size that is not taken.
    Size(u32, u32),
}

impl Refusal {
    /// What a failed call means: one that the watch has ended is a silence.
    pub(super) fn of(error: Error, watch: &Watch) -> Refusal {
        if watch.is_over() { Refusal::Silent(watch.span()) } else { Refusal::Failed(error) }
    }

    /// Whether it stands until a person changes something; asking on soon may lock the user out.
    pub(super) fn is_login(&self) -> bool {
        matches!(self, Refusal::Failed(Error::HttpUnauthorized | Error::HttpForbidden))
    }

    /// The whole sentence.
    pub(super) fn sentence(&self, address: &NetworkAddress) -> OpenError {
        OpenError(match self {
            Refusal::Unknown(error) => {
                format!("cannot find the host of {address} ({error}); check its name, or write its IP address")
            }
            Refusal::Failed(error) => return OpenError(failed(*error, address)),
            Refusal::Silent(span) => {
                let hint = "is it on, and are the address and the port right?";
                format!("{address} has sent no picture within {:.0} s; {hint}", span.as_s())
            }
            Refusal::NoVideo => format!("{address} sends no video, only sound or data; give the address of its video stream"),
            Refusal::NoDecoder(codec) => format!(
                "{address} sends {codec}, which the FFmpeg of this computer cannot decode; set the camera to H.264, H.265 or MJPEG"
            ),
            Refusal::Still => {
                format!("{address} gives a single picture and no stream; give the address of the camera's video stream")
            }
            Refusal::NoPicture(said) => {
                format!("no picture of {address} can be decoded ({said}); set the camera to H.264, H.265 or MJPEG")
            }
            Refusal::Size(width, height) => {
                format!("{address} has pictures of {width}x{height}, which hlscam does not take; set the camera to another size")
            }
        })
    }
}

fn failed(error: Error, address: &NetworkAddress) -> String {
    let is_rtsp = matches!(address.scheme(), Scheme::Rtsp | Scheme::Rtsps);
    match error {
        Error::HttpUnauthorized if address.has_login() => {
            format!("{address} does not take this user and password; check them, and write @ in them as %40, : as %3A, / as %2F")
        }
        Error::HttpUnauthorized => {
            format!("{address} wants a user and a password; write them into the address, like rtsp://user:password@host/path")
        }
        Error::HttpForbidden => format!("{address} forbids this stream to this user; give the user the right to see it"),
        Error::HttpNotFound => {
            format!("{address} knows no stream of that path; look up the path of the stream in the camera's manual")
        }
        Error::HttpBadRequest | Error::HttpOther4xx | Error::HttpServerError => {
            format!("{address} answers with an error ({error}); is the path right, and has the camera a stream to spare?")
        }
        Error::ProtocolNotFound | Error::DemuxerNotFound | Error::Other { errno: errno::EPROTONOSUPPORT } => {
            format!("the FFmpeg of this computer cannot read {address}; install one that can, or take rtsp:// or http://")
        }
        Error::InvalidData if is_rtsp => {
            format!("what answers at {address} does not speak RTSP as FFmpeg knows it; check the port")
        }
        Error::InvalidData => {
            format!("what {address} sends is no video that FFmpeg knows, like an HTML page; give the address of the stream itself")
        }
        Error::Eof => format!("{address} ended the connection before a picture came; is the path right?"),
        Error::Other { errno: errno::ECONNREFUSED } => {
            format!("{address} refuses the connection; is the camera on, and is the port right?")
        }
        Error::Other { errno: errno::ETIMEDOUT | errno::EHOSTUNREACH | errno::ENETUNREACH } => {
            format!("{address} cannot be reached ({error}); is the camera on, and in this network?")
        }
        _ => format!("cannot read {address} ({error}); check the address"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_is_one_sentence_without_secrets() {
        let address = NetworkAddress::parse("rtsp://me:secret@cam:8554/token").expect("an address");
        let others = [
            Refusal::Unknown(io::Error::other("unknown")),
            Refusal::Silent(Span::from_ms(10_000)),
            Refusal::NoVideo,
            Refusal::NoDecoder("av1"),
            Refusal::Still,
            Refusal::NoPicture("damaged".to_owned()),
            Refusal::Size(1, 1),
        ];
        let codes = [
            Error::HttpUnauthorized,
            Error::HttpForbidden,
            Error::HttpNotFound,
            Error::HttpServerError,
            Error::ProtocolNotFound,
            Error::InvalidData,
            Error::Eof,
            Error::Exit,
            Error::Other { errno: errno::ECONNREFUSED },
            Error::Other { errno: errno::EHOSTUNREACH },
        ];
        for refusal in others.into_iter().chain(codes.map(Refusal::Failed)) {
            let OpenError(said) = refusal.sentence(&address);
            assert!(said.contains("rtsp://cam:8554") && !said.contains("secret") && !said.contains("token"), "{said}");
            assert!(!said.ends_with('.') && (said.contains("; ") || said.ends_with('?')), "{said}");
        }
    }

    #[test]
    fn who_named_no_user_is_told_where_to_write_one() {
        let said = |address: &str| {
            let address = NetworkAddress::parse(address).expect("an address");
            Refusal::Failed(Error::HttpUnauthorized).sentence(&address).0
        };
        assert!(said("rtsp://cam/1").contains("wants a user and a password"));
        assert!(said("rtsp://me:x@cam/1").contains("does not take this user and password"));
    }
}
