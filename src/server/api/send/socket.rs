//! The connection of one sender, from its first message to its last.

use super::hello::{self, Hello, MESSAGE_LEN_MAX};
use crate::{
    camera::Camera,
    server::{auth::visitor::Visitor, context::Shared},
    source::inbox::{Claim, Coding, Farewell, Inbox, News, Seat, Who},
    users::Role,
};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, interval, sleep_until, timeout};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        protocol::{self, WebSocketConfig},
    },
};

/// From the connection to its first text.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);
/// A sender is asked this often whether it is still there, and whether it still may send.
const LOOK: Duration = Duration::from_secs(2);
/// A sender of which nothing was heard for this long, not even an answer to that, is gone.
const SILENCE_MAX: Duration = Duration::from_secs(6);
/// Longest wait until something that is told is on its way.
const TELL_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for the end of a connection that both sides have said is over.
const LEAVE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest wait for room: then the camera's stream takes nothing.
const ROOM_TIMEOUT: Duration = Duration::from_secs(5);
/// Messages that are taken in a second: twice what the fastest camera sends. What comes faster waits.
const MESSAGES_PER_S_MAX: u32 = 240;
/// Bytes that are taken in a second: 64 Mbit.
const BYTES_PER_S_MAX: usize = 8 << 20;
/// Over which time both are counted.
const RATE_SPAN: Duration = Duration::from_secs(1);

/// The word for what a sender did wrong itself.
const BAD: &str = "bad";

/// A sender that has just connected.
pub(super) struct Connected {
    pub(super) shared: Arc<Shared>,
    pub(super) camera: Arc<Camera>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) visitor: Visitor,
    pub(super) who: Who,
}

/// Why a sender sends no more.
enum Ending {
    /// It has left.
    Left,
    /// It is told: a word for the page, a sentence for the user.
    Told(&'static str, String),
}

/// What the socket speaks over.
type Socket = WebSocketStream<TokioIo<Upgraded>>;

impl Connected {
    /// Takes what it sends, until it leaves or is told to.
    pub(super) async fn serve(self, upgrading: OnUpgrade) {
        let Ok(Ok(upgraded)) = timeout(HELLO_TIMEOUT, upgrading).await else { return };
        let limits = WebSocketConfig::default().max_message_size(Some(MESSAGE_LEN_MAX)).max_frame_size(Some(MESSAGE_LEN_MAX));
        let mut socket = Socket::from_raw_socket(TokioIo::new(upgraded), protocol::Role::Server, Some(limits)).await;
        let ending = match self.greet(&mut socket).await {
            Ok(hello) => self.receive(&mut socket, hello).await,
            Err(ending) => ending,
        };
        let is_bad = matches!(ending, Ending::Told(BAD, _));
        if let Ending::Told(word, why) = ending {
            tell(&mut socket, json!({ "end": word, "why": why })).await;
        }
        // What it has sent meanwhile is read, for closing over unread bytes would destroy what it is told.
        let leave = async {
            socket.close(None).await.ok();
            while let Some(Ok(_)) = socket.next().await {}
            if is_bad {
                // What is no message is still under way: one that is too long, for one.
                tokio::io::copy(socket.get_mut(), &mut tokio::io::sink()).await.ok();
            }
        };
        timeout(LEAVE_TIMEOUT, leave).await.ok();
    }

    /// The first message, of one who may send.
    async fn greet(&self, socket: &mut Socket) -> Result<Hello, Ending> {
        let text = match timeout(HELLO_TIMEOUT, socket.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => text,
            Ok(Some(Ok(Message::Binary(_)))) => return Err(bad("the first message is to be a text".to_owned())),
            Ok(_) => return Err(Ending::Left),
            Err(_) => return Err(bad(format!("nothing was said in {} s", HELLO_TIMEOUT.as_secs()))),
        };
        let hello = hello::hello(&text).map_err(bad)?;
        let (camera, now) = (&self.camera.name, self.camera.clock.wall());
        if !self.shared.tickets.admits(&hello.token, camera, &self.visitor, now) {
            tracing::warn!("{} may not send to {camera}: its page's token is none of ours, or too old", self.who);
            return Err(Ending::Told("token", "the page's token is none of ours, or too old; load the page again".to_owned()));
        }
        Ok(hello)
    }

