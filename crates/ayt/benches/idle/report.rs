//! The table and the bar.

use std::fmt::Write as _;

use crate::common::{Bar, bars, busy, count, head, median};
use crate::{COMMAND, Contender};

/// What one contender took.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) contender: Contender,
    /// Bytes a connection, of each round.
    bytes: Vec<f64>,
}

impl Row {
    pub(crate) const fn new(contender: Contender) -> Self {
        Self {
            contender,
            bytes: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, bytes: f64) {
        self.bytes.push(bytes);
    }

    fn median(&self) -> f64 {
        median(self.bytes.clone())
    }
}

#[derive(Debug)]
pub(crate) struct Report {
    connections: usize,
    rows: [Row; 4],
    busy: bool,
}

impl Report {
    pub(crate) fn new(connections: usize, rows: [Row; 4]) -> Self {
        Self {
            connections,
            rows,
            busy: busy(),
        }
    }

    pub(crate) fn missed(&self) -> usize {
        usize::from(!self.bar().met)
    }

    pub(crate) fn markdown(&self) -> String {
        let mut text = head(COMMAND, self.busy) + &bars(&[self.bar()]);
        let _ = write!(
            text,
            "\n### {} idle connections\n\n\
             | held by | resident, a connection, median | min – max | rounds |\n\
             | --- | --- | --- | --- |\n",
            count(self.connections)
        );
        for row in &self.rows {
            let _ = writeln!(
                text,
                "| {} | {:.0} B | {:.0} B – {:.0} B | {} |",
                row.contender.name(),
                row.median(),
                row.bytes.iter().copied().fold(f64::INFINITY, f64::min),
                row.bytes.iter().copied().fold(0.0, f64::max),
                row.bytes.len(),
            );
        }
        text += "\nBy how much the resident memory of the server's process has grown since it \
            began to listen, divided by the connections: a fresh process for each figure.\n";
        text
    }

    fn bar(&self) -> Bar {
        let [_, _, session, _] = &self.rows;
        let bytes = session.median();
        Bar {
            what: format!(
                "resident memory of an idle session, {} of them",
                count(self.connections)
            ),
            limit: "≤ 2,048 B".to_owned(),
            got: format!("{bytes:.0} B"),
            met: bytes <= 2_048.0,
        }
    }
}
