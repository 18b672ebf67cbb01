//! Tells what a thread waits for, and follows it: to the thread that holds the
//! lock, to the child, to the peer.

mod behind;

use super::super::graph::{Kind, Relation, text};
use super::super::told::Cause;
use super::super::{Case, words};
use super::{Wait, peer_clause, peer_remedy};
use crate::doctor::{Evidence, Value};
use crate::facts::{Call, Socket, ThreadDetail};

/// Locks and children are followed so far.
const DEEPEST: u8 = 4;

/// "Its only thread", "Its thread 814 (worker)".
pub(in crate::why) fn name(case: &Case<'_>, pid: u32, detail: &ThreadDetail) -> String {
    let thread = &detail.thread;
    let threads = case.facts.inside.threads_of(pid);
    let alone = threads.is_ok_and(|threads| threads.seen.len() == 1 && threads.not_read == 0);
    let command = case
        .facts
        .processes
        .get(&pid)
        .map(|one| one.command.as_str());
    match () {
        () if alone => "Its only thread".to_owned(),
        () if thread.tid == pid => "Its main thread".to_owned(),
        () if command == Some(thread.name.as_str()) => format!("Its thread {}", thread.tid),
        () => format!("Its thread {} ({})", thread.tid, thread.name),
    }
}

/// Adds the links that say what this thread waits for, and what is behind that.
pub(in crate::why) fn follow(
    case: &Case<'_>,
    cause: &mut Cause,
    pid: u32,
    detail: &ThreadDetail,
    wait: Wait<'_>,
) {
    Teller { case, cause }.thread(pid, detail, wait, 0);
}

struct Teller<'c, 'a, 's> {
    case: &'c Case<'a>,
    cause: &'s mut Cause,
}

