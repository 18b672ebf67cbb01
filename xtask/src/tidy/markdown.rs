//! What the checks want to know of a Markdown page.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A piece of a page and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) line: usize,
}

fn events(page: &str) -> impl Iterator<Item = (Event<'_>, usize)> {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    Parser::new_ext(page, options)
        .into_offset_iter()
        .map(move |(event, range)| {
            let line = page[..range.start].matches('\n').count() + 1;
            (event, line)
        })
}

/// What stands between single backticks, outside of code blocks.
pub(crate) fn code_spans(page: &str) -> Vec<Piece> {
    events(page)
        .filter_map(|(event, line)| match event {
            Event::Code(text) => Some(Piece {
                text: text.into_string(),
                line,
            }),
            _ => None,
        })
        .collect()
}

/// Where links and pictures lead, those written in HTML as well.
pub(crate) fn targets(page: &str) -> Vec<Piece> {
    events(page)
        .flat_map(|(event, line)| {
            let found = match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    vec![dest_url.into_string()]
                }
                Event::Html(html) | Event::InlineHtml(html) => in_html(&html),
                _ => Vec::new(),
            };
            found.into_iter().map(move |text| Piece { text, line })
        })
        .collect()
}

fn in_html(html: &str) -> Vec<String> {
    ["href=\"", "src=\"", "srcset=\""]
        .iter()
        .flat_map(|attribute| html.split(attribute).skip(1))
        .filter_map(|rest| rest.split_once('"'))
        .map(|(value, _)| value.to_owned())
        .collect()
}

/// The anchors that a page's headings get where people read it: lower case,
/// punctuation gone, blanks turned to hyphens, repeats numbered.
pub(crate) fn anchors(page: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut heading: Option<String> = None;
    for (event, _) in events(page) {
        match event {
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                if let Some(text) = heading.take() {
                    let base = slug(&text);
                    let repeats = found
                        .iter()
                        .filter(|other| {
                            **other == base
                                || other
                                    .strip_prefix(&base)
                                    .and_then(|rest| rest.strip_prefix('-'))
                                    .is_some_and(|rest| rest.parse::<usize>().is_ok())
                        })
                        .count();
                    found.push(if repeats == 0 {
                        base
                    } else {
                        format!("{base}-{repeats}")
                    });
                }
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = heading.as_mut() {
                    heading.push_str(&text);
                }
            }
            _ => {}
        }
    }
    found
}

fn slug(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            '-' | '_' => Some(c),
            c if c.is_alphanumeric() => Some(c),
            _ => None,
        })
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pieces: Vec<Piece>) -> Vec<String> {
        pieces.into_iter().map(|piece| piece.text).collect()
    }

    #[test]
    fn spans_have_their_line_and_blocks_are_skipped() {
        let page = "one\n\nsee `a/b.rs`\n\n```\n`not/this`\n```\n| t |\n|---|\n| `c/d` |\n";
        assert_eq!(
            code_spans(page),
            [
                Piece {
                    text: String::from("a/b.rs"),
                    line: 3
                },
                Piece {
                    text: String::from("c/d"),
                    line: 10
                },
            ]
        );
    }

    #[test]
    fn targets_are_links_pictures_references_and_html() {
        let page = "[a](x.md) ![p](p.png) [r][1]\n\n`[no](no.md)`\n\n<img src=\"i.svg\"> <a href=\"h.md\">h</a>\n\n[1]: ref.md\n";
        let mut found = texts(targets(page));
        found.sort();
        assert_eq!(found, ["h.md", "i.svg", "p.png", "ref.md", "x.md"]);
    }

    #[test]
    fn anchors_as_readers_see_them() {
        let page = "# Are you *there*?\n## `ayt list`: all\n## 连接\n# Same\n# Same\n";
        assert_eq!(
            anchors(page),
            ["are-you-there", "ayt-list-all", "连接", "same", "same-1"]
        );
    }
}
