//! The answer of `ayt plan`: the settings, when they find a death, what they cost,
//! what to know, what to paste.

use std::io::{self, Write};
use std::time::Duration;

use anstyle::Style;
use ayt_core::duration::{self, Ms};
use ayt_core::keepalive::{Bound, Found, Os, Span};
use ayt_core::plan::{NoBeat, Report, SAFE};

use super::{notes, number, style, timeline, wrap};
use crate::output::page::Page;

/// Width of the names on the left.
const NAMES: usize = 16;

/// Writes a report; `given` = the settings were given, not recommended.
pub(crate) fn write<W: Write>(
    out: &mut W,
    page: Page,
    report: &Report,
    given: bool,
) -> io::Result<()> {
    headline(out, page, report, given)?;
    writeln!(out)?;
    let settings = report.settings();
    let probes = report.wish.ground.losses(&settings).idle;
    let probes = probes.unwrap_or(settings.count);
    timeline::write(out, page, &settings, probes, report.detection.idle)?;
    writeln!(out)?;
    for (name, text) in facts(report) {
        row(out, page, name, &text)?;
    }
    if !report.warnings.is_empty() {
        writeln!(out, "\n{}", page.paint(style::TITLE, "To know"))?;
    }
    for warning in &report.warnings {
        notes::item(out, page, &warning.to_string())?;
    }
    writeln!(out, "\n{}", page.paint(style::TITLE, "To paste"))?;
    for (command, what) in commands(report) {
        writeln!(out, "  {}", page.paint(style::COMMAND, &command))?;
        for line in wrap::lines(&what, page.prose_width().saturating_sub(6)) {
            writeln!(out, "      {}", page.paint(style::QUIET, &line))?;
        }
    }
    Ok(())
}

fn headline<W: Write>(out: &mut W, page: Page, report: &Report, given: bool) -> io::Result<()> {
    let os = report.wish.ground.os;
    let within = Ms::from(report.wish.detect_within);
    let (text, colour): (String, Style) = match (given, report.is_quick()) {
        (false, None) => (
            format!("finds a vanished peer within {within}, by the manual ({os})"),
            style::PLAIN,
        ),
        (false, _) => (
            format!("finds a vanished peer within {within} ({os})"),
            style::GOOD,
        ),
        (true, Some(true)) if report.does_all() => (
            format!("finds a vanished peer within {within} ({os})"),
            style::GOOD,
        ),
        (true, Some(false)) => (format!("takes longer than {within} ({os})"), style::ERROR),
        (true, _) if !report.does_all() => (
            format!("does not do all that was asked ({os})"),
            style::ERROR,
        ),
        (true, _) => (format!("on {os}"), style::PLAIN),
    };
    let settings = page.paint(style::TITLE, &report.policy.to_string());
    writeln!(out, "{settings}  {}", page.paint(colour, &text))
}

/// The names and what is said of them.
fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let mut all = vec![
        (
            "idle",
            found(report.detection.idle, "the last byte received"),
        ),
        (
            "data in flight",
            found(report.detection.in_flight, "the send"),
        ),
    ];
    match &report.heartbeat {
        Ok(terms) => all.push(("heartbeat", {
            let dead = report.heartbeat_detection.map(span).unwrap_or_default();
            format!(
                "every {}, {} misses, {} to answer: dead {dead} after the last byte; finds a \
                 frozen program, too",
                moment(terms.interval()),
                terms.misses(),
                moment(terms.challenge()),
            )
        })),
        Err(NoBeat::NotAsked) => {}
        Err(why) => all.push(("heartbeat", why.to_string())),
    }
    all.push(("outages", outages(report)));
    if let Some(chance) = report.false_death {
        let loss = report.wish.loss.map_or(0.0, |loss| loss.share() * 100.0);
        let judged = if chance < SAFE { "safe" } else { "not safe" };
        all.push((
            "false deaths",
            format!("{chance:.1e} a month at a loss of {loss} %: {judged} (safe is below 1e-6)"),
        ));
    }
    all.push(("costs", costs(report)));
    if let Some(devices) = report.wish.devices {
        let rate = report.probes_a_second(devices);
        all.push((
            "fleet",
            format!(
                "{} probes a second for {} idle connections",
                rounded(rate),
                number::count(devices)
            ),
        ));
    }
    all
}

