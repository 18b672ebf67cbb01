//! Runs a test under many interleavings of its tasks.
//!
//! [`explore`] runs a scenario again and again on one thread; whenever a task takes a
//! lock, lets go of one, or touches an atomic, the scheduler chooses who goes on. A
//! task that nobody will ever wake is reported as a deadlock: a lost wake-up needs no
//! timeout to be found. Time stands still but for [`advance`].
//!
//! Which interleavings come is decided by a seed that does not change from run to run.
//! Beyond the environment's variables named in CONTRIBUTING.md there is nothing random:
//! each scenario is first proved to take the same course twice.

mod line;

pub(crate) use line::{Line, Scissors};

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use shuttle::future::{block_on, spawn, yield_now};
use shuttle::scheduler::{
    DfsScheduler, PctScheduler, RandomScheduler, ReplayScheduler, Scheduler,
    UncontrolledNondeterminismCheckScheduler as Twice,
};
use shuttle::{Config, FailurePersistence, MaxSteps, Runner};
use tokio::runtime::{Builder, Runtime};

/// The seed where none is asked for.
const SEED: u64 = 0x61_79_74;
/// Interleavings that are taken twice, to see that nothing else is random.
const TWICE: usize = 5;
/// Preemptions in one interleaving of the second kind: most bugs need one or two.
const PREEMPTIONS: usize = 3;
/// The bound on one interleaving, in switches: it is a scenario that never ends.
const STEPS: usize = 200_000;
/// Of each task; pages that are not touched cost nothing.
const STACK: usize = 1 << 20;

std::thread_local! {
    /// The clock of the interleaving that runs on this thread.
    static TIME: RefCell<Option<Rc<Runtime>>> = const { RefCell::new(None) };
    /// How many tasks of the library there are.
    static TASKS: Cell<usize> = const { Cell::new(0) };
    /// What the interleaving that runs on this thread has noted.
    static NOTES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Runs the scenario under `interleavings` orders chosen evenly at random, and as many
/// with few preemptions at chosen places (PCT).
///
/// # Panics
/// Where one of them fails: with the seed and the schedule that take it there again.
pub(crate) fn explore(interleavings: usize, scenario: impl Fn() + Send + Sync + 'static) {
    let scenario = Arc::new(move || in_time(&scenario));
    if let Ok(file) = std::env::var("AYT_EXPLORE_REPLAY") {
        let replay = ReplayScheduler::new_from_file(file).expect("AYT_EXPLORE_REPLAY names a file");
        run(replay, &scenario);
        return;
    }
    let interleavings = number("AYT_EXPLORE").unwrap_or(interleavings as u64) as usize;
    let seed = number("AYT_EXPLORE_SEED").unwrap_or(SEED);
    let random = RandomScheduler::new_from_seed(seed, TWICE);
    run(Twice::new(random), &scenario);
    run(
        RandomScheduler::new_from_seed(seed, interleavings),
        &scenario,
    );
    let pct = PctScheduler::new_from_seed(seed, PREEMPTIONS, interleavings);
    run(pct, &scenario);
}

/// Runs the scenario under every order there is: for a few steps of few tasks.
pub(crate) fn exhaust(scenario: impl Fn() + Send + Sync + 'static) {
    let scenario = Arc::new(move || in_time(&scenario));
    run(DfsScheduler::new(None, false), &scenario);
}

fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is no number: {value}")),
    )
}

fn run<S>(scheduler: S, scenario: &Arc<impl Fn() + Send + Sync + 'static>)
where
    S: Scheduler + 'static,
{
    let mut config = Config::new();
    config.stack_size = STACK;
    config.max_steps = MaxSteps::FailAfter(STEPS);
    config.silence_warnings = true;
    config.failure_persistence = FailurePersistence::Print;
    let scenario = scenario.clone();
    let _failed = Failed;
    Runner::new(scheduler, config).run(move || scenario());
}

/// With a clock that stands still.
fn in_time(scenario: &impl Fn()) {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_time().start_paused(true).build();
    let runtime = Rc::new(runtime.expect("a clock that stands still needs nothing"));
    TIME.set(Some(runtime.clone()));
    NOTES.take();
    TASKS.set(0);
    let entered = runtime.enter();
    scenario();
    // No task of the library outlives what it is for; some wait for a last deadline.
    while TASKS.get() > 0 {
        advance(Duration::from_secs(3_600));
        block_on(yield_now());
    }
    drop(entered);
    TIME.set(None);
}

/// A task that the library has spawned, and is counted while it is there.
pub(crate) fn counted<T>(task: impl Future<Output = T>) -> impl Future<Output = T> {
    struct One;
    impl Drop for One {
        fn drop(&mut self) {
            TASKS.set(TASKS.get() - 1);
        }
    }
    TASKS.set(TASKS.get() + 1);
    let one = One;
    async move {
        let _one = one;
        task.await
    }
}

/// Notes what happens, to be read where this interleaving fails.
pub(crate) fn note(what: impl std::fmt::Debug) {
    NOTES.with_borrow_mut(|notes| notes.push(format!("{what:?}")));
}

/// A clock that has failed with its scenario wakes tasks that are no more when it is
/// dropped: it is not.
struct Failed;

#[expect(
    clippy::disallowed_macros,
    reason = "the test runner shows it with its failure"
)]
impl Drop for Failed {
    fn drop(&mut self) {
        std::mem::forget(TIME.take());
        if std::thread::panicking() {
            for note in NOTES.take() {
                println!("{note}");
            }
        }
    }
}

/// Moves the clock; who has waited for that is woken. One task of a scenario may.
pub(crate) fn advance(time: Duration) {
    let runtime = TIME
        .with_borrow(Clone::clone)
        .expect("inside of a scenario");
    runtime.block_on(tokio::time::advance(time));
}
