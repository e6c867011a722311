//! Commands of clients to the thread of the markers, and its answers.

use super::*;

/// Open markers of clients at once: more are sensors that never tell an end.
pub const OPEN_MAX: usize = 200;

/// Longest JSON of a page of markers, in bytes; the marker that passes it is the last. A page of 10,000 without data fits.
pub const PAGE_LEN_MAX: usize = 4 << 20;

/// Some of the markers that are asked for, as JSON with commas between.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct MarkerPage {
    /// The markers.
    pub json: String,
    /// Where the next ones begin, if there are more.
    pub next: Option<Cursor>,
}

/// A command, and where its answer goes.
#[derive(Debug)]
pub enum Command {
    /// List markers.
    List(Query, Reply<(Vec<Marker>, Option<Cursor>)>),
    /// The same, written as JSON row by row, so that an answer is in memory once.
    Page(Query, Reply<MarkerPage>),
    /// Find the one of that id.
    Find(String, Reply<Marker>),
    /// Make one.
    Add(Draft, Reply<Marker>),
    /// Change one.
    Edit(String, Edit, Reply<Marker>),
    /// Remove one.
    Remove(String, Reply<()>),
}

/// Where an answer goes; a client that is gone does not matter.
pub(super) type Reply<T> = oneshot::Sender<Result<T, CommandError>>;

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// There is no marker of that id.
    #[error("there is no marker {0}; it may have been removed, or have left the window")]
    NotFound(String),
    /// The change does not fit the marker.
    #[error("the marker cannot be changed: {0}")]
    Conflict(String),
    /// It ended before the window begins.
    #[error("the marker ends before the window begins, at {0}; nothing could show it, and --storage alone would keep it")]
    Past(WallTime),
    /// Too many open ones.
    #[error("{OPEN_MAX} markers of clients are open; end some, or send an end with the next")]
    TooManyOpen,
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store could not keep it.
    #[error("{0}")]
    Unkept(StoreError),
    /// The queue is full.
    #[error("too many questions at once; ask again soon")]
    Busy,
    /// The stream has ended.
    #[error("the stream has ended, and takes no more questions")]
    Ended,
}

impl Worker {
    pub(super) fn answer(&mut self, command: Command) {
        self.follow_clock();
        match command {
            Command::List(query, reply) => {
                let answer = self.store().list(&query).map_err(CommandError::from);
                self.reply(reply, answer);
            }
            Command::Page(query, reply) => {
                let answer = self.page(&query).map_err(CommandError::from);
                self.reply(reply, answer);
            }
            Command::Find(id, reply) => {
                let found = self.find(&id).map_err(CommandError::from);
                self.reply(reply, found.and_then(|found| found.ok_or(CommandError::NotFound(id))));
            }
            Command::Add(draft, reply) => {
                let answer = self.post(draft);
                self.reply(reply, answer);
            }
            Command::Edit(id, edit, reply) => {
                let answer = self.patch(id, edit);
                self.reply(reply, answer);
            }
            Command::Remove(id, reply) => {
                let answer = self.delete(id);
                self.reply(reply, answer);
            }
        }
    }

    fn reply<T>(&mut self, reply: Reply<T>, answer: Result<T, CommandError>) {
        let answer = match answer {
            Err(CommandError::Store(error)) => {
                let error = self.store().named(error);
                self.note_misread(&error);
                Err(CommandError::Store(error))
            }
            Err(CommandError::Unkept(error)) => {
                let error = self.store().named(error);
                let told = error.clone();
                self.note(Err::<(), _>(error));
                Err(CommandError::Unkept(told))
            }
            other => other,
        };
        // A client that did not wait is no fault.
        reply.send(answer).ok();
    }

    fn page(&self, query: &Query) -> Result<MarkerPage, StoreError> {
        let mut json = String::new();
        let next = self.store().visit(query, |marker| {
            let text = serde_json::to_string(&marker).map_err(|error| StoreError::new(error.to_string()))?;
            if !json.is_empty() {
                json.push(',');
            }
            json.push_str(&text);
            Ok(json.len() < PAGE_LEN_MAX)
        })?;
        Ok(MarkerPage { json, next })
    }

    fn post(&mut self, draft: Draft) -> Result<Marker, CommandError> {
        let Draft { kind, text, begin, end, data } = draft;
        match (end, self.parts.window.first_wall()) {
            (Some(end), Some(first)) if end < first && self.parts.retention == Retention::Window => {
                return Err(CommandError::Past(first));
            }
            (None, _) if self.n_open_of_clients()? >= OPEN_MAX => return Err(CommandError::TooManyOpen),
            _ => {}
        }
        let new = Marker {
            id: String::new(),
            camera: self.parts.camera.clone(),
            kind,
            text,
            source: MarkerSource::Api,
            begin,
            end,
            count: None,
            confidence: None,
            best: None,
            data,
        };
        let marker = self.add(new).map_err(CommandError::Unkept)?;
        self.count();
        Ok(marker)
    }

    fn n_open_of_clients(&self) -> Result<usize, StoreError> {
        Ok(self.open_ones()?.iter().filter(|marker| marker.source == MarkerSource::Api).count())
    }

    fn patch(&mut self, id: String, edit: Edit) -> Result<Marker, CommandError> {
        let id = if edit.end.is_some() { self.successor(id) } else { id };
        let Some(mut marker) = self.find(&id)? else { return Err(CommandError::NotFound(id)) };
        let was_open = marker.end.is_none();
        edit.apply(&mut marker).map_err(|conflict| CommandError::Conflict(conflict.0))?;
        if was_open && marker.end.is_some() {
            self.forget_successor(&marker.id);
            self.close(marker.clone()).map_err(CommandError::Unkept)?;
        } else {
            self.store().save(&marker).map_err(CommandError::Unkept)?;
            self.events.publish(self.parts.clock.wall(), EventKind::MarkerChange(marker.clone()));
        }
        self.count();
        Ok(marker)
    }

    /// What the playlists list stays there until its dates leave the window (§6.2.1); an open one gets its end, or it never would.
    fn delete(&mut self, id: String) -> Result<(), CommandError> {
        // One that cannot be read can be removed.
        let marker = match self.find(&id) {
            Ok(None) => return Err(CommandError::NotFound(id)),
            found => found.unwrap_or(None),
        };
        if !self.store().remove(&id).map_err(CommandError::Unkept)? {
            return Err(CommandError::NotFound(id));
        }
        let now = self.today();
        if let Some(mut marker) = marker.filter(|marker| marker.end.is_none()) {
            marker.end = Some(now.max(marker.begin));
            self.mark(&marker);
        }
        self.events.publish(now, EventKind::MarkerRemoved(id));
        self.count();
        Ok(())
    }
}
