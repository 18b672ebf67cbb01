//! The stages of a wire, one after another, and what they hold back.
//!
//! ```text
//!   A ── stage 0 ── stage 1 ── ... ── stage n ── B
//! ```
//!
//! What A sends passes them from the left to the right, what B sends from the
//! right to the left, as on a real path. A stage that answers sends its answer
//! back through those that the packet had passed.
//!
//! A chain reads no clock: it is given packets with their times and asked to go on
//! to a time. The same packets with the same seeds have the same fates.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use super::stage::{Stage, Verdict};
use crate::log::{Count, Log, Origin};
use crate::packet::{Direction, Packet};

/// The name of a stage in its chain; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StageId(u64);

/// Where to put a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Next to host A.
    NextToA,
    /// Next to host B.
    NextToB,
    /// On A's side of another; next to A where that has gone.
    Before(StageId),
    /// On B's side of another; next to B where that has gone.
    After(StageId),
}

struct Slot {
    id: StageId,
    stage: Box<dyn Stage>,
}

/// A packet that a stage holds back.
struct Held {
    due: Duration,
    /// The order among those due at once.
    order: u64,
    by: StageId,
    gap: usize,
    packet: Packet,
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.order) == (other.due, other.order)
    }
}

impl Eq for Held {}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Held {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due, self.order).cmp(&(other.due, other.order))
    }
}

/// What a wire does with packets. Call [`Chain::arrive`] and [`Chain::advance`] with
/// times that never go back (one that does counts as the latest so far), and
/// `advance` again when [`Chain::due`] has come.
#[derive(Default)]
pub struct Chain {
    slots: Vec<Slot>,
    held: BinaryHeap<Reverse<Held>>,
    next_id: u64,
    next_order: u64,
    now: Duration,
    pub(crate) counts: [Count; 2],
}

impl Chain {
    /// An empty one: everything passes at once.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a stage into its place.
    pub fn insert(&mut self, place: Place, stage: impl Stage + 'static) -> StageId {
        let find = |id: StageId| self.slots.iter().position(|slot| slot.id == id);
        let at = match place {
            Place::NextToA => 0,
            Place::NextToB => self.slots.len(),
            Place::Before(id) => find(id).unwrap_or(0),
            Place::After(id) => find(id).map_or(self.slots.len(), |at| at + 1),
        };
        let id = StageId(self.next_id);
        self.next_id += 1;
        let stage: Box<dyn Stage> = Box::new(stage);
        self.slots.insert(at, Slot { id, stage });
        // What waits just here has the new stage still before it.
        self.move_held(|held| match held.packet.direction() {
            Direction::AtoB if held.gap > at => held.gap += 1,
            Direction::BtoA if held.gap >= at => held.gap += 1,
            _ => {}
        });
        id
    }

    /// Takes a stage out; false where it was not there. What it held back goes on
    /// at once, in its order.
    pub fn remove(&mut self, id: StageId) -> bool {
        let Some(at) = self.slots.iter().position(|slot| slot.id == id) else {
            return false;
        };
        self.slots.remove(at);
        self.move_held(|held| {
            if held.by == id {
                held.due = Duration::ZERO;
            }
            if held.gap > at {
                held.gap -= 1;
            }
        });
        true
    }

    /// Puts another stage in the place of one, under the same name; false where it
    /// was not there. What the old one held back stays due as it was.
    pub fn replace(&mut self, id: StageId, stage: impl Stage + 'static) -> bool {
        let slot = self.slots.iter_mut().find(|slot| slot.id == id);
        slot.is_some_and(|slot| {
            slot.stage = Box::new(stage);
            true
        })
    }

    /// Takes every stage out.
    pub fn clear(&mut self) {
        let ids: Vec<StageId> = self.stages().map(|(id, _)| id).collect();
        for id in ids {
            self.remove(id);
        }
    }

    /// The stages from A to B, with their kinds.
    pub fn stages(&self) -> impl Iterator<Item = (StageId, &'static str)> + '_ {
        self.slots.iter().map(|slot| (slot.id, slot.stage.name()))
    }

    /// Packets that are held back.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// When there is something to do without a packet's arrival.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        let held = self.held.peek().map(|Reverse(held)| held.due);
        let stages = self.slots.iter().filter_map(|slot| slot.stage.due());
        stages.chain(held).min()
    }

