//! What a program holds of its client.

use std::sync::Arc;
use std::time::Duration;

use ayt_core::session::traffic::OfferError;
use bytes::Bytes;

use super::SendError;
use super::builder::Builder;
use super::event::Event;
use super::loss::Loss;
use super::saved::Saved;
use super::search::{BadSearch, Memory};
use super::settings::Settings;
use super::shared::{After, Shared};
use super::spare::Spare;
use super::values::{Ended, Snapshot, Status, Undelivered};

/// A client of `ayt/1`: one session with one server, over as many connections as it
/// takes. See [the module](super).
///
/// All methods take `&self`: put it into an [`Arc`] to send, receive and watch
/// events in different tasks. One task should receive at a time, since asking for
/// the next message says that the one before is done with.
///
/// Dropped, it does what [`Self::abort`] does.
#[derive(Debug)]
pub struct Client {
    pub(super) shared: Arc<Shared>,
    pub(super) settings: Arc<Settings>,
}

/// Why a message was not taken at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError {
    /// There is no room until the server acknowledges more. Here it is back.
    #[error("as much is unacknowledged as is kept: try again when the server has acknowledged")]
    Full(Bytes),
    /// It will never be taken.
    #[error(transparent)]
    Send(#[from] SendError),
}

impl Client {
    /// Begins to set up a client with this identity, 1 to 128 bytes: the server's
    /// name for the device. Two devices with one identity displace each other.
    pub fn builder(identity: impl Into<Bytes>) -> Builder {
        Builder::new(identity.into())
    }

    /// Sends a message. It is ready when the message is taken: from then on it is
    /// kept until the server has handed it over, and arrives once, in order, as long
    /// as the session lives. Works without a connection too. Waits while as much is
    /// unacknowledged as the [replay bound](Builder::replay_bound) or the server's
    /// window allows: back-pressure, never loss.
    ///
    /// Before the first registration it is not known what the server takes: messages
    /// up to 64 KiB are taken then. One that turns out too long goes, with those
    /// after it, to [`Self::take_undelivered`].
    ///
    /// Cancel safe: where the future is dropped before it is ready, the message was
    /// not taken.
    ///
    /// # Errors
    /// The message is longer than the server takes; the client is being closed, or
    /// has ended.
    pub async fn send(&self, message: impl Into<Bytes>) -> Result<(), SendError> {
        let message = message.into();
        loop {
            let core = self.shared.current();
            match core.send(message.clone()).await {
                // Another session has taken its place.
                Err(SendError::Over(_)) if !Arc::ptr_eq(&core, &self.shared.current()) => {}
                // The server has ended the session; another will take its place, or
                // the client ends.
                Err(SendError::Offer(OfferError::Ending))
                    if self.shared.has_left(&core).is_none() =>
                {
                    self.shared.when(|shared| shared.has_left(&core)).await;
                }
                taken => return taken,
            }
        }
    }

    /// As [`Self::send`], at once or not at all.
    ///
    /// # Errors
    /// There is no room now, or any error of [`Self::send`].
    pub fn try_send(&self, message: impl Into<Bytes>) -> Result<(), TrySendError> {
        match self.shared.offer(message.into())? {
            None => Ok(()),
            Some(message) => Err(TrySendError::Full(message)),
        }
    }

    /// The next message from the server. `None` once the client has ended and
    /// everything that came in was taken.
    ///
    /// Asking for a message says that the one before it is done with, and lets it be
    /// acknowledged. A program that crashes while it handles a message has not
    /// acknowledged it.
    ///
    /// What came in of a session that the server has ended is still handed over,
    /// before the messages of the next; a program that takes nothing keeps that of
    /// the last four. Of a session that could not be resumed it is not: the server's
    /// program has been told that it did not arrive, and may send it again. While a
    /// resume is being asked for, nothing is handed over.
    ///
    /// Cancel safe: where the future is dropped before it is ready, no message was
    /// taken. The one before counts as done with from the first poll on.
    pub async fn recv(&self) -> Option<Bytes> {
        loop {
            let core = self.shared.reading();
            if let Some(message) = core.recv().await {
                return Some(message);
            }
            if matches!(self.shared.after(&core), After::Nothing) {
                return None;
            }
        }
    }

    /// The message taken last is done with, and may be acknowledged, though no other
    /// is asked for.
    pub fn done(&self) {
        self.shared.reading().done();
    }

    /// The next event, for the user interface; `None` after
    /// [`Event::Stopped`]. At most [`EVENTS`](super::EVENTS) wait; of more the oldest
    /// are dropped, and [`Event::Missed`] says how many. The connection never waits
    /// for anybody who asks here.
    ///
    /// Cancel safe: where the future is dropped, no event was taken.
    pub async fn event(&self) -> Option<Event> {
        self.shared.events.next().await
    }

    /// The next event, if there is one.
    pub fn try_event(&self) -> Option<Event> {
        self.shared.events.try_next()
    }

