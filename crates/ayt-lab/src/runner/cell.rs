//! One cell: break it, wait who notices, and hold it against the planner.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::keepalive::Span;
use ayt_core::plan::Path;

use super::bed::Bed;
use super::lateness::waited_for_cpu;
use super::{Lateness, Surroundings, Tools};
use crate::clock;
use crate::detectors::Setting;
use crate::error::LabError;
use crate::faults::{Effect, Expected, Fact, Zero, expect};
use crate::log::{Fate, Log, Record};
use crate::packet::Side;
use crate::scenario::Cell;
use crate::story::Event;
use crate::subjects::{self, NotSeen, What};
use crate::sync::lock;

/// How long nobody must notice where nobody is to notice: longer than any time in the
/// standard set.
const WATCH: Duration = Duration::from_secs(6);
/// How long to wait after the latest planned time.
const GRACE: Duration = Duration::from_secs(2);
/// Where the planner claims no time.
const UNCLAIMED: Duration = Duration::from_secs(12);
/// More than any window between two programs holds.
const FLOOD: usize = 32 << 20;
/// Wakes of programs and threads, one after another, between a segment and what is
/// told of it.
const WAKES: u32 = 3;

/// What came of a cell.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The cell.
    pub cell: Cell,
    /// The side that watches has noticed.
    pub detected: bool,
    /// What it says is the cause.
    pub cause: Option<Cause>,
    /// After how long, counted as the planner counts.
    pub measured: Option<Duration>,
    /// What the planner says.
    pub planned: Option<Span>,
    /// Living peers called dead.
    pub false_deaths: u32,
    /// How it stands.
    pub standing: Standing,
    /// How much later than planned it was noticed, where it was; or how late the machine
    /// was, where something else went wrong on one that was busy. It is run again.
    pub over: Option<Duration>,
    /// The first try was late by this much; it was run again, with less beside it.
    pub retried: Option<Duration>,
    /// What else was to be seen, and whether it was.
    pub facts: Vec<Fact>,
    /// When the fault was inflicted, in the lab's time.
    pub zero: Duration,
    /// From when `measured` counts, in the lab's time.
    pub counted_from: Option<Duration>,
    /// Every packet on the wire that its log still had.
    pub records: Vec<Record>,
    /// Packets that the log had to forget.
    pub forgotten: u64,
    /// What the programs told, and the fault; in the lab's time.
    pub events: Vec<Event>,
}

impl Outcome {
    /// How far outside the planned span it was noticed, in seconds: 0 inside, below 0
    /// where it was too early; `None` where nothing was planned or nobody noticed.
    #[must_use]
    pub fn off_by(&self) -> Option<f64> {
        let (time, span) = self.measured.zip(self.planned)?;
        let late = time.saturating_sub(span.latest).as_secs_f64();
        let early = span.earliest.saturating_sub(time).as_secs_f64();
        Some(late - early)
    }
}

/// How a cell stands to what was planned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Everything as planned.
    AsPlanned,
    /// Something differs: this.
    Differs(String),
    /// Later than planned, on a machine that was late by so much itself: not measured.
    HeldUp(Duration),
    /// It could not be run: this.
    Failed(String),
}

/// What the runs of a set share.
#[derive(Debug)]
pub(super) struct Shared<'a> {
    pub(super) tools: Tools<'a>,
    pub(super) surroundings: Surroundings,
    pub(super) lateness: Lateness,
    pub(super) stop: &'a AtomicBool,
    /// Beds are made one at a time: it is work for the processor, and others measure.
    pub(super) making: Mutex<()>,
}

/// Runs a cell once.
pub(super) fn run(cell: &Cell, shared: &Shared<'_>) -> Outcome {
    let began = clock::now();
    let mut outcome = measure(cell, shared).unwrap_or_else(|error| Outcome {
        cell: cell.clone(),
        detected: false,
        cause: None,
        measured: None,
        planned: None,
        false_deaths: 0,
        standing: Standing::Failed(error.to_string()),
        over: None,
        retried: None,
        facts: Vec::new(),
        zero: Duration::ZERO,
        counted_from: None,
        records: Vec::new(),
        forgotten: 0,
        events: Vec::new(),
    });
    if matches!(outcome.standing, Standing::Differs(_) | Standing::Failed(_)) {
        outcome.over = outcome.over.or(shared.lateness.busy(began));
    }
    outcome
}

