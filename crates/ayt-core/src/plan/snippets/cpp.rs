//! C++ on Windows: `SIO_KEEPALIVE_VALS` in mstcpip.h, `IPPROTO_TCP` socket options in
//! the Winsock reference. MinGW's headers lack some of the options' numbers.

use super::{Snippet, all, ms, s};
use crate::keepalive::{Effective, Os, Policy, vals};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "cpp",
    what: "C++ on Windows (Winsock)",
    file: "keepalive.cpp",
    comment: "//",
    first: "",
    os: Os::Windows { build: 19_045 },
    sets: all,
    notes: &[
        "SIO_KEEPALIVE_VALS counts milliseconds and takes a time left 0 for 0: always set both. Link with ws2_32.",
        "The count is 10 before Windows 10 version 1703 and cannot be set there: keepalive_on says so with false and WSAENOPROTOOPT, with the times set. TCP_MAXRT counts seconds.",
    ],
    body,
};

/// The 12 bytes of the structure.
pub(super) fn vals_of(asked: &Effective) -> [u8; 12] {
    match Policy::new(asked.idle, asked.interval, asked.count.clamp(1, 255)) {
        Ok(policy) => vals::on(&policy),
        Err(_) => vals::off(),
    }
}

fn body(asked: &Effective) -> String {
    let bytes = vals_of(asked).map(|byte| format!("{byte:02X}")).join(" ");
    let max_rt = match asked.user_timeout {
        Some(time) => format!(
            "\n    // Data in flight: the longest time of retransmission, in seconds.\n    \
             const DWORD max_rt = {};\n    \
             if (setsockopt(socket, IPPROTO_TCP, 5 /* TCP_MAXRT */,\n                   \
             reinterpret_cast<const char *>(&max_rt), sizeof max_rt) != 0)\n        \
             all = false;",
            s(time)
        ),
        None => String::new(),
    };
    format!(
        r#"#include <winsock2.h>
#include <mstcpip.h>

// True if all was set; else WSAGetLastError() says what was refused last.
bool keepalive_on(SOCKET socket)
{{
    // On the wire of WSAIoctl: {bytes}
    tcp_keepalive values = {{}};
    values.onoff = 1;
    values.keepalivetime = {};     // ms
    values.keepaliveinterval = {}; // ms
    DWORD returned = 0;
    if (WSAIoctl(socket, SIO_KEEPALIVE_VALS, &values, sizeof values, nullptr, 0,
                 &returned, nullptr, nullptr) != 0)
        return false;
    bool all = true;
    const DWORD count = {};
    if (setsockopt(socket, IPPROTO_TCP, 16 /* TCP_KEEPCNT */,
                   reinterpret_cast<const char *>(&count), sizeof count) != 0)
        all = false;{max_rt}
    return all;
}}
"#,
        ms(asked.idle),
        ms(asked.interval),
        asked.count
    )
}
