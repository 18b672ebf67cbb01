//! The report of `ayt doctor`.

use std::fmt::Write as _;
use std::io::{self, Write};

use ayt_core::doctor::{Connection, Diagnosis, Evidence, Finding, Severity};
use ayt_core::facts::{HostFacts, Owner};

use super::escape::{push_visible, visible};
use super::{cells, number, style, wrap};
use crate::output::page::Page;

/// What was looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Looked {
    /// Sockets that matched.
    pub(crate) sockets: usize,
    /// Namespaces entered.
    pub(crate) namespaces: usize,
    /// Processes that hold such sockets.
    pub(crate) processes: usize,
    /// Rules run.
    pub(crate) rules: usize,
    /// Connections asked; `None` without `--probe`.
    pub(crate) asked: Option<usize>,
}

/// This many connections and owners of a finding are shown.
const SHOWN: usize = 5;
/// Where the text of a labelled line begins.
pub(super) const INDENT: usize = 11;

/// Writes the report.
pub(crate) fn write<W: Write>(
    out: &mut W,
    page: Page,
    facts: &HostFacts,
    diagnosis: &Diagnosis,
    looked: &Looked,
) -> io::Result<()> {
    for finding in &diagnosis.findings {
        write_finding(out, page, facts, finding)?;
        writeln!(out)?;
    }
    for partial in &diagnosis.partial {
        let label = page.paint(style::WARNING, "not seen");
        labelled(out, page, &label, "not seen", &partial.to_string())?;
    }
    if !diagnosis.partial.is_empty() {
        writeln!(out)?;
    }
    let (verdict, painted) = verdict(diagnosis);
    writeln!(out, "{}", page.paint(painted, &verdict))?;
    for line in wrap::lines(&looked_at(looked), page.prose_width()) {
        writeln!(out, "{}", page.paint(style::QUIET, &line))?;
    }
    Ok(())
}

fn write_finding<W: Write>(
    out: &mut W,
    page: Page,
    facts: &HostFacts,
    finding: &Finding,
) -> io::Result<()> {
    let painted = match finding.severity {
        Severity::Critical => style::ERROR,
        Severity::Warning => style::WARNING,
        Severity::Notice => style::TITLE,
    };
    let name = finding.severity.name();
    writeln!(
        out,
        "{}{}{}",
        page.paint(painted, name),
        " ".repeat(INDENT - name.len()),
        page.paint(style::TITLE, finding.rule)
    )?;
    let mut sentence = finding.summary.clone();
    if !sentence.ends_with(['.', '!', '?']) {
        sentence.push('.');
    }
    indented(out, page, "", &sentence)?;
    if !finding.evidence.is_empty() {
        indented(out, page, "evidence", &evidence(&finding.evidence))?;
    }
    let netns = namespace(facts, &finding.connections);
    write_owners(out, page, facts, &finding.owners, netns)?;
    write_connections(out, page, &finding.connections)?;
    indented(out, page, "do", &finding.remedy)
}

pub(super) fn evidence(evidence: &[Evidence]) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut rest = evidence;
    while let [first, tail @ ..] = rest {
        rest = tail;
        let name = plain_name(first.name);
        if let (Some(stem), [second, after @ ..]) = (name.strip_suffix(" at least"), tail)
            && plain_name(second.name).strip_suffix(" at most") == Some(stem)
        {
            rest = after;
            let (least, most) = (first.value.to_string(), second.value.to_string());
            texts.push(if least == most {
                format!("{stem} {least}")
            } else {
                format!("{stem} {least} to {most}")
            });
        } else {
            texts.push(format!("{name} {}", first.value));
        }
    }
    texts.join(", ")
}

/// A name without its unit, which its value shows.
fn plain_name(name: &str) -> String {
    let unit = ["_ms", "_bytes"];
    let bare = unit.iter().find_map(|unit| name.strip_suffix(unit));
    bare.unwrap_or(name).replace('_', " ")
}

fn write_owners<W: Write>(
    out: &mut W,
    page: Page,
    facts: &HostFacts,
    owners: &[Owner],
    netns: Option<&str>,
) -> io::Result<()> {
    let mut pids: Vec<(u32, &str, Vec<u32>)> = Vec::new();
    for owner in owners {
        match pids.iter_mut().find(|(pid, _, _)| *pid == owner.pid) {
            Some((_, _, fds)) => fds.push(owner.fd),
            None => pids.push((owner.pid, cells::command(facts, owner), vec![owner.fd])),
        }
    }
    if pids.is_empty() {
        return Ok(());
    }
    let mut shown: Vec<String> = pids
        .iter()
        .take(SHOWN)
        .map(|(pid, command, fds)| {
            format!("{} (pid {pid}) fd {}", visible(command), descriptors(fds))
        })
        .collect();
    if pids.len() > SHOWN {
        shown.push(format!(
            "{} more",
            number::of(pids.len() - SHOWN, "process")
        ));
    }
    let mut text = shown.join(", ");
    if let Some(netns) = netns {
        let _ = write!(text, ", in network namespace {}", visible(netns));
    }
    indented(out, page, "who", &text)
}

