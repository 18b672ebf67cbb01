//! A page that is drawn over again while it grows, on a terminal only. It is
//! wiped when dropped: what stays is printed by [`Output::print`].

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::Output;
use super::page::Page;

/// Between two drawings.
const PERIOD: Duration = Duration::from_millis(100);

/// Lines of a terminal that says nothing of its height.
const HEIGHT: usize = 24;

/// The page being drawn, on standard error.
#[derive(Debug)]
pub(crate) struct Live {
    /// None where nobody watches.
    page: Option<Page>,
    due: Instant,
    settled: bool,
    /// Lines on the terminal.
    lines: usize,
}

impl Live {
    /// Begins. Nothing is drawn where standard output goes elsewhere: whoever
    /// reads that waits for the end.
    pub(crate) fn new(output: &Output) -> Self {
        let page = Some(output.error_page());
        Self {
            page: page.filter(|page| page.is_terminal() && io::stdout().is_terminal()),
            due: now(),
            settled: false,
            lines: 0,
        }
    }

    /// Draws what `write` writes, if it is time to. What is `settled` for the
    /// first time is drawn at once.
    pub(crate) fn show(
        &mut self,
        settled: bool,
        write: impl FnOnce(&mut Vec<u8>, Page) -> io::Result<()>,
    ) {
        let Some(page) = self.page else { return };
        let now = now();
        if now < self.due && settled == self.settled {
            return;
        }
        self.due = now + PERIOD;
        self.settled = settled;
        let mut text = Vec::new();
        if write(&mut text, page).is_err() {
            return;
        }
        let height = terminal_size::terminal_size().map_or(HEIGHT, |(_, height)| height.0.into());
        let text = fitting(&String::from_utf8_lossy(&text), height.saturating_sub(1));
        let mut stderr = io::stderr().lock();
        let _ = stderr.write_all(over(self.lines, &text).as_bytes());
        let _ = stderr.flush();
        self.lines = text.matches('\n').count();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.lines > 0 {
            let _ = write!(io::stderr(), "{}", wiped(self.lines));
        }
    }
}

/// A drawing over one of so many lines. Each line is written over and only its rest
/// is wiped, so that nothing flickers; no line may wrap, or the count would be wrong.
fn over(lines: usize, text: &str) -> String {
    let mut drawing = "\r\x1b[?7l".to_owned();
    if lines > 0 {
        drawing += &format!("\x1b[{lines}A");
    }
    for line in text.lines() {
        drawing += line;
        drawing += "\x1b[K\n";
    }
    drawing + "\x1b[J\x1b[?7h"
}

/// The same wiped. Line by line: terminals that are told to wipe a whole screen
/// keep what was there for scrolling back.
fn wiped(lines: usize) -> String {
    "\r\x1b[K".to_owned() + &"\x1b[A\x1b[K".repeat(lines)
}

/// No more lines than the terminal has: the last ones tell most.
fn fitting(text: &str, height: usize) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let from = lines.len().saturating_sub(height.max(1));
    lines[from..].concat()
}

#[expect(
    clippy::disallowed_methods,
    reason = "how often a terminal is redrawn decides nothing"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_what_is_too_long_is_kept() {
        assert_eq!(fitting("a\nb\nc\n", 2), "b\nc\n");
        assert_eq!(fitting("a\nb\n", 24), "a\nb\n");
        assert_eq!(fitting("", 24), "");
        assert_eq!(fitting("a\nb\n", 0), "b\n");
    }

    #[test]
    fn a_drawing_lies_over_the_one_before_and_is_wiped_in_the_end() {
        assert_eq!(over(0, "a\n"), "\r\x1b[?7la\x1b[K\n\x1b[J\x1b[?7h");
        assert_eq!(
            over(3, "a\nb\n"),
            "\r\x1b[?7l\x1b[3Aa\x1b[K\nb\x1b[K\n\x1b[J\x1b[?7h"
        );
        assert_eq!(wiped(2), "\r\x1b[K\x1b[A\x1b[K\x1b[A\x1b[K");
    }
}
