//! Envoy: `core.v3.SocketOption` on a listener (numbers of Linux), `TcpKeepalive` on a
//! cluster; api/envoy/config/core/v3/socket_option.proto, address.proto.

use super::{Snippet, all, s, user_timeout_ms};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "envoy",
    what: "Envoy",
    file: "envoy.yaml, parts of a listener and a cluster",
    comment: "#",
    first: "",
    os: Os::Linux,
    sets: all,
    notes: &[
        "Seconds. The listener's options are Linux' numbers: 1/9 SO_KEEPALIVE, 6/4 TCP_KEEPIDLE, 6/5 TCP_KEEPINTVL, 6/6 TCP_KEEPCNT, 6/18 TCP_USER_TIMEOUT (ms).",
        "Envoy's own idle timeout of a TCP proxy is 1 h and counts data only.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    let (idle, interval, count) = (s(asked.idle), s(asked.interval), asked.count);
    let mut options = vec![
        ("keepalive", 1, 9, 1),
        ("idle", 6, 4, u128::from(idle)),
        ("interval", 6, 5, u128::from(interval)),
        ("count", 6, 6, u128::from(count)),
    ];
    if asked.user_timeout.is_some() {
        options.push(("user timeout", 6, 18, user_timeout_ms(asked)));
    }
    let option = |(what, level, name, value): &(&str, u32, u32, u128)| {
        format!(
            "    - {{ description: {what}, level: {level}, name: {name}, int_value: {value}, \
             state: STATE_PREBIND }}\n"
        )
    };
    let upstream: String = match options.last() {
        Some(last) if asked.user_timeout.is_some() => format!(
            "    upstream_bind_config:\n      source_address: {{ address: 0.0.0.0, port_value: 0 }}\n      \
             socket_options:\n  {}",
            option(last)
        ),
        _ => String::new(),
    };
    let listener: String = options.iter().map(option).collect();
    format!(
        "listeners:\n  - name: in\n    socket_options:\n{listener}\
         clusters:\n  - name: out\n    upstream_connection_options:\n      tcp_keepalive:\n        \
         keepalive_time: {idle}\n        keepalive_interval: {interval}\n        \
         keepalive_probes: {count}\n{upstream}"
    )
}
