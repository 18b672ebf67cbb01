//! The known set: every cell that comes with the program, broken and measured for real.
//! Without libtest's harness: this program is also the subject of its cells.

#![allow(
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "this is its own test runner"
)]

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use ayt_lab::detectors::Detector;
use ayt_lab::runner::{self, Outcome, Standing, Tools};
use ayt_lab::scenario::{self, Cell, path_name};
use ayt_lab::{ground, subjects};
use ayt_testbed::Need;

type Done = Result<(), Box<dyn Error>>;
type Test = (&'static str, fn() -> Done);

const TESTS: &[Test] = &[
    ("everything_is_as_planned", everything_is_as_planned),
    ("two_runs_with_one_seed_agree", two_runs_with_one_seed_agree),
];

fn main() -> ExitCode {
    subjects::main_if_subject();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    if !Need::root() {
        return ExitCode::SUCCESS;
    }
    if let Err(error) = ground::take() {
        println!("{error}");
        return ExitCode::FAILURE;
    }
    let filter = arguments.iter().find(|word| !word.starts_with('-'));
    let mut failed = 0;
    let chosen = TESTS
        .iter()
        .filter(|(name, _)| filter.is_none_or(|filter| name.contains(filter.as_str())));
    for (name, test) in chosen {
        match test() {
            Ok(()) => println!("test {name} ... ok"),
            Err(error) => {
                failed += 1;
                println!("test {name} ... FAILED\n{error}");
            }
        }
    }
    ExitCode::from(u8::from(failed > 0))
}

fn run(cells: &[Cell]) -> Result<Vec<Outcome>, Box<dyn Error>> {
    // `probe` lies above the lab; the tests of the command run its cells.
    let tools = Tools {
        program: Path::new("/proc/self/exe"),
        prober: None,
    };
    let stop = AtomicBool::new(false);
    Ok(runner::run(cells, tools, &stop, |_| ())?)
}

fn line(outcome: &Outcome) -> String {
    let cell = &outcome.cell;
    let span = outcome.planned.map_or_else(
        || "-".to_owned(),
        |span| {
            format!(
                "{:.3}–{:.3}",
                span.earliest.as_secs_f64(),
                span.latest.as_secs_f64()
            )
        },
    );
    let cause = outcome.cause.map_or("-", ayt_core::cause::Cause::name);
    let measured = outcome.measured.map_or_else(
        || "-".to_owned(),
        |time| format!("{:.3}", time.as_secs_f64()),
    );
    format!(
        "{:20} {:12} {:14} {:9} {cause:18} {measured:8} {span:16} {:?}",
        cell.fault.name(),
        cell.detector.name(),
        cell.settings,
        path_name(cell.path),
        outcome.standing,
    )
}

fn everything_is_as_planned() -> Done {
    let cells = scenario::standard()?;
    let cells: Vec<Cell> = cells
        .into_iter()
        .filter(|cell| !cell.slow && cell.detector != Detector::Probe)
        .collect();
    let outcomes = run(&cells)?;
    assert_eq!(outcomes.len(), cells.len());
    if std::env::var_os("AYT_LAB_VERBOSE").is_some() {
        outcomes
            .iter()
            .for_each(|outcome| println!("{}", line(outcome)));
    }
    let wrong: Vec<String> = outcomes
        .iter()
        .filter(|outcome| outcome.standing != Standing::AsPlanned)
        .map(|outcome| {
            let story = outcome
                .events
                .iter()
                .map(|event| (event.at, event.text.clone()));
            let packets = outcome
                .records
                .iter()
                .map(|record| (record.at, record.to_string()));
            let mut story: Vec<_> = story.chain(packets).collect();
            story.sort();
            let story = story
                .iter()
                .map(|(at, what)| format!("    {at:?} {what}\n"));
            format!("{}\n{}", line(outcome), story.collect::<String>())
        })
        .collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(wrong.join("\n").into()),
    }
}

/// What a seed decides: verdict and cause, not the time.
fn two_runs_with_one_seed_agree() -> Done {
    let cells: Vec<Cell> = scenario::standard()?
        .into_iter()
        .filter(|cell| !cell.slow && cell.setting.beat().is_some())
        .collect();
    let verdicts = || -> Result<Vec<_>, Box<dyn Error>> {
        let outcomes = run(&cells)?;
        Ok(outcomes
            .iter()
            .map(|one| (one.detected, one.cause, one.false_deaths))
            .collect())
    };
    assert_eq!(verdicts()?, verdicts()?);
    Ok(())
}
