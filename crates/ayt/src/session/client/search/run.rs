//! Does what the search asks for, for as long as the client lives.

use std::convert::Infallible;
use std::time::Duration;

use ayt_core::detectors::adaptive::{SpareLost, Step};
use ayt_core::session::frame::{Refuse, Retry};

use super::Searching;
use crate::session::client::event::Event;
use crate::session::client::loss::Loss;
use crate::session::client::settings::Settings;
use crate::session::client::shared::{Connections, Shared};
use crate::session::client::spare::{Silence, Spare};

/// What the search goes by.
struct Run<'c> {
    shared: &'c Shared,
    settings: &'c Settings,
    searching: &'c Searching,
    spare: Option<Spare>,
    /// The session's connections as they were when the silence began that is being
    /// judged: who answers afterwards must be the one that stood then.
    stood: Option<(Duration, Connections)>,
    seen: Connections,
    networks: u64,
}

/// What ended a wait.
enum Woken {
    Time,
    Connections(Connections),
    Network(u64),
}

/// Searches, for ever: dropped with the client's task.
pub(in crate::session::client) async fn run(
    shared: &Shared,
    settings: &Settings,
    searching: &Searching,
) -> Infallible {
    // Nothing can be learnt before there is a connection that could answer.
    let seen = shared
        .when(|shared| {
            let seen = shared.connections();
            (seen.registered > 0).then_some(seen)
        })
        .await;
    let mut run = Run {
        shared,
        settings,
        searching,
        spare: None,
        stood: None,
        seen,
        networks: searching.networks(),
    };
    loop {
        match searching.with(shared, ayt_core::detectors::Adaptive::next) {
            Step::OpenSpare => run.open().await,
            Step::Silence(ms) => run.silence(Duration::from_millis(ms.into())).await,
            Step::AskReal => run.ask().await,
            Step::Wait(until) => run.wait(Some(until)).await,
            Step::Stable(interval) => {
                run.spare = None;
                searching.settle(shared, interval);
                let next = searching.with(shared, |adaptive, _| adaptive.next_deadline());
                run.wait(next).await;
            }
        }
    }
}

impl Run<'_> {
    async fn open(&mut self) {
        // The old one first: an identity has one.
        self.spare = None;
        let opened = Spare::open(self.settings, self.shared.clock).await;
        self.searching
            .with(self.shared, |adaptive, now| match opened {
                Ok(spare) => {
                    self.spare = Some(spare);
                    adaptive.spare_opened(now);
                }
                Err(Loss::Refused(Refuse { retry, .. })) => {
                    let hint = match retry {
                        Retry::After(ms) => Duration::from_millis(ms.into()),
                        // Of the spare; the session will be told by itself.
                        Retry::Never => Duration::from_secs(3_600),
                    };
                    adaptive.spare_lost(SpareLost::Refused(hint), now);
                }
                Err(_) => adaptive.spare_lost(SpareLost::NotOpened, now),
            });
    }

    async fn silence(&mut self, length: Duration) {
        let (shared, seen, networks) = (self.shared, self.seen, self.networks);
        self.stood = Some((length, seen));
        let Some(spare) = &mut self.spare else {
            self.tell(|adaptive, now| adaptive.spare_lost(SpareLost::Local, now));
            return;
        };
        let woken = tokio::select! {
            biased;
            silence = spare.silence(length) => Ok(silence),
            woken = woken(shared, self.searching, seen, networks) => Err(woken),
        };
        match woken {
            Ok(Ok(Silence::Spoken)) => {
                self.stood = None;
                shared.events.push(Event::Tried {
                    silence: length,
                    survived: true,
                });
                self.tell(|adaptive, now| adaptive.spoke(now));
            }
            Ok(Ok(Silence::NotSpoken)) => {
                self.spare = None;
                self.tell(|adaptive, now| adaptive.not_spoken(now));
            }
            Ok(Ok(Silence::Lost) | Err(_)) => {
                self.spare = None;
                self.tell(|adaptive, now| adaptive.spare_lost(SpareLost::Ended, now));
            }
            Err(woken) => {
                // The trial is void: what ended the one may have ended the other.
                self.spare = None;
                self.tell(|adaptive, now| adaptive.spare_lost(SpareLost::Local, now));
                self.take(woken);
            }
        }
    }

    /// Is the server there, on the connection that stood all the while?
    async fn ask(&mut self) {
        let stood = self.stood.take();
        let answers = self.shared.ask().await;
        let now = self.shared.connections();
        self.seen = now;
        let same = stood.is_none_or(|(_, stood)| stood == now);
        if answers && same {
            if let Some((silence, _)) = stood {
                self.shared.events.push(Event::Tried {
                    silence,
                    survived: false,
                });
            }
            self.tell(|adaptive, now| adaptive.real_answered(now));
        } else {
            self.tell(|adaptive, now| adaptive.real_silent(now));
        }
    }

    async fn wait(&mut self, until: Option<Duration>) {
        let time = async {
            match until {
                Some(until) => tokio::time::sleep_until(self.shared.clock.at(until)).await,
                None => std::future::pending().await,
            }
        };
        let woken = tokio::select! {
            biased;
            woken = woken(self.shared, self.searching, self.seen, self.networks) => woken,
            () = time => Woken::Time,
        };
        self.take(woken);
    }

    /// Tells the machine what happened meanwhile.
    fn take(&mut self, woken: Woken) {
        match woken {
            Woken::Time => {}
            // It knows already; what it had been trying belongs to the other network.
            Woken::Network(networks) => {
                self.networks = networks;
                self.spare = None;
                self.stood = None;
            }
            Woken::Connections(now) => {
                let before = std::mem::replace(&mut self.seen, now);
                if now.lost > before.lost {
                    self.stood = None;
                    self.tell(|adaptive, now| adaptive.real_silent(now));
                }
                if now.registered > before.registered {
                    // A resting search goes on at once.
                    self.tell(|adaptive, now| adaptive.real_answered(now));
                }
            }
        }
    }

    fn tell(&self, act: impl FnOnce(&mut ayt_core::detectors::Adaptive, Duration)) {
        self.searching.with(self.shared, act);
    }
}

/// Waits for what may change the search: the session's connections, or the network.
async fn woken(shared: &Shared, searching: &Searching, seen: Connections, networks: u64) -> Woken {
    let network = async {
        loop {
            let changed = searching.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let now = searching.networks();
            if now != networks {
                return now;
            }
            changed.await;
        }
    };
    let connections = shared.when(|shared| {
        let now = shared.connections();
        (now != seen).then_some(now)
    });
    tokio::select! {
        biased;
        networks = network => Woken::Network(networks),
        now = connections => Woken::Connections(now),
    }
}
