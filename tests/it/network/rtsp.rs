//! A camera that speaks RTSP over TCP: H.264 that the FFmpeg command made, a picture per packet of RTP. It does on demand what cameras do
//! wrong.

use super::http::read_head;
use crate::support::base64;
use hlscam::time::{Clock, FrameRate, SystemClock};
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

/// Ticks of RTP's clock in a second.
const CLOCK: u32 = 90_000;

/// What it sends, and how.
#[derive(Clone)]
pub(crate) struct Play {
    /// Annex B, one slice per picture.
    pub(crate) h264: Vec<u8>,
    /// Pictures in a second.
    pub(crate) fps: u32,
    /// Pictures that are left out at the beginning.
    pub(crate) skip: usize,
    /// What comes behind the pictures.
    pub(crate) then: Then,
    /// User and password that it wants.
    pub(crate) login: Option<(&'static str, &'static str)>,
    /// RTP's time stamp of the first picture.
    pub(crate) first_stamp: u32,
}

/// What a camera does when its pictures are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It sends them again, and so on.
    Again,
    /// It closes the connection.
    Close,
    /// It keeps the connection, and says nothing more.
    Stall,
    /// It sends what nobody understands, and closes.
    Garbage,
}

/// The running camera; it ends when dropped.
pub(crate) struct RtspCamera {
    pub(crate) port: u16,
    /// Connections that have played.
    pub(crate) played: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl RtspCamera {
    /// A camera at a port of the system's choice.
    pub(crate) fn start(play: Play) -> RtspCamera {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        RtspCamera::on(listener, play)
    }

    pub(crate) fn on(listener: TcpListener, play: Play) -> RtspCamera {
        let port = listener.local_addr().expect("it is bound").port();
        let (stop, played) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let camera = RtspCamera { port, played: played.clone(), stop: stop.clone() };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                let (play, stop, played) = (play.clone(), stop.clone(), played.clone());
                thread::spawn(move || serve(stream, &play, &stop, &played));
            }
        });
        camera
    }
}

impl Drop for RtspCamera {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        // Wakes the thread that accepts.
        TcpStream::connect(("127.0.0.1", self.port)).ok();
    }
}

/// One client; ends when it goes.
fn serve(mut stream: TcpStream, play: &Play, stop: &AtomicBool, played: &AtomicUsize) -> Option<()> {
    let wanted = play.login.map(|(user, password)| format!("Basic {}", base64(format!("{user}:{password}").as_bytes())));
    loop {
        let head = read_head(&mut stream)?;
        let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map_or("", str::trim);
        let (method, cseq) = (head.split(' ').next()?, header("CSeq:"));
        let (status, more, body) = match method {
            "OPTIONS" => ("200 OK", "Public: OPTIONS, DESCRIBE, SETUP, PLAY\r\n".to_owned(), String::new()),
            _ if wanted.as_ref().is_some_and(|wanted| header("Authorization:") != wanted) => {
                ("401 Unauthorized", "WWW-Authenticate: Basic realm=\"camera\"\r\n".to_owned(), String::new())
            }
            _ if !head.contains("/cam ") && method == "DESCRIBE" => ("404 Not Found", String::new(), String::new()),
            "DESCRIBE" => ("200 OK", "Content-Type: application/sdp\r\n".to_owned(), SDP.to_owned()),
            "SETUP" => ("200 OK", format!("Transport: {}\r\nSession: 1\r\n", header("Transport:")), String::new()),
            _ => ("200 OK", "Session: 1\r\n".to_owned(), String::new()),
        };
        write!(stream, "RTSP/1.0 {status}\r\nCSeq: {cseq}\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len()).ok()?;
        if method == "PLAY" {
            played.fetch_add(1, Ordering::Relaxed);
            send(&mut stream, play, stop)?;
            return rest(&mut stream, play.then);
        }
    }
}

const SDP: &str = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\nc=IN IP4 127.0.0.1\r\n\
                   a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track1\r\n";

/// The pictures at their rate.
fn send(stream: &mut TcpStream, play: &Play, stop: &AtomicBool) -> Option<()> {
    let pictures = pictures(&play.h264);
    let (clock, mut sequence, mut n) = (SystemClock::start(), 0_u16, 0);
    let begin = clock.now();
    let rounds = if play.then == Then::Again { usize::MAX } else { 1 };
    for picture in (0..rounds).flat_map(|_| &pictures).skip(play.skip) {
        clock.sleep_until(begin + FrameRate::whole(play.fps).frame_start(i64::from(n)));
        if stop.load(Ordering::Relaxed) {
            return None;
        }
        let stamp = play.first_stamp.wrapping_add(n * CLOCK / play.fps);
        for (idx, nal) in picture.iter().enumerate() {
            let is_last = u8::from(idx + 1 == picture.len());
            let mut packet = vec![0x80, is_last << 7 | 96];
            packet.extend(sequence.to_be_bytes());
            packet.extend(stamp.to_be_bytes());
            packet.extend(7_u32.to_be_bytes());
            packet.extend(*nal);
            let len = u16::try_from(packet.len()).expect("a picture of a test is small");
            stream.write_all(&[&[b'$', 0], &len.to_be_bytes()[..], &packet].concat()).ok()?;
            sequence = sequence.wrapping_add(1);
        }
        n += 1;
    }
    Some(())
}

fn rest(stream: &mut TcpStream, then: Then) -> Option<()> {
    match then {
        Then::Again | Then::Close => None,
        Then::Garbage => stream.write_all(&[0xA5; 5000]).ok(),
        // Until the client goes.
        Then::Stall => stream.read_to_end(&mut Vec::new()).ok().map(|_| ()),
    }
}

/// The NAL units of each picture; the last of each is its slice.
fn pictures(h264: &[u8]) -> Vec<Vec<&[u8]>> {
    let starts: Vec<usize> = h264.windows(3).enumerate().filter(|(_, three)| *three == [0, 0, 1]).map(|(at, _)| at + 3).collect();
    let ends = starts.iter().skip(1).map(|start| start - 3).chain([h264.len()]);
    let nals = starts.iter().zip(ends).map(|(start, end)| {
        let nal = &h264[*start..end];
        // The zero of the next start code.
        nal.strip_suffix(&[0]).unwrap_or(nal)
    });
    let mut pictures = vec![Vec::new()];
    for nal in nals {
        pictures.last_mut().expect("never empty").push(nal);
        if matches!(nal[0] & 31, 1 | 5) {
            pictures.push(Vec::new());
        }
    }
    pictures.retain(|picture| !picture.is_empty());
    pictures
}
