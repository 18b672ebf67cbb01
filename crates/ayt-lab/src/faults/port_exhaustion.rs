//! The peer's host has few ports, and closes first each time: all are in TIME_WAIT, and
//! it cannot come back.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};

use ayt_core::cause::Cause;
use ayt_core::tcp_state::TcpState;
use ayt_sys::SysError;

use super::{Effect, Spec, fault};
use crate::clock;
use crate::error::LabError;
use crate::packet::Side;
use crate::runner::Bed;
use crate::subjects::What;

/// As many ports as the peer's host has; its connection has one of them.
const PORTS: usize = 4;

pub(super) const SPEC: Spec = Spec {
    ready: |ready| ready.hosts[1].set_sysctl("net.ipv4.ip_local_port_range", "40000 40003"),
    verify: |bed| {
        let count = |states: &[TcpState]| {
            let waits = |state: &&TcpState| **state == TcpState::TimeWait;
            states.iter().filter(waits).count()
        };
        let full = bed.eventually(|_, client| count(client) == PORTS)?;
        let to = server(bed)?;
        let answer = bed.host(Side::B).enter(|| TcpStream::connect(to))?;
        let none = answer.is_err_and(|error| error.kind() == ErrorKind::AddrNotAvailable);
        Ok(vec![
            (format!("all {PORTS} ports of the peer's host are in TIME_WAIT"), full),
            ("it cannot connect again: EADDRNOTAVAIL".to_owned(), none),
        ])
    },
    ..fault(
        "port-exhaustion",
        "the peer closes first, and has no port left",
        Effect::Told(Cause::PeerClosed),
        |bed| {
            let to = server(bed)?;
            let failed = |error| LabError::kernel("the ports", SysError::call("use them up", error));
            for _ in 1..PORTS {
                let close_first = || TcpStream::connect(to).map(drop);
                bed.host(Side::B).enter(close_first)?.map_err(failed)?;
            }
            bed.eventually(|_, client| {
                client.iter().filter(|state| **state == TcpState::TimeWait).count() == PORTS - 1
            })?;
            let at = clock::now();
            bed.agent(bed.peer()).order("shutdown")?;
            Ok(at)
        },
    )
};

/// Where the server listens.
fn server(bed: &Bed) -> Result<SocketAddr, LabError> {
    let events = bed.agent(Side::A).events();
    let found = events.iter().find_map(|event| match event.what {
        What::Listening(at) => Some(at),
        _ => None,
    });
    found.ok_or_else(|| LabError::other("the server", "it does not listen", None))
}
