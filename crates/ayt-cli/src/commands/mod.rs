//! The commands, one file each: look, decide by the library, print.

pub(crate) mod arm;
pub(crate) mod completions;
pub(crate) mod docs;
pub(crate) mod doctor;
pub(crate) mod lab;
pub(crate) mod list;
pub(crate) mod man;
pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod reap;
mod sort;
mod stop;
pub(crate) mod trace;
pub(crate) mod why;

use ayt_core::filter::Filter;

use crate::failure::Failure;

/// Commands that change something want to be told what.
fn demand_filter(filter: &Filter, all: bool) -> Result<(), Failure> {
    if filter.is_empty() && !all {
        return Err(Failure::Usage(
            "no filter is given; add one (--command, --pid, --peer, …), or --all if you mean \
             every connection of this host"
                .to_owned(),
        ));
    }
    Ok(())
}
