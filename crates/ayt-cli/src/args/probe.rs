//! `ayt probe`, and how to ask, which other commands share.

use std::time::Duration;

use ayt_guard::probe::{Engine, Probe};
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::{FilterArgs, Json, values};

pub(super) const HELP: &str = "\
Asks the peer of every matching connection whether it is there: ESTABLISHED or \
CLOSE_WAIT, or closed on this side only (FIN_WAIT_1, FIN_WAIT_2, CLOSING, LAST_ACK). \
The question goes to the peer's kernel and needs no data: a frozen \
program with a living kernel answers.

Verdicts: `alive` with the round trip; `dead` because of `peer_reset` (the peer \
rebooted or forgot the connection), `unreachable` (a router said so, and silence \
followed) or `unanswered` (three asks and all patience: half-open); `suspect` \
when stopped early, when `raw` could only guess, or when the peer answers and this \
host drops that (`answer_dropped`: its firewall, rp_filter); `unknown` with the reason.

Through a descriptor of the owner's the kernel itself is made to ask (`repair`, \
`keepalive`). What no descriptor reaches (accept queues, orphans, io_uring, sockets \
of the kernel, processes that may not be touched) is asked by `raw`: a segment as \
the kernel's keepalive would send it, by a raw socket.

A probe ends nothing that lives and puts back what it touches, even when it is \
killed: the next run does, by a journal (AYT_RUNTIME_DIR in `ayt --help`). It costs the peer a few bytes, may wake a radio, and \
refreshes the entries of NATs on the way.";

const ENGINES: &str = "\
Ask only by `repair` (at once, also with data in flight; needs CAP_NET_ADMIN), by \
`keepalive` (idle connections of the same user; refused where it could hurt) or by \
`raw` (any connection, with or without a descriptor; needs CAP_NET_RAW). With `auto` \
each connection is asked by the first of them that may [default: auto].";

const EXPLAIN: &str = "\
Say why each connection is asked by the engine it is asked by, or by none: what \
kept the others from asking. JSON has it always (`passed_over`).";

const PATIENCE: &str = "\
Silence that is death [default: 5s, or 4 × RTO if more]. Less than 1.5s is taken \
as 1.5s: a living peer answers such asks only twice a second, and another ayt may \
have had the answer.";

const EXAMPLES: &str = "\
Examples:
  ayt probe
  ayt probe --local :5432 --idle-over 10m
  ayt probe --peer 10.0.0.0/8 --rate 100 --json | jq 'select(.verdict==\"dead\")'";

/// Options of `ayt probe`.
#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(crate) struct ProbeArgs {
    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) ask: AskArgs,
    /// Say why each connection is asked by the engine it is asked by
    #[arg(long, help_heading = "Asking", long_help = EXPLAIN)]
    pub(crate) explain_engine: bool,
    #[command(flatten)]
    pub(crate) json: Json,
}

/// How to ask.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Asking")]
pub(crate) struct AskArgs {
    /// Ask only by `repair`, `keepalive` or `raw` [auto]
    #[arg(
        long,
        value_name = "ENGINE",
        hide_possible_values = true,
        long_help = ENGINES
    )]
    engine: Option<EngineName>,
    /// Ask at most so many times a second
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// Silence that is death [5s, or 4 × RTO; 1.5s or more]
    #[arg(
        long,
        value_name = "TIME",
        value_parser = values::positive_duration,
        long_help = PATIENCE
    )]
    patience: Option<Duration>,
}

impl AskArgs {
    /// The probe they describe.
    pub(crate) fn probe(&self) -> Probe {
        Probe {
            engine: self.engine.and_then(|name| name.0),
            rate: self.rate,
            patience: self.patience,
        }
    }
}

/// An engine on the command line; none is `auto`.
#[derive(Debug, Clone, Copy)]
struct EngineName(Option<Engine>);

impl ValueEnum for EngineName {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self(None),
            Self(Some(Engine::Repair)),
            Self(Some(Engine::Keepalive)),
            Self(Some(Engine::Raw)),
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self.0 {
            None => "the first that may ask",
            Some(Engine::Repair) => "at once, also with data in flight; needs CAP_NET_ADMIN",
            Some(Engine::Keepalive) => {
                "idle connections of the same user; refused where it could hurt"
            }
            Some(Engine::Raw) => "any connection, with or without a descriptor; needs CAP_NET_RAW",
        };
        Some(PossibleValue::new(self.0.map_or("auto", Engine::name)).help(help))
    }
}
