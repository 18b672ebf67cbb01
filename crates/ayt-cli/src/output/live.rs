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
        let _ = stderr.write_all(back(self.lines).as_bytes());
        let _ = stderr.write_all(text.as_bytes());
        let _ = stderr.flush();
        self.lines = text.matches('\n').count();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.lines > 0 {
            let _ = write!(io::stderr(), "{}", back(self.lines));
        }
    }
}

/// To where a drawing of so many lines began, all behind wiped.
fn back(lines: usize) -> String {
    match lines {
        0 => "\r\x1b[J".to_owned(),
        lines => format!("\r\x1b[{lines}A\x1b[J"),
    }
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
    fn it_goes_back_to_where_it_began() {
        assert_eq!(back(0), "\r\x1b[J");
        assert_eq!(back(3), "\r\x1b[3A\x1b[J");
    }
}
