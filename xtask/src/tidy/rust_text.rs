//! Takes Rust source apart into code and comments, so that a word in a string
//! or in prose is not mistaken for code. Strings belong to neither.

/// The two halves, each with the lines and columns of the source, blanks where
/// the other half is.
#[derive(Debug)]
pub(crate) struct Halves {
    pub(crate) code: String,
    pub(crate) comments: String,
}

/// Takes `source` apart.
pub(crate) fn split(source: &str) -> Halves {
    let chars: Vec<char> = source.chars().collect();
    let mut halves = Halves {
        code: String::with_capacity(source.len()),
        comments: String::new(),
    };
    let mut at = 0;
    while at < chars.len() {
        let (kind, length) = token(&chars, at);
        for &c in &chars[at..at + length] {
            let blank = if c == '\n' { '\n' } else { ' ' };
            halves.code.push(if kind == Kind::Code { c } else { blank });
            halves
                .comments
                .push(if kind == Kind::Comment { c } else { blank });
        }
        at += length;
    }
    halves
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    Text,
}

/// What begins here, and how many characters it takes; never 0.
fn token(chars: &[char], at: usize) -> (Kind, usize) {
    let rest = &chars[at..];
    match rest {
        ['/', '/', ..] => (Kind::Comment, until(rest, '\n')),
        ['/', '*', ..] => (Kind::Comment, block_comment(rest)),
        ['"', ..] => (Kind::Text, quoted(rest, '"')),
        ['\'', ..] => character(rest).map_or((Kind::Code, 1), |length| (Kind::Text, length)),
        [first, ..] if is_word(*first) => {
            let word = rest.iter().take_while(|c| is_word(**c)).count();
            let prefix: String = rest[..word].iter().collect();
            let raw = matches!(prefix.as_str(), "r" | "br" | "cr")
                .then(|| raw_string(&rest[word..]))
                .flatten();
            raw.map_or((Kind::Code, word), |length| (Kind::Text, word + length))
        }
        _ => (Kind::Code, 1),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn until(rest: &[char], end: char) -> usize {
    rest.iter().position(|c| *c == end).unwrap_or(rest.len())
}

fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => {
                depth += 1;
                at += 2;
            }
            ['*', '/', ..] => {
                depth -= 1;
                at += 2;
                if depth == 0 {
                    return at;
                }
            }
            _ => at += 1,
        }
    }
    at
}

fn quoted(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of a character literal; None for a lifetime or a label.
fn character(rest: &[char]) -> Option<usize> {
    match rest {
        ['\'', '\\', ..] => Some(quoted(rest, '\'')),
        ['\'', _, '\'', ..] => Some(3),
        _ => None,
    }
}

/// The length of `"…"` or `#"…"#` after a raw prefix; None for `r#keyword`.
fn raw_string(rest: &[char]) -> Option<usize> {
    let hashes = rest.iter().take_while(|c| **c == '#').count();
    if rest.get(hashes) != Some(&'"') {
        return None;
    }
    let mut at = hashes + 1;
    while at < rest.len() {
        let closes = rest[at] == '"'
            && rest.len() > at + hashes
            && rest[at + 1..=at + hashes].iter().all(|c| *c == '#');
        if closes {
            return Some(at + hashes + 1);
        }
        at += 1;
    }
    Some(rest.len())
}

/// The lines, first being 1, where `word` stands as a whole word.
pub(crate) fn lines_with_word(text: &str, word: &str) -> Vec<usize> {
    text.lines()
        .enumerate()
        .filter(|(_, line)| has_word(line, word))
        .map(|(index, _)| index + 1)
        .collect()
}

/// Whether `word` stands in `text` as a whole word.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        !text[..at].chars().next_back().is_some_and(is_word)
            && !text[at + word.len()..].chars().next().is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(source: &str) -> String {
        let halves = split(source);
        assert_eq!(halves.code.lines().count(), source.lines().count());
        halves.code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn comments(source: &str) -> String {
        split(source)
            .comments
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn comments_nest_and_end() {
        let source = "a /* b /* c */ d */ e // f\ng";
        assert_eq!(code(source), "a e g");
        assert_eq!(comments(source), "/* b /* c */ d */ // f");
    }

    #[test]
    fn strings_of_every_kind_are_neither() {
        for text in [
            r#""x // \" y""#,
            r##"r#"x " /* y"#"##,
            r#"b"x""#,
            r#"br"x\""#,
            r#"c"x""#,
            "\"x\ny\"",
        ] {
            let source = format!("a {text} z");
            let found = code(&source);
            assert!(found.starts_with('a') && found.ends_with('z'), "{found}");
            assert!(!found.contains(['x', 'y']), "{found}");
            assert_eq!(comments(&source), "", "{text}");
        }
    }

    #[test]
    fn characters_are_not_lifetimes() {
        assert_eq!(code(r#"f('"', '\'', b'"', '/') // x"#), "f( , , b , )");
        assert_eq!(
            code("fn f<'a>(x: &'a str) -> &'static str"),
            "fn f<'a>(x: &'a str) -> &'static str"
        );
        assert_eq!(code("r#type + r"), "r#type + r");
    }

    #[test]
    fn what_never_ends_ends_with_the_file() {
        for source in ["\"x", "/* x", "r#\"x", "'\\", "r", "\"x\\"] {
            let _ = split(source);
        }
    }

    #[test]
    fn whole_words_only() {
        assert_eq!(
            lines_with_word("unsafe_code\nan unsafe fn\n", "unsafe"),
            [2]
        );
        assert!(has_word("(unsafe)", "unsafe") && !has_word("notunsafe", "unsafe"));
    }
}
