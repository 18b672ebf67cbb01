//! Tables and verdicts: for the terminal and for docs/benchmarks.md.

use std::fmt::Write as _;

use anyhow::{Context, Result, ensure};

use super::machine;

const PAGE: &str = "docs/benchmarks.md";

/// What one benchmark found.
#[derive(Debug)]
pub(super) struct Report {
    /// The command that made it, as after `cargo xtask`.
    command: &'static str,
    busy: bool,
    sections: Vec<Section>,
    bars: Vec<Bar>,
    unmeasured: Vec<String>,
}

/// A table under a heading.
#[derive(Debug)]
pub(super) struct Section {
    title: String,
    columns: Vec<&'static str>,
    rows: Vec<Vec<String>>,
    notes: Vec<String>,
}

/// A limit and what was measured.
#[derive(Debug)]
pub(super) struct Bar {
    what: String,
    limit: f64,
    got: f64,
    show: fn(f64) -> String,
}

impl Section {
    pub(super) fn new(title: impl Into<String>, columns: &[&'static str]) -> Self {
        Self {
            title: title.into(),
            columns: columns.to_vec(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n", self.title);
        if !self.rows.is_empty() {
            text += &table(&self.columns, &self.rows);
        }
        for note in &self.notes {
            let _ = write!(text, "\n{note}\n");
        }
        text
    }
}

impl Bar {
    /// `got` is to be at most `limit`.
    pub(super) fn at_most(
        what: impl Into<String>,
        got: f64,
        limit: f64,
        show: fn(f64) -> String,
    ) -> Self {
        Self {
            what: what.into(),
            limit,
            got,
            show,
        }
    }

    fn met(&self) -> bool {
        self.got <= self.limit
    }

    fn verdict(&self) -> String {
        if self.met() {
            "met".to_owned()
        } else {
            format!(
                "**missed** by {:.0} %",
                100.0 * (self.got / self.limit - 1.0)
            )
        }
    }

    fn cells(&self) -> Vec<String> {
        vec![
            self.what.clone(),
            format!("≤ {}", (self.show)(self.limit)),
            (self.show)(self.got),
            self.verdict(),
        ]
    }
}

impl Report {
    /// Watches for two seconds whether others are at work: to be called after
    /// the build and before anything of the benchmark runs.
    pub(super) fn begin(command: &'static str) -> Self {
        Self {
            command,
            busy: machine::is_busy(),
            sections: Vec::new(),
            bars: Vec::new(),
            unmeasured: Vec::new(),
        }
    }

    pub(super) fn section(&mut self, section: Section) {
        self.sections.push(section);
    }

    pub(super) fn bar(&mut self, bar: Bar) {
        self.bars.push(bar);
    }

    /// Takes what a part of the benchmark found, or why it found nothing.
    pub(super) fn part(&mut self, what: &str, found: Result<(Section, Vec<Bar>)>) {
        match found {
            Ok((section, bars)) => {
                self.sections.push(section);
                self.bars.extend(bars);
            }
            Err(error) => self.unmeasured(format!("{what}: {error:#}")),
        }
    }

    /// Notes what could not be measured, and why.
    pub(super) fn unmeasured(&mut self, text: String) {
        eprintln!("not measured: {text}");
        self.unmeasured.push(text);
    }

    /// What could not be measured.
    pub(super) fn gaps(&self) -> &[String] {
        &self.unmeasured
    }

    /// How many bars were missed.
    pub(super) fn missed(&self) -> usize {
        self.bars.iter().filter(|bar| !bar.met()).count()
    }

    /// All of it.
    pub(super) fn markdown(&self) -> String {
        let mut text = format!(
            "Written by `cargo xtask {} --write` on: {}.\n",
            self.command,
            machine::describe()
        );
        if self.busy {
            text += "The machine was busy with other work when this began.\n";
        }
        if !self.bars.is_empty() {
            let rows: Vec<_> = self.bars.iter().map(Bar::cells).collect();
            text += "\n### Bars\n\n";
            text += &table(&["what", "bar", "measured", "verdict"], &rows);
        }
        for section in &self.sections {
            text.push('\n');
            text += &section.markdown();
        }
        for gap in &self.unmeasured {
            let _ = write!(text, "\nNot measured: {gap}\n");
        }
        text
    }

    /// Puts it into the page, in the place of what the same command wrote last.
    pub(super) fn write(&self) -> Result<()> {
        let path = crate::paths::root().join(PAGE);
        let page = std::fs::read_to_string(&path).with_context(|| PAGE.to_owned())?;
        let page = replaced(&page, self.command, &self.markdown())?;
        std::fs::write(&path, page).with_context(|| PAGE.to_owned())?;
        eprintln!("wrote {PAGE}");
        Ok(())
    }
}

/// The page with the text between the command's two marks exchanged.
fn replaced(page: &str, command: &str, text: &str) -> Result<String> {
    let begin = format!("<!-- begin: cargo xtask {command} -->\n");
    let end = format!("<!-- end: cargo xtask {command} -->");
    let missing = || format!("{PAGE} has no `{}` ... `{end}`", begin.trim_end());
    let (before, rest) = page.split_once(&begin).with_context(missing)?;
    let (old, after) = rest.split_once(&end).with_context(missing)?;
    ensure!(!old.contains("<!-- begin:"), missing());
    Ok(format!("{before}{begin}\n{text}\n{end}{after}"))
}

fn table(columns: &[&str], rows: &[Vec<String>]) -> String {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let head: Vec<String> = columns.iter().map(ToString::to_string).collect();
    let rule = vec!["---".to_owned(); columns.len()];
    let mut text = line(&head) + &line(&rule);
    for row in rows {
        text += &line(row);
    }
    text
}

/// Milliseconds for people.
pub(super) fn milliseconds(value: f64) -> String {
    if value >= 1000.0 {
        format!("{:.2} s", value / 1000.0)
    } else if value >= 100.0 {
        format!("{value:.0} ms")
    } else {
        format!("{value:.1} ms")
    }
}

/// How often one is the other.
pub(super) fn times(value: f64) -> String {
    format!("{value:.2}×")
}

/// Bytes, in millions.
pub(super) fn megabytes(value: f64) -> String {
    format!("{:.1} MB", value / 1e6)
}

/// A whole number, its thousands apart.
pub(super) fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_command_wrote_is_replaced() {
        let page =
            "a\n<!-- begin: cargo xtask bench x -->\nold\n<!-- end: cargo xtask bench x -->\nb\n";
        let new = replaced(page, "bench x", "new\n").unwrap();
        assert_eq!(
            new,
            "a\n<!-- begin: cargo xtask bench x -->\n\nnew\n\n<!-- end: cargo xtask bench x -->\nb\n"
        );
        assert_eq!(replaced(&new, "bench x", "new\n").unwrap(), new);
        assert!(replaced(page, "bench y", "new\n").is_err());
    }

    #[test]
    fn a_missed_bar_says_by_how_much() {
        let bar = |got| Bar::at_most("x", got, 1.3, times);
        assert_eq!(bar(1.3).verdict(), "met");
        assert_eq!(bar(1.43).verdict(), "**missed** by 10 %");
        assert_eq!(bar(1.0).cells()[1..3], ["≤ 1.30×", "1.00×"]);
    }

    #[test]
    fn numbers_for_people() {
        assert_eq!(count(7), "7");
        assert_eq!(count(400_000), "400,000");
        assert_eq!(milliseconds(1234.0), "1.23 s");
        assert_eq!(milliseconds(2.04), "2.0 ms");
        assert_eq!(megabytes(60e6), "60.0 MB");
    }

    #[test]
    fn the_page_has_the_marks_of_every_benchmark() {
        let page = std::fs::read_to_string(crate::paths::root().join(PAGE)).unwrap();
        for command in [super::super::host::COMMAND, super::super::netlink::COMMAND] {
            replaced(&page, command, "").unwrap();
        }
    }
}
