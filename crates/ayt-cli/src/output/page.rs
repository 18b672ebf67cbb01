//! What text is laid out for: a terminal of some width, or a file or pipe.

use anstyle::Style;
use clap::ValueEnum;

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Colour {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Prose is not set wider than this, however wide the terminal.
const WIDEST_PROSE: usize = 100;
/// Where there is no terminal to fit.
const PROSE: usize = 80;

/// The page text is laid out for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Page {
    /// Columns of the terminal; `None` where it is none, and nothing is cut.
    width: Option<usize>,
    colour: bool,
    terminal: bool,
}

impl Page {
    /// A page of this width with or without colour.
    pub(crate) const fn new(width: Option<usize>, colour: bool) -> Self {
        Self {
            width,
            colour,
            terminal: width.is_some(),
        }
    }

    /// The page a stream of this process shows.
    pub(super) fn of(colour: Colour, is_terminal: bool) -> Self {
        let colour = match colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => is_terminal && !asked_for_no_colour(),
        };
        Self {
            terminal: is_terminal,
            ..Self::new(is_terminal.then(terminal_width), colour)
        }
    }

    /// The same with another width, where one is given.
    pub(super) fn with_width(self, width: Option<u16>) -> Self {
        Self {
            width: width.map(usize::from).or(self.width),
            ..self
        }
    }

    /// The width that tables must fit.
    pub(crate) const fn width(self) -> Option<usize> {
        self.width
    }

    /// A person reads: hints help.
    pub(crate) const fn is_terminal(self) -> bool {
        self.terminal
    }

    /// The width that prose is wrapped at.
    pub(crate) fn prose_width(self) -> usize {
        self.width
            .map_or(PROSE, |width| width.clamp(40, WIDEST_PROSE))
    }

    /// The text in a style, where colours are on.
    pub(crate) fn paint(self, style: Style, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

/// <https://no-color.org>: set and not empty, whatever the value; and terminals
/// that cannot.
fn asked_for_no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
        || std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

fn terminal_width() -> usize {
    let from_kernel = terminal_size::terminal_size()
        .map(|(terminal_size::Width(width), _)| usize::from(width))
        .filter(|width| *width > 0);
    from_kernel.unwrap_or(PROSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::style;

    #[test]
    fn colour_follows_the_wish_before_the_terminal() {
        assert_eq!(
            Page::of(Colour::Always, false).paint(style::ERROR, "x"),
            format!("{0}x{0:#}", style::ERROR)
        );
        assert_eq!(Page::of(Colour::Never, true).paint(style::ERROR, "x"), "x");
        assert_eq!(Page::of(Colour::Auto, false).paint(style::ERROR, "x"), "x");
    }

    #[test]
    fn prose_stays_readable_on_any_terminal() {
        assert_eq!(Page::new(None, false).prose_width(), 80);
        assert_eq!(Page::new(Some(300), false).prose_width(), 100);
        assert_eq!(Page::new(Some(10), false).prose_width(), 40);
    }
}
