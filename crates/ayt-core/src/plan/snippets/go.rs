//! Go on Linux, any version: the options by number through `SyscallConn`. Go 1.23 has
//! `net.KeepAliveConfig` for the first three, and nothing for the user timeout.

use super::{Snippet, all, s, user_timeout_ms};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "go",
    what: "Go on Linux",
    file: "keepalive.go",
    comment: "//",
    first: "",
    os: Os::Linux,
    sets: all,
    notes: &[
        "Go switches keepalive on by itself, every 15 s: call this after Dial or Accept, and it holds instead. Seconds; the user timeout (option 18) in milliseconds.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    let user_timeout = match user_timeout_ms(asked) {
        0 => String::new(),
        ms => format!("\n\t\t\t{{syscall.IPPROTO_TCP, 18, {ms}}}, // TCP_USER_TIMEOUT"),
    };
    format!(
        r#"package main

import (
	"net"
	"syscall"
)

// KeepaliveOn sets keepalive on a connection.
func KeepaliveOn(conn *net.TCPConn) error {{
	raw, err := conn.SyscallConn()
	if err != nil {{
		return err
	}}
	var failed error
	err = raw.Control(func(fd uintptr) {{
		for _, option := range []struct{{ level, name, value int }}{{
			{{syscall.SOL_SOCKET, syscall.SO_KEEPALIVE, 1}},
			{{syscall.IPPROTO_TCP, syscall.TCP_KEEPIDLE, {}}},
			{{syscall.IPPROTO_TCP, syscall.TCP_KEEPINTVL, {}}},
			{{syscall.IPPROTO_TCP, syscall.TCP_KEEPCNT, {}}},{user_timeout}
		}} {{
			failed = syscall.SetsockoptInt(int(fd), option.level, option.name, option.value)
			if failed != nil {{
				return
			}}
		}}
	}})
	if err != nil {{
		return err
	}}
	return failed
}}
"#,
        s(asked.idle),
        s(asked.interval),
        asked.count
    )
}
