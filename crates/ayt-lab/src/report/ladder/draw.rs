//! A ladder's rows as SVG.

use std::fmt::Display;
use std::time::Duration;

use super::super::escape::shortened;
use super::super::markup::{Attrs, Inline, Markup, class, plain};
use super::super::{Event, Run, units};
use super::choose::Many;
use super::kind::{Kind, Seen};
use super::rows::{Placed, Row, y_at};
use super::{A, B, WIRE};
use crate::log::{Fate, Origin};
use crate::packet::{Direction, Side, Transport};

/// An arrow falls by this much at least, so that it is seen which way time runs.
const FALL: f64 = 5.0;
/// And by no more while it takes less than this: it would cross what is written below.
const STEEP: f64 = 11.0;
const SWIFT: Duration = Duration::from_millis(2);
/// Characters of a label, and of what is shown when pointed at.
const LABEL: usize = 40;
const FATE: usize = 20;
const FULL: usize = 300;
const NAME: usize = 16;

const fn x(side: Side) -> f64 {
    match side {
        Side::A => A,
        Side::B => B,
    }
}

fn at(x: f64, y: f64) -> Attrs {
    plain()
        .with("x", format_args!("{x}%"))
        .with("y", format_args!("{y:.1}"))
}

fn line(names: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) -> Attrs {
    class(names)
        .with("x1", format_args!("{x1}%"))
        .with("y1", format_args!("{y1:.1}"))
        .with("x2", format_args!("{x2}%"))
        .with("y2", format_args!("{y2:.1}"))
}

