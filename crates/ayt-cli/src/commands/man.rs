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
    let Some(dir) = dir else {
        let page = render(&command)?;
        out.print(|out, _| out.write_all(&page))?;
        return Ok(ExitCode::Healthy);
    };
    write(dir, "ayt.1", &render(&command)?)?;
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        let name = format!("ayt-{}", sub.get_name());
        // A man page's own name is a literal that lives as long as the program.
        let titled = sub.clone().name(name.clone().leak() as &str);
        write(dir, &format!("{name}.1"), &render(&titled)?)?;
    }
    Ok(ExitCode::Healthy)
}

fn render(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    Ok(page)
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
