//! Why each connection was asked by its engine (`--explain-engine`): those with
//! the same reasons together.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, Write};

use ayt_core::facts::Socket;
use ayt_guard::probe::{Answer, Choice};

use super::{notes, number, style};
use crate::output::page::Page;

/// Connections of a group that are named.
const NAMED: usize = 3;

/// Writes one note a group, the largest first.
pub(crate) fn write<W: Write>(
    out: &mut W,
    page: Page,
    answers: &[(&Socket, &Answer)],
) -> io::Result<()> {
    let mut groups: BTreeMap<String, Vec<&Socket>> = BTreeMap::new();
    for (socket, answer) in answers {
        groups
            .entry(reason(&answer.choice))
            .or_default()
            .push(socket);
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, sockets)| std::cmp::Reverse(sockets.len()));
    if !groups.is_empty() {
        notes::say(out, page, style::TITLE, "engines")?;
    }
    for (reason, sockets) in groups {
        let mut text = format!("{} {reason} (", number::count(sockets.len() as u64));
        for (nth, socket) in sockets.iter().take(NAMED).enumerate() {
            let comma = if nth > 0 { ", " } else { "" };
            let _ = write!(text, "{comma}{} - {}", socket.local, socket.remote);
        }
        text.push_str(if sockets.len() > NAMED { ", …)" } else { ")" });
        notes::item(out, page, &text)?;
    }
    Ok(())
}

/// `by raw; not by repair and keepalive: no process holds a descriptor`.
fn reason(choice: &Choice) -> String {
    let mut text = match choice.engine {
        Some(engine) => format!("by {}", engine.name()),
        None => "by none".to_owned(),
    };
    // Neighbours with the same reason share it.
    let groups = choice
        .passed_over
        .chunk_by(|(_, one), (_, other)| one == other);
    for group in groups {
        let names: Vec<&str> = group.iter().map(|(engine, _)| engine.name()).collect();
        let (_, why) = &group[0];
        let _ = write!(
            text,
            "; not by {}: {}",
            names.join(" and "),
            notes::kind(why)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use ayt_core::fact::Why;
    use ayt_guard::probe::Engine;

    use super::*;

    #[test]
    fn engines_with_the_same_reason_share_it() {
        let first = Choice {
            engine: Some(Engine::Repair),
            passed_over: Vec::new(),
        };
        assert_eq!(reason(&first), "by repair");
        let raw = Choice {
            engine: Some(Engine::Raw),
            passed_over: vec![
                (Engine::Repair, Why::Vanished),
                (Engine::Keepalive, Why::Vanished),
            ],
        };
        assert_eq!(
            reason(&raw),
            "by raw; not by repair and keepalive: gone when it was asked"
        );
        let none = Choice {
            engine: None,
            passed_over: vec![
                (Engine::Repair, Why::Vanished),
                (Engine::Keepalive, Why::NotAsked),
            ],
        };
        assert_eq!(
            reason(&none),
            "by none; not by repair: gone when it was asked; not by keepalive: not asked"
        );
    }
}
