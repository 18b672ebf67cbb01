//! `ayt trace`.

use std::io;
use std::net::SocketAddr;

use ayt_core::facts::{HostFacts, Socket};
use ayt_core::trace::{End, Picture, Settings};
use ayt_guard::collect::{Collect, Exact, collect};
use ayt_guard::trace::{Report, TraceError, trace};

use super::stop::Stop;
use crate::args::{TraceArgs, Word};
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::json;
use crate::output::Output;
use crate::output::live::Live;
use crate::text::{self, style};

/// Connections that an error lists.
const LISTED: usize = 10;

/// Traces one connection, or two.
pub(crate) fn run(args: &TraceArgs, out: &mut Output) -> Result<ExitCode, Failure> {
    let filter = args.filter.filter();
    if args.connection.is_empty() && filter.is_empty() {
        return Err(Failure::Usage(
            "no connection is named; give its peer's address, its cookie, or a filter (--peer, \
             --pid, …) that leaves one"
                .to_owned(),
        ));
    }
    let facts = collect(&Collect {
        filter,
        exact: Exact::Never,
        doctor: None,
    })?;
    let this = find(&facts, &args.connection, out).inspect_err(|_| out.partial(&facts.partial))?;
    let other = match args.against {
        Some(word) => Some(find_other(args, this.cookie.0, word, out)?),
        None => None,
    };
    let stop = Stop::watch();
    let how = args.settings();
    let of = 1 + usize::from(other.is_some());
    let report = match one(&facts, this, &how, [1, of], &stop, out) {
        Ok(report) => report,
        Err(error) => {
            unasked(args, &facts, this, &error, out)?;
            return Err(error.into());
        }
    };
    let against = match &other {
        Some((facts, socket)) if !report.interrupted => Some((
            facts,
            socket,
            one(facts, socket, &how, [2, of], &stop, out)?,
        )),
        _ => None,
    };
    let mut traced = vec![text::trace::Traced {
        facts: &facts,
        socket: this,
        report: &report,
    }];
    traced.extend(
        against
            .as_ref()
            .map(|(facts, socket, report)| text::trace::Traced {
                facts,
                socket,
                report,
            }),
    );
    out.print(|out, page| {
        if args.json.json {
            json::traced(out.buffer(), &traced);
            return out.row_done();
        }
        text::trace::write(out, page, &traced)
    })?;
    // What else could not be seen on this host is beside the point once the one that
    // is named was found, with its owner.
    if args.connection.is_empty() || facts.owners_of(this).is_empty() {
        out.partial(&facts.partial);
    }
    if let Some(exit) = stop
        .exit()
        .filter(|_| traced.iter().any(|one| one.report.interrupted))
    {
        return Ok(exit);
    }
    Ok(exit(&report.picture, report.unheard))
}

fn exit(picture: &Picture, unheard: bool) -> ExitCode {
    let vanish = picture.full.as_ref().is_some_and(|full| full.vanish());
    match picture.end {
        End::Answers { .. } if !vanish && !unheard => ExitCode::Healthy,
        End::Open => ExitCode::Partial,
        _ => ExitCode::Findings,
    }
}

/// Traces one, shown while it grows where a person reads.
fn one(
    facts: &HostFacts,
    socket: &Socket,
    how: &Settings,
    nth: [usize; 2],
    stop: &Stop,
    out: &mut Output,
) -> Result<Report, TraceError> {
    let same = |other: &Socket| other.cookie == socket.cookie;
    let at = facts.sockets.iter().position(same).unwrap_or(usize::MAX);
    let mut live = Live::new(out);
    let progress = text::trace::Progress {
        nth,
        rounds: how.rounds,
    };
    let report = trace(facts, at, how, stop.flag(), &mut |picture| {
        let settled = picture.end != End::Open;
        live.show(settled, |text, page| -> io::Result<()> {
            text::trace::growing(text, page, facts, socket, progress, picture)
        });
    });
    drop(live);
    report
}

