//! Whom to wake, besides those who wait for a message.

use super::Core;
use crate::sync::Notify;

/// See [the module](self).
#[derive(Debug, Default)]
pub(super) struct Bells {
    /// A message may be sent, or the session is over.
    pub(super) room: Notify,
    /// The owner of the session has news.
    news: Notify,
}

impl Core {
    /// Whoever rings a bell has changed something under a lock before, and whoever waits
    /// for it looks under the same lock after asking for it here: where there is no bell
    /// yet to be rung, whoever will wait for it will see the change.
    pub(super) fn bells(&self) -> &Bells {
        self.bells.get_or_init(Box::default)
    }

    pub(super) fn tell_room(&self) {
        if let Some(bells) = self.bells.get() {
            bells.room.notify_waiters();
        }
    }

    /// Told whenever [`Self::tell_news`] is called.
    pub(crate) fn news(&self) -> &Notify {
        &self.bells().news
    }

    /// Tells those who wait for news.
    pub(crate) fn tell_news(&self) {
        if let Some(bells) = self.bells.get() {
            bells.news.notify_waiters();
        }
    }
}