/// The namespace of all connections of a finding (a culprit lives in one), where
/// it is not ayt's own.
fn namespace<'f>(facts: &'f HostFacts, connections: &[Connection]) -> Option<&'f str> {
    let namespace = facts.namespace(connections.first()?.ns)?;
    (namespace.name != "host").then_some(namespace.name.as_str())
}

fn descriptors(fds: &[u32]) -> String {
    let mut fds = fds.to_vec();
    fds.sort_unstable();
    fds.dedup();
    let mut text = String::new();
    for (at, fd) in fds.iter().take(SHOWN).enumerate() {
        let _ = write!(text, "{}{fd}", if at > 0 { " " } else { "" });
    }
    if fds.len() > SHOWN {
        let _ = write!(text, " … {}", fds[fds.len() - 1]);
    }
    text
}

fn write_connections<W: Write>(
    out: &mut W,
    page: Page,
    connections: &[Connection],
) -> io::Result<()> {
    for (at, connection) in connections.iter().take(SHOWN).enumerate() {
        let mut text = String::new();
        let _ = write!(text, "{} ", connection.state);
        cells::address(&mut text, connection.local);
        text.push_str(" ↔ ");
        cells::address(&mut text, connection.remote);
        if !connection.note.is_empty() {
            text.push_str(": ");
            push_visible(&mut text, &connection.note);
        }
        indented(out, page, if at == 0 { "where" } else { "" }, &text)?;
    }
    if connections.len() > SHOWN {
        let text = format!(
            "… and {} more (--json shows all)",
            number::count((connections.len() - SHOWN) as u64)
        );
        indented(out, page, "", &text)?;
    }
    Ok(())
}

pub(super) fn indented<W: Write>(
    out: &mut W,
    page: Page,
    label: &str,
    text: &str,
) -> io::Result<()> {
    let painted = page.paint(style::QUIET, label);
    labelled(
        out,
        page,
        &format!("  {painted}"),
        &format!("  {label}"),
        text,
    )
}

/// A label, and beside it text wrapped at the page's width. `plain` is the label
/// as it looks.
pub(super) fn labelled<W: Write>(
    out: &mut W,
    page: Page,
    painted: &str,
    plain: &str,
    text: &str,
) -> io::Result<()> {
    let width = page.prose_width().saturating_sub(INDENT);
    let text = visible(text).into_owned();
    for (at, line) in wrap::lines(&text, width).iter().enumerate() {
        let (label, used) = if at == 0 {
            (painted, plain.len())
        } else {
            ("", 0)
        };
        let line = commands(page, line);
        writeln!(out, "{label}{}{line}", " ".repeat(INDENT - used))?;
    }
    Ok(())
}

/// Colours what stands between backticks.
pub(super) fn commands(page: Page, line: &str) -> String {
    line.split('`')
        .enumerate()
        .map(|(at, part)| match at % 2 {
            0 => part.to_owned(),
            _ => format!("`{}`", page.paint(style::COMMAND, part)),
        })
        .collect()
}

fn verdict(diagnosis: &Diagnosis) -> (String, anstyle::Style) {
    let findings = &diagnosis.findings;
    if findings.is_empty() {
        return if diagnosis.partial.is_empty() {
            ("Healthy: nothing is wrong.".to_owned(), style::GOOD)
        } else {
            (
                "Nothing is wrong in what could be seen.".to_owned(),
                style::WARNING,
            )
        };
    }
    let counts: Vec<(usize, &str)> = [Severity::Critical, Severity::Warning, Severity::Notice]
        .into_iter()
        .map(|severity| {
            let of_it = |finding: &&Finding| finding.severity == severity;
            (findings.iter().filter(of_it).count(), severity.name())
        })
        .filter(|&(count, _)| count > 0)
        .collect();
    let text = if let [(count, name)] = counts[..] {
        format!("{}.", number::of(count, &format!("{name} finding")))
    } else {
        let parts: Vec<String> = counts
            .iter()
            .map(|(count, name)| format!("{count} {name}"))
            .collect();
        let all = number::of(findings.len(), "finding");
        format!("{all}: {}.", parts.join(", "))
    };
    let worst = findings.iter().map(|finding| finding.severity).max();
    let painted = match worst {
        Some(Severity::Critical) => style::ERROR,
        Some(Severity::Warning) => style::WARNING,
        _ => style::TITLE,
    };
    (text, painted)
}

fn looked_at(looked: &Looked) -> String {
    let mut text = format!(
        "Looked at {} of {} in {}, with {}",
        number::of(looked.sockets, "socket"),
        number::of(looked.processes, "process"),
        number::of(looked.namespaces, "namespace"),
        number::of(looked.rules, "rule"),
    );
    match looked.asked {
        Some(asked) => {
            let _ = write!(text, "; asked {}.", number::of(asked, "peer"));
        }
        None => text.push_str("; asked nobody (--probe asks)."),
    }
    text
}