fn measure(cell: &Cell, shared: &Shared<'_>) -> Result<Outcome, LabError> {
    let bed = {
        let _one = lock(&shared.making);
        Bed::make(cell, shared.tools.program)?
    };
    bed.wait_until_settled()?;
    let (fault, effect) = (cell.fault.spec(), cell.effect());
    let zero = (fault.inflict)(&bed)?;
    let pid = bed.agent(bed.observer()).process().pid();
    let waited_before = waited_for_cpu(pid);
    let sent = match cell.path {
        Path::Idle => None,
        Path::InFlight => Some(send(&bed, effect, zero)?),
    };
    let rto = sent.as_ref().and_then(|event| match event.what {
        What::Sending(_, rto_us) if rto_us > 0 => Some(Duration::from_micros(rto_us.into())),
        _ => None,
    });
    let ground = shared.surroundings.ground(rto);
    let plan = |learnt| expect::expect(effect, &cell.setting, cell.path, &ground, learnt);
    let expected = plan(None);
    let until = zero
        + match expected {
            Expected::Never(_) => WATCH,
            Expected::Found { span: None, .. } => UNCLAIMED,
            Expected::Found {
                span: Some(span), ..
            } => span.latest + GRACE,
        };
    let mark = bed.wire.mark();
    let end = match cell.setting {
        Setting::Probe(patience) => asked(&bed, patience, shared.tools)?,
        _ => wait_for_end(&bed, zero, until, shared.stop),
    };
    let expected = plan(learnt(&bed));
    let facts = (fault.verify)(&bed)?;
    let cause = end.as_ref().and_then(|event| match &event.what {
        What::Ended(_, name) => Cause::ALL.into_iter().find(|cause| cause.name() == name),
        _ => None,
    });
    let counted_from = end.as_ref().and_then(|end| {
        let from = match expected {
            Expected::Found { from, .. } => from,
            Expected::Never(_) => Zero::Heard,
        };
        match from {
            Zero::Asked => bed.asked(mark),
            _ => origin(&bed, from, end.at(), zero, sent.as_ref()),
        }
    });
    let measured = end.as_ref().zip(counted_from);
    let measured = measured.map(|(end, from)| end.at().saturating_sub(from));
    let late = end.as_ref().map(|end| {
        let waited = waited_for_cpu(pid).saturating_sub(waited_before);
        let wire = match cell.fault.spec().takes {
            [] => wire_late(&bed, zero),
            // It is late on purpose.
            _ => Duration::ZERO,
        };
        waited.max(wire).max(shared.lateness.worst(zero, end.at()))
    });
    let detected = end.is_some();
    let planned = match expected {
        Expected::Found { span, .. } => span,
        Expected::Never(_) => None,
    };
    let standing = judge(
        cell,
        &expected,
        detected.then_some(cause).flatten(),
        detected,
        measured,
        &facts,
        late.unwrap_or_default(),
    );
    Ok(Outcome {
        cell: cell.clone(),
        detected,
        cause,
        measured,
        planned,
        false_deaths: u32::from(detected && !effect.is_death()),
        standing,
        over: measured
            .zip(planned)
            .map(|(time, span)| time.saturating_sub(span.latest))
            .filter(|over| !over.is_zero()),
        retried: None,
        facts,
        zero,
        counted_from,
        records: bed.wire.log(|log| log.records().cloned().collect()),
        forgotten: bed.wire.log(Log::forgotten),
        events: events(&bed, zero),
    })
}

/// The end of the connection that is watched, after the fault, as the observer tells it;
/// `None` when there is none until then, or before the run is stopped.
fn wait_for_end(
    bed: &Bed,
    zero: Duration,
    until: Duration,
    stop: &AtomicBool,
) -> Option<subjects::Event> {
    let observer = bed.agent(bed.observer());
    // A session that moved has left a connection before.
    let is_end = |event: &subjects::Event| {
        event.connection == 0 && event.at() >= zero && matches!(event.what, What::Ended(..))
    };
    loop {
        let slice = until.min(clock::now() + Duration::from_millis(200));
        match observer.wait(slice, is_end) {
            Ok(event) => return Some(event),
            Err(NotSeen::Ended) => return None,
            Err(NotSeen::InTime) if slice == until || stop.load(Ordering::Relaxed) => return None,
            Err(NotSeen::InTime) => {}
        }
    }
}

/// Lets the observer's connections be asked; the end that is found.
fn asked(
    bed: &Bed,
    patience: Duration,
    tools: Tools<'_>,
) -> Result<Option<subjects::Event>, LabError> {
    let failed = |why: String| LabError::other("the probe", why, None);
    let prober = tools
        .prober
        .ok_or_else(|| failed("nobody here can ask".to_owned()))?;
    let side = bed.observer();
    let pid = bed.agent(side).process().pid();
    let cause = prober
        .ask(bed.host(side).inode(), pid, patience)
        .map_err(failed)?;
    let at = clock::now();
    Ok(cause.map(|cause| subjects::Event {
        at_ns: u64::try_from(at.as_nanos()).unwrap_or(u64::MAX),
        connection: 0,
        what: What::Ended(None, cause.name().to_owned()),
    }))
}

