//! The loop of a probe: ask what is due, look for answers, wait, until every
//! connection is decided.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ayt_core::fact::Why;
use ayt_core::facts::{HostFacts, NsId, TcpInfo};
use ayt_core::probe::engine::{Askable, keepalive_ready_in};
use ayt_core::probe::{Engine, Exchange, Numbers, ReadAt, Step, Target};
use ayt_core::tcp_state::TcpState;
use ayt_core::verdict::Verdict;
use ayt_sys::SysError;

use super::answers;
use super::ask::{Asking, Pace};
use super::engines::keepalive::Seen;
use super::inspect::{Inspected, Ready};
use super::journal::{Journal, undo_stale};
use super::watch::{Index, Post, Posts};
use super::{Answer, Probe, Progress, Report};
use crate::clock::Clock;
use crate::places::Place;
use crate::runtime::{Lock, folder};

/// How often progress is told.
const PROGRESS: Duration = Duration::from_millis(100);

/// What a run needs to touch sockets safely.
#[derive(Debug)]
pub(super) struct Tools {
    pub(super) lock: Rc<Lock>,
    pub(super) journal: Journal,
}

impl Tools {
    /// Opens lock and journal, and undoes what killed runs left; returns on how
    /// many sockets.
    pub(super) fn open() -> Result<(Self, usize), SysError> {
        let folder = folder()?;
        let lock = Lock::open(&folder)?;
        let held = lock.take()?;
        let undone = undo_stale(&folder)?;
        let journal = Journal::begin(&folder)?;
        drop(held);
        let lock = Rc::new(lock);
        Ok((Self { lock, journal }, undone))
    }
}

/// A connection being asked.
pub(super) struct Item<'f> {
    /// Which answer it will be.
    pub(super) slot: usize,
    pub(super) ready: Ready<'f>,
    pub(super) machine: Target,
    /// The keepalive engine may not ask before.
    pub(super) not_before: Duration,
    /// Its idle time was set and put back: it follows the sysctl no more.
    pub(super) pinned: bool,
    /// How often the kernel's timer was made due and did not fire, or numbers
    /// could not be learnt.
    pub(super) unsent: u8,
    /// What was seen right after the ask, and when: told to the machine once it
    /// is known which RSTs have come.
    pub(super) after: Option<(ReadAt, TcpState, TcpInfo)>,
    /// What the raw engine knows of it, once it has been asked by that.
    pub(super) exchange: Option<Exchange>,
    pub(super) numbers: Option<Numbers>,
}

impl Item<'_> {
    /// It is the raw engine's.
    pub(super) fn is_raw(&self) -> bool {
        self.ready.engine == Engine::Raw
    }

    fn open(&self) -> bool {
        self.machine.verdict().is_none()
    }

    /// What is known of it, for the choice of another engine: without the right
    /// that the first one needed.
    pub(super) fn askable(&self) -> Askable {
        self.askable_as(&Seen {
            state: self.ready.state,
            info: self.ready.info,
            in_repair: false,
        })
    }

    /// The same, as just seen.
    pub(super) fn askable_as(&self, seen: &Seen) -> Askable {
        Askable {
            state: seen.state,
            tcp: seen.info,
            keepalive: self.ready.keepalive,
            send_queue: seen.info.notsent_bytes.unwrap_or_default(),
            in_repair: seen.in_repair,
            plain_tcp: true,
            net_admin: false,
            net_raw: self.ready.net_raw,
        }
    }

    /// It was found ended right before an ask. After an earlier one the loop
    /// finds out how; before the first nobody was watching.
    pub(super) fn found_closed(&mut self) {
        if self.machine.asks() == 0 {
            self.machine.on_failure(Why::Vanished);
        }
    }

    pub(super) fn waiting_for_answer(&self) -> bool {
        self.open() && self.machine.asks() > 0
    }
}

#[expect(
    clippy::too_many_arguments,
    reason = "called once, by `probe`, which gathers them"
)]
pub(super) fn run(
    facts: &HostFacts,
    mut tools: Tools,
    places: BTreeMap<NsId, Result<Place, SysError>>,
    inspected: Vec<Inspected<'_>>,
    how: &Probe,
    stop: &AtomicBool,
    on_progress: &mut dyn FnMut(Progress),
    report: &mut Report,
) {
    let clock = Clock::start();
    let total = inspected.len();
    let (mut slots, mut items) = sort_out(inspected, how);
    let mut posts = Posts::new();
    for (ns, place) in places {
        match place {
            Ok(place) => drop(posts.insert(ns, Post::new(place, &mut report.partial))),
            Err(error) => fail_all(&mut items, ns, &error),
        }
    }
    let index = Index::new(items.iter().map(|item| item.ready.socket));
    let mut pace = Pace::new(how.rate);
    let mut told = Duration::ZERO;
    loop {
        if stop.load(Ordering::Relaxed) {
            report.interrupted = items.iter().any(Item::open);
            break;
        }
        let (mut due, wake) = due(&mut items, clock.now());
        if !due.is_empty() {
            due.truncate(pace.allowed(clock.now()));
        }
        let asked = !due.is_empty();
        let mut asking = Asking {
            tools: &mut tools,
            posts: &mut posts,
            index: &index,
            how,
            clock: &clock,
            stop,
        };
        asking.ask(&mut items, due);
        answers::look(&mut posts, &mut items, &index, &clock);
        let open = items.iter().filter(|item| item.open()).count();
        if clock.now() >= told + PROGRESS {
            told = clock.now();
            on_progress(progress(total, open, &items));
        }
        if open == 0 {
            break;
        }
        if !asked {
            rest(&items, wake, pace.next_at(), &clock);
        }
    }
    if !report.interrupted {
        answers::settle_unheard(&mut posts, &mut items, &clock);
    }
    on_progress(progress(
        total,
        items.iter().filter(|item| item.open()).count(),
        &items,
    ));
    for item in &items {
        slots[item.slot] = Some(answer(facts, item));
    }
    report.answers = slots.into_iter().flatten().collect();
}

