//! A bed with two commands of other people at its ends.

use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use ayt_core::tcp_state::TcpState;

use super::{Bed, PATIENCE, PORT};
use crate::clock;
use crate::error::LabError;
use crate::faults::Ready;
use crate::host::Host;
use crate::packet::Side;
use crate::runner::commands::Commands;
use crate::runner::looks;
use crate::scenario::Cell;
use crate::subjects::Agent;
use crate::wire::Wire;

/// Between two looks whether they are there yet.
const LOOK: Duration = Duration::from_millis(10);
/// Whoever has been silent for as long has greeted, where there is a greeting.
const GREETED: Duration = Duration::from_millis(300);
/// And who is not silent by then never is.
const TALKS: Duration = Duration::from_secs(5);

impl Bed {
    /// As [`Bed::make`], with commands at both ends, up to their connection.
    pub(in crate::runner) fn of_commands(
        cell: &Cell,
        commands: &Commands,
    ) -> Result<Self, LabError> {
        let hosts = [Host::new("server")?, Host::new("client")?];
        let wire = Wire::join(&hosts[0], &hosts[1])?;
        (cell.fault.spec().ready)(&Ready {
            wire: &wire,
            hosts: &hosts,
            cell,
        })?;
        let filled = |command: &str| {
            let address = wire.v4(Side::A).to_string();
            command
                .replace("{port}", &PORT.to_string())
                .replace("{address}", &address)
        };
        let server = Agent::start_command(&hosts[0], &filled(&commands.server))?;
        reach(
            &server,
            &hosts[0],
            TcpState::Listen,
            "the server is to listen",
        )?;
        let client = Agent::start_command(&hosts[1], &filled(&commands.client))?;
        let connects = "the client is to connect";
        reach(&client, &hosts[1], TcpState::Established, connects)?;
        super::wait_for_quiet(&wire, GREETED, TALKS);
        Ok(Self {
            wire,
            cell: cell.clone(),
            hosts,
            agents: [server, client],
            later: Mutex::default(),
            program: PathBuf::new(),
        })
    }
}

/// Waits until a command's host has a socket in this state; `what` is what it is to do.
fn reach(agent: &Agent, host: &Host, wanted: TcpState, what: &str) -> Result<(), LabError> {
    let give_up = clock::now() + PATIENCE;
    while !has(host, wanted)? {
        let ended = agent.process().wait(Duration::ZERO).ok().flatten();
        if ended.is_some() || clock::now() > give_up {
            let how = match ended {
                Some(how) => format!("it has ended: {how}"),
                None => format!("it did not within {} s", PATIENCE.as_secs()),
            };
            let why = match agent.last_words() {
                Some(words) => format!("{how}; its last words: {words}"),
                None => how,
            };
            let remedy = "let the server listen on {address} and {port}, and the client \
                          connect there";
            return Err(LabError::other(what, why, Some(remedy)));
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

fn has(host: &Host, wanted: TcpState) -> Result<bool, LabError> {
    let sockets = looks::sockets_of(host)?;
    let mut sockets = sockets.iter();
    Ok(sockets.any(|socket| {
        let on_wire = wanted == TcpState::Listen || !socket.local.ip().is_loopback();
        socket.state == wanted && on_wire
    }))
}
