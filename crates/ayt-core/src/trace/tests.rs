//! Traces over networks of routers made here, in virtual time.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;

use super::*;

mod compared;
mod world;

use world::{World, router};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn settings(rounds: u32) -> Settings {
    Settings {
        rounds,
        ..Settings::default()
    }
}

#[test]
fn five_hops_and_the_peer_are_seen_after_one_round_trip_of_the_farthest() {
    let mut world = World::new(5);
    let trace = world.run(settings(1));
    let picture = trace.picture(world.now, true);
    assert_eq!(picture.end, End::Answers { hop: 6, sure: true });
    assert_eq!(picture.hops.len(), 6);
    for (at, hop) in picture.hops.iter().enumerate() {
        assert_eq!((hop.asks, hop.answers), (1, 1), "{hop:?}");
        let rtt = ms(10 * (at as u64 + 1));
        assert_eq!(hop.times(), Some((rtt, rtt, rtt)), "{hop:?}");
    }
    assert!(picture.hops[5].peer);
    // 60 ms to the farthest, one pace or none, nothing to wait for.
    assert!(world.now < ms(65), "{:?}", world.now);
}

#[test]
fn without_the_help_of_the_peers_hop_limit_asks_sent_alone_find_its_distance() {
    for silent in [vec![], vec![5], vec![3], vec![4, 5], vec![1, 2, 3, 4, 5]] {
        let mut world = World::new(5);
        world.peer.hops_left = 40;
        for at in &silent {
            world.routers[at - 1].silent = true;
        }
        let trace = world.run(settings(3));
        let picture = trace.picture(world.now, true);
        assert_eq!(picture.hops.len(), 6, "{silent:?}");
        let End::Answers { hop: 6, .. } = picture.end else {
            panic!("{silent:?}: {:?}", picture.end);
        };
        for hop in &picture.hops {
            let is_silent = silent.contains(&usize::from(hop.ttl));
            let noted = if is_silent {
                Noted::Silent
            } else {
                Noted::Nothing
            };
            assert_eq!(hop.noted, noted, "{silent:?} {hop:?}");
        }
        assert_eq!(picture.hops[5].loss_percent(), 0, "{silent:?}");
    }
}

#[test]
fn where_it_is_swallowed_is_told_with_the_last_hop_that_answers() {
    for at in 0..=5u8 {
        let mut world = World::new(5);
        world.swallow_after = Some(at);
        let trace = world.run(settings(2));
        let picture = trace.picture(world.now, true);
        let last = (at > 0).then(|| Place {
            hop: at,
            address: router(at),
        });
        // All of the first round, and five beyond of the second.
        let asks = u32::from(MAX_HOPS - at) + 5;
        assert_eq!(picture.end, End::Swallowed { last, asks }, "{at}");
        assert_eq!(picture.hops.len(), usize::from(at));
    }
}

#[test]
fn a_picture_on_the_way_says_open_and_not_swallowed() {
    let mut world = World::new(5);
    world.swallow_after = Some(2);
    let mut ends = Vec::new();
    world.watched(settings(1), |picture| ends.push(picture.end.clone()));
    let settled = |end: &End| matches!(end, End::Swallowed { .. });
    let first = ends.iter().position(settled).unwrap();
    let (before, after) = ends.split_at(first);
    assert!(before.iter().all(|end| *end == End::Open), "{before:?}");
    assert!(after.iter().all(settled), "{after:?}");
    assert!(before.len() > 3);
}

#[test]
fn a_router_that_limits_its_icmp_is_not_accused_of_loss() {
    let mut world = World::new(4);
    world.routers[1].every = 3;
    let trace = world.run(settings(6));
    let picture = trace.picture(world.now, true);
    let noted: Vec<Noted> = picture.hops.iter().map(|hop| hop.noted).collect();
    let nothing = Noted::Nothing;
    assert_eq!(noted, [nothing, Noted::Limited, nothing, nothing, nothing]);
    assert_eq!(picture.hops[1].loss_percent(), 67);
}

#[test]
fn loss_that_all_later_hops_share_is_loss() {
    let mut world = World::new(4);
    world.lose_after = Some((2, 2));
    let trace = world.run(settings(10));
    let picture = trace.picture(world.now, true);
    assert_eq!(picture.hops[0].noted, Noted::Nothing);
    assert_eq!(picture.hops[1].noted, Noted::Nothing);
    for hop in &picture.hops[2..] {
        assert!(hop.loss_percent() > 20, "{hop:?}");
    }
    assert!(picture.end.is_answered());
}

#[test]
fn a_refusal_tells_who_and_why_and_where() {
    let mut world = World::new(5);
    world.refuse_at = Some((3, 13));
    let trace = world.run(settings(2));
    let picture = trace.picture(world.now, true);
    let end = End::Refused {
        hop: 4,
        by: router(3),
        at: Some(3),
        code: 13,
    };
    assert_eq!(picture.end, end);
    assert_eq!(picture.hops.len(), 4);
    assert_eq!(
        picture.hops[3].routers[0].refusal,
        Some(Refusal { code: 13 })
    );
    assert_eq!(picture.hops[3].asks, 2);
}