fn sort_out<'f>(
    inspected: Vec<Inspected<'f>>,
    how: &Probe,
) -> (Vec<Option<Answer>>, Vec<Item<'f>>) {
    let mut answers: Vec<Option<Answer>> = Vec::with_capacity(inspected.len());
    let mut items = Vec::with_capacity(inspected.len());
    for (slot, inspected) in inspected.into_iter().enumerate() {
        match inspected {
            Inspected::Not(answer) => answers.push(Some(answer)),
            Inspected::Ready(ready) => {
                answers.push(None);
                items.push(Item {
                    slot,
                    machine: Target::new(Duration::ZERO, &ready.info, how.patience),
                    not_before: match ready.engine {
                        Engine::Repair | Engine::Raw => Duration::ZERO,
                        Engine::Keepalive => keepalive_ready_in(&ready.info),
                    },
                    ready,
                    pinned: false,
                    unsent: 0,
                    after: None,
                    exchange: None,
                    numbers: None,
                });
            }
        }
    }
    (answers, items)
}

pub(super) fn fail_all(items: &mut [Item<'_>], ns: NsId, error: &SysError) {
    for item in items.iter_mut().filter(|item| item.ready.socket.ns == ns) {
        item.machine.on_failure(Why::Failed {
            operation: "watch for the answer".to_owned(),
            error: error.to_string(),
        });
    }
}

/// The items to be asked now, and when the next thing is due.
fn due(items: &mut [Item<'_>], now: Duration) -> (Vec<usize>, Option<Duration>) {
    let mut due = Vec::new();
    let mut wake: Option<Duration> = None;
    for (at, item) in items.iter_mut().enumerate() {
        let next = match item.machine.next(now) {
            Step::Ask if now < item.not_before => item.not_before,
            Step::Ask => {
                due.push(at);
                continue;
            }
            Step::Wait(until) => until,
            Step::Done(_) => continue,
        };
        wake = Some(wake.map_or(next, |wake| wake.min(next)));
    }
    (due, wake)
}

/// Sleeps until something is due or an answer may have come. Short at first, so
/// that an answer is seen within a millisecond; with many waiting, no more than
/// a part of the time goes into looking.
fn rest(items: &[Item<'_>], wake: Option<Duration>, pace: Duration, clock: &Clock) {
    let now = clock.now();
    let waiting = items
        .iter()
        .filter(|item| item.waiting_for_answer())
        .count();
    let least = Duration::from_micros(if now < Duration::from_secs(1) {
        500
    } else {
        1_500
    });
    let look_again = if waiting == 0 {
        Duration::from_millis(50)
    } else {
        least.max(Duration::from_micros(8 * waiting as u64))
    };
    let mut pause = look_again.min(Duration::from_millis(200));
    if let Some(wake) = wake {
        pause = pause.min(wake.saturating_sub(now));
    }
    if pace > now {
        pause = pause.min(pace - now);
    }
    std::thread::sleep(pause.max(Duration::from_micros(50)));
}

fn progress(total: usize, open: usize, items: &[Item<'_>]) -> Progress {
    Progress {
        total,
        decided: total - open,
        dead: items
            .iter()
            .filter(|item| item.machine.verdict().is_some_and(Verdict::is_dead))
            .count(),
    }
}

fn answer(facts: &HostFacts, item: &Item<'_>) -> Answer {
    let ready = &item.ready;
    let verdict = item.machine.interrupted();
    let followed = facts
        .namespace(ready.socket.ns)
        .and_then(|ns| ns.sysctls.number("ipv4/tcp_keepalive_time"))
        .is_none_or(|default| default == u64::from(ready.keepalive.idle_s));
    let unanswered = !matches!(verdict, Verdict::Alive { .. });
    Answer {
        cookie: ready.socket.cookie,
        engine: (item.machine.asks() > 0).then_some(ready.engine),
        choice: ready.choice.clone(),
        numbers: item.numbers,
        account: item.is_raw().then_some(ready.info),
        asks: item.machine.asks(),
        pinned: if item.pinned && followed {
            vec!["idle_s"]
        } else {
            Vec::new()
        },
        probes_raised: if ready.engine == Engine::Keepalive && unanswered {
            item.machine.asks()
        } else {
            0
        },
        verdict,
    }
}
