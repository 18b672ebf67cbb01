//! What keeps a program from accepting, in words: the thread that explains it
//! best, its call, the peer behind it.

use super::threads::{self, Descriptors, Doing};
use crate::doctor::{Evidence, Limits, Value, commands};
use crate::duration::Ms;
use crate::fact::{Fact, Partial, Why};
use crate::facts::{Call, HostFacts, Owner, Process, Socket, Thread};
use crate::tcp_state::TcpState;
use crate::verdict::{Suspicion, Verdict};

/// Why a program does not accept.
#[derive(Default)]
pub(super) struct Culprit<'a> {
    /// The program ("python3 (pid 812)").
    pub(super) who: String,
    /// What keeps it.
    pub(super) clause: String,
    /// The connection a thread sits on, with the thread's descriptor.
    pub(super) connection: Option<(Owner, &'a Socket)>,
    /// What to note on that connection.
    pub(super) note: String,
    /// A thread runs: it may only be slow.
    pub(super) busy: bool,
    /// It is certain that it cannot accept.
    certain: bool,
    pub(super) evidence: Vec<Evidence>,
    pub(super) remedy: Option<String>,
    pub(super) unknown: Option<Partial>,
}

impl<'a> Culprit<'a> {
    pub(super) fn find(
        facts: &'a HostFacts,
        listeners: &[&Socket],
        pids: &[u32],
        descriptors: &Descriptors<'a>,
    ) -> Self {
        let mut culprit = Self {
            who: who(facts, pids),
            ..Self::default()
        };
        let mut all: Vec<(u32, &Thread, Doing<'a>)> = Vec::new();
        let mut gap: Option<(u32, &Why)> = None;
        for &pid in pids {
            match facts.threads.get(&pid) {
                Some(Fact::Known(threads)) => all.extend(threads.iter().map(|thread| {
                    let doing = threads::doing(facts, listeners, pid, thread, descriptors);
                    (pid, thread, doing)
                })),
                Some(Fact::Unknown(why)) => gap = gap.or(Some((pid, why))),
                None => gap = gap.or(Some((pid, &Why::NotAsked))),
            }
        }
        let best = all
            .iter()
            .min_by_key(|(pid, thread, doing)| {
                (
                    doing.rank(),
                    threads::least_credible(facts, *doing),
                    *pid,
                    thread.tid,
                )
            })
            .copied();
        if !all.is_empty() {
            let list = threads::list(all.iter().map(|&(_, thread, _)| thread));
            culprit.note_evidence("threads", Value::Text(list));
        }
        let full = pids
            .iter()
            .filter_map(|pid| facts.processes.get(pid))
            .find_map(|process| Some((process, no_descriptor_left(process)?)));
        match (best, full) {
            (Some((pid, thread, doing)), _) if doing.rank() < Doing::Running.rank() => {
                culprit.explain(facts, pid, thread, doing);
            }
            (_, Some((process, limit))) => culprit.out_of_descriptors(process, limit),
            (Some((pid, thread, doing)), None) => culprit.explain(facts, pid, thread, doing),
            (None, None) if pids.is_empty() => {
                culprit.clause = "its owner is hidden".to_owned();
            }
            (None, None) => {
                let why = gap.map_or_else(|| Why::NotAsked.to_string(), |(_, why)| why.to_string());
                culprit.clause = format!("what its threads do is unknown ({why})");
            }
        }
        if let Some((pid, why)) = gap.filter(|_| !culprit.certain) {
            culprit.unknown = Some(Partial {
                what: format!(
                    "what the threads of pid {pid}, which does not accept, are blocked in"
                ),
                why: why.to_string(),
                remedy: remedy_for(why),
            });
        }
        culprit
    }

    /// It cannot accept now, not even slowly.
    pub(super) fn blocked(&self, limits: &Limits) -> bool {
        let fresh = self.connection.is_some_and(|(_, socket)| {
            socket
                .idle_ms()
                .is_some_and(|idle| u128::from(idle) < limits.pile_after.as_millis())
        });
        self.certain && !fresh
    }

    fn explain(&mut self, facts: &'a HostFacts, pid: u32, thread: &Thread, doing: Doing<'a>) {
        let tid = thread.tid;
        self.certain = matches!(
            doing,
            Doing::Stopped(_) | Doing::OnSocket(..) | Doing::OnOther(_) | Doing::Parked(_)
        );
        self.busy = matches!(doing, Doing::Running);
        self.clause = match doing {
            Doing::Stopped('T') => {
                self.remedy = Some(format!(
                    "`kill -CONT {pid}` lets it run again; find out who stopped it (SIGSTOP \
                     from another process, or Ctrl-Z on its terminal)"
                ));
                format!("process {pid} is stopped (SIGSTOP)")
            }
            Doing::Stopped(_) => {
                self.remedy = Some(format!(
                    "end or continue the debugger that holds it: `grep TracerPid /proc/{pid}/status`"
                ));
                format!("a debugger holds process {pid}")
            }
            Doing::OnSocket(call, owner, socket) => {
                self.connection = Some((owner, socket));
                self.note = format!("thread {tid} sits in {call}");
                self.note_evidence("call", Value::Text(call.to_string()));
                return self.on_socket(facts, tid, call, owner, socket);
            }
            Doing::Running => {
                self.remedy = Some(format!(
                    "see what thread {tid} works on (`perf top -t {tid}`, `strace -p {tid}`): \
                     accept in a thread of its own, or start more workers"
                ));
                format!("its thread {tid} is busy (running)")
            }
            Doing::OnOther(call) | Doing::Parked(call) => {
                self.note_evidence("call", Value::Text(call.to_string()));
                self.remedy = Some(format!(
                    "see what thread {tid} waits for: `ls -l /proc/{pid}/fd`, `gdb -p {pid}`; \
                     a restart frees the queue"
                ));
                format!("thread {tid} sits in {call}")
            }
            Doing::Accepting(call) => {
                self.note_evidence("call", Value::Text(call.to_string()));
                format!(
                    "thread {tid} sits in {call} on this very listener and takes none, which is odd"
                )
            }
            Doing::Polling(call) => {
                self.note_evidence("call", Value::Text(call.to_string()));
                self.remedy = Some(format!(
                    "look whether the program has as many connections as it allows itself, or has \
                     taken the listener out of its event loop after an error: `strace -p {tid}`; \
                     a restart frees the queue"
                ));
                format!("thread {tid} waits for events in {call} and takes none, which is odd")
            }
            Doing::Unknown => match &thread.call {
                Fact::Unknown(why) => {
                    self.unknown = Some(Partial {
                        what: format!(
                            "what thread {tid} of pid {pid}, which does not accept, is blocked in"
                        ),
                        why: why.to_string(),
                        remedy: remedy_for(why),
                    });
                    format!("what its thread {tid} waits for is unknown ({why})")
                }
                Fact::Known(_) => format!("its thread {tid} sleeps"),
            },
        };
        self.note_evidence("thread", Value::Count(u64::from(tid)));
    }

    fn on_socket(
        &mut self,
        facts: &HostFacts,
        tid: u32,
        call: &Call,
        owner: Owner,
        socket: &Socket,
    ) {
        self.note_evidence("thread", Value::Count(u64::from(tid)));
        let pid = owner.pid;
        if socket.state == TcpState::Listen {
            self.clause = format!(
                "thread {tid} sits in {call}, on another listener, {}",
                socket.local
            );
            self.remedy = Some(
                "the program must wait for all its listeners at once (poll, epoll), or accept \
                 each in a thread of its own"
                    .to_owned(),
            );
            return;
        }
        let peer = socket.remote;
        self.clause = format!("thread {tid} sits in {call}, a connection to {peer}");
        self.note_evidence("blocked_on", Value::Text(peer.to_string()));
        if let Some(tcp) = &socket.tcp {
            let heard = u64::from(tcp.heard_ms());
            self.clause += &format!(" last heard {} ago", Ms(heard));
            self.note_evidence("silent_ms", Value::Millis(heard));
        }
        let filters = format!("--pid {pid} --peer {peer}");
        let prevent = format!(
            "`ayt arm --pid {pid} --keepalive 60/5/3` finds the next one in time, a read and \
             write timeout in the program does it for good"
        );
        let verdict = facts.verdict_of(socket);
        self.remedy = Some(match verdict {
            Some(Verdict::Dead(_)) => {
                format!("`ayt reap {filters} --yes` frees the thread; {prevent}")
            }
            Some(Verdict::Alive { .. }) => "the peer's kernel answers, so the peer's program is \
                slow or frozen: give the program a read and write timeout, or a thread per client, \
                so that one client cannot hold up all others"
                .to_owned(),
            _ => format!(
                "`ayt probe {filters}` tells whether the peer is gone; if so, \
                 `ayt reap {filters} --yes` frees the thread; {prevent}"
            ),
        });
        let said = match verdict {
            Some(Verdict::Dead(cause)) => Some(format!("dead: {}", cause.sentence())),
            Some(Verdict::Alive { .. }) => Some("whose peer's kernel answers".to_owned()),
            Some(Verdict::Suspect(Suspicion::Unheard)) => {
                Some("whose peer answers, and this host drops the answer".to_owned())
            }
            Some(Verdict::Suspect(_)) => Some("suspected dead".to_owned()),
            _ => None,
        };
        if let (Some(said), Some(verdict)) = (said, verdict) {
            self.clause += &format!(", {said}");
            let text = match verdict.cause_name() {
                Some(cause) => format!("{verdict}: {cause}"),
                None => verdict.to_string(),
            };
            self.note_evidence("peer_verdict", Value::Text(text));
        }
    }

    fn out_of_descriptors(&mut self, process: &Process, limit: u64) {
        let pid = process.pid;
        self.certain = true;
        self.clause = format!("pid {pid} has no descriptor left (limit {limit})");
        self.note_evidence("descriptor_limit", Value::Count(limit));
        self.remedy = Some(format!(
            "{}; then find what it does not close: `ayt doctor --only close-wait-leak --only \
             dead-held`",
            commands::room(pid, limit)
        ));
    }

    fn note_evidence(&mut self, name: &'static str, value: Value) {
        self.evidence.push(Evidence { name, value });
    }
}

fn no_descriptor_left(process: &Process) -> Option<u64> {
    let (Fact::Known(limit), Fact::Known(open)) = (&process.descriptor_limit, &process.descriptors)
    else {
        return None;
    };
    (u64::from(*open) >= *limit && *limit > 0).then_some(*limit)
}

fn who(facts: &HostFacts, pids: &[u32]) -> String {
    let command = |pid: &u32| {
        let process = facts.processes.get(pid);
        process.map_or("?", |process| process.command.as_str())
    };
    match pids {
        [] => "a program that ayt may not see".to_owned(),
        [pid] => format!("{} (pid {pid})", command(pid)),
        [a, b] => format!("{} (pids {a} and {b})", command(a)),
        [a, b, c] => format!("{} (pids {a}, {b} and {c})", command(a)),
        [a, b, c, rest @ ..] => {
            format!(
                "{} (pids {a}, {b}, {c} and {} more)",
                command(a),
                rest.len()
            )
        }
    }
}

fn remedy_for(why: &Why) -> String {
    match why {
        Why::NoRight { remedy, .. } => remedy.clone(),
        _ => "run as root or grant CAP_SYS_PTRACE, which /proc/PID/syscall asks for".to_owned(),
    }
}