#[test]
fn a_reset_of_the_peers_and_one_from_the_way_are_told_by_their_hops() {
    let mut world = World::new(4);
    world.peer.resets = true;
    let trace = world.run(settings(3));
    let end = trace.picture(world.now, true).end;
    assert_eq!(
        end,
        End::Reset {
            hop: 5,
            sure: true,
            nearer: None
        }
    );
    // The third router answers for the peer.
    let mut world = World::new(4);
    world.peer.resets = true;
    world.peer.at = 4;
    world.peer.hops_left = 62;
    let trace = world.run(settings(3));
    let End::Reset { hop: 4, nearer, .. } = trace.picture(world.now, true).end else {
        panic!();
    };
    assert_eq!(nearer, Some(3));
}

#[test]
fn a_loop_is_called_one() {
    let mut world = World::new(3);
    world.loop_from = Some(2);
    let trace = world.run(settings(1));
    let end = trace.picture(world.now, true).end;
    let routers = vec![router(2), router(3)];
    assert_eq!(end, End::Loop { hop: 2, routers });
}

#[test]
fn the_peer_is_never_asked_so_often_that_it_would_not_answer() {
    for interval in [100, 300, 1_000] {
        let mut world = World::new(3);
        world.peer.hops_left = 40;
        let how = Settings {
            rounds: 5,
            interval: ms(interval),
            ..Settings::default()
        };
        let trace = world.run(how);
        let picture = trace.picture(world.now, true);
        let peer = picture.hops.last().unwrap();
        assert!(peer.peer);
        assert_eq!(peer.loss_percent(), 0, "{interval} {peer:?}");
        assert_eq!(peer.answers, 5, "{interval}");
    }
}

#[test]
fn a_nat_is_named_from_where_it_shows() {
    let mut world = World::new(3);
    let seen_as: SocketAddr = "198.51.100.1:41000".parse().unwrap();
    world.nat = Some((2, seen_as));
    let trace = world.run(settings(1));
    let picture = trace.picture(world.now, true);
    let shown: Vec<_> = picture.hops[..3]
        .iter()
        .map(|hop| hop.routers[0].translated.map(|flow| flow.local))
        .collect();
    assert_eq!(shown, [None, None, Some(seen_as)]);
}

#[test]
fn full_size_finds_the_narrow_link_and_the_black_hole() {
    let how = Settings {
        full_size: Some(1_500),
        ..settings(1)
    };
    let full = |world: &mut World| {
        let trace = world.run(how);
        assert!(trace.picture(world.now, true).end.is_answered());
        trace.picture(world.now, true).full.unwrap()
    };
    let mut plain = World::new(4);
    let found = full(&mut plain);
    assert_eq!((found.fits, found.vanish_beyond), (Some(1_500), None));
    let mut narrow = World::new(4);
    narrow.mtu_after = Some((2, 1_400, true));
    let found = full(&mut narrow);
    assert_eq!((found.fits, found.vanish_beyond), (Some(1_400), None));
    let link = Narrow {
        by: router(2),
        hop: Some(2),
        mtu: 1_400,
    };
    assert_eq!(found.narrow, [link]);
    let mut hole = World::new(4);
    hole.mtu_after = Some((3, 1_400, false));
    let found = full(&mut hole);
    assert_eq!((found.fits, found.vanish_beyond), (None, Some(3)));
    assert!(found.vanish());
}

#[test]
fn a_busy_peer_is_alive_even_where_its_answer_cannot_be_told_apart() {
    let mut world = World::new(4);
    world.peer.busy = true;
    let trace = world.run(settings(3));
    let picture = trace.picture(world.now, true);
    assert!(picture.end.is_answered(), "{:?}", picture.end);
    assert_eq!(picture.hops.len(), 5);
    assert_eq!(picture.hops[4].loss_percent(), 0);
}

#[test]
fn what_comes_from_the_peer_without_an_acknowledgement_is_no_answer() {
    let mut world = World::new(4);
    world.swallow_after = Some(2);
    world.peer.talks = true;
    let trace = world.run(settings(2));
    let picture = trace.picture(world.now, true);
    assert!(matches!(picture.end, End::Swallowed { .. }));
    assert!(picture.back_open);
}

#[test]
fn a_connection_that_has_gone_is_asked_for_one_round_at_most() {
    let mut world = World::new(5);
    world.peer.resets = true;
    world.gone_at = Some(ms(0));
    let trace = world.run(settings(5));
    let picture = trace.picture(world.now, true);
    assert!(matches!(picture.end, End::Reset { hop: 6, .. }));
    assert_eq!(picture.rounds, 1);
    assert!(picture.hops.iter().all(|hop| hop.asks == 1));
    // Later, nothing more at all.
    let mut world = World::new(5);
    world.gone_at = Some(ms(1_500));
    let picture = world.run(settings(5)).picture(world.now, true);
    assert!(picture.rounds <= 2, "{picture:?}");
}

