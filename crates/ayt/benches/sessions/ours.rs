//! `Supervisor`.

use std::time::Duration;

use ayt_core::detectors::Terms;
use ayt_core::supervise::{Key, Overdue, Settings, Supervisor};

use super::load::{CHALLENGE, INTERVAL, Load, MISSES, PATIENCE, Random, TICK};
use super::{Contender, cpu};

pub(crate) struct Ours {
    all: Supervisor,
    keys: Vec<Key>,
    now: Duration,
    due: Vec<Key>,
}

fn terms() -> Terms {
    Terms::new(INTERVAL, MISSES, CHALLENGE).unwrap_or_else(|_| unreachable!("they are in range"))
}

impl Ours {
    pub(crate) fn new(sessions: usize) -> Self {
        let mut all = Supervisor::new(&Settings {
            tick: TICK,
            ..Settings::default()
        });
        let mut random = Random(sessions as u64 | 1);
        // They have come during a minute.
        let mut starts: Vec<_> = (0..sessions)
            .map(|_| Duration::from_micros(random.below(60_000_000) as u64))
            .collect();
        starts.sort_unstable();
        let now = PATIENCE;
        let keys = starts
            .into_iter()
            .map(|at| {
                all.insert(&terms(), at)
                    .unwrap_or_else(|full| panic!("{full}"))
            })
            .collect();
        Self {
            all,
            keys,
            now,
            due: Vec::new(),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.all.bytes()
    }
}

impl Contender for Ours {
    fn name(&self) -> &'static str {
        "ayt `Supervisor`"
    }

    fn run(&mut self, ticks: &[Vec<u32>]) -> Duration {
        // A key lies beside its connection, where whoever has read the chunk has it at
        // hand: looking it up is no part of the job.
        let ticks: Vec<Vec<Key>> = ticks
            .iter()
            .map(|picks| picks.iter().map(|&pick| self.keys[pick as usize]).collect())
            .collect();
        let start = cpu::cpu();
        for keys in &ticks {
            let step = TICK / keys.len() as u32;
            let mut at = self.now;
            for &key in keys {
                at += step;
                self.all.on_received(key, at);
            }
            self.now += TICK;
            let due = &mut self.due;
            let advanced = self.all.advance(self.now, |key, _| due.push(key));
            assert!(advanced.late.is_none() && !advanced.more);
            for key in due.drain(..) {
                // It is asked, and answers.
                self.all.on_received(key, self.now);
            }
        }
        cpu::cpu() - start
    }
}

/// How late expiry is, in ticks: random chunks at random times, everybody's last one
/// known exactly; in the middle a tenth falls silent for good. Nothing may be early,
/// and none of those may be missed.
///
/// # Errors
/// Says which of it happened.
pub(crate) fn lateness(sessions: usize) -> Result<f64, String> {
    let mut ours = Ours::new(sessions);
    let mut load = Load::new(sessions, 99);
    let mut random = Random(7);
    let mut heard: Vec<Duration> = Vec::with_capacity(sessions);
    // One known start for all: heard again at the first tick.
    ours.now += TICK;
    for key in &ours.keys {
        ours.all.on_received(*key, ours.now);
        heard.push(ours.now);
    }
    let index: std::collections::HashMap<Key, usize> = ours.keys.iter().copied().zip(0..).collect();
    let mut asked: Vec<Option<Duration>> = vec![None; sessions];
    let dead = |session: usize, tick: usize| session.is_multiple_of(10) && tick > 500;
    let mut ends = 0;
    let mut worst = Duration::ZERO;
    for tick in 0..1_300 {
        let start = ours.now;
        ours.now += TICK;
        let mut times: Vec<u64> = Vec::new();
        let picks = load.ticks(1).pop().unwrap_or_default();
        times.extend(picks.iter().map(|_| random.below(100_000_000) as u64));
        times.sort_unstable();
        for (pick, nanos) in picks.into_iter().zip(times) {
            let session = pick as usize;
            if !dead(session, tick) {
                heard[session] = start + Duration::from_nanos(nanos);
                asked[session] = None;
                ours.all.on_received(ours.keys[session], heard[session]);
            }
        }
        let mut due = Vec::new();
        while ours
            .all
            .advance(ours.now, |key, what| due.push((index[&key], what)))
            .more
        {}
        for (session, what) in due {
            let deadline = match (what, asked[session]) {
                (Overdue::Suspect, None) => heard[session] + PATIENCE,
                (Overdue::Silent, Some(at)) => at + CHALLENGE,
                (what, asked) => return Err(format!("{what:?} of one asked at {asked:?}")),
            };
            let late = ours.now.checked_sub(deadline).ok_or("somebody was early")?;
            worst = worst.max(late);
            match what {
                Overdue::Suspect => asked[session] = Some(ours.now),
                Overdue::Silent => ends += usize::from(dead(session, tick)),
            }
            if what == Overdue::Suspect && !dead(session, tick) {
                (heard[session], asked[session]) = (ours.now, None);
                ours.all.on_received(ours.keys[session], ours.now);
            }
        }
    }
    if ends == sessions.div_ceil(10) {
        Ok(worst.as_secs_f64() / TICK.as_secs_f64())
    } else {
        Err(format!(
            "{ends} of {} ends were found",
            sessions.div_ceil(10)
        ))
    }
}
