//! A drawing of an idle death: the last byte, the probes, the end.
//!
//! ```text
//! ●────────────────────1───2───3───✕
//! last byte           60s          dead at 75.3s to 77.4s
//! ```

use std::io::{self, Write};

use ayt_core::keepalive::{Effective, Found};

use super::plan::{moment, span};
use super::style;
use crate::output::page::Page;

/// Columns from one probe to the next.
const GAPS: std::ops::RangeInclusive<usize> = 3..=7;
/// More probes than this are not drawn one by one.
const DRAWN: u32 = 8;

/// Draws it, `probes` being what it takes.
pub(super) fn write<W: Write>(
    out: &mut W,
    page: Page,
    settings: &Effective,
    probes: u32,
    found: Found,
) -> io::Result<()> {
    let room = page.prose_width().saturating_sub(6).clamp(30, 74);
    let drawn = probes.clamp(1, DRAWN);
    let probing = settings.interval.saturating_mul(probes).as_secs_f64();
    let whole = settings.idle.as_secs_f64() + probing;
    let share = |part: f64| (room as f64 * part / whole.max(0.001)) as usize;
    let gap = (share(probing) / drawn as usize).clamp(*GAPS.start(), *GAPS.end());
    let gap = gap.min(room / 2 / drawn as usize).max(2);
    let idle = share(settings.idle.as_secs_f64()).clamp(12, room - gap * drawn as usize);
    let mut line = format!("●{}", "─".repeat(idle));
    for probe in 1..=drawn {
        // Where there are many, the last two stand for all.
        let (mark, dash) = match probe {
            _ if probes <= DRAWN => (probe.to_string(), "─"),
            probe if probe + 1 == drawn => ("…".to_owned(), "─"),
            probe if probe == drawn => (probes.to_string(), "─"),
            probe => (probe.to_string(), "─"),
        };
        line.push_str(&mark);
        line.push_str(&dash.repeat(gap.saturating_sub(mark.chars().count())));
    }
    let (end, colour) = match found {
        Found::Never(_) => ("…", style::ERROR),
        _ => ("✕", style::GOOD),
    };
    writeln!(out, "  {line}{}", page.paint(colour, end))?;
    let first = moment(settings.idle);
    let dead = match found {
        Found::Within(within) => format!("dead at {}", span(within)),
        Found::NotBefore { earliest, .. } => format!("dead, not before {}", moment(earliest)),
        Found::Never(_) => "never".to_owned(),
        Found::Unknown(_) => format!(
            "dead at {} by the manual",
            moment(settings.idle + settings.interval.saturating_mul(settings.count))
        ),
    };
    let before = (idle + 1).saturating_sub("last byte".len());
    let labels = format!("last byte{}{first}", " ".repeat(before));
    let shown = labels.chars().count();
    // Under the end, or as near to it as the page allows.
    let wanted = line
        .chars()
        .count()
        .saturating_sub(dead.chars().count() / 2);
    let most = (room + 4).saturating_sub(dead.chars().count());
    if most < shown + 2 {
        writeln!(out, "  {}", page.paint(style::QUIET, &labels))?;
        let alone = format!("{}{dead}", " ".repeat(wanted.min(most)));
        return writeln!(out, "  {}", page.paint(style::QUIET, &alone));
    }
    let at = wanted.min(most).max(shown + 2);
    let quiet = format!("{labels}{}{dead}", " ".repeat(at - shown));
    writeln!(out, "  {}", page.paint(style::QUIET, &quiet))
}
