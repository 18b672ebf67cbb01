//! Leaks of clients, and reads that take something else for the end.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use ayt_core::facts::TimerKind;
use ayt_core::tcp_state::TcpState;

use super::pair::Pair;
use super::{Claim, Scene, claim};
use crate::error::LabError;
use crate::packet::Side;

pub(super) const CLAIM: Claim = Claim {
    folk: Some("A byte of value 0, or \"no data now\", is the end."),
    show: Some(show),
    ..claim(
        "S29",
        "A client that never closes after the server did leaks the same CLOSE_WAIT. The end \
         is a read of 0 bytes, and nothing else.",
    )
};

const PAGES: usize = 6;
const PAGE: &[u8] = b"abc\0defg";

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    crawler(scene, &pair)?;
    let listener = pair.listen()?;
    let page = |reads: fn(&mut TcpStream) -> usize, before: bool| -> Result<usize, LabError> {
        let (mut server, mut client) = pair.connection(&listener)?;
        if before {
            // Nothing has come yet.
            return Ok(reads(&mut client));
        }
        super::scene::did("send", server.write_all(PAGE))?;
        drop(server);
        Ok(reads(&mut client))
    };
    let (zero, now, end) = (
        page(until_zero_byte, false)?,
        page(until_no_data, true)?,
        page(until_end, false)?,
    );
    let all = PAGE.len();
    let text = format!("a page of {all} bytes, the fourth of them 0: read to a byte of 0: {zero}");
    scene.fact(zero == 3, text);
    let text = format!("read to \"no data now\" (EAGAIN): {now}");
    scene.fact(now == 0, text);
    scene.fact(end == all, format!("read to a read of 0 bytes: {end}, all of it"));
    Ok(())
}

/// A crawler that forgets its connections.
fn crawler(scene: &mut Scene<'_>, pair: &Pair) -> Result<(), LabError> {
    let listener = pair.listen()?;
    let mut forgotten = Vec::new();
    for _ in 0..PAGES {
        let (server, client) = pair.connection(&listener)?;
        drop(server);
        forgotten.push(client);
    }
    let closed = || {
        let sockets = pair.sockets(Side::B)?;
        let closed = sockets.iter().filter(|one| one.state == TcpState::CloseWait);
        let timers = closed.clone().filter(|one| one.timer.kind != TimerKind::Off);
        Ok::<_, LabError>((closed.count(), timers.count()))
    };
    let there = scene.until(Duration::from_secs(5), || Ok(closed()?.0 == PAGES))?;
    scene.pause(Duration::from_secs(2))?;
    let (still, timers) = closed()?;
    let text = format!(
        "{PAGES} servers have closed, the client has not: {still} CLOSE_WAIT there 2 s later, \
         {timers} with a timer"
    );
    scene.fact(there && still == PAGES && timers == 0, text);
    drop(forgotten);
    let gone = scene.until(Duration::from_secs(5), || Ok(closed()?.0 == 0))?;
    scene.fact(gone, "it closes them: none is left");
    Ok(())
}

fn until_zero_byte(stream: &mut TcpStream) -> usize {
    let mut byte = [0; 1];
    let mut count = 0;
    while stream.read(&mut byte).is_ok_and(|read| read == 1) && byte[0] != 0 {
        count += 1;
    }
    count
}

fn until_no_data(stream: &mut TcpStream) -> usize {
    let _ = stream.set_nonblocking(true);
    let mut buffer = [0; 64];
    let mut count = 0;
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return count,
            Ok(read) => count += read,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return count,
            Err(_) => return count,
        }
    }
}

fn until_end(stream: &mut TcpStream) -> usize {
    let mut all = Vec::new();
    stream.read_to_end(&mut all).unwrap_or_default()
}
