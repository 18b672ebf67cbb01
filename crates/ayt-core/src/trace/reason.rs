//! What the codes of ICMP "destination unreachable" mean.

/// The meaning of a code (IANA "ICMP Type Numbers", type 3; RFC 4443 3.1).
#[must_use]
pub const fn unreachable(six: bool, code: u8) -> &'static str {
    match (six, code) {
        (false, 0) => "network unreachable",
        (false, 1) => "host unreachable",
        (false, 2) => "protocol unreachable",
        (false, 3) | (true, 4) => "port unreachable",
        (false, 5) => "source route failed",
        (false, 6) => "network unknown",
        (false, 7) => "host unknown",
        (false, 9) => "network administratively prohibited",
        (false, 10) => "host administratively prohibited",
        (false, 13) | (true, 1) => "administratively prohibited",
        (true, 0) => "no route",
        (true, 2) => "beyond the scope of the source address",
        (true, 3) => "address unreachable",
        (true, 5) => "source address failed a policy",
        (true, 6) => "rejected by a route",
        _ => "unreachable",
    }
}

/// A firewall or a policy says so, not a missing route or host.
#[must_use]
pub const fn is_prohibited(six: bool, code: u8) -> bool {
    matches!((six, code), (false, 9 | 10 | 13) | (true, 1 | 5 | 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_families_name_the_codes_that_firewalls_and_routers_send() {
        for (six, code, meaning, prohibited) in [
            (false, 0, "network unreachable", false),
            (false, 1, "host unreachable", false),
            (false, 3, "port unreachable", false),
            (false, 13, "administratively prohibited", true),
            (false, 10, "host administratively prohibited", true),
            (true, 0, "no route", false),
            (true, 1, "administratively prohibited", true),
            (true, 3, "address unreachable", false),
            (true, 6, "rejected by a route", true),
            (true, 99, "unreachable", false),
        ] {
            assert_eq!(unreachable(six, code), meaning);
            assert_eq!(is_prohibited(six, code), prohibited, "{six} {code}");
        }
    }
}
