//! The few colours ayt uses, by meaning.

use anstyle::{AnsiColor, Color, Style};

const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

/// No style.
pub(crate) const PLAIN: Style = Style::new();
/// Column titles, rule ids.
pub(crate) const TITLE: Style = Style::new().bold();
/// What matters less.
pub(crate) const QUIET: Style = Style::new().dimmed();
/// It is well.
pub(crate) const GOOD: Style = colour(AnsiColor::Green);
/// Likely to hurt; suspected; not seen.
pub(crate) const WARNING: Style = colour(AnsiColor::Yellow).bold();
/// It hurts; it is dead; it failed.
pub(crate) const ERROR: Style = colour(AnsiColor::Red).bold();
/// Commands to paste.
pub(crate) const COMMAND: Style = colour(AnsiColor::Cyan);
