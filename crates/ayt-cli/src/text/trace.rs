//! The table of `ayt trace`, and what it means.

mod hops;
mod sentences;

use std::io::{self, Write};
use std::time::Duration;

use ayt_core::duration::Ms;
use ayt_core::facts::{HostFacts, Socket, TimerKind};
use ayt_core::trace::{End, Picture, difference};
use ayt_guard::trace::Report;

use super::{cells, notes, number, style};
use crate::output::page::Page;

/// A connection that was traced.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traced<'t> {
    /// The look it was found by.
    pub(crate) facts: &'t HostFacts,
    /// The connection.
    pub(crate) socket: &'t Socket,
    /// What came of it.
    pub(crate) report: &'t Report,
}

/// Writes one trace, or two side by side.
pub(crate) fn write<W: Write>(out: &mut W, page: Page, traced: &[Traced<'_>]) -> io::Result<()> {
    for one in traced {
        title(out, page, one.facts, one.socket)?;
    }
    match traced {
        [this, other] => hops::beside(out, page, &this.report.picture, &other.report.picture)?,
        [this] => hops::table(out, page, &this.report.picture)?,
        _ => {}
    }
    for one in traced {
        if traced.len() > 1 {
            let which = format!("{}:", endpoints(one.socket));
            notes::say(out, page, style::QUIET, &which)?;
        }
        verdict(out, page, one.report)?;
    }
    if let [this, other] = traced {
        let parting = difference(&this.report.picture, &other.report.picture);
        notes::say(
            out,
            page,
            style::TITLE,
            &sentences::parting(parting.as_ref()),
        )?;
    }
    Ok(())
}

/// Writes what this host's own kernel knows of a connection that could not be asked.
pub(crate) fn unasked<W: Write>(
    out: &mut W,
    page: Page,
    facts: &HostFacts,
    socket: &Socket,
) -> io::Result<()> {
    title(out, page, facts, socket)?;
    for text in account(socket) {
        notes::item(out, page, &text)?;
    }
    Ok(())
}

fn account(socket: &Socket) -> Vec<String> {
    let mut said = Vec::new();
    if let Some(tcp) = cells::traffic(socket) {
        said.push(format!(
            "the peer was heard last {} ago; round trip {}, path MTU {} bytes",
            Ms(u64::from(tcp.heard_ms())),
            hops::time(Duration::from_micros(tcp.rtt_us.into())),
            number::count(tcp.pmtu.into()),
        ));
    }
    if socket.send_queue > 0 {
        let again = match socket.timer.kind {
            TimerKind::Retransmit if socket.timer.count > 0 => {
                let times = number::of(usize::from(socket.timer.count), "time");
                format!(", sent again {times} in vain")
            }
            _ => String::new(),
        };
        let bytes = number::of(socket.send_queue as usize, "byte");
        said.push(format!("{bytes} sent and not acknowledged{again}"));
    }
    said
}

/// How far a trace is that still runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Progress {
    /// Which connection, of how many.
    pub(crate) nth: [usize; 2],
    /// Rounds there will be.
    pub(crate) rounds: u32,
}

/// Writes a trace that still runs.
pub(crate) fn growing<W: Write>(
    out: &mut W,
    page: Page,
    facts: &HostFacts,
    socket: &Socket,
    progress: Progress,
    picture: &Picture,
) -> io::Result<()> {
    title(out, page, facts, socket)?;
    hops::table(out, page, picture)?;
    notes::say(out, page, style::QUIET, &growing_text(progress, picture))
}

/// `connection 2 of 2, round 1 of 3: nothing beyond hop 3 so far; Ctrl-C ends it`.
fn growing_text(progress: Progress, picture: &Picture) -> String {
    let mut text = match progress.nth {
        [_, 1] => String::new(),
        [nth, of] => format!("connection {nth} of {of}, "),
    };
    text += &format!(
        "round {} of {}",
        picture.rounds,
        number::count(progress.rounds.into())
    );
    if picture.end == End::Open {
        text += &match picture.hops.last() {
            Some(hop) => format!(": nothing beyond hop {} so far", hop.ttl),
            None => ": nothing so far".to_owned(),
        };
    }
    text + "; Ctrl-C ends it"
}

fn verdict<W: Write>(out: &mut W, page: Page, report: &Report) -> io::Result<()> {
    let (text, painted) = sentences::end(&report.picture, report.interrupted);
    notes::say(out, page, painted, &text)?;
    for note in sentences::notes(report) {
        notes::item(out, page, &note)?;
    }
    Ok(())
}

/// `10.0.0.1:7000 ↔ 10.0.3.7:51144, ESTABLISHED, redis-server (pid 812) fd 9`.
fn title<W: Write>(out: &mut W, page: Page, facts: &HostFacts, socket: &Socket) -> io::Result<()> {
    let mut text = format!("{} {}", socket.state.name(), endpoints(socket));
    if let Some(owner) = facts.owners_of(socket).first() {
        let command = cells::command(facts, owner);
        text.push_str(&format!(", {command} (pid {}) fd {}", owner.pid, owner.fd));
    }
    notes::say(out, page, style::TITLE, &text)
}

fn endpoints(socket: &Socket) -> String {
    let mut text = String::new();
    cells::address(&mut text, socket.local);
    text.push_str(" ↔ ");
    cells::address(&mut text, socket.remote);
    text
}

/// A connection in the list of an error.
pub(crate) fn listed(facts: &HostFacts, socket: &Socket) -> String {
    let mut text = format!(
        "{:x}  {} {}",
        socket.cookie.0,
        socket.state.name(),
        endpoints(socket)
    );
    if let Some(owner) = facts.owners_of(socket).first() {
        let command = cells::command(facts, owner);
        text.push_str(&format!(", {command} (pid {})", owner.pid));
    }
    text
}

#[cfg(test)]
mod tests;
