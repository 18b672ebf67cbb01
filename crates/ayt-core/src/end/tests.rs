use std::io::{Error, ErrorKind};

use super::*;

const OFF: Keepalive = Keepalive {
    enabled: false,
    idle_s: 7200,
    interval_s: 75,
    count: 9,
    user_timeout_ms: 0,
};
const ON: Keepalive = Keepalive {
    enabled: true,
    ..OFF
};
const WITH_U: Keepalive = Keepalive {
    user_timeout_ms: 5_000,
    ..ON
};

fn linux() -> EndFacts {
    EndFacts {
        system: System::Linux,
        ..EndFacts::default()
    }
}

fn at_end(state: TcpState, probes: u8, retransmits: u8, keepalive: Keepalive) -> EndFacts {
    let tcp = TcpInfo {
        probes,
        retransmits,
        ..TcpInfo::default()
    };
    EndFacts {
        socket: Some(SocketAtEnd {
            state,
            tcp,
            keepalive,
        }),
        ..linux()
    }
}

fn code(number: i32, facts: &EndFacts) -> Option<Cause> {
    Cause::of(&Error::from_raw_os_error(number), facts)
}

#[test]
fn the_same_end_has_the_same_cause_on_every_system() {
    use Cause::*;
    // cause, Linux, BSD, Windows; 0 where the system has no such number
    for (cause, numbers) in [
        (Some(PeerReset), [104, 54, 10054]),
        (Some(PeerReset), [0, 0, 64]),
        (Some(TimedOut), [110, 60, 10060]),
        (Some(TimedOut), [0, 0, 121]),
        (Some(TimedOut), [0, 0, 10053]),
        (Some(TimedOut), [0, 0, 1236]),
        (Some(KeepaliveTimeout), [0, 0, 10052]),
        (Some(Destroyed), [103, 53, 0]),
        (Some(PeerClosed), [32, 32, 10058]),
        (Some(PeerClosed), [0, 0, 109]),
        (Some(PeerClosed), [0, 0, 232]),
        (Some(LocalClose), [107, 57, 10057]),
        (Some(Unreachable), [100, 50, 10050]),
        (Some(Unreachable), [101, 51, 10051]),
        (Some(Unreachable), [111, 61, 10061]),
        (Some(Unreachable), [112, 64, 10064]),
        (Some(Unreachable), [113, 65, 10065]),
        (Some(Unreachable), [64, 0, 1232]),
        (Some(Unreachable), [92, 0, 1231]),
        (None, [11, 35, 10035]),
        (None, [4, 4, 10004]),
    ] {
        for (number, system) in
            numbers
                .into_iter()
                .zip([System::Linux, System::Bsd, System::Windows])
        {
            if number != 0 {
                let facts = EndFacts {
                    system,
                    ..EndFacts::default()
                };
                assert_eq!(code(number, &facts), cause, "{number} on {system:?}");
            }
        }
    }
}

#[test]
fn an_unknown_number_is_read_by_its_kind() {
    let facts = EndFacts::default();
    for (kind, cause) in [
        (ErrorKind::ConnectionReset, Some(Cause::PeerReset)),
        (ErrorKind::TimedOut, Some(Cause::TimedOut)),
        (ErrorKind::HostUnreachable, Some(Cause::Unreachable)),
        (ErrorKind::NetworkUnreachable, Some(Cause::Unreachable)),
        (ErrorKind::NetworkDown, Some(Cause::Unreachable)),
        (ErrorKind::ConnectionAborted, Some(Cause::Destroyed)),
        (ErrorKind::BrokenPipe, Some(Cause::PeerClosed)),
        (ErrorKind::NotConnected, Some(Cause::LocalClose)),
        (ErrorKind::UnexpectedEof, Some(Cause::Truncated)),
        (ErrorKind::InvalidData, Some(Cause::Failed)),
        (ErrorKind::WouldBlock, None),
        (ErrorKind::Interrupted, None),
    ] {
        assert_eq!(Cause::of(&Error::from(kind), &facts), cause, "{kind:?}");
    }
    assert_eq!(code(9_999, &linux()), Some(Cause::Failed));
}

