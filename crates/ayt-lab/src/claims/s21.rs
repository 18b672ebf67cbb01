//! The client's side.

use super::{Claim, Elsewhere, claim};

pub(super) const CLAIM: Claim = Claim {
    elsewhere: Some(Elsewhere {
        how: "The library's client does it.",
        tests: &[
            ("crates/ayt/src/session/client/tests/standing.rs", "a_dead_server_is_found_dead_in_its_time_and_the_session_goes_on"),
            ("crates/ayt/tests/examples/main.rs", "a_stopped_server_is_found_by_its_client_which_comes_back"),
        ],
    }),
    ..claim(
        "S21",
        "A client notices, tells its user, cleans up, and reconnects with growing pauses.",
    )
};
