//! Sessions that wait to be resumed.

use super::*;

#[test]
fn a_resume_moves_the_session_whatever_the_policy() {
    for policy in [Policy::Newest, Policy::Oldest, Policy::Verify] {
        let mut registry = with_policy(policy);
        let first = enter(&mut registry, T(0), 1, 1);
        let claim = go(wish(&mut registry, T(1), 2, (1, 101)));
        let resumed = registry
            .commit_resume(T(1), claim, Secret([7; 16]))
            .unwrap();
        assert!(resumed.epoch > first.epoch);
        assert_eq!(resumed.cut, Some(Conn(1)));
        assert!(!registry.lost(T(2), &id(), first.epoch, Fate::Ends, false));
        assert_eq!(
            registry.connections(&id()).live,
            Some((Conn(2), resumed.epoch))
        );
    }
}

#[test]
fn the_secret_before_is_good_until_the_first_frame_after_welcome() {
    let mut registry = with_policy(Policy::Newest);
    let _ = enter(&mut registry, T(0), 1, 1);
    // WELCOME is lost twice: the client still has the first secret.
    for (conn, secret) in [(2, [7; 16]), (3, [8; 16])] {
        let claim = go(wish(&mut registry, T(1), conn, (1, 101)));
        let _ = registry.commit_resume(T(1), claim, Secret(secret)).unwrap();
    }
    let not_this = wish(&mut registry, T(2), 4, (1, 7));
    assert!(matches!(not_this, Answer::Refuse(_)), "nobody ever had it");
    let claim = go(wish(&mut registry, T(2), 4, (1, 8)));
    let resumed = registry
        .commit_resume(T(2), claim, Secret([9; 16]))
        .unwrap();
    registry.heard(&id(), resumed.epoch);
    for secret in [101, 7, 8] {
        let answer = wish(&mut registry, T(3), 5, (1, secret));
        assert!(matches!(answer, Answer::Refuse(r) if r.reason == Reason::NotAuthorised));
    }
    assert_eq!(
        registry.connections(&id()).live,
        Some((Conn(4), resumed.epoch)),
        "a wrong proof touches nothing"
    );
    let _ = go(wish(&mut registry, T(3), 5, (1, 9)));
}

#[test]
fn an_expired_session_tells_both_numbers() {
    let mut registry = with_policy(Policy::Newest);
    let first = enter(&mut registry, T(0), 1, 1);
    let handle = registry.session(&id(), first.epoch).unwrap().clone();
    let numbers = Numbers {
        accepted: 9,
        sent: 8,
        acknowledged: 5,
        received: 17,
        handed_over: 17,
    };
    handle.0.borrow_mut().numbers = numbers;
    registry.lost(T(0), &id(), first.epoch, Fate::Stays, false);
    pass(&mut registry, S(300) - T(1));
    assert_eq!(events(&mut registry), []);
    pass(&mut registry, S(300));
    let told = events(&mut registry);
    assert!(
        matches!(&told[..], [Event::Over { why: Over::Expired, numbers: n, .. }]
        if *n == numbers && n.unacknowledged() == 4)
    );
    assert_eq!(registry.census().identities, 0);
    let wrong = wish(&mut registry, S(400), 2, (1, 99));
    assert!(
        matches!(wrong, Answer::Refuse(_)),
        "of a session that is over, too"
    );
    let Answer::Fresh(decision) = wish(&mut registry, S(400), 2, (1, 101)) else {
        panic!("it is over")
    };
    let new = new_instead_of(2, 1);
    let taken = registry.commit(S(400), take(decision), new).unwrap();
    assert_eq!(taken.known, Some(17));
    let settled = Event::Settled {
        identity: id(),
        peer_received: 0,
        numbers,
    };
    assert_eq!(events(&mut registry), [settled]);
    // Of a session nobody has heard of nothing is said.
    let Answer::Fresh(decision) = wish(&mut registry, S(400), 3, (5, 105)) else {
        panic!("there never was one")
    };
    let new = new_instead_of(3, 5);
    let taken = registry.commit(S(400), take(decision), new).unwrap();
    assert_eq!(taken.known, None);
}

#[test]
fn what_is_handed_over_until_the_client_is_told_counts_and_nothing_after() {
    // Over and not read to its end, by expiry or by a newer session; or never over.
    for ended in ["expired", "superseded", "misfit"] {
        let mut registry = with_policy(Policy::Newest);
        let first = enter(&mut registry, T(0), 1, 1);
        let handle = registry.session(&id(), first.epoch).unwrap().clone();
        handle.0.borrow_mut().numbers.received = 9;
        registry.lost(T(0), &id(), first.epoch, Fate::Stays, false);
        let mut newer = 2;
        match ended {
            "expired" => pass(&mut registry, S(301)),
            "superseded" => {
                let _ = enter(&mut registry, S(1), 2, 2);
                newer = 3;
            }
            _ => {}
        }
        // The program goes on taking what came.
        handle.0.borrow_mut().numbers.handed_over = 4;
        let wish = Wish {
            session: [1; 16],
            received: 77,
            accepts: Accepts::default(),
            proves: &|_| true,
        };
        let Answer::Fresh(decision) = registry.resume(S(302), &id(), Conn(9), &wish) else {
            panic!("it cannot be resumed")
        };
        handle.0.borrow_mut().numbers.handed_over = 5;
        let new = new_instead_of(newer, 1);
        let taken = registry.commit(S(302), take(decision), new).unwrap();
        assert_eq!(taken.known, Some(5), "{ended}");
        let numbers = handle.numbers();
        assert_eq!((numbers.handed_over, numbers.received), (5, 5), "{ended}");
    }
}

