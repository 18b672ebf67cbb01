//! The page as a whole.

use super::escape::shortened;
use super::markup::{Attrs, Markup, class, plain};
use super::matrix::{self, difference};
use super::{Outcome, Report, Run, ladder, plot, units, write};

/// Up to so many runs are open when the page is; more are opened one by one.
const OPEN: usize = 6;
const TITLE: usize = 120;
const TEXT: usize = 400;

/// The whole page, as UTF-8 text for a file or a server.
#[must_use]
pub fn html(report: &Report) -> String {
    let mut page = Markup::default();
    page.raw("<!doctype html>\n");
    page.tag("html", plain().with("lang", "en"), |page| {
        page.tag("head", plain(), |head| {
            head.raw(META);
            head.text("title", plain(), shortened(title(report), TITLE));
            head.raw("<style>\n");
            head.raw(include_str!("style.css"));
            head.raw("</style>\n");
        });
        page.tag("body", plain(), |body| {
            body.tag("header", plain(), |header| summary(header, report));
            body.tag("main", plain(), |main| content(main, report));
            let version = env!("CARGO_PKG_VERSION");
            let made = format!("Made by ayt lab {version}. Times are the kernel's own stamps.");
            body.text("footer", plain(), made);
        });
    });
    page.finish()
}

/// Nothing is fetched, nothing runs; also where a text should ever get out.
const META: &str = r#"<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
"#;

fn title(report: &Report) -> &str {
    match report.title.trim() {
        "" => "ayt lab",
        title => title,
    }
}

fn summary(header: &mut Markup, report: &Report) {
    header.text("h1", plain(), shortened(title(report), TITLE));
    let (mut kept, mut broken) = (0, 0);
    for run in &report.runs {
        let outcome = Outcome::of(run);
        kept += u64::from(outcome.is_kept());
        broken += u64::from(outcome.is_broken() || run.differs.is_some());
    }
    let deaths = report
        .runs
        .iter()
        .fold(0, |sum: u64, run| sum.saturating_add(run.false_deaths));
    let facts = [
        (report.runs.len() as u64, "runs", "open"),
        (kept, "inside the planned band", "kept"),
        (
            broken,
            "claims not kept",
            if broken > 0 { "broken" } else { "kept" },
        ),
        (
            deaths,
            "false deaths",
            if deaths > 0 { "broken" } else { "kept" },
        ),
    ];
    header.tag("ul", class("facts"), |list| {
        for (number, words, outcome) in facts {
            list.line("li", class(outcome), |item| {
                item.span("b", plain(), units::count(number));
                item.text(format_args!(" {words}"));
            });
        }
    });
    header.line("p", class("lead"), |text| {
        text.text(shortened(&report.machine, TEXT));
        if let Some(seed) = report.seed {
            text.text(format_args!(" · seed {seed}"));
        }
    });
}

fn content(main: &mut Markup, report: &Report) {
    let section = |name: &str| plain().with("aria-labelledby", name);
    main.tag("section", section("matrix"), |section| {
        section.text("h2", plain().with("id", "matrix"), "Who notices, and when");
        matrix::matrix(section, report);
    });
    main.tag("section", section("plot"), |section| {
        section.text("h2", plain().with("id", "plot"), "Measured against planned");
        section.text("p", class("lead"), PLOT);
        plot::plot(section, report);
    });
    main.tag("section", section("runs"), |section| {
        section.text("h2", plain().with("id", "runs"), "Every packet");
        section.text("p", class("lead"), LADDERS);
        ladder::legend(section);
        for (index, run) in report.runs.iter().enumerate() {
            self::run(section, report, run, index);
        }
    });
}

const PLOT: &str = "Each bar is the planned band, from the earliest to the latest; the dot is the \
                    measurement. On the right each band is drawn as wide as all others.";
const LADDERS: &str = "Time runs downwards, in seconds from the fault. Sequence numbers are \
                       relative to the SYN. Rows keep their distance: silence is broken off, \
                       with its length.";

fn run(section: &mut Markup, report: &Report, run: &Run, index: usize) {
    let outcome = Outcome::of(run);
    let mut attrs = class("run");
    if report.runs.len() <= OPEN {
        attrs = attrs.with("open", "");
    }
    section.tag("details", attrs, |details| {
        details.line("summary", plain(), |summary| {
            matrix::mark(summary, outcome);
            summary.text(" ");
            summary.tag("span", class("name"), |name| {
                name.span("b", plain(), shortened(&run.fault, TITLE));
                name.text(format_args!(" · {}", shortened(&run.detector, TITLE)));
            });
            summary.text(" ");
            let measured = run.measured.filter(|_| run.detected);
            let said = measured.map_or_else(|| matrix::detected(run).to_owned(), units::time);
            summary.span("span", class("said"), said);
        });
        // Inside, so that a link to it opens what is around it.
        let id = format!("run-{}", index + 1);
        details.tag("div", class("body").with("id", &id), |body| {
            facts(body, report, run, index, outcome);
            ladder::ladder(body, run, &id);
        });
    });
}

fn facts(body: &mut Markup, report: &Report, run: &Run, index: usize, outcome: Outcome) {
    body.tag("dl", class("about"), |list| {
        let mut fact = |name: &str, value: String| {
            list.tag("div", plain(), |pair| {
                pair.text("dt", plain(), name);
                pair.text("dd", plain(), shortened(&value, TEXT));
            });
        };
        fact("run", run.name.clone());
        if !run.settings.is_empty() {
            fact("settings", run.settings.clone());
        }
        if let Some(cause) = &run.cause {
            fact("cause", cause.to_string());
        }
        if let Some(measured) = run.measured {
            fact("measured", units::time(measured));
        }
        if let Some(planned) = run.planned {
            fact("planned", units::span(planned));
        }
        fact("result", difference(run, outcome));
        if let Some(differs) = &run.differs {
            fact("differs", differs.clone());
        }
        for sentence in &run.shows {
            fact("shows", sentence.clone());
        }
        for (sentence, holds) in &run.facts {
            fact(if *holds { "seen" } else { "not so" }, sentence.clone());
        }
    });
    if report.pcap {
        let href: Attrs = plain().with("href", write::pcap_name(index, &run.name));
        body.line("p", class("lead"), |text| {
            text.span("a", href, "The packets as pcapng");
            text.text(", for Wireshark.");
        });
    }
}