#[test]
fn an_ask_that_cannot_be_sent_is_the_last() {
    let mut trace = Trace::new(ms(0), world::flow(), settings(5), 1);
    let Next::Ask(ask) = trace.next(ms(0)) else {
        panic!();
    };
    trace.on_asked(ms(0), ask, 77);
    trace.on_unsent();
    assert_eq!(trace.next(ms(0)), Next::Wait(ms(1_000)));
    assert_eq!(trace.next(ms(1_000)), Next::Done);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    /// Whatever routers keep silent, wherever the path ends: the end is found,
    /// nothing waits for ever, and the peer is not asked more than it answers.
    #[test]
    fn the_end_is_found_on_any_path(
        length in 0u8..14,
        silent in proptest::collection::vec(any::<bool>(), 14),
        hops_left in prop_oneof![Just(64u8), Just(128), Just(255), 1u8..=255],
        swallow in proptest::option::of(0u8..14),
        rounds in 2u32..5,
        speed in 0u64..40,
    ) {
        let mut world = World::new(length);
        world.speed = speed;
        world.peer.hops_left = hops_left;
        for (router, silent) in world.routers.iter_mut().zip(&silent) {
            router.silent = *silent;
        }
        let swallow = swallow.filter(|at| *at <= length);
        world.swallow_after = swallow;
        let trace = world.run(settings(rounds));
        let picture = trace.picture(world.now, true);
        match swallow {
            None => {
                let found = matches!(picture.end, End::Answers { hop, .. } if hop == length + 1);
                prop_assert!(found, "{:?}", picture.end);
                prop_assert_eq!(picture.hops.len(), usize::from(length) + 1);
                prop_assert_eq!(picture.hops[usize::from(length)].loss_percent(), 0);
            }
            Some(at) => {
                let last = (1..=at).rev().find(|hop| !silent[usize::from(*hop) - 1]);
                let last = last.map(|hop| Place { hop, address: router(hop) });
                let End::Swallowed { last: told, .. } = picture.end else {
                    panic!("{:?}", picture.end);
                };
                prop_assert_eq!(told, last);
            }
        }
    }

    /// No order of events makes it panic or go on for ever.
    #[test]
    fn nothing_that_comes_breaks_it(
        events in proptest::collection::vec((0u8..8, any::<u8>(), 0u64..2_000), 0..200),
        rounds in 0u32..4,
        max_hops in any::<u8>(),
        full in proptest::option::of(any::<u16>()),
    ) {
        let how = Settings { rounds, max_hops, interval: ms(100), full_size: full };
        let mut trace = Trace::new(ms(0), world::flow(), how, 9);
        let mut now = ms(0);
        let mut seqs: BTreeMap<u8, (u32, u16)> = BTreeMap::new();
        for (kind, value, wait) in events {
            match trace.next(now) {
                Next::Ask(ask) => {
                    let seq = 10_000 - ask.below;
                    trace.on_asked(now, ask, seq);
                    trace.on_seen(now, seq);
                    seqs.insert(ask.ttl, (seq, ask.id));
                }
                Next::Wait(until) => prop_assert!(until > now),
                Next::Done => {}
            }
            now += ms(wait);
            let (seq, id) = seqs.get(&value).copied().unwrap_or((1, 1));
            let said = |what| Said {
                from: IpAddr::from([10, 0, 0, value]),
                what,
                flow: world::flow(),
                seq,
                id,
                hops_left: value,
                labels: Vec::new(),
            };
            match kind {
                0 => drop(trace.on_said(now, &said(What::TimeExceeded))),
                1 => drop(trace.on_said(now, &said(What::Unreachable(value)))),
                2 => drop(trace.on_said(now, &said(What::TooBig(u32::from(value) * 9)))),
                3 => trace.on_heard(now, now, Heard::Answer, value),
                4 => trace.on_heard(now, now, Heard::Reset, value),
                5 => trace.on_heard(now, now, Heard::Acknowledges, value),
                6 => trace.on_heard(now, now, Heard::Other, value),
                _ => trace.on_unsent(),
            }
            let picture = trace.picture(now, value == 0);
            prop_assert!(picture.hops.len() <= usize::from(u8::MAX));
            for hop in &picture.hops {
                prop_assert!(hop.answers <= hop.asks, "{hop:?}");
            }
        }
        // Left alone it ends.
        for _ in 0..50_000 {
            match trace.next(now) {
                Next::Ask(ask) => trace.on_asked(now, ask, ask.below),
                Next::Wait(until) => {
                    prop_assert!(until > now);
                    now = until;
                }
                Next::Done => return Ok(()),
            }
        }
        prop_assert!(false, "it goes on for ever");
    }
}
