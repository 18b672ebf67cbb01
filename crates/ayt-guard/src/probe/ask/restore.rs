//! Putting keepalive settings back, wherever the descriptor has gone meanwhile.

use ayt_core::facts::Socket;
use ayt_core::tcp_state::TcpState;
use ayt_sys::{Descriptors, Hold};

use super::super::run::Item;
use super::super::watch::{Look, Posts};
use super::super::{engines, holders};

/// Puts the settings of items back; returns those for which nothing is left to
/// do.
pub(super) fn all(
    descriptors: &mut Descriptors,
    items: &[Item<'_>],
    touched: &[usize],
    posts: &mut Posts,
) -> Vec<usize> {
    let (mut done, mut lost) = (Vec::with_capacity(touched.len()), Vec::new());
    for &at in touched {
        let ready = &items[at].ready;
        match holders::hold(descriptors, ready.holders(), ready.socket.cookie) {
            Ok(hold) if is_back(&hold, &items[at]) => done.push(at),
            Ok(_) => {}
            Err(_) => lost.push(at),
        }
    }
    if lost.is_empty() {
        return done;
    }
    // Every descriptor the look knew is gone. Most often the connection is, too;
    // else somebody has it under another number.
    let still_there = still_there(items, &lost, posts);
    done.extend(lost.iter().filter(|at| !still_there.contains(at)));
    if still_there.is_empty() {
        return done;
    }
    let inodes = still_there
        .iter()
        .map(|&at| items[at].ready.socket.inode)
        .collect();
    let owners = holders::find_again(&inodes);
    for at in still_there {
        let socket = items[at].ready.socket;
        let owners = owners.of(socket.inode).iter();
        if let Ok(hold) = holders::hold(descriptors, owners, socket.cookie)
            && is_back(&hold, &items[at])
        {
            done.push(at);
        }
    }
    done
}

fn is_back(hold: &Hold, item: &Item<'_>) -> bool {
    let before = item.ready.keepalive;
    engines::keepalive::put_back(hold, before.enabled, before.idle_s).is_ok()
        // A closed socket refuses, and has no timer either.
        || hold
            .tcp_info()
            .is_ok_and(|(state, _)| state == TcpState::Closed)
}

/// Those that are still in the tables, with a descriptor somewhere.
fn still_there(items: &[Item<'_>], lost: &[usize], posts: &mut Posts) -> Vec<usize> {
    let mut there = Vec::new();
    for (&ns, post) in posts.iter_mut() {
        let here: Vec<usize> = lost
            .iter()
            .copied()
            .filter(|&at| items[at].ready.socket.ns == ns)
            .collect();
        let sockets: Vec<&Socket> = here.iter().map(|&at| items[at].ready.socket).collect();
        match post.look(&sockets) {
            Ok(looks) => {
                let is_there = |look: &Look| matches!(look, Look::There(..) | Look::Failed(_));
                let found = looks.iter().filter(|(_, look)| is_there(look));
                there.extend(found.map(|&(nth, _)| here[nth]));
            }
            Err(_) => there.extend(here),
        }
    }
    there
}
