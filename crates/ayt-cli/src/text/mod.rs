//! Text for people: pure functions from facts to a page.

pub(crate) mod arm;
pub(crate) mod cells;
pub(crate) mod doctor;
pub(crate) mod engines;
pub(crate) mod escape;
pub(crate) mod lab;
pub(crate) mod list;
pub(crate) mod middleboxes;
pub(crate) mod notes;
pub(crate) mod number;
pub(crate) mod plan;
pub(crate) mod probe;
pub(crate) mod reap;
pub(crate) mod rules;
pub(crate) mod style;
pub(crate) mod table;
mod timeline;
pub(crate) mod trace;
pub(crate) mod why;
pub(crate) mod wrap;

#[cfg(test)]
mod tests;
