//! Every claim, shown for real, except what needs a minute or more. `AYT_LAB_VERBOSE=1`
//! prints what was seen of each. Without libtest's harness: this program is also what
//! claims start as processes.

#![allow(
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "this is its own test runner"
)]

use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use ayt_lab::claims::{self, ALL, Claim, Shown};
use ayt_lab::runner::Tools;
use ayt_lab::{ground, subjects};
use ayt_testbed::Need;

fn main() -> ExitCode {
    subjects::main_if_subject();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        ALL.iter().for_each(|claim| println!("{}: test", claim.id));
        return ExitCode::SUCCESS;
    }
    if !Need::root() {
        return ExitCode::SUCCESS;
    }
    if let Err(error) = ground::take() {
        println!("{error}");
        return ExitCode::FAILURE;
    }
    let named: Vec<&'static Claim> = arguments.iter().filter_map(|id| Claim::named(id)).collect();
    let filtered = arguments.iter().any(|word| !word.starts_with('-'));
    let chosen = match (filtered, named.is_empty()) {
        (false, _) => ALL.to_vec(),
        // The filter of another test of the workspace.
        (true, true) => return ExitCode::SUCCESS,
        (true, false) => named,
    };
    // `probe` lies above the lab; the tests of the command run its cells.
    let tools = Tools {
        program: Path::new("/proc/self/exe"),
        prober: None,
    };
    let stop = AtomicBool::new(false);
    let shown = match claims::run(&chosen, false, tools, &stop, |_| ()) {
        Ok(shown) => shown,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let verbose = std::env::var_os("AYT_LAB_VERBOSE").is_some();
    let mut well = shown.len() == chosen.len();
    for one in &shown {
        let passed = one.verdict.is_well();
        well &= passed;
        let word = if passed { "ok" } else { "FAILED" };
        println!("test {} ... {word}", one.claim.id);
        if verbose || !passed {
            print(one);
        }
    }
    ExitCode::from(u8::from(!well))
}

fn print(shown: &Shown) {
    println!("    {:?}", shown.verdict);
    for (fact, holds) in &shown.facts {
        println!("    {} {fact}", if *holds { "seen:  " } else { "NOT SO:" });
    }
}
