//! A datagram from the kernel's sock_diag: framing, then each socket in it.
#![no_main]

use ayt_core::facts::NsId;
use ayt_sys::wire::request::SocketName;
use ayt_sys::wire::{diag, netlink, request};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut walked = 0;
    for message in netlink::messages(data) {
        let Ok(message) = message else { break };
        walked += netlink::HEADER + message.payload.len();
        assert!(walked <= data.len(), "messages overlap");
        let _ = message.errno();
        let _ = diag::tcp_info(message.payload);
        let _ = diag::tcp_info_state(message.payload);
        if let Ok(Some(socket)) = diag::socket(message.payload, NsId(0)) {
            // What was read names the same socket when it is asked for again.
            let name = SocketName::from(&socket);
            let asked = request::get(&name, 1);
            assert_eq!(asked[24..28], message.payload[4..8], "ports");
            assert_eq!(asked[60..72], message.payload[40..52], "interface, cookie");
            let _ = (socket.age_at_least_ms(), socket.idle_ms());
        }
    }
});