#[test]
fn nothing_of_a_session_is_held_once_it_is_read() {
    let mut registry = with_policy(Policy::Newest);
    let first = enter(&mut registry, T(0), 1, 1);
    let handle = registry.session(&id(), first.epoch).unwrap().clone();
    handle.0.borrow_mut().numbers.received = 3;
    registry.lost(T(0), &id(), first.epoch, Fate::Ends, false);
    events(&mut registry);
    assert_eq!(
        Rc::strong_count(&handle.0),
        3,
        "the drain's, and the memory's"
    );
    // Longer than the drain.
    pass(&mut registry, S(60));
    handle.0.borrow_mut().numbers.handed_over = 3;
    assert!(!registry.drained(S(61), &id(), first.epoch));
    assert_eq!(Rc::strong_count(&handle.0), 1);
    let Answer::Fresh(decision) = wish(&mut registry, S(62), 2, (1, 101)) else {
        panic!("it is over")
    };
    let taken = registry
        .commit(S(62), take(decision), new_instead_of(2, 1))
        .unwrap();
    assert_eq!(taken.known, Some(3));
}

#[test]
fn a_client_that_cannot_go_on_from_where_it_stands_gets_a_new_session() {
    let mut registry = with_policy(Policy::Oldest);
    let _ = enter(&mut registry, T(0), 1, 1);
    let wish = Wish {
        session: [1; 16],
        received: 1,
        accepts: Accepts::default(),
        proves: &|_| true,
    };
    let answer = registry.resume(T(1), &id(), Conn(2), &wish);
    let Answer::Fresh(decision) = answer else {
        panic!("{answer:?}")
    };
    let new = new_instead_of(2, 1);
    let taken = registry.commit(T(1), take(decision), new).unwrap();
    assert_eq!((taken.superseded, taken.known), (Some(Conn(1)), Some(0)));
}

#[test]
fn a_server_that_keeps_nothing_ends_a_session_with_its_connection() {
    let mut registry = registry(Config {
        resume_for: T(0),
        ..Config::default()
    });
    let first = enter(&mut registry, T(0), 1, 1);
    registry.lost(T(1), &id(), first.epoch, Fate::Stays, false);
    let told = events(&mut registry);
    assert!(matches!(
        told[..],
        [Event::Over {
            why: Over::Ended,
            ..
        }]
    ));
    assert_eq!(registry.census().identities, 0);
}

#[test]
fn the_sessions_that_wait_are_bounded_and_the_oldest_go_first() {
    let mut registry = registry(Config {
        most_parked: 3,
        most_parked_cost: 100,
        most_remembered: 2,
        ..Config::default()
    });
    let mut over = Vec::new();
    for n in 0..6u8 {
        let identity = Bytes::from(vec![n]);
        let now = T(u64::from(n));
        let claim = take(registry.register(now, &identity, Conn(u64::from(n))));
        let taken = registry.commit(now, claim, new(n)).unwrap();
        let handle = registry.session(&identity, taken.epoch).unwrap().clone();
        handle.0.borrow_mut().cost = 10;
        registry.lost(now, &identity, taken.epoch, Fate::Stays, false);
        if n == 5 {
            handle.0.borrow_mut().cost = 90;
            registry.recharge(now, &identity, taken.epoch);
        }
        let census = registry.census();
        assert!(census.parked <= 3 && census.parked_cost <= 100 && census.remembered <= 2);
        over.extend(events(&mut registry).into_iter().map(|event| match event {
            Event::Over { identity, why, .. } => (identity[0], why),
            other => panic!("{other:?}"),
        }));
    }
    let (many, much) = (Over::TooMany, Over::TooMuch);
    assert_eq!(over, [(0, many), (1, many), (2, many), (3, much)]);
    assert_eq!(registry.census().parked_cost, 100);
}

#[test]
fn nothing_is_left_of_identities_that_have_gone() {
    let mut registry = registry(Config {
        most_remembered: 10,
        ..Config::default()
    });
    for n in 0..10_000u64 {
        let identity = Bytes::from(n.to_be_bytes().to_vec());
        let claim = take(registry.register(T(n), &identity, Conn(n)));
        let taken = registry.commit(T(n), claim, new(1)).unwrap();
        registry.lost(T(n), &identity, taken.epoch, Fate::Ends, n % 2 == 0);
        registry.drained(T(n), &identity, taken.epoch);
        events(&mut registry);
    }
    let census = registry.census();
    let left = (
        census.identities,
        census.parked,
        census.timers,
        census.remembered,
    );
    assert_eq!(left, (0, 0, 0, 10));
}
