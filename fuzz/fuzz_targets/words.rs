//! What people write on the command line: what is taken prints as itself.
#![no_main]

use ayt_core::duration;
use ayt_core::filter::EndpointFilter;
use ayt_core::keepalive::KeepaliveWish;
use ayt_core::tcp_state::TcpState;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(filter) = text.parse::<EndpointFilter>() {
        assert_eq!(filter.to_string().parse(), Ok(filter));
    }
    if let Ok(state) = text.parse::<TcpState>() {
        assert_eq!(state.name().parse(), Ok(state));
    }
    if let Ok(wish) = text.parse::<KeepaliveWish>() {
        let again = KeepaliveWish::new(wish.idle_s(), wish.interval_s(), wish.count());
        assert_eq!(again, Ok(wish));
    }
    if let Ok(duration) = duration::parse(text) {
        let _ = duration::Ms::from(duration).to_string();
    }
});
