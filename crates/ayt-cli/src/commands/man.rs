//! `ayt man`.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::args::Cli;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::Output;

/// Prints ayt(1), or writes the page of every command.
pub(crate) fn run(dir: Option<&Path>, out: &mut Output) -> Result<ExitCode, Failure> {
    let mut command = Cli::command();
    command.build();
    let common = after(&command);
    let top = page(&command, &common)?;
    let Some(dir) = dir else {
        out.print(|out, _| out.write_all(&top))?;
        return Ok(ExitCode::Healthy);
    };
    write(dir, "ayt.1", &top)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let name = format!("ayt-{}", sub.get_name());
        // A man page's own name is a literal that lives as long as the program.
        let titled = sub.clone().name(name.clone().leak() as &str);
        let own = after(&titled);
        let see_also = "\n\nSee also:\n  ayt(1)";
        let tail = format!("{own}\n\n{common}{see_also}");
        write(dir, &format!("{name}.1"), &page(&titled, &tail)?)?;
    }
    Ok(ExitCode::Healthy)
}

/// What stands after the options in the long help.
fn after(command: &Command) -> String {
    let after = command.get_after_long_help();
    after.map_or_else(String::new, ToString::to_string)
}

/// A page that ends in the sections of `tail`.
fn page(command: &Command, tail: &str) -> Result<Vec<u8>, Failure> {
    let (man, mut page) = (Man::new(command.clone()), Vec::new());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.get_subcommands().any(|sub| !sub.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    page.extend(sections(tail).as_bytes());
    Ok(page)
}

/// Help text as sections of a man page. A block under `Heading:` becomes one;
/// its `  word  meaning` lines a list, which deeper lines continue, and its
/// other lines stay as they are. A block without a heading is a paragraph.
fn sections(text: &str) -> String {
    let mut roff = String::new();
    for block in text.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let lines: Vec<&str> = block.trim_matches('\n').lines().collect();
        let (heading, body) = match lines.split_first() {
            Some((first, body)) if first.ends_with(':') => (first.strip_suffix(':'), body),
            _ => (None, lines.as_slice()),
        };
        match heading {
            Some(heading) => roff += &format!(".SH \"{}\"\n", escape(&heading.to_uppercase())),
            None => roff += ".PP\n",
        }
        let mut as_it_is = false;
        for line in body {
            let item = line
                .strip_prefix("  ")
                .filter(|rest| !rest.starts_with(' '));
            let listed = item.and_then(|item| item.split_once("  "));
            if as_it_is != (item.is_some() && listed.is_none()) {
                roff += if as_it_is { ".fi\n" } else { ".nf\n" };
                as_it_is = !as_it_is;
            }
            match listed {
                Some((word, meaning)) => {
                    roff += &format!(".TP\n\\fB{}\\fR\n{}\n", escape(word), escape(meaning));
                }
                None => roff += &format!("{}\n", escape(line)),
            }
        }
        if as_it_is {
            roff += ".fi\n";
        }
    }
    roff
}

/// A line of text as roff takes it for itself.
fn escape(text: &str) -> String {
    let text = text.trim().replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) {
        return format!("\\&{text}");
    }
    text
}

fn write(dir: &Path, name: &str, page: &[u8]) -> Result<(), Failure> {
    let path = dir.join(name);
    fs::create_dir_all(dir)
        .and_then(|()| fs::write(&path, page))
        .map_err(|error| Failure::File {
            path: path.display().to_string(),
            error,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_becomes_sections_lists_and_commands() {
        let text = "Exit status:\n  0  healthy\n  3  in part, and\n     nothing\n\n\
                    None is lost.\n\nExamples:\n  ayt list\n  ayt list -h";
        assert_eq!(
            sections(text),
            ".SH \"EXIT STATUS\"\n.TP\n\\fB0\\fR\nhealthy\n.TP\n\\fB3\\fR\nin part, and\nnothing\n\
             .PP\nNone is lost.\n\
             .SH \"EXAMPLES\"\n.nf\nayt list\nayt list \\-h\n.fi\n"
        );
        assert_eq!(escape(".\\x"), "\\&.\\ex");
    }
}
