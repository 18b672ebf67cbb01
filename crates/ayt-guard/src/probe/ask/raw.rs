//! Asking by the raw engine: learn the numbers, then ask. Nothing of a socket is
//! changed, so there is no lock and no journal.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::Ordering;
use std::time::Duration;

use ayt_core::fact::Why;
use ayt_core::facts::{Cookie, NsId, TcpInfo};
use ayt_core::probe::engine::repair_ready_in;
use ayt_core::probe::{Exchange, Knock, Numbers};
use ayt_sys::wire::segment::Ask;
use ayt_sys::{RawSockets, SysError};

use super::super::raw::{Raw, four_tuple};
use super::super::run::Item;
use super::super::watch::{Post, Row};
use super::Asking;
use crate::clock::Clock;

/// Connections asked between two looks at what has come: what passes meanwhile
/// must have room.
const BATCH: usize = 256;

/// How long a kernel that was knocked at may take to answer. It does so before
/// the knock's call returns, unless its owner is just using the socket.
const LEARN: Duration = Duration::from_millis(2);

/// When numbers are tried to be learnt again: a kernel that has just answered
/// somebody else's knock is mute for half a second.
const AGAIN: Duration = Duration::from_millis(100);

/// How often.
const TRIES: u8 = 20;

/// How often before a guess: for longer than the kernel is mute.
const TRIES_AT_REST: u8 = 6;

/// A connection on which no data went for so long is asked by a guess.
const AT_REST: Duration = Duration::from_secs(1);

/// Asks items.
pub(super) fn ask(asking: &mut Asking<'_>, items: &mut [Item<'_>], due: &[usize]) {
    let mut by_namespace: BTreeMap<NsId, Vec<usize>> = BTreeMap::new();
    for &at in due {
        let ns = items[at].ready.socket.ns;
        by_namespace.entry(ns).or_default().push(at);
    }
    for (ns, due) in by_namespace {
        // A namespace without a post has failed all its items.
        let Some(post) = asking.posts.get_mut(&ns) else {
            continue;
        };
        // One filter for all of them; what fails here fails each batch again, and
        // is told there.
        if let Ok(raw) = post.open_raw() {
            let _ = raw.watch(items, &due);
        }
        for batch in due.chunks(BATCH) {
            if asking.stop.load(Ordering::Relaxed) {
                return;
            }
            if let Err(error) = ask_some(post, items, batch, asking.clock) {
                for &at in batch {
                    items[at].machine.on_failure(why_not("open", &error));
                }
            }
        }
    }
}

