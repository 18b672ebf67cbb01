//! Rust with the crate `socket2` 0.6, feature `all`. A program on tokio can take the crate
//! `ayt` instead, which reads back what is in effect.

use super::{Snippet, all, s, user_timeout_ms};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "rust",
    what: "Rust with socket2",
    file: "keepalive.rs",
    comment: "//",
    first: "",
    os: Os::Linux,
    sets: all,
    notes: &[
        "socket2 = { version = \"0.6\", features = [\"all\"] }. Takes any TcpStream or TcpListener, of std or tokio.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    let user_timeout = match user_timeout_ms(asked) {
        0 => String::new(),
        ms => format!("\n    socket.set_tcp_user_timeout(Some(Duration::from_millis({ms})))?;"),
    };
    format!(
        r#"use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{{SockRef, TcpKeepalive}};

pub fn keepalive_on(stream: &impl AsFd) -> io::Result<()> {{
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs({}))
        .with_interval(Duration::from_secs({}))
        .with_retries({});
    socket.set_tcp_keepalive(&keepalive)?;{user_timeout}
    Ok(())
}}
"#,
        s(asked.idle),
        s(asked.interval),
        asked.count
    )
}
