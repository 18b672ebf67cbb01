//! Looking for answers: what raw sockets have seen, and TCP's own accounts.

use ayt_core::fact::Why;
use ayt_core::facts::{NsId, Socket};
use ayt_core::probe::End;
use ayt_sys::Descriptors;
use ayt_sys::wire::packet::Sighting;

use super::holders;
use super::inspect::Ready;
use super::run::{Item, fail_all};
use super::watch::{Index, Look, Post, Posts};
use crate::clock::Clock;

/// Tells each item what was seen of it.
pub(super) fn look(posts: &mut Posts, items: &mut [Item<'_>], index: &Index, clock: &Clock) {
    for (&ns, post) in posts.iter_mut() {
        take_sightings(ns, post, items, index);
        let waiting: Vec<usize> = (0..items.len())
            .filter(|&at| items[at].ready.socket.ns == ns && items[at].waiting_for_answer())
            .collect();
        let sockets: Vec<&Socket> = waiting.iter().map(|&at| items[at].ready.socket).collect();
        let mut gone = Vec::new();
        let looked = post.look(&sockets, |nth, look| {
            let item = &mut items[waiting[nth]];
            match look {
                Look::There(state, info) => item.machine.on_info(clock.now(), state, &info),
                Look::Closing => item.machine.on_failure(Why::Vanished),
                Look::Gone => gone.push(waiting[nth]),
                Look::Failed(error) => item.machine.on_failure(Why::Failed {
                    operation: "look for the answer".to_owned(),
                    error,
                }),
            }
        });
        if let Err(error) = looked {
            fail_all(items, ns, &error);
        }
        if gone.is_empty() {
            continue;
        }
        // A RST that ended a connection is seen by the raw socket before the
        // table forgets the connection, but perhaps after the look above.
        take_sightings(ns, post, items, index);
        let resets_are_seen = post.sees_all();
        let mut descriptors = Descriptors::default();
        for at in gone {
            let ready = &items[at].ready;
            let end = End {
                state_before: ready.state,
                error: error_waiting(&mut descriptors, ready),
                resets_are_seen,
                keepalive: ready.keepalive,
                in_flight: ready.info.unacked > 0,
            };
            items[at].machine.on_gone(&end);
        }
    }
}

fn take_sightings(ns: NsId, post: &Post, items: &mut [Item<'_>], index: &Index) {
    let mut seen = Vec::new();
    post.sightings(|sighting| seen.push(sighting));
    for sighting in seen {
        let about = match &sighting {
            Sighting::Reset(about) => about,
            Sighting::Unreachable(unreachable) => &unreachable.connection,
        };
        let found: Vec<usize> = index.find(ns, about, |at| items[at].ready.socket).collect();
        for at in found {
            match sighting {
                Sighting::Reset(_) => items[at].machine.on_reset(),
                Sighting::Unreachable(_) => items[at].machine.on_unreachable(),
            }
        }
    }
}

/// A connection that has left the tables may still have a descriptor: it tells
/// whether it ended by an error. `None` where nobody holds it any more, or the
/// owner has taken the error.
fn error_waiting(descriptors: &mut Descriptors, ready: &Ready<'_>) -> Option<bool> {
    let hold = holders::hold(descriptors, ready.holders(), ready.socket.cookie).ok()?;
    hold.error_waiting().then_some(true)
}
