//! The matrix fault × detector.

use rustc_hash::FxHashMap;

use super::escape::shortened;
use super::markup::{Markup, class, plain};
use super::{Outcome, Report, Run, units};

/// Characters of a name in the matrix.
const NAME: usize = 60;

/// The different values of something, in the order of their first appearance.
pub(super) fn distinct<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut seen = rustc_hash::FxHashSet::default();
    values.filter(|value| seen.insert(*value)).collect()
}

/// Draws it: a row for each fault, a column for each detector, in each cell the runs.
pub(super) fn matrix(page: &mut Markup, report: &Report) {
    let runs = || report.runs.iter();
    let faults = distinct(runs().map(|run| run.fault.as_str()));
    let detectors = distinct(runs().map(|run| run.detector.as_str()));
    let mut cells: FxHashMap<(&str, &str), Vec<usize>> = FxHashMap::default();
    for (index, run) in runs().enumerate() {
        let key = (run.fault.as_str(), run.detector.as_str());
        cells.entry(key).or_default().push(index);
    }
    // The roles are said again because the narrow layout takes them away.
    let role = |name: &str| plain().with("role", name);
    let frame = class("scroll")
        .with("tabindex", 0)
        .with("role", "region")
        .with("aria-label", "Faults and detectors");
    page.tag("div", frame, |page| {
        page.tag("table", role("table").with("class", "matrix"), |table| {
            table.tag("thead", role("rowgroup"), |head| {
                head.tag("tr", role("row"), |row| {
                    let header = || role("columnheader").with("scope", "col");
                    row.text("th", header(), "fault");
                    for detector in &detectors {
                        row.text("th", header(), shortened(detector, NAME));
                    }
                });
            });
            table.tag("tbody", role("rowgroup"), |body| {
                for fault in faults {
                    body.tag("tr", role("row"), |row| {
                        let header = role("rowheader").with("scope", "row");
                        row.text("th", header, shortened(fault, NAME));
                        for detector in &detectors {
                            let of = cells.get(&(fault, *detector)).map_or(&[][..], |of| of);
                            cell(row, report, detector, of);
                        }
                    });
                }
            });
        });
    });
    page.text("p", class("lead"), BAND);
    page.tag("ul", class("marks"), |list| {
        for (outcome, words) in Outcome::KINDS {
            list.line("li", plain(), |item| {
                mark(item, outcome);
                item.text(format_args!(" {words}"));
            });
        }
    });
}

const BAND: &str = "“3.12 s of 3.00–3.35 s” is a finding and its planned band, from the earliest \
                    to the latest. Each result leads to its packets.";

pub(super) fn mark(inline: &mut super::markup::Inline, outcome: Outcome) {
    let attrs = class(format_args!("mark {}", outcome.class())).with("aria-hidden", "true");
    inline.span("span", attrs, outcome.mark());
}

fn cell(row: &mut Markup, report: &Report, detector: &str, indices: &[usize]) {
    let attrs = plain()
        .with("role", "cell")
        .with("data-detector", shortened(detector, NAME));
    if indices.is_empty() {
        row.line("td", attrs.with("class", "none"), |cell| {
            cell.span("span", class("small"), "not run");
        });
        return;
    }
    row.tag("td", attrs, |cell| {
        for &index in indices {
            if let Some(run) = report.runs.get(index) {
                result(cell, run, index, indices.len() > 1);
            }
        }
    });
}

fn result(cell: &mut Markup, run: &Run, index: usize, among_others: bool) {
    let outcome = Outcome::of(run);
    let link = class(format_args!("result {}", outcome.class()))
        .with("href", format_args!("#run-{}", index + 1));
    cell.tag("a", link, |cell| {
        cell.line("span", class("head"), |head| {
            mark(head, outcome);
            head.text(" ");
            match run.measured.filter(|_| run.detected) {
                Some(measured) => head.span("b", plain(), units::time(measured)),
                None => head.span("b", plain(), detected(run)),
            }
        });
        if among_others && !run.settings.is_empty() {
            let settings = shortened(&run.settings, NAME);
            cell.text("span", class("small"), settings);
        }
        if run.detected && run.measured.is_some() && run.planned.is_none() {
            cell.text("span", class("small"), "no time claimed");
        }
        if let Some(planned) = run.planned {
            let text = format!("of {}", units::span(planned));
            cell.text("span", class("small"), text);
        }
        // Among others its sign says that it is in the band.
        if outcome.is_broken() || outcome.is_kept() && !among_others {
            cell.text("span", class("small verdict"), difference(run, outcome));
        }
        if let Some(cause) = &run.cause {
            let cause = shortened(&cause.to_string(), NAME);
            cell.text("span", class("small cause"), cause);
        }
    });
}

/// Whether it was found, in words.
pub(super) const fn detected(run: &Run) -> &'static str {
    if run.detected { "found" } else { "not found" }
}

/// How the measurement lies to the plan, in words.
pub(super) fn difference(run: &Run, outcome: Outcome) -> String {
    if run.false_deaths > 0 {
        return units::counted(run.false_deaths, "false death");
    }
    outcome.words()
}
