//! What stands under a table: a summary, then a few notes, wrapped.

use std::collections::BTreeMap;
use std::io::{self, Write};

use anstyle::Style;
use ayt_core::fact::Why;

use super::escape::visible;
use super::{number, wrap};
use crate::output::page::Page;

/// Writes a sentence in a style.
pub(crate) fn say<W: Write>(out: &mut W, page: Page, style: Style, text: &str) -> io::Result<()> {
    for line in wrap::lines(&visible(text), page.prose_width()) {
        writeln!(out, "{}", page.paint(style, &line))?;
    }
    Ok(())
}

/// Writes a note, set off from the others by a dash.
pub(crate) fn item<W: Write>(out: &mut W, page: Page, text: &str) -> io::Result<()> {
    let lines = wrap::lines(&visible(text), page.prose_width().saturating_sub(2));
    for (at, line) in lines.iter().enumerate() {
        let dash = if at == 0 { "-" } else { " " };
        writeln!(out, "{dash} {line}")?;
    }
    Ok(())
}

/// Writes a note for each reason, with its count: `2 unknown: its owner is
/// hidden …`.
pub(crate) fn reasons<'w, W: Write>(
    out: &mut W,
    page: Page,
    label: &str,
    reasons: impl Iterator<Item = &'w Why>,
) -> io::Result<()> {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for why in reasons {
        *counted.entry(kind(why)).or_default() += 1;
    }
    for (reason, count) in counted {
        item(
            out,
            page,
            &format!("{} {label}: {reason}", number::count(count)),
        )?;
    }
    Ok(())
}

/// Reasons that differ only in pid and descriptor are one.
pub(crate) fn kind(why: &Why) -> String {
    match why {
        Why::NoRight { operation, remedy } if operation.starts_with("duplicate descriptor ") => {
            format!("no right to duplicate the owner's descriptor: {remedy}")
        }
        why => why.to_string(),
    }
}