    /// Where the client stands at this moment.
    #[must_use]
    pub fn state(&self) -> Snapshot {
        self.shared.snapshot()
    }

    /// Waits until the client is registered, or has ended.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// How it has ended.
    pub async fn registered(&self) -> Result<(), Ended> {
        self.shared
            .when(|shared| match shared.ended() {
                Some(ended) => Some(Err(ended)),
                None => {
                    let status = shared.snapshot().status;
                    matches!(status, Status::Registered | Status::Suspect).then_some(Ok(()))
                }
            })
            .await
    }

    /// Asks the server whether it is there: `true` where anything at all comes from
    /// it within the challenge time (5 s by default), `false` where nothing does, or
    /// there is no connection. [`Event::RoundTrip`] tells how long the answer took.
    ///
    /// Cancel safe; the question is asked from the first poll on.
    pub async fn answers(&self) -> bool {
        self.shared.ask().await
    }

    /// Opens a spare connection, on which it can be tried how long a NAT on the way
    /// remembers a silent one, without losing the session's own. It is not tried
    /// again where it fails. The task that calls it moves its bytes; one spare of an
    /// identity stands at a time.
    ///
    /// Cancel safe: where the future is dropped, the connection is closed.
    ///
    /// # Errors
    /// Why it did not come about.
    pub async fn spare(&self) -> Result<Spare, Loss> {
        Spare::open(&self.settings, self.shared.clock).await
    }

    /// What the [search](Builder::search) has learnt of networks, to be stored and given
    /// to the next run; `None` where nothing is searched for. Asking changes nothing.
    #[must_use]
    pub fn networks(&self) -> Option<Memory> {
        self.settings.search.as_ref().map(|search| search.memory())
    }

    /// Another network is in use, or the same one anew: the [search](Builder::search) goes
    /// on with what is known of it. Without a search it does nothing.
    ///
    /// # Errors
    /// The label is longer than 128 bytes; nothing has changed then.
    pub fn network_changed(&self, label: &str) -> Result<(), BadSearch> {
        let search = self.settings.search.as_ref();
        search.map_or(Ok(()), |search| search.network_changed(&self.shared, label))
    }

    /// The interval at which heartbeats go out that were [searched](Builder::search) for:
    /// the floor while nothing is known, or while a result is being checked. `None` where
    /// nothing is searched for.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        self.settings
            .search
            .as_ref()
            .map(|search| search.interval())
    }

    /// Takes the messages of lost sessions that the server has not acknowledged, and
    /// after the end also those of the last session. Kept until they are taken, the
    /// newest of them within the [replay bound](Builder::replay_bound).
    #[must_use]
    pub fn take_undelivered(&self) -> Vec<Undelivered> {
        self.shared.take_undelivered()
    }

    /// The session as it stands, to be kept over the end of this process; `None`
    /// where there was no registration yet, or the session is over. See [`Saved`]
    /// for what it is good for. The message in hand counts as not done with.
    #[must_use]
    pub fn save(&self) -> Option<Saved> {
        self.shared.saved()
    }

    /// Closes: nothing more is taken to be sent, what was taken is delivered, the
    /// session ends. Ready when the client has ended, which takes at most
    /// [`close_within`](Builder::close_within) and the drain time.
    /// [`Ended::is_clean`] says whether everything was acknowledged.
    ///
    /// Without a connection it comes back for this, as long as something is
    /// unacknowledged; else it ends at once, and the server's side of the session
    /// ends by its own time. Let another task go on with [`Self::recv`] until that
    /// gives `None`: the server's own last messages are still handed over.
    ///
    /// Cancel safe: the close is begun at the first poll, and goes on when the
    /// future is dropped.
    pub async fn close(&self) -> Ended {
        self.shared.close(self.settings.close_within);
        self.ended().await
    }

    /// Ends at once: the connection is closed without a word, and the server keeps
    /// the session for its time, as after any loss. What was not acknowledged goes
    /// to [`Self::take_undelivered`]; what came in can still be taken.
    pub fn abort(&self) {
        self.shared.abort();
    }

    /// Ends at once as [`Self::abort`] does, and gives what is needed to
    /// [resume](Builder::restore) the session later; `None` where there is none. For
    /// a planned restart of the program. Messages that came in and were not taken,
    /// and the one in hand unless [`Self::done`] was called, come again then.
    ///
    /// Not cancel safe: the client ends from the first poll on, and where the future is
    /// dropped what it would have given is gone. Bound it, if at all, by
    /// [`Self::save`] beforehand.
    pub async fn suspend(self) -> Option<Saved> {
        self.shared.abort();
        self.ended().await;
        self.shared.saved()
    }

    /// Waits for the end of the client, and says how it ended.
    ///
    /// Cancel safe.
    pub async fn ended(&self) -> Ended {
        self.shared.when(Shared::ended).await
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.shared.abort();
    }
}
