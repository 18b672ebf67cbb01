//! `ayt docs`: pages of the reference, made from the program itself, so that
//! they cannot say anything else.

use std::io::Write as _;

use ayt_core::doctor::rules;
use clap::{Command, CommandFactory as _, ValueEnum};

use crate::args::Cli;
use crate::exit::ExitCode;
use crate::failure::Failure;
use crate::output::Output;

/// A page.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum PageName {
    /// docs/cli.md: every command and option
    Cli,
    /// docs/rules.md: every rule of the doctor
    Rules,
}

/// Prints a page.
pub(crate) fn run(page: PageName, out: &mut Output) -> Result<ExitCode, Failure> {
    let text = match page {
        PageName::Cli => cli(),
        PageName::Rules => rules_page(),
    };
    out.print(|out, _| out.write_all(text.as_bytes()))?;
    Ok(ExitCode::Healthy)
}

fn cli() -> String {
    let mut page = String::from(
        "# The command line\n\nMade by `ayt docs cli`; change the program, not this page.\n",
    );
    let mut command = Cli::command();
    command.build();
    section(&mut page, &command, "ayt");
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        section(&mut page, sub, &format!("ayt {}", sub.get_name()));
    }
    page
}

fn section(page: &mut String, command: &Command, title: &str) {
    let help = command.clone().render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    page.push_str(&format!(
        "\n## {title}\n\n```text\n{}\n```\n",
        help.join("\n").trim_end()
    ));
}

fn rules_page() -> String {
    let mut page = String::from(
        "# The rules of the doctor\n\nMade by `ayt docs rules`; change the rule, not this page. \
         `ayt doctor --explain RULE` prints the same.\n\n| rule | finds |\n|---|---|\n",
    );
    for rule in rules::ALL {
        page.push_str(&format!("| [{0}](#{0}) | {1} |\n", rule.id, rule.summary));
    }
    for rule in rules::ALL {
        page.push_str(&format!(
            "\n## {}\n\nFinds: {}.\n\n{}\n\nWhat to do: {}.\n",
            rule.id,
            rule.summary,
            rule.explanation,
            rule.remedy.trim_end_matches('.')
        ));
    }
    page
}
