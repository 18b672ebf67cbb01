//! Owns standard output and standard error. Everything ayt prints goes through
//! [`Output::print`], so that a reader who leaves early (`ayt list | head`) ends
//! the printing and nothing else.

pub(crate) mod live;
pub(crate) mod page;
pub(crate) mod progress;

use std::io::{self, IsTerminal as _, Write};

use ayt_core::fact::Partial;
use unicode_width::UnicodeWidthStr as _;

use crate::text::escape::visible;
use crate::text::{style, wrap};
use page::{Colour, Page};

/// Written to the kernel in pieces of about this size.
const PIECE: usize = 64 * 1024;

/// Standard output, buffered, and standard error.
#[derive(Debug)]
pub(crate) struct Output {
    buffer: Vec<u8>,
    page: Page,
    error_page: Page,
}

impl Output {
    /// Looks once at what the two streams are.
    /// `width` overrides that of a terminal, or the want of one.
    pub(crate) fn new(colour: Colour, width: Option<u16>) -> Self {
        Self {
            buffer: Vec::with_capacity(PIECE + PIECE / 8),
            page: Page::of(colour, io::stdout().is_terminal()).with_width(width),
            error_page: Page::of(colour, io::stderr().is_terminal()),
        }
    }

    /// How text on standard error is laid out.
    pub(crate) const fn error_page(&self) -> Page {
        self.error_page
    }

    /// The buffer, for a row of JSON to be written straight into it; call
    /// [`Self::row_done`] after it.
    pub(crate) const fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Prints what a command has found, all of it. A reader that has left has
    /// what it wanted: the printing ends early, and what the command found still
    /// makes the exit code.
    ///
    /// # Errors
    /// What the kernel says otherwise, such as that the disk is full.
    pub(crate) fn print(
        &mut self,
        write: impl FnOnce(&mut Self, Page) -> io::Result<()>,
    ) -> io::Result<()> {
        let page = self.page;
        match write(self, page).and_then(|()| self.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.buffer.clear();
                Ok(())
            }
            result => result,
        }
    }

    /// Passes the buffer on once it holds a piece.
    ///
    /// # Errors
    /// What the kernel says; `BrokenPipe` when the reader has left.
    pub(crate) fn row_done(&mut self) -> io::Result<()> {
        if self.buffer.len() >= PIECE {
            self.flush()?;
        }
        Ok(())
    }

    /// Tells what could not be seen, with the remedies, on standard error.
    pub(crate) fn partial(&mut self, partial: &[Partial]) {
        for part in partial {
            self.note("not seen", style::WARNING, &part.to_string());
        }
    }

    /// A hint for people: only where a person reads.
    pub(crate) fn hint(&mut self, text: &str) {
        if self.page.is_terminal() {
            self.note("hint", style::QUIET, text);
        }
    }

    /// An error, on standard error.
    pub(crate) fn error(&mut self, text: &str) {
        self.note("error", style::ERROR, text);
    }

    /// A remark, on standard error: on one line for programs, broken at words for
    /// people.
    pub(crate) fn note(&mut self, label: &str, style: anstyle::Style, text: &str) {
        let text = remark(self.error_page, label, style, text);
        // Nobody is left to tell when standard error is gone as well.
        let _ = io::stderr().write_all(text.as_bytes());
    }
}

/// `label: text`, with its line end.
fn remark(page: Page, label: &str, style: anstyle::Style, text: &str) -> String {
    let (whole, width) = (format!("{label}: {}", visible(text)), page.prose_width());
    let lines = if page.is_terminal() && whole.width() > width {
        wrap::lines(&whole, width).join("\n")
    } else {
        whole
    };
    lines.replacen(label, &page.paint(style, label), 1) + "\n"
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() >= PIECE {
            // A piece by itself need not be copied.
            self.flush()?;
            io::stdout().lock().write_all(bytes)?;
            return Ok(bytes.len());
        }
        self.buffer.extend_from_slice(bytes);
        self.row_done()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = io::stdout().lock().write_all(&self.buffer);
        self.buffer.clear();
        result.and_then(|()| io::stdout().lock().flush())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_is_broken_at_words_for_people_only() {
        let text = "owners of 2 sockets are hidden: run as root";
        let narrow = Page::new(Some(40), false);
        assert_eq!(
            remark(narrow, "not seen", style::WARNING, text),
            "not seen: owners of 2 sockets are\nhidden: run as root\n"
        );
        let piped = Page::new(None, false);
        let whole = format!("not seen: {}\n", text.repeat(4));
        assert_eq!(
            remark(piped, "not seen", style::WARNING, &text.repeat(4)),
            whole
        );
        let painted = Page::new(Some(80), true);
        assert_eq!(
            remark(painted, "hint", style::QUIET, "x  y"),
            format!("{0}hint{0:#}: x  y\n", style::QUIET)
        );
    }
}