fn outages(report: &Report) -> String {
    let told = |bound: Bound| match bound {
        Bound::AtLeast(time) => Some(moment(time)),
        Bound::Unknown(_) => None,
    };
    let (idle, in_flight) = (report.outage.idle, report.outage.in_flight);
    match (told(idle), told(in_flight)) {
        (Some(_), _) if idle.known().is_some_and(|idle| idle.is_zero()) => {
            "none is survived for certain while idle: a single lost probe ends it".to_owned()
        }
        (Some(idle), Some(in_flight)) => {
            format!("survived while shorter than {idle} idle, {in_flight} with data in flight")
        }
        (Some(idle), None) => {
            format!("survived while shorter than {idle} idle; with data in flight not known")
        }
        (None, _) => "not known for this system".to_owned(),
    }
}

fn costs(report: &Report) -> String {
    let family = report.wish.family;
    let keepalive = format!(
        "{} a month: {} bytes every {}, both ways",
        bytes(report.traffic.keepalive),
        family.probe_and_answer(),
        moment(report.period())
    );
    match report.traffic.heartbeat {
        Some(heartbeat) => format!("{keepalive}; the heartbeat {}", bytes(heartbeat)),
        None => keepalive,
    }
}

fn found(found: Found, origin: &str) -> String {
    match found {
        Found::Within(within) => format!("dead {} after {origin}", span(within)),
        Found::NotBefore { earliest, why } => {
            format!("dead not before {} after {origin}: {why}", moment(earliest))
        }
        Found::Never(why) => format!("never found: {why}"),
        Found::Unknown(why) => why.to_owned(),
    }
}

fn commands(report: &Report) -> Vec<(String, String)> {
    let os = report.wish.ground.os;
    let settings = report.settings();
    let mut all = Vec::new();
    if os == Os::Linux {
        let mut arm = format!(
            "ayt arm --command NAME --keepalive {}/{}/{}",
            settings.idle.as_secs(),
            settings.interval.as_secs(),
            settings.count
        );
        if let Some(user_timeout) = settings.user_timeout {
            let short = Ms::from(user_timeout).to_string();
            arm += &match duration::parse(&short) {
                Ok(same) if same == user_timeout => format!(" --user-timeout {short}"),
                _ => format!(" --user-timeout {}ms", user_timeout.as_millis()),
            };
        }
        all.push((
            arm,
            "sets it in a running program, without a restart".to_owned(),
        ));
    }
    let target = match os {
        Os::Windows { .. } => "cpp",
        _ => "c",
    };
    all.push((
        format!("ayt plan --check '{}' --emit {target}", report.policy),
        "prints it as source or configuration: sysctl, c, cpp, csharp, java, go, rust, python, \
         node, nginx, haproxy, envoy, postgresql, mysql, redis, sshd, systemd, kubernetes, \
         windows-registry, powershell"
            .to_owned(),
    ));
    all
}

fn row<W: Write>(out: &mut W, page: Page, name: &str, text: &str) -> io::Result<()> {
    let lines = wrap::lines(text, page.prose_width().saturating_sub(NAMES + 2));
    for (at, line) in lines.iter().enumerate() {
        let name = if at == 0 { name } else { "" };
        let pad = " ".repeat(NAMES - name.chars().count());
        writeln!(out, "  {}{pad}{line}", page.paint(style::TITLE, name))?;
    }
    Ok(())
}

/// `26.9s to 28.6s`, rounded outwards.
pub(super) fn span(span: Span) -> String {
    format!("{} to {}", down(span.earliest), up(span.latest))
}

/// A time, to a tenth of a second below two minutes.
pub(super) fn moment(time: Duration) -> String {
    down(time)
}

/// Below this tenths of a second are told.
const TENTHS: Duration = Duration::from_secs(120);

fn down(time: Duration) -> String {
    match time < TENTHS {
        true => tenths(time.as_millis() / 100),
        false => Ms::from(time).to_string(),
    }
}

fn up(time: Duration) -> String {
    match time < TENTHS {
        true => tenths(time.as_nanos().div_ceil(100_000_000)),
        false => Ms::from(time + Duration::from_nanos(999_999_999)).to_string(),
    }
}

fn tenths(tenths: u128) -> String {
    match tenths % 10 {
        0 => format!("{}s", tenths / 10),
        tenth => format!("{}.{tenth}s", tenths / 10),
    }
}

/// `4.5 MB`: as networks bill, by thousands.
fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn rounded(rate: f64) -> String {
    match rate < 10.0 {
        true => format!("{rate:.1}"),
        false => number::count(rate.round() as u64),
    }
}

#[cfg(test)]
mod tests;
