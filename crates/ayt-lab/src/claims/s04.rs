//! What a read answers when the kernel has given the peer up.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use socket2::SockRef;

use super::reads::Reads;
use super::scene::{did, errno};
use super::{Claim, Scene, claim};
use crate::clock;
use crate::error::LabError;
use crate::packet::Side;

pub(super) const CLAIM: Claim = Claim {
    folk: Some("The read of a connection that keepalive found dead returns 0."),
    show: Some(show),
    ..claim(
        "S4",
        "It answers ETIMEDOUT once, and 0 after that; 0 at once only where something else \
         has taken the error: SO_ERROR, a send, another thread.",
    )
};

const SETTINGS: &str = "1/1/1";

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let pair = scene.pair()?;
    let listener = pair.listen()?;
    let (_, span) = scene.planned(SETTINGS)?;
    let mut servers = Vec::new();
    let mut armed = || -> Result<TcpStream, LabError> {
        let (server, client) = pair.connection(&listener)?;
        servers.push(server);
        scene.arm(&client, SETTINGS)?;
        Ok(client)
    };
    let (blocked, mut polled, mut asked) = (armed()?, armed()?, armed()?);
    let port = did("look", polled.local_addr())?.port();
    pair.quiet();
    let cut = pair.wire.cut()?.at;
    let reads = Reads::start(blocked);
    let until = cut + span.latest + Duration::from_secs(2);
    // Who waits for readiness, as select, poll and epoll do.
    let ready = readable(&polled, until)?;
    match (ready, pair.heard(Side::B, port)) {
        (Some(at), Some(heard)) => {
            let what = format!("epoll says readable, keepalive {SETTINGS},");
            scene.timed(&pair, &what, at.saturating_sub(heard), span, cut);
        }
        _ => scene.fact(false, "epoll says readable: it does not"),
    }
    let mut answers = Vec::new();
    while answers.len() < 2 {
        match reads.next(scene, until)? {
            Some(answer) => answers.push(answer.text()),
            None => break,
        }
    }
    let text = format!("a blocked read, and the next one: {}", answers.join(", then "));
    scene.fact(answers == ["ETIMEDOUT", "0"], text);
    // Three reads of a program that waited for readiness.
    let answers = [read(&mut polled), read(&mut polled), read(&mut polled)];
    let text = format!("reads after epoll: {}", answers.join(", "));
    scene.fact(answers == ["ETIMEDOUT", "0", "0"], text);
    let dead = scene.until(Duration::from_secs(3), || {
        let now = ayt_sys::own::at_end(&asked);
        Ok(now.is_ok_and(|now| now.state == ayt_core::tcp_state::TcpState::Closed))
    })?;
    let taken = did("SO_ERROR", SockRef::from(&asked).take_error())?;
    let taken = taken.map_or("nothing".to_owned(), |error| errno(&error));
    let answer = read(&mut asked);
    let text = format!("SO_ERROR asked first: {taken}; the read after it: {answer}");
    scene.fact(dead && taken == "ETIMEDOUT" && answer == "0", text);
    let sent = match asked.write(b"x") {
        Ok(count) => count.to_string(),
        Err(error) => errno(&error),
    };
    scene.fact(sent == "EPIPE", format!("a send after that: {sent}"));
    Ok(())
}

fn read(stream: &mut TcpStream) -> String {
    match stream.read(&mut [0; 64]) {
        Ok(count) => count.to_string(),
        Err(error) => errno(&error),
    }
}

/// Since when the stream is readable, by that time.
fn readable(stream: &TcpStream, until: Duration) -> Result<Option<Duration>, LabError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = did("start a runtime", runtime)?;
    let copy = did("duplicate", stream.try_clone())?;
    did("O_NONBLOCK", copy.set_nonblocking(true))?;
    runtime.block_on(async {
        let stream = did("epoll", tokio::net::TcpStream::from_std(copy))?;
        let left = until.saturating_sub(clock::now());
        let ready = tokio::time::timeout(left, stream.readable()).await;
        Ok(ready.is_ok().then(clock::now))
    })
}
