//! A table that fits its terminal: too wide, it drops the columns that are mere
//! extras, then cuts what may be cut, then drops what matters least.
//! It never wraps, and where there is no terminal nothing is cut.
//!
//! Cells are made twice, once to measure and once to print: a table of 100,000
//! rows needs no memory for them.

use std::io::{self, Write};

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::style;
use crate::output::page::Page;

const GAP: usize = 2;
/// Columns less important are extras: they go before the others are shortened.
const ESSENTIAL: u8 = 6;
/// An essential column of this width is at ease: an IPv4 address with its port.
const AT_EASE: usize = 21;

/// What a column is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column {
    /// Its title.
    pub(crate) title: &'static str,
    /// To which side its cells lean.
    pub(crate) align: Align,
    /// How important: the least goes first when room is short.
    pub(crate) importance: u8,
    /// How far it may be cut.
    pub(crate) cut: Cut,
}

impl Column {
    pub(crate) const fn new(title: &'static str, align: Align, importance: u8, cut: Cut) -> Self {
        Self {
            title,
            align,
            importance,
            cut,
        }
    }
}

/// How far the cells of a column may be cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Not at all.
    Never,
    /// To this width.
    To(usize),
    /// An address of this host, to its port (`:6379`): before the others.
    ToPort,
}

impl Cut {
    const PORT: usize = ":65535".len();

    const fn shortest(self) -> usize {
        match self {
            Self::Never => usize::MAX,
            Self::To(width) => width,
            Self::ToPort => Self::PORT,
        }
    }
}

/// To which side the cells of a column lean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// The cells of one row, reused from row to row.
#[derive(Debug, Default)]
pub(crate) struct Row {
    cells: Vec<(String, Style)>,
    used: usize,
}

impl Row {
    fn clear(&mut self) {
        self.used = 0;
    }

    /// The next cell, to be filled.
    pub(crate) fn cell(&mut self, style: Style) -> &mut String {
        if self.used == self.cells.len() {
            self.cells.push((String::new(), style));
        }
        let cell = &mut self.cells[self.used];
        self.used += 1;
        cell.0.clear();
        cell.1 = style;
        &mut cell.0
    }

    fn get(&self, at: usize) -> (&str, Style) {
        match self.cells.get(at) {
            Some((text, style)) if at < self.used => (text, *style),
            _ => ("", style::PLAIN),
        }
    }
}

/// Writes a table of `count` rows; `fill` makes the cells of one, in the order
/// of `columns`.
///
/// # Errors
/// What the writer says.
pub(crate) fn write<W: Write>(
    out: &mut W,
    page: Page,
    columns: &[Column],
    count: usize,
    mut fill: impl FnMut(usize, &mut Row),
) -> io::Result<()> {
    let mut row = Row::default();
    let mut natural: Vec<usize> = columns.iter().map(|column| column.title.width()).collect();
    for at in 0..count {
        row.clear();
        fill(at, &mut row);
        for (column, width) in natural.iter_mut().enumerate() {
            *width = (*width).max(row.get(column).0.width());
        }
    }
    let widths = fit(columns, &natural, page.width());
    row.clear();
    for column in columns {
        row.cell(style::TITLE).push_str(column.title);
    }
    let mut line = String::new();
    write_row(out, page, columns, &widths, &row, &mut line)?;
    for at in 0..count {
        row.clear();
        fill(at, &mut row);
        write_row(out, page, columns, &widths, &row, &mut line)?;
    }
    Ok(())
}

