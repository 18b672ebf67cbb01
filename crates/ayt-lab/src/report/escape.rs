//! The one door for text from outside.

use std::fmt::{self, Display, Write};

/// Shows a value so that HTML and SVG read it as text, in an element or a quoted
/// attribute. Characters that would change how the rest is read (controls, and those
/// that turn the direction of writing) are shown as U+FFFD.
pub(super) struct Escaped<T>(pub(super) T);

impl<T: Display> Display for Escaped<T> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(out), "{}", self.0)
    }
}

struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut plain = 0;
        for (at, character) in text.char_indices() {
            let Some(instead) = instead(character) else {
                continue;
            };
            self.0.write_str(&text[plain..at])?;
            self.0.write_str(instead)?;
            plain = at + character.len_utf8();
        }
        self.0.write_str(&text[plain..])
    }
}

fn instead(character: char) -> Option<&'static str> {
    Some(match character {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        '\'' => "&#39;",
        '\t' | '\n' | '\r' => " ",
        '\u{200e}' | '\u{200f}' | '\u{061c}' => "\u{fffd}",
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => "\u{fffd}",
        '\u{2028}' | '\u{2029}' => " ",
        other if other.is_control() => "\u{fffd}",
        _ => return None,
    })
}

/// At most `most` characters of a text, the last of them `…` where some are missing.
pub(super) fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => {
            let kept: String = text.chars().take(most.saturating_sub(1)).collect();
            kept + "…"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_html_would_read_is_written_out() {
        let text = Escaped("<a href=\"x\" id='y'>&\u{202e}\0\n").to_string();
        assert_eq!(
            text,
            "&lt;a href=&quot;x&quot; id=&#39;y&#39;&gt;&amp;\u{fffd}\u{fffd} "
        );
    }

    proptest! {
        #[test]
        fn nothing_gets_out_of_text_or_attribute(text in any::<String>()) {
            let escaped = Escaped(&text).to_string();
            let out = ['<', '>', '"', '\'', '\n', '\0', '\u{202e}'];
            prop_assert!(!escaped.contains(out));
            for after in escaped.split('&').skip(1) {
                let entity = ["amp;", "lt;", "gt;", "quot;", "#39;"];
                prop_assert!(entity.iter().any(|name| after.starts_with(name)));
            }
        }

        #[test]
        fn what_is_short_enough_stays(text in any::<String>(), most in 1usize..40) {
            let short = shortened(&text, most);
            prop_assert!(short.chars().count() <= most);
            if text.chars().count() <= most {
                prop_assert_eq!(short, text);
            }
        }
    }
}
