//! Reads scenario files.

use std::ops::Range;
use std::time::Duration;

use ayt_core::cause::Cause;
use ayt_core::duration;
use ayt_core::plan::{Loss, Path};
use serde::Deserialize;
use toml::Spanned;

use super::{BadScenario, Cell, Trouble};
use crate::detectors::Detector;
use crate::faults::{Effect, Fault};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    fault: Spanned<String>,
    #[serde(default)]
    shows: Vec<Spanned<String>>,
    run: Vec<Spanned<Run>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Run {
    detector: Spanned<String>,
    settings: Option<Spanned<String>>,
    path: Option<Spanned<String>>,
    seed: Option<Spanned<i64>>,
    loss: Option<Spanned<String>>,
    delay: Option<Spanned<String>>,
    jitter: Option<Spanned<String>>,
    #[serde(default)]
    slow: bool,
    expect: Option<Spanned<String>>,
}

/// A value that is wrong: where, and why.
type Wrong = (Range<usize>, String);

/// Reads a scenario file; `name` is what errors call it.
///
/// # Errors
/// The first thing that is wrong, with line and column.
pub fn parse(name: &str, text: &str) -> Result<Vec<Cell>, BadScenario> {
    let bad = |(span, reason): Wrong| BadScenario::at(name, text, span, reason);
    let file: File = toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        bad((span, error.message().trim().replace('\n', "; ")))
    })?;
    let fault = named("fault", &file.fault, Fault::named, || {
        Fault::ALL.iter().map(|fault| fault.name()).collect()
    })
    .map_err(bad)?;
    let shows: Result<Vec<String>, Wrong> = file.shows.iter().map(row).collect();
    let shows = shows.map_err(bad)?;
    let cells = file.run.iter().map(|run| {
        cell(fault, run).map(|cell| Cell {
            shows: shows.clone(),
            ..cell
        })
    });
    cells.collect::<Result<_, Wrong>>().map_err(bad)
}

fn cell(fault: Fault, run: &Spanned<Run>) -> Result<Cell, Wrong> {
    let Run {
        detector,
        settings,
        path,
        seed,
        loss,
        delay,
        jitter,
        slow,
        expect,
    } = run.get_ref();
    let kind = named("detector", detector, Detector::named, || {
        Detector::ALL.into_iter().map(Detector::name).collect()
    })?;
    let (settings, span) = match settings {
        Some(settings) => (settings.get_ref().as_str(), settings.span()),
        None => (kind.spec().usual, detector.span()),
    };
    let setting = kind.parse(settings).map_err(|why| (span, why))?;
    let path = match path {
        None => Path::Idle,
        Some(path) => {
            let found = match path.get_ref().as_str() {
                "idle" => Path::Idle,
                "in-flight" => Path::InFlight,
                other => {
                    let why = format!("no path is called `{other}`; there are idle, in-flight");
                    return Err((path.span(), why));
                }
            };
            possible(fault, found).map_err(|why| (path.span(), why))?;
            found
        }
    };
    possible(fault, path).map_err(|why| (run.span(), why))?;
    if kind == Detector::Probe {
        let told = matches!(fault.spec().effect, Effect::Told(_));
        if told || path == Path::InFlight {
            let why = match told {
                true => format!(
                    "`{}` is told at once: there is nothing left to ask",
                    fault.name()
                ),
                false => "a probe is asked on an idle path here: leave `path` out".to_owned(),
            };
            return Err((detector.span(), why));
        }
    }
    let seed = match seed {
        None => 1,
        Some(seed) => u64::try_from(*seed.get_ref())
            .map_err(|_| (seed.span(), "a seed is not negative".to_owned()))?,
    };
    let expect = match expect {
        None => None,
        Some(expect) if expect.get_ref() == "alive" => Some(None),
        Some(expect) => {
            let by_name = |name: &str| Cause::ALL.into_iter().find(|cause| cause.name() == name);
            let names = || {
                Cause::ALL
                    .iter()
                    .map(|cause| cause.name())
                    .chain(["alive"])
                    .collect()
            };
            Some(Some(named("cause", expect, by_name, names)?))
        }
    };
    let takes = |name: &str, value: &Option<Spanned<String>>| match value {
        Some(value) if !fault.spec().takes.contains(&name) => {
            let why = format!("`{}` takes no `{name}`", fault.name());
            Err((value.span(), why))
        }
        _ => Ok(()),
    };
    takes("loss", loss)?;
    takes("delay", delay)?;
    takes("jitter", jitter)?;
    let trouble = Trouble {
        loss: loss.as_ref().map(share).transpose()?,
        delay: delay.as_ref().map(time).transpose()?,
        jitter: jitter.as_ref().map(time).transpose()?,
    };
    Ok(Cell {
        fault,
        detector: kind,
        settings: settings.to_owned(),
        setting,
        path,
        seed,
        trouble,
        slow: *slow,
        expect,
        shows: Vec::new(),
    })
}

/// Whether a path makes sense with a fault.
fn possible(fault: Fault, path: Path) -> Result<(), String> {
    let name = fault.name();
    match (fault.spec().effect, path) {
        (Effect::Told(_), Path::InFlight) => Err(format!(
            "`{name}` is told at once, whatever is in flight: leave `path` out"
        )),
        (Effect::WindowClosed, Path::Idle) => Err(format!(
            "`{name}` shows only while data is sent: add path = \"in-flight\""
        )),
        _ => Ok(()),
    }
}

/// `5%`, as the planner takes it.
fn share(value: &Spanned<String>) -> Result<f64, Wrong> {
    let text = value.get_ref();
    let percent = text.strip_suffix('%').and_then(|text| text.parse().ok());
    let loss = percent.and_then(|percent: f64| Loss::new(percent / 100.0));
    loss.map(|loss| loss.share()).ok_or_else(|| {
        let why = format!("`{text}` is no loss: write 5%, below 100%");
        (value.span(), why)
    })
}

/// At most a minute.
fn time(value: &Spanned<String>) -> Result<Duration, Wrong> {
    match duration::parse(value.get_ref()) {
        Ok(time) if time <= Duration::from_secs(60) => Ok(time),
        Ok(_) => Err((value.span(), "longer than 1m".to_owned())),
        Err(error) => Err((value.span(), error.to_string())),
    }
}

/// A name that must be one of some.
fn named<T>(
    what: &str,
    value: &Spanned<String>,
    by_name: impl Fn(&str) -> Option<T>,
    names: impl Fn() -> Vec<&'static str>,
) -> Result<T, Wrong> {
    let name = value.get_ref();
    by_name(name).ok_or_else(|| {
        let names = names().join(", ");
        let why = format!("no {what} is called `{name}`; there are {names}");
        (value.span(), why)
    })
}

/// `S1` to `S99`.
fn row(value: &Spanned<String>) -> Result<String, Wrong> {
    let text = value.get_ref();
    let number = text.strip_prefix('S').and_then(|rest| rest.parse().ok());
    match number {
        Some(1..=99_u8) => Ok(text.clone()),
        _ => Err((
            value.span(),
            format!("`{text}` is no row of the scope, such as S5"),
        )),
    }
}
