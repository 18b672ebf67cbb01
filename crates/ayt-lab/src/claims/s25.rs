//! Options that were never set.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use super::scene::did;
use super::{Claim, Scene, claim};
use crate::error::LabError;
use crate::host::Host;

pub(super) const CLAIM: Claim = Claim {
    show: Some(show),
    ..claim(
        "S25",
        "An option that was never set reads as the system's value, and follows it. Setting \
         it, even to the same value, pins it on that socket.",
    )
};

const TIME: &str = "net.ipv4.tcp_keepalive_time";

fn show(scene: &mut Scene<'_>) -> Result<(), LabError> {
    let host = {
        let _one = crate::sync::lock(&scene.shared.making);
        Host::new("pinned")?
    };
    host.set_sysctl(TIME, "600")?;
    let made = host.enter(|| -> std::io::Result<_> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        Ok([TcpStream::connect(address)?, TcpStream::connect(address)?])
    })?;
    let [unset, set] = did("connect", made)?;
    for stream in [&unset, &set] {
        did("SO_KEEPALIVE", SockRef::from(stream).set_keepalive(true))?;
    }
    let read = idle(&unset)?;
    let text = format!("{TIME} = 600; a socket that set nothing reads {read}");
    scene.fact(read == 600, text);
    let same = TcpKeepalive::new().with_time(Duration::from_secs(600));
    did("TCP_KEEPIDLE", SockRef::from(&set).set_tcp_keepalive(&same))?;
    host.set_sysctl(TIME, "900")?;
    let (follows, pinned) = (idle(&unset)?, idle(&set)?);
    let text = format!("set to 900 later: that socket reads {follows}");
    scene.fact(follows == 900, text);
    let text = format!("another that had set 600, the same value: {pinned}");
    scene.fact(pinned == 600, text);
    Ok(())
}

fn idle(stream: &TcpStream) -> Result<u32, LabError> {
    let now = ayt_sys::own::at_end(stream);
    let now = now.map_err(|error| LabError::kernel("the socket", error))?;
    Ok(now.keepalive.idle_s)
}
