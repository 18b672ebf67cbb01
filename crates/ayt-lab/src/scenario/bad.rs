//! What is wrong with a scenario file, and where.

use std::fmt;
use std::ops::Range;

/// What is wrong with a scenario file: file, line, column and reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadScenario {
    /// The file, as it was named.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong, and what there is instead.
    pub reason: String,
}

impl BadScenario {
    /// At the first byte of `span` in `text`.
    pub(super) fn at(file: &str, text: &str, span: Range<usize>, reason: String) -> Self {
        let before = text.get(..span.start).unwrap_or(text);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        Self {
            file: file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            reason,
        }
    }
}

impl fmt::Display for BadScenario {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            line,
            column,
            reason,
        } = self;
        write!(out, "{file}:{line}:{column}: {reason}")
    }
}

impl std::error::Error for BadScenario {}