    /// Takes a packet from a host. What leaves the chain is put into `out`.
    pub fn arrive(&mut self, mut packet: Packet, log: &mut Log, out: &mut Vec<Packet>) {
        self.advance(packet.at(), log, out);
        self.counts[packet.direction().index()].sent += 1;
        log.saw(&mut packet, Origin::Host);
        let gap = match packet.direction() {
            Direction::AtoB => 0,
            Direction::BtoA => self.slots.len(),
        };
        self.walk(packet, gap, self.now, log, out);
    }

    /// Lets everything happen that is due until `now`, in its order.
    pub fn advance(&mut self, now: Duration, log: &mut Log, out: &mut Vec<Packet>) {
        let end = self.now.max(now);
        while let Some(due) = self.due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let held_due = self.held.peek().map(|Reverse(held)| held.due);
            if held_due == Some(due) {
                if let Some(Reverse(held)) = self.held.pop() {
                    self.walk(held.packet, held.gap, self.now, log, out);
                }
            } else {
                self.tick(log, out);
                if self.due() == Some(due) && held_due != Some(due) {
                    // A stage that does not move on must not stop the wire.
                    break;
                }
            }
        }
        self.now = end;
    }

    /// Lets the stages that are due say what they have to say.
    fn tick(&mut self, log: &mut Log, out: &mut Vec<Packet>) {
        let now = self.now;
        for at in 0..self.slots.len() {
            let slot = &mut self.slots[at];
            if slot.stage.due().is_none_or(|due| due > now) {
                continue;
            }
            let name = slot.stage.name();
            for (direction, bytes) in slot.stage.tick(now) {
                self.make(bytes, direction, at, name, log, out);
            }
        }
    }

    /// A packet of the stage at `at`, on its way from there.
    fn make(
        &mut self,
        bytes: Vec<u8>,
        direction: Direction,
        at: usize,
        by: &'static str,
        log: &mut Log,
        out: &mut Vec<Packet>,
    ) {
        let Some(mut packet) = Packet::parse(bytes, direction, self.now) else {
            return;
        };
        packet.made_by_wire = true;
        self.counts[direction.index()].made += 1;
        log.saw(&mut packet, Origin::Stage(by));
        let gap = match direction {
            Direction::AtoB => at + 1,
            Direction::BtoA => at,
        };
        self.walk(packet, gap, self.now, log, out);
    }

    /// Leads a packet from a gap between stages (0 is A's end) to its end.
    fn walk(
        &mut self,
        mut packet: Packet,
        mut gap: usize,
        now: Duration,
        log: &mut Log,
        out: &mut Vec<Packet>,
    ) {
        let direction = packet.direction();
        loop {
            let at = match direction {
                Direction::AtoB if gap < self.slots.len() => gap,
                Direction::BtoA if gap > 0 => gap - 1,
                _ => {
                    out.push(packet);
                    return;
                }
            };
            let slot = &mut self.slots[at];
            let (id, name) = (slot.id, slot.stage.name());
            let next = match direction {
                Direction::AtoB => at + 1,
                Direction::BtoA => at,
            };
            match slot.stage.pass(now, direction, &mut packet) {
                Verdict::Pass => gap = next,
                Verdict::Hold { until } => {
                    let order = self.next_order;
                    self.next_order += 1;
                    self.held.push(Reverse(Held {
                        due: until.max(now),
                        order,
                        by: id,
                        gap: next,
                        packet,
                    }));
                    return;
                }
                Verdict::Drop { why } => {
                    self.lose(&packet, now, name, why, log);
                    return;
                }
                Verdict::Answer { why, answer } => {
                    self.lose(&packet, now, name, why, log);
                    // Answers are not answered: two stages could go on for ever.
                    if !packet.made_by_wire {
                        self.make(answer, direction.back(), at, name, log, out);
                    }
                    return;
                }
            }
        }
    }

    fn lose(
        &mut self,
        packet: &Packet,
        now: Duration,
        by: &'static str,
        why: &'static str,
        log: &mut Log,
    ) {
        self.counts[packet.direction().index()].dropped += 1;
        log.dropped(packet.number, now, by, why);
    }

    fn move_held(&mut self, mut change: impl FnMut(&mut Held)) {
        let mut held = std::mem::take(&mut self.held).into_vec();
        for Reverse(held) in &mut held {
            change(held);
        }
        self.held = held.into();
    }
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.slots.iter().map(|slot| &slot.stage);
        out.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests;