/// The observer sends; what it told of it.
fn send(bed: &Bed, effect: Effect, zero: Duration) -> Result<subjects::Event, LabError> {
    bed.send(match effect {
        Effect::WindowClosed => FLOOD,
        _ => 10,
    })?;
    let sent = bed
        .agent(bed.observer())
        .wait(clock::now() + UNCLAIMED, |event| {
            matches!(event.what, What::Sending(..)) && event.at() >= zero
        });
    sent.map_err(|_| LabError::other("the observer", "it does not send", None))
}

/// The longest time that a packet was on the wire: nothing there takes time but the
/// machine.
fn wire_late(bed: &Bed, since: Duration) -> Duration {
    let on_it = |record: &Record| match record.fate {
        Fate::Delivered { at } | Fate::Dropped { at, .. } => at.saturating_sub(record.at),
        Fate::UnderWay => Duration::ZERO,
    };
    bed.wire.log(|log| {
        let records = log.records().filter(|record| record.at >= since);
        records.map(on_it).max().unwrap_or_default()
    })
}

/// What a learning detector had learnt: the silence at which it suspected its peer, or
/// the interval it had found.
fn learnt(bed: &Bed) -> Option<Duration> {
    if let Some((interval, _)) = bed.settled() {
        return Some(interval);
    }
    let events = bed.agent(bed.observer()).events();
    events.iter().rev().find_map(|event| match event.what {
        What::Suspects(ns) if event.connection == 0 => Some(Duration::from_nanos(ns)),
        _ => None,
    })
}

fn origin(
    bed: &Bed,
    from: Zero,
    end: Duration,
    zero: Duration,
    sent: Option<&subjects::Event>,
) -> Option<Duration> {
    match from {
        Zero::Heard => bed.heard(end, false),
        Zero::Data => bed.heard(end, true),
        Zero::Told => bed.told(zero),
        Zero::Asked => None,
        Zero::Sent => sent.map(subjects::Event::at),
        Zero::Byte => {
            let events = bed.agent(bed.observer()).events();
            let read = events
                .iter()
                .filter(|event| event.connection == 0 && event.at() <= end)
                // A detector listens from the beginning.
                .filter(|event| matches!(event.what, What::Received(_) | What::Connected(..)));
            read.map(subjects::Event::at).max()
        }
    }
}

fn judge(
    cell: &Cell,
    expected: &Expected,
    cause: Option<Cause>,
    detected: bool,
    measured: Option<Duration>,
    facts: &[Fact],
    late: Duration,
) -> Standing {
    let differs = |what: String| Standing::Differs(what);
    let wanted = cell.expect.unwrap_or(match expected {
        Expected::Never(_) => None,
        Expected::Found { cause, .. } => Some(*cause),
    });
    match (wanted, detected) {
        (None, true) => {
            let cause = cause.map_or("an unknown cause", Cause::name);
            return differs(format!("nobody was to notice, and it ended: {cause}"));
        }
        (Some(cause), false) => return differs(format!("not noticed; {cause} was expected")),
        (Some(wanted), true) if cause != Some(wanted) => {
            let cause = cause.map_or("an unknown cause", Cause::name);
            return differs(format!("{cause} instead of {wanted}"));
        }
        _ => {}
    }
    if let Some((fact, _)) = facts.iter().find(|(_, holds)| !holds) {
        return differs(format!("not so: {fact}"));
    }
    let Expected::Found {
        span: Some(span), ..
    } = expected
    else {
        return Standing::AsPlanned;
    };
    match measured {
        None => differs("nothing to count its time from".to_owned()),
        Some(time) if time < span.earliest => differs(format!(
            "{} ms before its time",
            (span.earliest - time).as_millis()
        )),
        Some(time) if time > span.latest => {
            let over = time - span.latest;
            // Only the machine's own lateness explains it, as far as that goes.
            if over <= late * WAKES {
                return Standing::HeldUp(late);
            }
            differs(format!("{:.1} ms late", over.as_secs_f64() * 1e3))
        }
        Some(_) => Standing::AsPlanned,
    }
}

fn events(bed: &Bed, zero: Duration) -> Vec<Event> {
    let told = Side::BOTH.into_iter().flat_map(|side| {
        let events = bed.agent(side).events().into_iter();
        events.map(move |told| Event::from((told.at(), side, told.what.to_string())))
    });
    let mut all: Vec<_> = told.collect();
    let fault = format!("fault: {}", bed.cell.fault.spec().summary);
    all.push(Event::from((zero, fault)));
    all.sort_by_key(|event| event.at);
    all
}