    /// Takes the place, and all that comes.
    async fn receive(&self, socket: &mut Socket, hello: Hello) -> Ending {
        let Hello { page, takes_over, take, .. } = hello;
        let claim = Claim { who: self.who.clone(), page, takes_over, since: self.camera.clock.wall() };
        let seat = match self.inbox.claim(claim) {
            Ok(seat) => seat,
            Err(occupied) => return Ending::Told("occupied", occupied.to_string()),
        };
        let camera = &self.camera.name;
        tracing::info!("{} sends to {camera}: {}", self.who, take.media_type);
        let mut receiver =
            Receiver { news: seat.news.clone(), told: News::default(), coding: take.coding, seat, rate: Rate::begin() };
        receiver.seat.begin(take);
        let ending = match tell(socket, json!({ "accepted": true })).await {
            true => receiver.run(socket, || self.shared.door.role_now(&self.visitor) >= Some(Role::Operator)).await,
            false => Ending::Left,
        };
        tracing::info!("{} sends to {camera} no more", self.who);
        ending
    }
}

/// A sender that has its place.
struct Receiver {
    seat: Seat,
    news: tokio::sync::watch::Receiver<News>,
    /// What the sender was told so far.
    told: News,
    coding: Coding,
    rate: Rate,
}

impl Receiver {
    async fn run(&mut self, socket: &mut Socket, may_send: impl Fn() -> bool) -> Ending {
        let (mut look, mut heard) = (interval(LOOK), Instant::now());
        if let Err(ending) = self.tell_news(socket).await {
            return ending;
        }
        loop {
            let outcome = tokio::select! {
                changed = self.news.changed() => match changed {
                    Ok(()) => self.tell_news(socket).await,
                    // Its place was given away; what is told last is still there.
                    Err(_) => self.tell_news(socket).await.and(Err(Ending::Left)),
                },
                message = socket.next() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(message)) => self.take(message).await,
                        Some(Err(error)) => Err(broken(error)),
                        None => Err(Ending::Left),
                    }
                }
                _ = look.tick() => {
                    if heard.elapsed() > SILENCE_MAX {
                        Err(Ending::Left)
                    } else if !may_send() {
                        Err(Ending::Told("role", "you may send no more: log in again, or ask an admin for the role operator".to_owned()))
                    } else {
                        timeout(TELL_TIMEOUT, socket.send(Message::Ping(Bytes::new()))).await.map_err(|_| Ending::Left).map(drop)
                    }
                }
            };
            if let Err(ending) = outcome {
                return ending;
            }
        }
    }

    /// Takes a message.
    async fn take(&mut self, message: Message) -> Result<(), Ending> {
        match message {
            Message::Binary(bytes) => {
                self.rate.take(bytes.len()).await;
                match self.coding {
                    Coding::Frames(_) => self.seat.frame(hello::frame(bytes).map_err(bad)?),
                    Coding::Container(_) => timeout(ROOM_TIMEOUT, self.seat.bytes(bytes))
                        .await
                        .map_err(|_| Ending::Told("slow", "the camera's stream takes no more; it is tried again".to_owned()))?,
                }
            }
            Message::Text(text) => {
                self.rate.take(text.len()).await;
                let take = hello::later(&text).map_err(bad)?;
                self.coding = take.coding;
                self.seat.begin(take);
            }
            Message::Close(_) => return Err(Ending::Left),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        Ok(())
    }

    async fn tell_news(&mut self, socket: &mut Socket) -> Result<(), Ending> {
        let news = self.news.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.told, news.clone());
        if let Some(farewell) = news.farewell {
            return Err(told(farewell));
        }
        let is_there = (news.is_shown == before.is_shown || tell(socket, json!({ "shown": true })).await)
            && (news.keys_wanted == before.keys_wanted || tell(socket, json!({ "key": true })).await);
        if is_there { Ok(()) } else { Err(Ending::Left) }
    }
}

/// What it did wrong itself.
fn bad(why: String) -> Ending {
    Ending::Told(BAD, why)
}

fn broken(error: tungstenite::Error) -> Ending {
    match error {
        tungstenite::Error::Capacity(_) => bad(format!("a message is longer than {MESSAGE_LEN_MAX} bytes")),
        _ => Ending::Left,
    }
}

fn told(farewell: Farewell) -> Ending {
    match farewell {
        Farewell::TakenOver(who) => Ending::Told("taken", format!("{who} has taken over")),
        Farewell::Replaced => Ending::Told("replaced", "this page sends over another connection".to_owned()),
        Farewell::Unreadable(why) => Ending::Told("unreadable", why),
        Farewell::Ended => Ending::Told("ended", "the camera's stream has ended".to_owned()),
    }
}

/// Whether it could be told.
async fn tell(socket: &mut Socket, what: Value) -> bool {
    matches!(timeout(TELL_TIMEOUT, socket.send(Message::text(what.to_string()))).await, Ok(Ok(())))
}

/// How much has come of late.
struct Rate {
    begun: Instant,
    messages: u32,
    bytes: usize,
}

impl Rate {
    fn begin() -> Rate {
        Rate { begun: Instant::now(), messages: 0, bytes: 0 }
    }

    /// Counts a message; waits, and the network with it, where there were too many, or too large ones.
    async fn take(&mut self, len: usize) {
        if self.begun.elapsed() >= RATE_SPAN {
            *self = Rate::begin();
        }
        (self.messages, self.bytes) = (self.messages + 1, self.bytes + len);
        if self.messages > MESSAGES_PER_S_MAX || self.bytes > BYTES_PER_S_MAX {
            sleep_until(self.begun + RATE_SPAN).await;
            *self = Rate::begin();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_comes_too_fast_waits() {
        let (mut rate, begun) = (Rate::begin(), Instant::now());
        for _ in 0..MESSAGES_PER_S_MAX {
            rate.take(10).await;
        }
        // A timer may be a millisecond late.
        let waited_s = || begun.elapsed().as_secs_f64().round();
        assert_eq!(begun.elapsed(), Duration::ZERO);
        rate.take(10).await;
        assert_eq!(waited_s(), 1.0);
        rate.take(BYTES_PER_S_MAX).await;
        rate.take(1).await;
        assert_eq!(waited_s(), 2.0);
    }
}
