//! Breaks prose into lines of a width. Commands between backticks stay whole, so
//! that they can be pasted.

use unicode_width::UnicodeWidthStr as _;

/// Breaks one paragraph (its own line ends count as spaces) into lines of at
/// most `width` columns, as far as its words allow.
pub(crate) fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words(text) {
        if !line.is_empty() && line.width() + 1 + word.width() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// Words; what stands between two backticks is one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut quoted = false;
    for piece in text.split_whitespace() {
        match words.last_mut() {
            Some(last) if quoted => {
                last.push(' ');
                last.push_str(piece);
            }
            _ => words.push(piece.to_owned()),
        }
        if piece.matches('`').count() % 2 == 1 {
            quoted = !quoted;
        }
    }
    words
}

/// Breaks text with several paragraphs (an empty line between them) and writes
/// them out with an indent.
pub(crate) fn paragraphs(text: &str, indent: usize, width: usize) -> String {
    let pad = " ".repeat(indent);
    let paragraphs: Vec<String> = text
        .split("\n\n")
        .map(|paragraph| {
            lines(paragraph, width.saturating_sub(indent))
                .iter()
                .map(|line| format!("{pad}{line}\n"))
                .collect()
        })
        .collect();
    paragraphs.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn breaks_at_words_and_keeps_commands_whole() {
        assert_eq!(lines("one two three", 8), ["one two", "three"]);
        assert_eq!(
            lines("run `ayt reap --pid 812 --yes` now", 12),
            ["run", "`ayt reap --pid 812 --yes`", "now"]
        );
        assert_eq!(lines("数据 数据", 5), ["数据", "数据"]);
        assert!(lines("  ", 8).is_empty());
        assert_eq!(paragraphs("a b\nc\n\nd", 2, 5), "  a b\n  c\n\n  d\n");
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_unless_one_word_is(text in "[a-z ]{0,80}", width in 1usize..30) {
            for line in lines(&text, width) {
                prop_assert!(line.width() <= width || !line.contains(' '));
            }
        }

        #[test]
        fn no_word_is_lost(text in "\\PC{0,60}") {
            let joined = lines(&text, 10).join(" ");
            let words: Vec<_> = text.split_whitespace().collect();
            prop_assert_eq!(joined, words.join(" "));
        }
    }
}