#[test]
fn the_kernels_counts_tell_which_timer_gave_up() {
    for (probes, retransmits, keepalive, cause) in [
        (3, 0, ON, Cause::KeepaliveTimeout),
        (0, 6, ON, Cause::RetransmitTimeout),
        // It was probing when data was written: then keepalive sleeps.
        (1, 6, ON, Cause::RetransmitTimeout),
        (0, 6, OFF, Cause::RetransmitTimeout),
        // Probes without keepalive are those of a zero window.
        (15, 0, OFF, Cause::RetransmitTimeout),
        (1, 0, WITH_U, Cause::UserTimeout),
        (0, 2, WITH_U, Cause::UserTimeout),
        (0, 0, ON, Cause::TimedOut),
        // A living peer whose window stayed closed.
        (0, 0, WITH_U, Cause::UserTimeout),
    ] {
        let facts = at_end(TcpState::Closed, probes, retransmits, keepalive);
        assert_eq!(
            code(110, &facts),
            Some(cause),
            "{probes} probes, {retransmits} retransmissions, {keepalive}"
        );
    }
    assert_eq!(code(110, &linux()), Some(Cause::TimedOut));
}

#[test]
fn an_end_of_bytes_is_a_fin_only_where_one_came() {
    for (state, probes, retransmits, cause) in [
        (TcpState::CloseWait, 0, 0, Cause::PeerClosed),
        (TcpState::LastAck, 0, 0, Cause::PeerClosed),
        (TcpState::TimeWait, 0, 0, Cause::PeerClosed),
        // Somebody else took the error.
        (TcpState::Closed, 3, 0, Cause::KeepaliveTimeout),
        (TcpState::Closed, 0, 5, Cause::RetransmitTimeout),
        (TcpState::Closed, 0, 0, Cause::PeerReset),
    ] {
        let facts = at_end(state, probes, retransmits, ON);
        assert_eq!(Cause::of_eof(&facts), cause, "{state:?}");
    }
    // Both sides have closed: CLOSE is the regular last state.
    let both = EndFacts {
        closed_here: true,
        ..at_end(TcpState::Closed, 0, 0, ON)
    };
    assert_eq!(Cause::of_eof(&both), Cause::PeerClosed);
    assert_eq!(Cause::of_eof(&EndFacts::default()), Cause::PeerClosed);
}

#[test]
fn an_own_decision_wins_and_the_first_cause_stays() {
    for own in Cause::ALL {
        for number in [32, 103, 104, 107, 110, 113] {
            let facts = EndFacts {
                decided: Some(own),
                earlier: Some(Cause::PeerReset),
                ..linux()
            };
            assert_eq!(code(number, &facts), Some(own));
            assert_eq!(Cause::of_eof(&facts), own);
            let echo = EndFacts {
                decided: None,
                earlier: Some(own),
                ..facts
            };
            assert_eq!(code(number, &echo), Some(own));
            assert_eq!(Cause::of_eof(&echo), own);
        }
        // What ends nothing stays no end.
        let facts = EndFacts {
            decided: Some(own),
            ..linux()
        };
        assert_eq!(code(11, &facts), None);
    }
}

#[test]
fn a_broken_pipe_after_an_own_shutdown_is_ones_own() {
    let facts = EndFacts {
        closed_here: true,
        ..linux()
    };
    assert_eq!(code(32, &facts), Some(Cause::LocalClose));
    assert_eq!(code(32, &linux()), Some(Cause::PeerClosed));
}

#[test]
fn names_and_sentences_are_all_different() {
    for text in [Cause::name, Cause::sentence] {
        let mut all = Cause::ALL.map(text);
        all.sort_unstable();
        assert!(all.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