fn ask_some(
    post: &mut Post,
    items: &mut [Item<'_>],
    batch: &[usize],
    clock: &Clock,
) -> Result<(), SysError> {
    let doubles = post.open_raw()?.watch(items, batch)?;
    for &at in &doubles {
        items[at].machine.on_failure(Why::Unsupported(
            "another connection has the same addresses, so answers could not be told apart",
        ));
    }
    let sockets: Vec<_> = batch.iter().map(|&at| items[at].ready.socket).collect();
    let mut due = Vec::with_capacity(batch.len());
    let (read, rows) = clock.around(|| post.rows(&sockets));
    for (nth, row) in rows? {
        let at = batch[nth];
        if let Some(due_now) = look(&mut items[at], at, row, read.earliest) {
            due.push(due_now);
        }
    }
    let raw = post.open_raw()?;
    learn(raw, items, &due);
    for due in &due {
        one(raw, &mut items[due.at], due, clock);
    }
    raw.take_sights(items);
    Ok(())
}

/// A connection to be asked now, as just seen.
struct Due {
    at: usize,
    tcp: Option<TcpInfo>,
    in_flight: u32,
}

/// What a look right before the ask says; `None` where it is not asked now.
fn look(item: &mut Item<'_>, at: usize, row: Row, now: Duration) -> Option<Due> {
    if item.machine.verdict().is_some() {
        return None;
    }
    match row {
        Row::There {
            state,
            tcp,
            in_flight,
        } => {
            item.ready.state = state;
            if let Some(tcp) = tcp {
                item.ready.info = tcp;
                if item.machine.heard_unasked(now, &tcp) {
                    return None;
                }
                let wait = repair_ready_in(&tcp);
                if item.machine.asks() == 0 && !wait.is_zero() {
                    item.not_before = now + wait;
                    return None;
                }
            }
            Some(Due { at, tcp, in_flight })
        }
        Row::Gone => {
            item.found_closed();
            None
        }
        Row::Failed(error) => {
            item.machine.on_failure(Why::Failed {
                operation: "look at the connection".to_owned(),
                error,
            });
            None
        }
    }
}

/// Has the connections' own kernel show their numbers.
fn learn(raw: &mut Raw, items: &mut [Item<'_>], due: &[Due]) {
    for due in due {
        let item = &mut items[due.at];
        let cookie = item.ready.socket.cookie;
        item.exchange
            .get_or_insert_with(|| Exchange::new(chance(cookie)))
            .learn_anew();
        let how = match due.tcp {
            Some(_) => Knock::SynAck,
            None => Knock::Ack,
        };
        knock(raw, item, how);
    }
    raw.take_sights(items);
    // Connection tracking on this host lets one of both pass.
    let missing = |items: &[Item<'_>], due: &Due| {
        let learnt = |exchange: &Exchange| exchange.has_learnt();
        !items[due.at].exchange.as_ref().is_some_and(learnt)
    };
    for due in due.iter().filter(|due| due.tcp.is_some()) {
        if missing(items, due) {
            knock(raw, &items[due.at], Knock::Syn);
        }
    }
    raw.take_sights(items);
    if due.iter().any(|due| missing(items, due)) {
        raw.sockets.wait(LEARN);
        raw.take_sights(items);
    }
}

/// That a knock could not be sent is no failure: then nothing is learnt.
fn knock(raw: &mut Raw, item: &Item<'_>, how: Knock) {
    let socket = item.ready.socket;
    if let Some(exchange) = &item.exchange {
        let segment = exchange.knock(how);
        let _ = raw
            .sockets
            .knock(&four_tuple(socket), socket.interface, &segment);
    }
}

/// Asks one.
fn one(raw: &mut Raw, item: &mut Item<'_>, due: &Due, clock: &Clock) {
    let socket = item.ready.socket;
    let Some(exchange) = &mut item.exchange else {
        return;
    };
    // A guess that hit both windows could pass for an acknowledgement of data;
    // where none is under way there is none to be taken for acknowledged.
    if !exchange.can_ask_learnt() {
        if due.in_flight > 0 {
            item.unsent += 1;
            item.not_before = clock.now() + AGAIN;
            if item.unsent >= TRIES {
                item.machine.on_failure(Why::Unsupported(
                    "its sequence numbers could not be learnt, and while data is under way a \
                     guess is not safe",
                ));
            }
            return;
        }
        let idle = due.tcp.map_or(AT_REST, |tcp| ms(tcp.idle_ms()));
        if idle < AT_REST {
            item.not_before = clock.now() + (AT_REST - idle);
            return;
        }
        if item.unsent < TRIES_AT_REST {
            item.unsent += 1;
            item.not_before = clock.now() + AGAIN;
            return;
        }
    }
    let (segment, numbers) = exchange.ask(due.in_flight);
    let ask = Ask {
        connection: four_tuple(socket),
        interface: socket.interface,
        segment,
        ttl: None,
        id: 0,
    };
    let now = clock.now();
    let unreachable = match send(&mut raw.sockets, &ask, numbers) {
        Ok(()) => false,
        Err(error) if error.is_no_way() => true,
        Err(error) => {
            item.machine.on_failure(why_not("send", &error));
            return;
        }
    };
    // Knocks count as segments received: only the acknowledgement's age tells.
    let before = TcpInfo {
        segs_in: None,
        ..item.ready.info
    };
    item.machine.on_asked(now, &before);
    if unreachable {
        item.machine.on_unreachable();
    } else if numbers == Numbers::Guessed {
        item.machine.on_guess();
    }
    if item.numbers != Some(Numbers::Guessed) {
        item.numbers = Some(numbers);
    }
}

/// Sends an ask, and beside a guess the others. Of those it is enough that one
/// goes out: a firewall of this host may drop the rest.
fn send(sockets: &mut RawSockets, ask: &Ask, numbers: Numbers) -> Result<(), SysError> {
    let mut sent = sockets.ask(ask);
    if numbers == Numbers::Guessed {
        for segment in Exchange::beside(&ask.segment) {
            let other = sockets.ask(&Ask { segment, ..*ask });
            if sent.is_err() {
                sent = other;
            }
        }
    }
    sent
}

fn ms(ms: u32) -> Duration {
    Duration::from_millis(ms.into())
}

fn why_not(what: &str, error: &SysError) -> Why {
    if !error.is_refused() {
        return Why::Failed {
            operation: "ask by a raw socket".to_owned(),
            error: error.to_string(),
        };
    }
    match what {
        "open" => Why::NoRight {
            operation: "open a raw socket".to_owned(),
            remedy: "run as root or grant CAP_NET_RAW".to_owned(),
        },
        _ => Why::Failed {
            operation: "ask by a raw socket".to_owned(),
            error: "a firewall rule of this host drops it".to_owned(),
        },
    }
}

/// A number that nobody can foresee: of the seed that hash maps have.
fn chance(cookie: Cookie) -> u128 {
    let hash = || u128::from(RandomState::new().hash_one(cookie));
    hash() << 64 | hash()
}
