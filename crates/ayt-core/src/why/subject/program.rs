//! Which processes of a command are one program.

use std::collections::BTreeMap;

use crate::facts::HostFacts;

/// The processes of this name, those of one program together: a parent and its
/// children, and those that share a socket. A name in full goes before a part of
/// one.
pub(super) fn programs(
    facts: &HostFacts,
    name: &str,
    meant: &dyn Fn(u32) -> bool,
) -> Vec<Vec<u32>> {
    let called = |exact: bool| -> Vec<u32> {
        let processes = facts.processes.values();
        processes
            .filter(|process| {
                let fits = match exact {
                    true => process.command == name,
                    false => process.command.contains(name),
                };
                fits && meant(process.pid)
            })
            .map(|process| process.pid)
            .collect()
    };
    let mut pids = called(true);
    if pids.is_empty() {
        pids = called(false);
    }
    let mut groups = Groups::of(&pids);
    for &pid in &pids {
        if let Some(process) = facts.processes.get(&pid) {
            groups.join(pid, process.parent);
        }
    }
    let mut last = None;
    for owner in facts.owners.all() {
        match last {
            Some((inode, pid)) if inode == owner.inode => groups.join(pid, owner.pid),
            _ if groups.0.contains_key(&owner.pid) => last = Some((owner.inode, owner.pid)),
            _ => {}
        }
    }
    groups.sorted()
}

/// Each process with the first of its group.
struct Groups(BTreeMap<u32, u32>);

impl Groups {
    fn of(pids: &[u32]) -> Self {
        Self(pids.iter().map(|&pid| (pid, pid)).collect())
    }

    fn first_of(&self, mut pid: u32) -> Option<u32> {
        loop {
            match self.0.get(&pid) {
                Some(&up) if up != pid => pid = up,
                found => return found.copied(),
            }
        }
    }

    /// Puts two into one group, if both are meant.
    fn join(&mut self, a: u32, b: u32) {
        if let (Some(a), Some(b)) = (self.first_of(a), self.first_of(b)) {
            self.0.insert(a.max(b), a.min(b));
        }
    }

    fn sorted(&self) -> Vec<Vec<u32>> {
        let mut groups: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for &pid in self.0.keys() {
            let first = self.first_of(pid).unwrap_or(pid);
            groups.entry(first).or_default().push(pid);
        }
        groups.into_values().collect()
    }
}