/// Shows the connection that could not be asked.
fn unasked(
    args: &TraceArgs,
    facts: &HostFacts,
    socket: &Socket,
    why: &TraceError,
    out: &mut Output,
) -> io::Result<()> {
    out.print(|out, page| {
        if args.json.json {
            let report = &Report::unasked(socket, why);
            let one = text::trace::Traced {
                facts,
                socket,
                report,
            };
            json::traced(out.buffer(), &[one]);
            return out.row_done();
        }
        text::trace::unasked(out, page, facts, socket)
    })
}

/// The one connection that is named, of those the filter leaves.
fn find<'f>(facts: &'f HostFacts, words: &[Word], out: &mut Output) -> Result<&'f Socket, Failure> {
    let named = |socket: &Socket| match *words {
        [] => true,
        [word] => is_named(socket, word),
        [Word::Address(local), Word::Address(remote)] => {
            is_named(socket, Word::Both(local, remote))
        }
        _ => false,
    };
    if words.len() > 1 && !matches!(words, [Word::Address(_), Word::Address(_)]) {
        return Err(Failure::Usage(
            "two values are this side's address and the peer's; a cookie stands alone".to_owned(),
        ));
    }
    let peers = facts
        .sockets
        .iter()
        .filter(|socket| socket.state.has_peer());
    let found: Vec<&Socket> = peers.filter(|socket| named(socket)).collect();
    match found[..] {
        [only] => Ok(only),
        [] => Err(Failure::Usage(none(facts, words))),
        _ => Err(Failure::Usage(several(facts, &found, out))),
    }
}

fn is_named(socket: &Socket, word: Word) -> bool {
    let same = |one: SocketAddr, other: SocketAddr| {
        one.port() == other.port() && one.ip().to_canonical() == other.ip().to_canonical()
    };
    match word {
        Word::Cookie(cookie) => socket.cookie.0 == cookie,
        Word::Address(remote) => same(socket.remote, remote),
        Word::Both(local, remote) => same(socket.local, local) && same(socket.remote, remote),
    }
}

/// The other one need not match the filter.
fn find_other(
    args: &TraceArgs,
    this: u64,
    word: Word,
    out: &mut Output,
) -> Result<(HostFacts, Socket), Failure> {
    let facts = collect(&Collect {
        filter: ayt_core::filter::Filter {
            namespaces: args.filter.filter().namespaces,
            ..Default::default()
        },
        exact: Exact::Never,
        doctor: None,
    })?;
    let socket = find(&facts, &[word], out)?.clone();
    if socket.cookie.0 == this {
        return Err(Failure::Usage(
            "--against names the same connection".to_owned(),
        ));
    }
    Ok((facts, socket))
}

fn none(facts: &HostFacts, words: &[Word]) -> String {
    let shown: Vec<String> = words
        .iter()
        .map(|word| match word {
            Word::Cookie(cookie) => format!("{cookie:x}"),
            Word::Address(address) => address.to_string(),
            Word::Both(local, remote) => format!("{local},{remote}"),
        })
        .collect();
    let ended = facts
        .sockets
        .iter()
        .any(|socket| !socket.state.has_peer() && words.iter().any(|word| is_named(socket, *word)));
    match (shown.is_empty(), ended) {
        (true, _) => "no connection with a peer matches the filter".to_owned(),
        (false, true) => format!("{} has no peer to be asked any more", shown.join(" ")),
        (false, false) => format!("there is no connection {}", shown.join(" ")),
    }
}

/// Lists those that match, and says so.
fn several(facts: &HostFacts, found: &[&Socket], out: &mut Output) -> String {
    for socket in found.iter().take(LISTED) {
        out.note("match", style::QUIET, &text::trace::listed(facts, socket));
    }
    if found.len() > LISTED {
        let more = format!("and {} more", found.len() - LISTED);
        out.note("match", style::QUIET, &more);
    }
    format!(
        "{} match; name one of them by the cookie it begins with",
        text::number::of(found.len(), "connection")
    )
}
