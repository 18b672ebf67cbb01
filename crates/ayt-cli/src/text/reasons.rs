//! Why some connections are unknown: each reason once, with its count.

use std::collections::BTreeMap;
use std::io::{self, Write};

use ayt_core::fact::Why;
use ayt_core::verdict::Verdict;

use super::escape::visible;
use super::{number, wrap};
use crate::output::page::Page;

/// Writes a line per reason.
pub(crate) fn write<'v, W: Write>(
    out: &mut W,
    page: Page,
    verdicts: impl Iterator<Item = &'v Verdict>,
) -> io::Result<()> {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for verdict in verdicts {
        if let Verdict::Unknown(why) = verdict {
            *reasons.entry(kind(why)).or_default() += 1;
        }
    }
    for (reason, count) in reasons {
        let text = format!("unknown: {}: {reason}", number::of(count, "connection"));
        for line in wrap::lines(&visible(&text), page.prose_width()) {
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

/// Reasons that differ only in pid and descriptor are one.
fn kind(why: &Why) -> String {
    match why {
        Why::NoRight { remedy, .. } => {
            format!("no right to duplicate the owner's descriptor: {remedy}")
        }
        why => why.to_string(),
    }
}