/// The lifelines, the wire, the names above them, and the planned band behind all.
pub(super) fn frame(svg: &mut Markup, run: &Run, placed: &[Placed<'_>], height: f64) {
    let y_of = |wanted: fn(&Row<'_>) -> bool| {
        let found = placed.iter().find(|placed| wanted(&placed.row));
        found.map(|placed| placed.y)
    };
    let earliest = y_of(|row| matches!(row, Row::Earliest));
    let latest = y_of(|row| matches!(row, Row::Latest));
    if let (Some(top), Some(bottom)) = (earliest, latest) {
        let attrs = at(A, top)
            .with("class", "band")
            .with("width", format_args!("{}%", B - A))
            .with("height", format_args!("{:.1}", (bottom - top).max(1.0)));
        svg.shape("rect", attrs);
    }
    let names = [
        (A, run.host(Side::A), "host"),
        (WIRE, "wire", "wire"),
        (B, run.host(Side::B), "host"),
    ];
    for (x, name, class) in names {
        let attrs = at(x, 18.0)
            .with("class", class)
            .with("text-anchor", "middle");
        svg.text("text", attrs, shortened(name, NAME));
        // Whole where something happens, dotted where time is broken off.
        let mut from = 28.0;
        for gap in placed {
            if let Row::Gap(_) = gap.row {
                let (top, bottom) = (gap.y - 12.0, gap.y + 12.0);
                svg.shape("line", line(class, (x, from), (x, top)));
                let broken = format!("{class} broken");
                svg.shape("line", line(&broken, (x, top), (x, bottom)));
                from = bottom;
            }
        }
        svg.shape("line", line(class, (x, from), (x, height)));
    }
}

/// What is in the rows.
pub(super) fn rows(svg: &mut Markup, run: &Run, placed: &[Placed<'_>], many: bool) {
    for row in placed {
        let y = row.y;
        if !matches!(row.row, Row::Gap(_)) {
            let time = units::offset(row.at, run.zero);
            let attrs = at(A, y + 4.0)
                .with("dx", -12)
                .with("class", "time")
                .with("text-anchor", "end");
            svg.text("text", attrs, time);
        }
        match row.row {
            Row::Zero => mark(svg, y, "zero", format_args!("fault: {}", run.fault)),
            Row::Earliest => mark(svg, y, "planned", "planned: at the earliest"),
            Row::Latest => mark(svg, y, "planned", "planned: at the latest"),
            Row::Event(event) => self::event(svg, y, event),
            Row::MoreEvents(count) => {
                let text = format!("{} before are not shown", units::counted(count, "event"));
                note(svg, y, "gap", text);
            }
            Row::Gap(length) => {
                note(
                    svg,
                    y,
                    "gap",
                    format_args!("{} of silence", units::time(length)),
                );
            }
            Row::Folded(folded) => note(svg, y, "fold", fold(folded, run)),
            Row::Packet(seen) => packet(svg, placed, y, seen, many),
        }
    }
}

fn note(svg: &mut Markup, y: f64, name: &str, text: impl Display) {
    let attrs = at(WIRE, y + 4.0)
        .with("class", name)
        .with("text-anchor", "middle");
    svg.text("text", attrs, text);
}

fn mark(svg: &mut Markup, y: f64, name: &str, text: impl Display) {
    svg.shape("line", line(name, (A, y), (B, y)));
    note(svg, y, name, shortened(&text.to_string(), LABEL));
}

fn event(svg: &mut Markup, y: f64, event: &Event) {
    let (x, dx, anchor) = match event.side {
        Some(Side::A) => (A, 12, "start"),
        Some(Side::B) => (B, -12, "end"),
        None => (WIRE, 0, "middle"),
    };
    svg.tag("g", class("event"), |group| {
        group.text("title", plain(), shortened(&event.text, FULL));
        if event.side.is_some() {
            let attrs = plain()
                .with("cx", format_args!("{x}%"))
                .with("cy", format_args!("{y:.1}"))
                .with("r", 5);
            group.shape("circle", attrs);
        }
        let attrs = at(x, y + 4.0).with("dx", dx).with("text-anchor", anchor);
        group.text("text", attrs, shortened(&event.text, LABEL));
    });
}

fn fold(many: Many, run: &Run) -> String {
    let mut text = format!("{} in ", units::counted(many.packets, "packet"));
    text += &units::time(many.until.saturating_sub(many.from));
    for side in Side::BOTH {
        let bytes = many.bytes[side.index()];
        if bytes > 0 {
            let name = shortened(run.host(side), NAME);
            text += &format!(", {} from {name}", units::bytes(bytes));
        }
    }
    if many.dropped > 0 {
        text += &format!(", {} dropped", units::count(many.dropped));
    }
    text
}

fn packet(svg: &mut Markup, placed: &[Placed<'_>], y: f64, seen: Seen<'_>, many: bool) {
    let record = seen.record;
    let (sender, receiver) = (record.direction.sender(), record.direction.receiver());
    let from = match record.origin {
        Origin::Host => x(sender),
        Origin::Stage(_) => WIRE,
    };
    let (to, ended) = match record.fate {
        Fate::Delivered { at } => (x(receiver), Some(at)),
        Fate::Dropped { at, .. } => (WIRE, Some(at)),
        Fate::UnderWay => (WIRE, None),
    };
    let start = y + 2.0;
    let end = end(placed, start, record.at, ended);
    let kind = seen.kind.class();
    svg.tag("g", class(format_args!("packet {kind}")), |group| {
        group.text("title", plain(), record);
        if from == WIRE && to == WIRE {
            // Made and lost at the same place: the cross is all there is.
        } else {
            let mut attrs = line("way", (from, start), (to, end));
            if to != WIRE {
                attrs = attrs.with("marker-end", format_args!("url(#head-{kind})"));
            }
            group.shape("line", attrs);
        }
        if let Origin::Stage(name) = record.origin {
            group.shape("use", symbol("made", start));
            beside(
                group,
                start,
                receiver.other(),
                format_args!("made by {name}"),
            );
        }
        match record.fate {
            Fate::Dropped { by, why, .. } => {
                group.shape("use", symbol("lost", end));
                let text = if by == why {
                    format!("✕ {by}")
                } else {
                    format!("✕ {by}: {why}")
                };
                beside(group, end, receiver, shortened(&text, FATE));
            }
            Fate::UnderWay => beside(group, end, receiver, "… under way"),
            Fate::Delivered { .. } => {}
        }
        label(group, y, seen, many);
    });
}

/// Where an arrow ends: at its time, among the rows.
fn end(placed: &[Placed<'_>], start: f64, from: Duration, until: Option<Duration>) -> f64 {
    let swift = |until: &Duration| until.saturating_sub(from) < SWIFT;
    let most = until.filter(swift).map_or(f64::MAX, |_| start + STEEP);
    let end = until.and_then(|until| y_at(placed, until));
    end.map_or(start, |end| end + 2.0).clamp(start + FALL, most)
}

/// A sign on the wire.
fn symbol(name: &'static str, y: f64) -> Attrs {
    at(WIRE, y)
        .with("href", format_args!("#{name}"))
        .with("class", name)
}

/// A word next to the wire, on this side of it.
fn beside(group: &mut Markup, y: f64, side: Side, text: impl Display) {
    let (dx, anchor) = match side {
        Side::A => (-12, "end"),
        Side::B => (12, "start"),
    };
    let attrs = at(WIRE, y + 4.0)
        .with("dx", dx)
        .with("class", "fate")
        .with("text-anchor", anchor);
    group.text("text", attrs, text);
}

fn label(group: &mut Markup, y: f64, seen: Seen<'_>, many: bool) {
    // Over the half that the arrow is in, or over both.
    let whole = seen.record.delivered_at().is_some() && seen.record.origin == Origin::Host;
    let (x, dx, anchor) = match (whole, seen.record.direction) {
        (true, _) => (WIRE, 0, "middle"),
        (false, Direction::AtoB) if seen.record.origin == Origin::Host => (A, 10, "start"),
        (false, Direction::BtoA) if seen.record.origin == Origin::Host => (B, -10, "end"),
        (false, Direction::AtoB) => (B, -10, "end"),
        (false, Direction::BtoA) => (A, 10, "start"),
    };
    let attrs = at(x, y - 4.0).with("dx", dx).with("text-anchor", anchor);
    group.line("text", attrs, |text| {
        if let Some(number) = seen.connection.filter(|_| many) {
            text.span("tspan", class("number"), format_args!("#{} ", number + 1));
        }
        if let Some(word) = seen.kind.word() {
            text.span("tspan", class("word"), word);
            text.text(" ");
        }
        say(text, seen);
        if seen.record.delivered_as.is_some() {
            text.text(", translated");
        }
    });
}

fn say(text: &mut Inline, seen: Seen<'_>) {
    match seen.record.summary.transport {
        Transport::Tcp(tcp) => {
            let flags = tcp.flags;
            let names = [
                (flags.syn, "SYN"),
                (flags.fin, "FIN"),
                (flags.rst, "RST"),
                (flags.psh, "PSH"),
                (flags.urg, "URG"),
                (flags.ack, "ACK"),
            ];
            let named: Vec<&str> = names.iter().filter(|(on, _)| *on).map(|of| of.1).collect();
            text.span("tspan", class("flags"), named.join(" "));
            text.text(format_args!(" seq {}", seen.seq));
            if flags.ack {
                text.text(format_args!(" ack {}", seen.ack));
            }
            text.text(format_args!(" len {}", tcp.payload));
        }
        Transport::Icmp { kind, code } => {
            text.span("tspan", class("flags"), "ICMP");
            let six = seen.record.summary.source.is_ipv6();
            match unreachable(six, kind, code) {
                Some(words) => text.text(format_args!(" {words}")),
                None => text.text(format_args!(" type {kind} code {code}")),
            }
        }
        Transport::Udp { .. } => {
            text.text(format_args!("UDP {} bytes", seen.record.summary.length))
        }
        Transport::Other => text.text(format_args!("{} bytes", seen.record.summary.length)),
    }
}

/// The words of RFC 792, RFC 1812 and RFC 4443 for what ends connections.
const fn unreachable(six: bool, kind: u8, code: u8) -> Option<&'static str> {
    Some(match (six, kind, code) {
        (false, 3, 0) => "network unreachable",
        (false, 3, 1) => "host unreachable",
        (false, 3, 3) => "port unreachable",
        (false, 3, 4) => "fragmentation needed",
        (false, 3, 9 | 10 | 13) | (true, 1, 1) => "prohibited by the administrator",
        (false, 11, _) | (true, 3, _) => "time exceeded",
        (true, 1, 0) => "no route",
        (true, 1, 3) => "address unreachable",
        (true, 1, 4) => "port unreachable",
        (true, 2, _) => "packet too big",
        _ => return None,
    })
}

/// The signs that ladders use, defined once a page, and what they mean.
pub(in crate::report) fn legend(page: &mut Markup) {
    page.raw(SIGNS);
    page.tag("ul", class("legend"), |list| {
        for (kind, words) in Kind::LEGEND {
            let kind = kind.class();
            entry(list, words, |svg| {
                svg.tag("g", class(format_args!("packet {kind}")), |group| {
                    let attrs = class("way")
                        .with("x1", 2)
                        .with("y1", 8)
                        .with("x2", 44)
                        .with("y2", 8)
                        .with("marker-end", format_args!("url(#head-{kind})"));
                    group.shape("line", attrs);
                });
            });
        }
        for (sign, words) in [("lost", "lost on the wire"), ("made", "made by the wire")] {
            entry(list, words, |svg| {
                let attrs = class(sign)
                    .with("href", format_args!("#{sign}"))
                    .with("x", 23)
                    .with("y", 8);
                svg.shape("use", attrs);
            });
        }
        entry(list, "what a program did or saw", |svg| {
            svg.tag("g", class("event"), |group| {
                let attrs = plain().with("cx", 23).with("cy", 8).with("r", 5);
                group.shape("circle", attrs);
            });
        });
        entry(list, "when it is planned to be found", |svg| {
            let attrs = class("band").with("width", 48).with("height", 16);
            svg.shape("rect", attrs);
        });
    });
}

fn entry(list: &mut Markup, words: &str, draw: impl FnOnce(&mut Markup)) {
    list.tag("li", plain(), |item| {
        let attrs = class("sign")
            .with("width", 48)
            .with("height", 16)
            .with("aria-hidden", "true");
        item.tag("svg", attrs, draw);
        item.text("span", plain(), words);
    });
}

const SIGNS: &str = include_str!("signs.svg");
