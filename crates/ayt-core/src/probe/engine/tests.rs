use proptest::prelude::*;

use super::*;

/// The engine chosen, or why none.
fn choose(connection: &Askable, forced: Option<Engine>) -> Result<Engine, Why> {
    let choice = super::choose(connection, forced);
    choice
        .engine
        .ok_or_else(|| choice.why_none().expect("a reason").clone())
}

fn no(refusal: Refusal) -> Result<Engine, Why> {
    Err(refusal.why())
}

const QUIET: Askable = Askable {
    state: TcpState::Established,
    tcp: TcpInfo {
        retransmits: 0,
        probes: 0,
        backoff: 0,
        rto_us: 204_000,
        rtt_us: 0,
        rttvar_us: 0,
        unacked: 0,
        total_retrans: 0,
        last_data_sent_ms: 0,
        last_data_recv_ms: 0,
        last_ack_recv_ms: 0,
        pmtu: 0,
        notsent_bytes: None,
        segs_in: None,
        bytes_received: None,
        bytes_acked: None,
        snd_wnd: None,
        rcv_wnd: None,
    },
    keepalive: Keepalive {
        enabled: false,
        idle_s: 7200,
        interval_s: 75,
        count: 9,
        user_timeout_ms: 0,
    },
    send_queue: 0,
    in_repair: false,
    plain_tcp: true,
    net_admin: true,
    net_raw: false,
};

fn with_keepalive(count: u32, user_timeout_ms: u32, probes: u8) -> Askable {
    let mut connection = Askable {
        net_admin: false,
        ..QUIET
    };
    connection.keepalive.count = count;
    connection.keepalive.user_timeout_ms = user_timeout_ms;
    connection.tcp.probes = probes;
    connection
}

#[test]
fn repair_first_and_keepalive_where_it_cannot() {
    assert_eq!(choose(&QUIET, None), Ok(Engine::Repair));
    let plain_user = Askable {
        net_admin: false,
        ..QUIET
    };
    assert_eq!(choose(&plain_user, None), Ok(Engine::Keepalive));
    assert_eq!(
        choose(&plain_user, Some(Engine::Repair)),
        no(Refusal::NoRight)
    );
    let closing = Askable {
        state: TcpState::CloseWait,
        ..QUIET
    };
    assert_eq!(choose(&closing, None), Ok(Engine::Keepalive));
    let in_flight = Askable {
        send_queue: 10,
        ..QUIET
    };
    assert_eq!(choose(&in_flight, None), Ok(Engine::Repair));
}

#[test]
fn keepalive_is_refused_wherever_it_could_hurt() {
    // The two measured cases: 3/60/3, and 4/4/3 with U = 3 s.
    assert_eq!(
        choose(&with_keepalive(3, 0, 0), None),
        no(Refusal::FewProbes)
    );
    assert_eq!(
        choose(&with_keepalive(3, 3_000, 0), None),
        no(Refusal::UserTimeout)
    );
    assert_eq!(
        choose(&with_keepalive(9, 0, 6), None),
        no(Refusal::FewProbes)
    );
    assert_eq!(
        choose(&with_keepalive(9, 0, 5), None),
        Ok(Engine::Keepalive)
    );
    for count in 1..=127 {
        for probes in 0..=127 {
            let allowed = choose(&with_keepalive(count, 0, probes), None).is_ok();
            assert_eq!(allowed, u32::from(probes) + ASKS < count);
        }
    }
}

#[test]
fn keepalive_that_the_owner_has_on_is_left_alone_unless_the_engine_was_named() {
    let mut own = with_keepalive(9, 0, 0);
    own.keepalive.enabled = true;
    own.keepalive.idle_s = 60;
    assert_eq!(choose(&own, None), no(Refusal::OwnKeepalive));
    let by_name = |own: &Askable| choose(own, Some(Engine::Keepalive));
    assert_eq!(by_name(&own), Ok(Engine::Keepalive));
    // Nearly due, or asking already: putting back would make it ask again.
    for heard in [59_600, 60_000, 200_000] {
        own.tcp.last_ack_recv_ms = heard;
        own.tcp.last_data_recv_ms = heard;
        assert_eq!(by_name(&own), no(Refusal::OwnKeepalive), "{heard}");
    }
}

