//! Looking for answers: what raw sockets have seen, and TCP's own accounts.

use std::time::Duration;

use ayt_core::fact::Why;
use ayt_core::facts::{NsId, Socket, TcpInfo};
use ayt_core::probe::{End, ReadAt};
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_sys::wire::packet::Sighting;
use ayt_sys::{Descriptors, SysError};

use super::holders;
use super::inspect::Ready;
use super::run::{Item, fail_all};
use super::watch::{Index, Look, Post, Posts, Row};
use crate::clock::Clock;

/// How often TCP's accounts are looked at for an answer that was seen on its way
/// in, and how long apart: a busy kernel has it within milliseconds.
pub(crate) const UNHEARD_LOOKS: u32 = 11;
pub(crate) const UNHEARD_PAUSE: Duration = Duration::from_millis(10);

/// Tells each item what was seen of it.
pub(super) fn look(posts: &mut Posts, items: &mut [Item<'_>], index: &Index, clock: &Clock) {
    for (&ns, post) in posts.iter_mut() {
        let (raw, waiting): (Vec<usize>, Vec<usize>) = (0..items.len())
            .filter(|&at| items[at].ready.socket.ns == ns && items[at].waiting_for_answer())
            .partition(|&at| items[at].is_raw());
        look_raw(ns, post, items, &raw, clock);
        let (read, looks) = clock.around(|| look_at(ns, post, items, &waiting, index));
        let looks = match looks {
            Ok(looks) => looks,
            Err(error) => {
                fail_all(items, ns, &error);
                continue;
            }
        };
        let mut descriptors = Descriptors::default();
        for (at, look) in looks {
            let item = &mut items[at];
            match look {
                Look::There(state, info) => {
                    heard(&mut descriptors, post, item, read, state, &info);
                }
                Look::Closing => item.machine.on_failure(Why::Vanished),
                Look::Gone => {
                    let end = end(&mut descriptors, post, item);
                    item.machine.on_gone(&end);
                }
                Look::Failed(error) => item.machine.on_failure(Why::Failed {
                    operation: "look for the answer".to_owned(),
                    error,
                }),
            }
        }
    }
}

/// Tells items of the raw engine what was seen of them. The packets themselves
/// come first: they have the round trip. The accounts are a second pair of eyes,
/// for answers that pass no packet socket as the connection's own (IPsec).
fn look_raw(ns: NsId, post: &mut Post, items: &mut [Item<'_>], which: &[usize], clock: &Clock) {
    if which.is_empty() {
        return;
    }
    let sockets: Vec<&Socket> = which.iter().map(|&at| items[at].ready.socket).collect();
    let (read, rows) = clock.around(|| post.rows(&sockets));
    let Some(raw) = &mut post.raw else { return };
    raw.take_sights(items);
    let rows = match rows {
        Ok(rows) => rows,
        Err(error) => return fail_all(items, ns, &error),
    };
    for (nth, row) in rows {
        let item = &mut items[which[nth]];
        match row {
            Row::There { tcp: None, .. } => {}
            Row::There {
                state,
                tcp: Some(tcp),
                ..
            } => {
                item.ready.info = tcp;
                // Knocks count as segments received: the age tells.
                let account = TcpInfo {
                    segs_in: None,
                    ..tcp
                };
                item.machine.on_info(read, state, &account);
            }
            Row::Gone => item.machine.on_gone(&End {
                state_before: item.ready.state,
                error: None,
                resets_are_seen: !raw.sockets.has_lost(),
                keepalive: item.ready.keepalive,
                in_flight: item.ready.info.unacked > 0,
            }),
            Row::Failed(error) => item.machine.on_failure(Why::Failed {
                operation: "look for the answer".to_owned(),
                error,
            }),
        }
    }
}

/// A packet socket sees an answer before this host's firewall, source check and
/// BPF programs do. Where TCP itself has not got it after a while, they have
/// dropped it, and the connection hears nothing.
pub(super) fn settle_unheard(posts: &mut Posts, items: &mut [Item<'_>], clock: &Clock) {
    for (&ns, post) in posts.iter_mut() {
        let alive = |item: &Item<'_>| matches!(item.machine.verdict(), Some(Verdict::Alive { .. }));
        let mut open: Vec<usize> = (0..items.len())
            .filter(|&at| items[at].ready.socket.ns == ns)
            .filter(|&at| items[at].is_raw() && alive(&items[at]))
            .collect();
        for nth in 0..UNHEARD_LOOKS {
            if open.is_empty() {
                break;
            }
            if nth > 0 {
                std::thread::sleep(UNHEARD_PAUSE);
            }
            let sockets: Vec<&Socket> = open.iter().map(|&at| items[at].ready.socket).collect();
            let (read, rows) = clock.around(|| post.rows(&sockets));
            // What has ended meanwhile, or has no account, is left as it is.
            let unheard = |(nth, row): (usize, Row)| match row {
                Row::There { tcp: Some(tcp), .. } => {
                    let at = open[nth];
                    items[at].machine.is_unheard(read, &tcp).then_some(at)
                }
                Row::There { tcp: None, .. } | Row::Gone | Row::Failed(_) => None,
            };
            let rows = rows.unwrap_or_default();
            open = rows.into_iter().filter_map(unheard).collect();
        }
        for at in open {
            items[at].machine.on_unheard();
        }
    }
}

/// Looks at items of one namespace, and then at what the raw sockets have seen:
/// a RST reaches them before the connection counts it, and before the table
/// forgets the connection.
pub(super) fn look_at(
    ns: NsId,
    post: &mut Post,
    items: &mut [Item<'_>],
    which: &[usize],
    index: &Index,
) -> Result<Vec<(usize, Look)>, SysError> {
    let sockets: Vec<&Socket> = which.iter().map(|&at| items[at].ready.socket).collect();
    let looks = post.look(&sockets);
    take_sightings(ns, post, items, index);
    let named = |(nth, look): (usize, Look)| (which[nth], look);
    Ok(looks?.into_iter().map(named).collect())
}

/// Tells an item its account. Without raw sockets a RST could be taken for an
/// answer: the kernel counts it at once, and acts on it when the owner lets go
/// of the socket. Reading the account through a descriptor waits for that.
pub(super) fn heard(
    descriptors: &mut Descriptors,
    post: &Post,
    item: &mut Item<'_>,
    read: ReadAt,
    state: TcpState,
    info: &TcpInfo,
) {
    let (mut state, mut info) = (state, *info);
    if !post.sees_resets() && info.segs_in != item.ready.info.segs_in {
        let ready = &item.ready;
        let hold = holders::hold(descriptors, ready.holders(), ready.socket.cookie);
        if let Some(settled) = hold.ok().and_then(|hold| hold.tcp_info().ok()) {
            (state, info) = settled;
        }
    }
    item.machine.on_info(read, state, &info);
}

/// What is known of a connection that has left the tables.
fn end(descriptors: &mut Descriptors, post: &Post, item: &Item<'_>) -> End {
    let ready = &item.ready;
    End {
        state_before: ready.state,
        error: error_waiting(descriptors, ready),
        resets_are_seen: post.sees_all(),
        keepalive: ready.keepalive,
        in_flight: ready.info.unacked > 0,
    }
}

/// Tells the items of a batch what was seen right after their ask, once it is
/// known which RSTs have come: the kernel counts one before it acts on it, and
/// shows it to the raw sockets before it counts it.
pub(super) fn first_look(
    posts: &mut Posts,
    items: &mut [Item<'_>],
    batch: &[usize],
    index: &Index,
) {
    for (&ns, post) in posts.iter() {
        take_sightings(ns, post, items, index);
    }
    let mut descriptors = Descriptors::default();
    for &at in batch {
        let item = &mut items[at];
        let post = posts.get(&item.ready.socket.ns);
        if let (Some((seen, state, info)), Some(post)) = (item.after.take(), post) {
            heard(&mut descriptors, post, item, seen, state, &info);
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
        let of_others = |at: &usize| !items[*at].is_raw();
        // The raw engine has sights of its own.
        let found = index.find(ns, about, |at| items[at].ready.socket);
        let found: Vec<usize> = found.filter(of_others).collect();
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