/// The width of each column; `None` = dropped.
fn fit(columns: &[Column], natural: &[usize], width: Option<usize>) -> Vec<Option<usize>> {
    let mut widths: Vec<Option<usize>> = natural.iter().copied().map(Some).collect();
    let Some(room) = width else { return widths };
    let shortest = |column: usize| {
        let least = columns[column].cut.shortest();
        natural[column].min(least.max(columns[column].title.width()))
    };
    let at_ease = |column: usize| match columns[column].importance {
        ESSENTIAL.. => natural[column].min(AT_EASE.max(shortest(column))),
        _ => shortest(column),
    };
    loop {
        let kept = || (0..columns.len()).filter(|&column| widths[column].is_some());
        let gaps = GAP * kept().count().saturating_sub(1);
        let extra = kept().filter(|&column| columns[column].importance < ESSENTIAL);
        match extra.min_by_key(|&column| columns[column].importance) {
            Some(column) if kept().map(at_ease).sum::<usize>() + gaps > room => {
                widths[column] = None;
            }
            _ => break,
        }
    }
    loop {
        let kept = || (0..columns.len()).filter(|&column| widths[column].is_some());
        let gaps = GAP * kept().count().saturating_sub(1);
        let least: usize = kept().map(shortest).sum::<usize>() + gaps;
        let last = kept().count() <= 1;
        if least <= room || last {
            let total = kept().map(|column| natural[column]).sum::<usize>() + gaps;
            let mut over = total.saturating_sub(room);
            for at in 0..columns.len() {
                if over > 0 && widths[at].is_some() && columns[at].cut == Cut::ToPort {
                    widths[at] = Some(shortest(at));
                    over = over.saturating_sub(natural[at] - shortest(at));
                }
            }
            // The widest gives first, one column at a time, until it fits.
            while over > 0 {
                let widest = (0..columns.len())
                    .filter(|&at| widths[at].is_some_and(|now| now > shortest(at) || last))
                    .max_by_key(|&at| widths[at]);
                let Some(now) = widest.and_then(|at| widths[at].as_mut()) else {
                    break;
                };
                if *now <= 1 {
                    break;
                }
                *now -= 1;
                over -= 1;
            }
            return widths;
        }
        let dropped = kept().min_by_key(|&column| columns[column].importance);
        if let Some(column) = dropped {
            widths[column] = None;
        }
    }
}

fn write_row<W: Write>(
    out: &mut W,
    page: Page,
    columns: &[Column],
    widths: &[Option<usize>],
    row: &Row,
    line: &mut String,
) -> io::Result<()> {
    line.clear();
    let mut owed = 0;
    let mut first = true;
    for (at, column) in columns.iter().enumerate() {
        let Some(width) = widths[at] else { continue };
        if !std::mem::take(&mut first) {
            owed += GAP;
        }
        let (text, style) = row.get(at);
        let text = match (column.cut, port(text)) {
            (Cut::ToPort, Some(port)) if text.width() > width => {
                port.trim_start_matches(']').into()
            }
            _ => shorten(text, width),
        };
        let pad = width.saturating_sub(text.width());
        if column.align == Align::Right {
            owed += pad;
        }
        if !text.is_empty() {
            line.extend(std::iter::repeat_n(' ', owed));
            owed = 0;
            line.push_str(&page.paint(style, &text));
        }
        if column.align == Align::Left {
            owed += pad;
        }
    }
    line.push('\n');
    out.write_all(line.as_bytes())
}

/// At most `width` columns of the text: its end gives way, or, before a port,
/// the end of the address.
fn shorten(text: &str, width: usize) -> std::borrow::Cow<'_, str> {
    if text.width() <= width {
        return text.into();
    }
    let tail = port(text).filter(|port| port.len() < width).unwrap_or("");
    let head = take(text.chars(), width.saturating_sub(1 + tail.len()));
    format!("{head}…{tail}").into()
}

/// The `:443` of an address, with the bracket before it.
fn port(text: &str) -> Option<&str> {
    let colon = text.rfind(':')?;
    let digits = &text[colon + 1..];
    let is_port = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let start = if text[..colon].ends_with(']') {
        colon - 1
    } else {
        colon
    };
    is_port.then_some(&text[start..])
}

fn take(chars: impl Iterator<Item = char>, width: usize) -> String {
    let mut left = width;
    chars
        .take_while(|c| {
            let wide = c.width().unwrap_or(0);
            let fits = wide <= left;
            left = left.saturating_sub(wide);
            fits
        })
        .collect()
}

#[cfg(test)]
mod tests;