#[test]
fn the_asks_that_are_left_must_fit_before_each_of_them() {
    // Another ayt has raised the count since the engine was chosen.
    let after_one_ask = with_keepalive(5, 0, 1);
    assert_eq!(keepalive_may_ask(&after_one_ask, 2, false), Ok(()));
    let another_asked_too = with_keepalive(5, 0, 3);
    assert_eq!(
        keepalive_may_ask(&another_asked_too, 2, false),
        Err(Refusal::FewProbes)
    );
}

#[test]
fn keepalive_does_not_set_what_it_could_not_put_back() {
    for (idle_s, expected) in [
        (0, Err(Refusal::NoWayBack)),
        (1, Ok(())),
        (32_767, Ok(())),
        (32_768, Err(Refusal::NoWayBack)),
    ] {
        let mut connection = with_keepalive(9, 0, 0);
        connection.keepalive.idle_s = idle_s;
        assert_eq!(keepalive_may_ask(&connection, 3, false), expected);
    }
}

#[test]
fn what_no_engine_may_ask_through_a_descriptor() {
    for (connection, refusal) in [
        (
            Askable {
                state: TcpState::FinWait2,
                ..QUIET
            },
            // The one that could is named.
            Refusal::NoRawRight,
        ),
        (
            Askable {
                in_repair: true,
                net_raw: true,
                ..QUIET
            },
            Refusal::InRepair,
        ),
        (
            Askable {
                plain_tcp: false,
                ..QUIET
            },
            Refusal::Multipath,
        ),
        (
            Askable {
                state: TcpState::TimeWait,
                net_raw: true,
                ..QUIET
            },
            Refusal::NoPeer,
        ),
    ] {
        assert_eq!(choose(&connection, None), no(refusal));
    }
}

#[test]
fn raw_asks_what_the_others_may_not_and_says_why_they_did_not() {
    let raw = Askable {
        net_admin: false,
        net_raw: true,
        ..QUIET
    };
    let half_closed = Askable {
        state: TcpState::FinWait2,
        ..raw
    };
    let multipath = Askable {
        plain_tcp: false,
        ..raw
    };
    let in_flight = Askable {
        send_queue: 1,
        ..raw
    };
    for (connection, repair, keepalive) in [
        (half_closed, Refusal::State, Refusal::State),
        (multipath, Refusal::Multipath, Refusal::Multipath),
        (in_flight, Refusal::NoRight, Refusal::InFlight),
    ] {
        let choice = super::choose(&connection, None);
        assert_eq!(choice.engine, Some(Engine::Raw));
        let passed = [
            (Engine::Repair, repair.why()),
            (Engine::Keepalive, keepalive.why()),
        ];
        assert_eq!(choice.passed_over, passed);
        assert_eq!(choice.why_none(), None);
    }
    // By name it asks what the others would have asked.
    let named = super::choose(&QUIET_RAW, Some(Engine::Raw));
    assert_eq!(
        (named.engine, named.passed_over.len()),
        (Some(Engine::Raw), 0)
    );
    assert_eq!(choose(&QUIET_RAW, None), Ok(Engine::Repair));
}

const QUIET_RAW: Askable = Askable {
    net_raw: true,
    ..QUIET
};

#[test]
fn without_a_descriptor_only_raw_asks_and_only_what_has_a_peer() {
    for state in TcpState::ALL {
        for net_raw in [false, true] {
            for why in [Why::NoDescriptor, Why::OwnerHidden] {
                for forced in [None].into_iter().chain(Engine::ALL.map(Some)) {
                    let choice = choose_without_descriptor(state, net_raw, &why, forced);
                    let may = state.has_peer()
                        && net_raw
                        && forced.is_none_or(|forced| forced == Engine::Raw);
                    assert_eq!(choice.engine, may.then_some(Engine::Raw));
                    assert_eq!(choice.why_none().is_none(), may);
                }
            }
        }
    }
    let why_none = |why: &Why| {
        let choice = choose_without_descriptor(TcpState::Established, false, why, None);
        choice.why_none().cloned()
    };
    // Where a right would show the owner, that is the advice; nothing would give
    // an orphan a descriptor.
    assert_eq!(why_none(&Why::OwnerHidden), Some(Why::OwnerHidden));
    assert_eq!(
        why_none(&Why::NoDescriptor),
        Some(Refusal::NoRawRight.why())
    );
}

