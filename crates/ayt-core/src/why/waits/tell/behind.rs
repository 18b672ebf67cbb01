//! What is behind a thread: the lock and who holds it, the child, the other end of
//! a connection, the descriptors of an event loop, the connection that is closed.

use super::super::super::graph::{Kind, Relation, text};
use super::super::super::words;
use super::super::close::lingering;
use super::super::{Wait, best, peer_clause, wait};
use super::{DEEPEST, Teller};
use crate::doctor::Value;
use crate::facts::{Call, Socket, ThreadDetail, Watch};

impl Teller<'_, '_, '_> {
    pub(super) fn lock(&mut self, thread: &str, call: &Call, address: u64, says: String) {
        let key = format!("{address:#x}");
        let lock = self
            .cause
            .graph
            .node(Kind::Lock, &key, format!("lock at {key}"), Vec::new());
        self.edge(thread, Relation::WaitsFor, &lock, call);
        self.says(says);
    }

    pub(super) fn holder(&mut self, pid: u32, holder: u32, address: u64, depth: u8) {
        let threads = self.case.facts.inside.threads_of(pid);
        let found = threads
            .ok()
            .and_then(|threads| threads.seen.iter().find(|one| one.thread.tid == holder));
        let Some(detail) = found else {
            self.says(format!(
                "Thread {holder} was not read: it may have ended with the lock in its hands."
            ));
            self.look_inside(pid, holder);
            return;
        };
        let to = format!("thread:{pid}/{holder}");
        let lock = format!("lock:{address:#x}");
        self.cause
            .graph
            .edge(&to, Relation::Holds, &lock, Vec::new());
        if depth < DEEPEST {
            let wait = wait(self.case, pid, detail);
            if matches!(wait, Wait::HeldLock(..)) && depth > 0 {
                self.says(format!(
                    "Thread {holder} waits for a lock in turn: threads that wait for each other \
                     never go on."
                ));
                self.look_inside(pid, holder);
                return;
            }
            self.thread(pid, detail, wait, depth + 1);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "called once, by `thread`")]
    pub(super) fn child(
        &mut self,
        pid: u32,
        who: &str,
        thread: &str,
        detail: &ThreadDetail,
        call: &Call,
        child: Option<u32>,
        depth: u8,
    ) {
        let facts = self.case.facts;
        let children = facts.inside.children.get(&pid).cloned().unwrap_or_default();
        let awaited: Vec<u32> = match child {
            Some(child) => vec![child],
            None => children,
        };
        let named: Vec<String> = awaited
            .iter()
            .take(words::SHOWN)
            .map(|&child| words::program(facts, child))
            .collect();
        let sits = self.sits(detail, call);
        match named.as_slice() {
            [] => self.says(format!(
                "{who} {sits}, for a child that has gone or is hidden."
            )),
            [one] => self.says(format!("{who} {sits}, for the end of its child {one}.")),
            all => self.says(format!(
                "{who} {sits}, for the end of any of its children {}.",
                words::list(all)
            )),
        }
        for &child in awaited.iter().take(words::SHOWN) {
            let to = self.cause.graph.process(facts, child);
            self.edge(thread, Relation::WaitsFor, &to, call);
        }
        let Some(&first) = awaited.first() else {
            self.look_inside(pid, detail.thread.tid);
            return;
        };
        self.cause.remedy(format!(
            "see what the child does: `ayt why pid:{first}`; `kill {first}` ends the wait. The \
             program must not wait for a child where it should accept"
        ));
        let seen = facts.inside.threads_of(first).ok();
        let main = seen.and_then(|threads| threads.seen.first());
        if let Some(detail) = main.filter(|_| awaited.len() == 1 && depth < DEEPEST) {
            let wait = wait(self.case, first, detail);
            self.another(first, detail, wait, depth + 1);
        }
    }

    /// Goes on with a thread of another process, which is named.
    fn another(&mut self, pid: u32, detail: &ThreadDetail, wait: Wait<'_>, depth: u8) {
        let before = self.cause.links.len();
        self.thread(pid, detail, wait, depth);
        if let Some(link) = self.cause.links.get_mut(before)
            && let Some(rest) = link.says.strip_prefix("Its")
        {
            let process = self.case.facts.processes.get(&pid);
            let command = process.map_or("its", |process| process.command.as_str());
            link.says = format!("{command}'s{rest}");
        }
    }

    /// The program at the other end of a connection, where it runs on this host and
    /// is held up itself.
    pub(super) fn other_end(&mut self, pid: u32, socket: &Socket, depth: u8) {
        let Some(end) = self.case.other_end(socket) else {
            return;
        };
        let owners = self.case.facts.owners_of(end);
        let Some(owner) = owners.first().filter(|owner| owner.pid != pid) else {
            return;
        };
        let best = best(self.case, &[owner.pid]);
        if let Some((pid, detail, wait)) = best.filter(|_| depth < DEEPEST) {
            let told = self.cause.explains_pids.contains(&pid);
            let on_it = matches!(wait, Wait::Connection(_, _, other) if other.cookie == end.cookie);
            if wait.is_blocked() && !told && !on_it {
                self.cause.explains_pids.push(pid);
                self.another(pid, detail, wait, depth + 1);
            }
        }
    }

    pub(super) fn deaf(
        &mut self,
        pid: u32,
        who: &str,
        thread: &str,
        detail: &ThreadDetail,
        call: &Call,
        watches: &[Watch],
    ) {
        let facts = self.case.facts;
        let mut fds: Vec<u32> = Vec::new();
        for listener in self.case.listeners() {
            for owner in facts
                .owners_of(listener)
                .iter()
                .filter(|one| one.pid == pid)
            {
                fds.push(owner.fd);
                let to = self.cause.graph.descriptor(facts, owner, listener);
                let not = vec![text("waits_for_it", "no")];
                self.cause.graph.edge(thread, Relation::WaitsFor, &to, not);
            }
        }
        let off = watches.iter().any(|watch| fds.contains(&watch.fd));
        let how = if off {
            "the listener is among them, but no event of it is asked for"
        } else {
            "the listener is not among them"
        };
        self.says(format!(
            "{who} {}, for events of {}; {how} (descriptor {}).",
            self.sits(detail, call),
            words::count(watches.len(), "descriptor"),
            words::list(&fds)
        ));
        self.cause.counted("descriptors_waited_for", watches.len());
        self.cause.remedy(format!(
            "the program has taken its listener out of its event loop: after an error of accept, \
             or because it has as many clients as it allows itself; its log or `strace -p {pid}` \
             tells, and a restart frees who waits"
        ));
    }

    pub(super) fn closing(
        &mut self,
        pid: u32,
        who: &str,
        thread: &str,
        detail: &ThreadDetail,
        call: &Call,
    ) {
        let sits = self.sits(detail, call);
        let found = lingering(self.case, pid, call.fd);
        self.says(format!(
            "{who} {sits}: SO_LINGER lets it wait until what was written is acknowledged."
        ));
        match found.as_slice() {
            [] => self.look_inside(pid, detail.thread.tid),
            [socket, rest @ ..] => {
                let to = self.cause.graph.socket(socket);
                self.edge(thread, Relation::BlockedIn, &to, call);
                let which = if rest.is_empty() {
                    format!("That is most likely the connection to {}", socket.remote)
                } else {
                    format!(
                        "That is one of {} that are being closed, such as the one to {}",
                        words::count(found.len(), "connection"),
                        socket.remote
                    )
                };
                self.says(format!(
                    "{which}, which has {} B to send, {}.",
                    socket.send_queue,
                    peer_clause(self.case, socket)
                ));
                self.cause
                    .shown("queued_bytes", Value::Bytes(socket.send_queue.into()));
                self.cause.explains.push(socket.cookie);
                let (local, remote) = (socket.local, socket.remote);
                self.cause.remedy(format!(
                    "`ayt reap --connection {local},{remote} --yes` ends it at once; in the \
                     program, close without SO_LINGER: the kernel sends the rest by itself"
                ));
            }
        }
    }
}
