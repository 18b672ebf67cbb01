//! `ayt why`.

use std::time::{Duration, Instant};

use ayt_guard::probe::Progress as Counts;
use ayt_guard::why::{Answer, Question, WhyError, why};

use super::probe::{asking, tell_undone};
use super::stop::Stop;
use crate::args::WhyArgs;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::output::progress::Progress;
use crate::text;

/// Between two looks at whether a signal came.
const TICK: Duration = Duration::from_millis(50);

/// Answers; with `--watch` until the answer is another.
pub(crate) fn run(args: &WhyArgs, out: &mut Output) -> Result<ExitCode, Failure> {
    let question = args.question();
    let stop = Stop::watch();
    let mut answer = ask(&question, &stop, out)?;
    show(args, &answer, out)?;
    if !args.watch {
        return Ok(exit(&answer, &stop));
    }
    let gist = answer.explanation.gist();
    loop {
        if let Some(exit) = rest(args.interval, &stop) {
            return Ok(exit);
        }
        answer = match ask(&question, &stop, out) {
            Ok(answer) => answer,
            // Gone is another answer too.
            Err(WhyError::Unresolved(error)) => {
                return Err(WhyError::Unresolved(error).into());
            }
            Err(error) => return Err(error.into()),
        };
        if let Some(exit) = stop.exit() {
            return Ok(exit);
        }
        if answer.explanation.gist() != gist {
            if !args.json.json {
                out.print(text::why::changed)?;
            }
            show(args, &answer, out)?;
            return Ok(exit(&answer, &stop));
        }
    }
}

fn ask(question: &Question, stop: &Stop, out: &mut Output) -> Result<Answer, WhyError> {
    let mut progress = Progress::new(out);
    let answer = why(question, stop.flag(), &mut |counts: Counts| {
        progress.show(|| asking(counts));
    });
    drop(progress);
    if let Ok(answer) = &answer {
        tell_undone(answer.undone, out);
    }
    answer
}

fn show(args: &WhyArgs, answer: &Answer, out: &mut Output) -> Result<(), Failure> {
    out.print(|out, page| {
        if args.json.json {
            json::answer_why(out.buffer(), answer);
            return Ok(());
        }
        text::why::write(out, page, answer)
    })?;
    Ok(())
}

fn exit(answer: &Answer, stop: &Stop) -> ExitCode {
    if let Some(exit) = stop.exit().filter(|_| answer.interrupted) {
        return exit;
    }
    let explanation = &answer.explanation;
    ExitCode::of_look(
        !explanation.causes.is_empty(),
        !explanation.partial.is_empty(),
    )
}

/// Waits; the exit code, if a signal came.
#[expect(
    clippy::disallowed_methods,
    reason = "when the next look of --watch is due decides nothing else"
)]
fn rest(interval: Duration, stop: &Stop) -> Option<ExitCode> {
    let start = Instant::now();
    loop {
        if let Some(exit) = stop.exit() {
            return Some(exit);
        }
        let left = interval.saturating_sub(start.elapsed());
        if left.is_zero() {
            return None;
        }
        std::thread::sleep(left.min(TICK));
    }
}