/// Every combination of what the choice depends on, against what each engine
/// needs.
#[test]
fn no_engine_is_chosen_without_its_right_and_the_first_that_may_is() {
    let flags = || [false, true].into_iter();
    for state in TcpState::ALL {
        for (plain_tcp, in_repair, net_admin, net_raw, queued) in flags().flat_map(|a| {
            flags().flat_map(move |b| {
                flags().flat_map(move |c| {
                    flags().flat_map(move |d| flags().map(move |e| (a, b, c, d, e)))
                })
            })
        }) {
            let connection = Askable {
                state,
                plain_tcp,
                in_repair,
                net_admin,
                net_raw,
                send_queue: u32::from(queued),
                ..QUIET
            };
            let through = plain_tcp && !in_repair;
            let repair = through && net_admin && state == TcpState::Established;
            let keepalive = through && state.can_be_asked() && !queued;
            let raw = !in_repair && net_raw && state.has_peer();
            let expected = [
                (repair, Engine::Repair),
                (keepalive, Engine::Keepalive),
                (raw, Engine::Raw),
            ];
            let first = expected
                .iter()
                .find(|(may, _)| *may)
                .map(|(_, engine)| *engine);
            assert_eq!(
                super::choose(&connection, None).engine,
                first,
                "{connection:?}"
            );
            for (may, engine) in expected {
                let named = super::choose(&connection, Some(engine)).engine;
                assert_eq!(named, may.then_some(engine), "{connection:?}");
            }
        }
    }
}

proptest! {
    #[test]
    fn a_choice_names_every_engine_before_it_once(obstacles in any::<[bool; 3]>(), forced in 0..4usize) {
        let forced = Engine::ALL.get(forced).copied();
        let at = |engine| Engine::ALL.iter().position(|one| *one == engine).unwrap();
        let choice = Choice::consider(forced, |engine| {
            obstacles[at(engine)].then_some(Why::NotAsked)
        });
        let passed: Vec<Engine> = choice.passed_over.iter().map(|(engine, _)| *engine).collect();
        let all: Vec<Engine> = match forced {
            Some(engine) => vec![engine],
            None => Engine::ALL.to_vec(),
        };
        let considered: Vec<Engine> = passed.iter().copied().chain(choice.engine).collect();
        prop_assert_eq!(&all[..considered.len()], &considered[..]);
        prop_assert_eq!(choice.engine.is_none(), passed.len() == all.len());
    }
}

#[test]
fn repair_waits_while_the_peer_would_swallow_the_ask() {
    let tcp = |idle, ack| TcpInfo {
        last_data_sent_ms: idle,
        last_data_recv_ms: idle + 70,
        last_ack_recv_ms: ack,
        ..QUIET.tcp
    };
    // Just opened, data just acknowledged, and idle for long.
    for (idle, ack) in [(0, 0), (40, 0), (90_000, 90_000), (90_000, 600)] {
        assert_eq!(repair_ready_in(&tcp(idle, ack)), Duration::ZERO);
    }
    let wait = repair_ready_in(&tcp(90_000, 100));
    assert_eq!(wait, Duration::from_millis(410));
}

#[test]
fn keepalive_waits_until_the_connection_was_idle_for_a_second() {
    let mut tcp = QUIET.tcp;
    assert_eq!(keepalive_ready_in(&tcp), Duration::from_millis(1_010));
    tcp.last_ack_recv_ms = 400;
    tcp.last_data_recv_ms = 90_000;
    assert_eq!(keepalive_ready_in(&tcp), Duration::from_millis(610));
    tcp.last_ack_recv_ms = 2_000;
    assert_eq!(keepalive_ready_in(&tcp), Duration::ZERO);
}
