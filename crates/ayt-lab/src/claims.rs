//! What the lab is asked to prove or refute: sentences found in well-known texts about
//! keepalive, heartbeats and closing, put right.
//!
//! A scenario names the rows it shows; a row without one says where it is shown.

/// One claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Its number, as scenarios name it.
    pub id: &'static str,
    /// The true sentence.
    pub sentence: &'static str,
    /// Where it is shown when no scenario of the run does.
    pub elsewhere: &'static str,
}

const fn row(id: &'static str, sentence: &'static str, elsewhere: &'static str) -> Row {
    Row {
        id,
        sentence,
        elsewhere,
    }
}

const NO_SCENARIO: &str = "No scenario shows it.";

/// Every row of the scope.
pub const ROWS: &[Row] = &[
    row(
        "S1",
        "Keepalive set on one socket changes that socket only: each dead peer is found at \
         the time of its own connection's settings, without them never.",
        NO_SCENARIO,
    ),
    row(
        "S2",
        "The system's defaults matter only to sockets that turned keepalive on.",
        "No scenario shows it: `ayt doctor` reads the defaults of each network namespace.",
    ),
    row(
        "S3",
        "Windows takes keepalive's times in milliseconds, both at once.",
        "No scenario shows it: a lab is made of Linux kernels.",
    ),
    row(
        "S4",
        "A read of a dead connection answers an error once, and the end of the bytes after it.",
        NO_SCENARIO,
    ),
    row(
        "S5",
        "At a probe the peer is alive, silent, rebooted (RST) or unreachable; on an idle \
         connection ICMP is ignored, so unreachable is found like silence.",
        NO_SCENARIO,
    ),
    row(
        "S6",
        "A normal end, FIN, is seen at once by a blocked read.",
        NO_SCENARIO,
    ),
    row(
        "S7",
        "A one-way heartbeat finds a death without an answer being sent.",
        NO_SCENARIO,
    ),
    row(
        "S8",
        "A heartbeat both ways lets each side find the other's death.",
        NO_SCENARIO,
    ),
    row(
        "S9",
        "A heartbeat that is late does not cost a living peer its connection: it is asked \
         first.",
        NO_SCENARIO,
    ),
    row(
        "S10",
        "When the client is dead the server closes and frees everything.",
        NO_SCENARIO,
    ),
    row(
        "S11",
        "A device that restarts again and again leaves a ghost each time, unless something \
         finds them.",
        NO_SCENARIO,
    ),
    row(
        "S12",
        "A server that does not accept leaves new clients ESTABLISHED in its accept queue; \
         they are told nothing.",
        NO_SCENARIO,
    ),
    row(
        "S13",
        "A server that never closes keeps CLOSE_WAIT for ever: no kernel timer ends it.",
        NO_SCENARIO,
    ),
    row(
        "S14",
        "FIN_WAIT_2 times out only when no program holds the socket.",
        NO_SCENARIO,
    ),
    row(
        "S15",
        "The side that closes first keeps TIME_WAIT.",
        NO_SCENARIO,
    ),
    row(
        "S16",
        "SO_LINGER with time 0 sends RST and leaves no TIME_WAIT.",
        NO_SCENARIO,
    ),
    row(
        "S17",
        "The exit of a process sends FIN, and RST where data was unread.",
        NO_SCENARIO,
    ),
    row(
        "S18",
        "Reading to the end and then closing leaves no CLOSE_WAIT.",
        NO_SCENARIO,
    ),
    row(
        "S19",
        "Settings that the planner calls safe survive loss and jitter; short ones do not \
         see a zero window from a death.",
        NO_SCENARIO,
    ),
    row(
        "S20",
        "Kernel keepalive cannot see a frozen program; a heartbeat can.",
        NO_SCENARIO,
    ),
    row(
        "S21",
        "A client notices, tells its user, and reconnects.",
        "No scenario shows it: the tests of the library's client do.",
    ),
    row(
        "S22",
        "A pool never hands out a dead connection.",
        "No scenario shows it: the tests of the library's `Watched` do.",
    ),
    row(
        "S23",
        "Servers that cannot be changed are helped from outside.",
        "No scenario shows it: the tests of `ayt arm` do, with redis and sshd.",
    ),
    row(
        "S24",
        "Settings survive a restart of the system.",
        "No scenario shows it: `ayt plan --emit sysctl` prints the file.",
    ),
    row(
        "S25",
        "An option that was never set follows the system's value; setting it pins it.",
        "No scenario shows it: the tests of `ayt arm` do.",
    ),
    row(
        "S26",
        "When the last ACK is lost the FIN comes again, and TIME_WAIT answers it.",
        NO_SCENARIO,
    ),
    row(
        "S27",
        "A server that polls finds a death up to a poll later; a deadline finds it in its \
         time.",
        "No scenario shows it: `ayt plan --poll` reckons with it.",
    ),
    row(
        "S28",
        "An orderly shutdown sends FIN for every connection; a crash sends nothing.",
        NO_SCENARIO,
    ),
    row(
        "S29",
        "A client that never closes after the server did leaks as well.",
        "No scenario shows it: `ayt doctor` names such clients.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_there_and_every_scenario_names_one() {
        for (at, row) in ROWS.iter().enumerate() {
            assert_eq!(row.id, format!("S{}", at + 1));
        }
        for cell in crate::scenario::standard().unwrap() {
            for shown in &cell.shows {
                assert!(ROWS.iter().any(|row| row.id == shown), "{shown}");
            }
        }
    }
}