impl Teller<'_, '_, '_> {
    fn thread(&mut self, pid: u32, detail: &ThreadDetail, wait: Wait<'_>, depth: u8) {
        let tid = detail.thread.tid;
        let process = self.cause.graph.process(self.case.facts, pid);
        let who = name(self.case, pid, detail);
        let evidence = self.evidence(pid, detail);
        let first = self.cause.links.len();
        let thread = self.cause.graph.node(
            Kind::Thread,
            format!("{pid}/{tid}"),
            format!("thread {tid} ({})", detail.thread.name),
            evidence.clone(),
        );
        self.cause
            .graph
            .edge(&process, Relation::Runs, &thread, Vec::new());
        match wait {
            Wait::Stopped(letter) => self.stopped(pid, letter),
            Wait::Running => self.running(&who, tid),
            Wait::Connection(call, owner, socket) => {
                let to = self.cause.graph.descriptor(self.case.facts, &owner, socket);
                self.edge(&thread, Relation::BlockedIn, &to, call);
                self.says(format!(
                    "{who} {}; descriptor {} is a connection to {}, {}.",
                    self.sits(detail, call),
                    owner.fd,
                    socket.remote,
                    peer_clause(self.case, socket)
                ));
                self.queued(call, socket);
                self.asked(socket);
                let filters = words::filters(self.case.facts, Some(pid), socket);
                for remedy in peer_remedy(self.case, &filters, socket) {
                    self.cause.remedy(remedy);
                }
                self.cause.explains.push(socket.cookie);
                self.other_end(pid, socket, depth);
            }
            Wait::Closing(call) => self.closing(pid, &who, &thread, detail, call),
            Wait::OtherListener(call, owner, socket) => {
                let to = self.cause.graph.descriptor(self.case.facts, &owner, socket);
                self.edge(&thread, Relation::BlockedIn, &to, call);
                self.says(format!(
                    "{who} {}.",
                    self.sits_on(
                        detail,
                        call,
                        &format!(" (another listener, {})", socket.local)
                    )
                ));
                self.cause.remedy(
                    "the program must wait for all its listeners at once (poll, epoll), or \
                     accept each in a thread of its own",
                );
            }
            Wait::HeldLock(call, address, holder) => {
                let says = format!(
                    "{who} {}, for a lock that thread {holder} holds (by what glibc keeps beside \
                     a mutex: likely, not certain).",
                    self.sits(detail, call)
                );
                self.lock(&thread, call, address, says);
                self.holder(pid, holder, address, depth);
            }
            Wait::Lock(call, address) => {
                let says = format!(
                    "{who} {}, for a lock or a signal of another thread; which, the kernel does \
                     not know.",
                    self.sits(detail, call)
                );
                self.lock(&thread, call, address, says);
                self.look_inside(pid, tid);
            }
            Wait::Child(call, child) => self.child(pid, &who, &thread, detail, call, child, depth),
            Wait::Deaf(call, watches) => self.deaf(pid, &who, &thread, detail, call, watches),
            Wait::Other(call, fd, name) => {
                let what = what_is(name);
                let key = format!("{pid}/{fd}");
                let to = self.cause.graph.node(
                    Kind::Descriptor,
                    key,
                    format!("descriptor {fd}"),
                    name.map(|name| text("target", name)).into_iter().collect(),
                );
                self.edge(&thread, Relation::BlockedIn, &to, call);
                self.says(format!("{who} {}.", self.sits_on(detail, call, &what)));
                self.look_inside(pid, tid);
            }
            Wait::Accepting(call) => {
                self.says(format!(
                    "{who} {} and takes none, which is odd.",
                    self.sits_on(detail, call, " (this very listener)")
                ));
                self.look_inside(pid, tid);
            }
            Wait::Events(call, Some(_)) => {
                self.says(format!(
                    "{who} waits for events in {}, the listener's among them, and takes none: it \
                     may have as many clients as it allows itself.",
                    call.name
                ));
                self.look_inside(pid, tid);
            }
            Wait::Events(call, None) => {
                self.says(format!(
                    "{who} waits for events in {}; of which descriptors is unknown.",
                    call.name
                ));
                self.look_inside(pid, tid);
            }
            Wait::Parked(call) => {
                self.says(format!("{who} {}.", self.sits(detail, call)));
                self.look_inside(pid, tid);
            }
            Wait::Asleep('D') => self.says(format!(
                "{who} waits for a device (state D), as for a disk or a file server."
            )),
            Wait::Asleep(state) => {
                self.says(format!(
                    "{who} sleeps outside a system call (state {state})."
                ));
            }
            Wait::Unknown(why) => {
                self.says(format!("What its threads wait for is unknown ({why})."));
            }
        }
        // Further links are about what is behind it.
        if let Some(link) = self.cause.links.get_mut(first) {
            for one in evidence {
                if !link.evidence.iter().any(|known| known.name == one.name) {
                    link.evidence.push(one);
                }
            }
        }
    }

    fn says(&mut self, says: String) {
        self.cause.says(says);
    }

    fn edge(&mut self, from: &str, relation: Relation, to: &str, call: &Call) {
        let call = vec![text("call", call.to_string())];
        self.cause.graph.edge(from, relation, to, call);
    }

    /// "has sat in recvfrom on descriptor 6 for 14m", as far as that is known.
    fn sits(&self, detail: &ThreadDetail, call: &Call) -> String {
        self.sits_on(detail, call, "")
    }

    /// The same, with what the descriptor is: "read on descriptor 0 (a pipe)".
    fn sits_on(&self, detail: &ThreadDetail, call: &Call, what: &str) -> String {
        let on = call
            .fd
            .map_or_else(String::new, |fd| format!(" on descriptor {fd}{what}"));
        match self.case.blocked_ms(detail) {
            Some(ms) if ms >= 100 => format!("has sat in {}{on} {}", call.name, words::span(ms)),
            _ => format!("sits in {}{on}", call.name),
        }
    }

    fn evidence(&self, pid: u32, detail: &ThreadDetail) -> Vec<Evidence> {
        let mut evidence = vec![
            Evidence {
                name: "pid",
                value: Value::Count(pid.into()),
            },
            Evidence {
                name: "thread",
                value: Value::Count(detail.thread.tid.into()),
            },
            text("state", detail.thread.state),
        ];
        if let Some(Some(call)) = detail.thread.call.known() {
            evidence.push(text("call", call.to_string()));
        }
        if let Some(ms) = self.case.blocked_ms(detail) {
            evidence.push(Evidence {
                name: "not_run_for_ms",
                value: Value::Millis(ms),
            });
        }
        if let Some(Some(channel)) = detail.wait_channel.known() {
            evidence.push(text("wait_channel", channel.clone()));
        }
        if let Some(frames) = detail.stack.known().filter(|frames| !frames.is_empty()) {
            evidence.push(text("called_from", words::frames(frames)));
        }
        evidence
    }

    fn stopped(&mut self, pid: u32, letter: char) {
        if letter == 'T' {
            self.says("It is stopped (SIGSTOP, or Ctrl-Z on its terminal).".to_owned());
            self.cause.remedy(format!(
                "`kill -CONT {pid}` lets it run again; then find out who stopped it"
            ));
        } else {
            self.says("A debugger holds it.".to_owned());
            self.cause.remedy(format!(
                "end or continue the debugger: `grep TracerPid /proc/{pid}/status` names it"
            ));
        }
    }

    fn running(&mut self, who: &str, tid: u32) {
        self.says(format!("{who} runs: it is busy rather than blocked."));
        self.cause.remedy(format!(
            "see what it works on (`perf top -t {tid}`); accept in a thread of its own, or start \
             more workers"
        ));
    }

    fn look_inside(&mut self, pid: u32, tid: u32) {
        self.cause.remedy(format!(
            "see what it waits for: `gdb -p {pid} -batch -ex 'thread apply all bt'`, \
             `strace -p {tid}`; a restart frees who waits"
        ));
    }

    /// What a writer is held up by.
    fn queued(&mut self, call: &Call, socket: &Socket) {
        let writes = ["write", "send", "splice"]
            .iter()
            .any(|word| call.name.contains(word));
        if writes && socket.send_queue > 0 {
            let shut = socket
                .tcp
                .as_ref()
                .is_some_and(|tcp| tcp.snd_wnd == Some(0));
            let why = match shut {
                true => "the peer's window is closed (0): its program does not read",
                false => "the peer has not acknowledged it",
            };
            self.says(format!(
                "{} B wait there to be sent, and {why}.",
                socket.send_queue
            ));
            self.cause
                .shown("queued_bytes", Value::Bytes(socket.send_queue.into()));
        }
    }

    fn asked(&mut self, socket: &Socket) {
        let Some(verdict) = self.case.facts.verdict_of(socket) else {
            return;
        };
        let asks = self.case.facts.inside.asks.get(&socket.cookie).copied();
        let mut evidence = vec![text("verdict", verdict.name())];
        evidence.extend(verdict.cause_name().map(|cause| text("cause", cause)));
        if let Some(asks) = asks {
            evidence.push(Evidence {
                name: "asks",
                value: Value::Count(asks.into()),
            });
        }
        let from = self.cause.graph.socket(socket);
        let peer = format!("peer:{}", socket.remote);
        self.cause
            .graph
            .edge(&from, Relation::Asked, &peer, evidence.clone());
        for one in evidence {
            self.cause.shown(one.name, one.value);
        }
    }
}

/// " (a pipe)", " (/var/log/x)".
fn what_is(name: Option<&str>) -> String {
    let Some(name) = name else {
        return String::new();
    };
    match name.split_once(':') {
        Some(("pipe", _)) => " (a pipe)".to_owned(),
        Some(("socket", _)) => " (a socket that is no TCP connection)".to_owned(),
        Some(("anon_inode", kind)) => format!(" ({})", kind.trim_matches(['[', ']'])),
        _ => format!(" ({name})"),
    }
}
