//! JSON for machines: written straight into one reused buffer, because
//! `ayt list --json` of 100,000 sockets must cost little more than reading them.
//! The shapes are documented in docs/json.md and are stable.

mod arm;
mod doctor;
mod lab;
mod list;
mod parts;
mod plan;
mod probe;
mod reap;
mod string;
mod trace;
mod why;
mod writer;

pub(crate) use arm::armed;
pub(crate) use doctor::{diagnosis, rule};
pub(crate) use lab::{cell, claim, not_tried, noticed};
pub(crate) use list::row;
pub(crate) use plan::{middlebox, plan};
pub(crate) use probe::answer;
pub(crate) use reap::reaped;
pub(crate) use trace::traced;
pub(crate) use why::answer_why;
use writer::Json;

#[cfg(test)]
mod tests;
