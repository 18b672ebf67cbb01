//! What a driver needs whose epochs come from a store that several hosts share.

use super::*;
use crate::session::frame::Mode;

#[test]
fn an_epoch_from_outside_is_taken_if_it_grows() {
    let mut registry = registry(Config::default());
    let claim = take(registry.register(S(0), &id(), Conn(1)));
    let taken = registry.commit(S(0), claim.at(70), new(1)).unwrap();
    assert_eq!(taken.epoch, 70);
    for old in [0, 69, 70] {
        let claim = take(registry.register(S(1), &id(), Conn(2)));
        let stale = registry.commit(S(1), claim.at(old), new(2)).unwrap_err();
        assert_eq!(stale.current, 70);
    }
    let claim = take(registry.register(S(1), &id(), Conn(2)));
    assert!(!claim.resumes());
    assert_eq!(registry.commit(S(1), claim, new(2)).unwrap().epoch, 71);
}

#[test]
fn a_session_that_waits_is_discarded_by_its_epoch_only() {
    let mut registry = registry(Config::default());
    let taken = enter(&mut registry, S(0), 1, 1);
    assert!(
        !registry.discard(S(1), &id(), taken.epoch, Over::Ended),
        "it is connected"
    );
    assert_eq!(registry.current(&id()).map(|now| now.1), Some(true));
    registry.lost(S(1), &id(), taken.epoch, Fate::Stays, false);
    assert_eq!(registry.current(&id()).map(|now| now.1), Some(false));
    assert_eq!(registry.sessions().count(), 1);
    assert!(!registry.discard(S(2), &id(), taken.epoch - 1, Over::Ended));
    assert!(registry.discard(S(2), &id(), taken.epoch, Over::Superseded));
    let over = std::iter::from_fn(|| registry.poll_event()).any(|event| {
        matches!(
            event,
            Event::Over {
                why: Over::Superseded,
                ..
            }
        )
    });
    assert!(over && registry.current(&id()).is_none());
}

#[test]
fn the_secrets_of_a_session_are_those_of_its_identity_and_name() {
    use crate::session::frame::{Challenge, Hello, Method};
    use crate::session::proof::{Secret as Proof, Transcript};
    let mut registry = registry(Config::default());
    let taken = enter(&mut registry, S(0), 1, 1);
    let proves = |registry: &Registry<Fake>, bits| {
        let hello = Hello {
            mode: Mode::Resume,
            one_way: false,
            nonce: [0; 16],
            client_beat_ms: 0,
            server_beat_ms: 0,
            max_payload: 1_024,
            window: 4_096,
            identity: id(),
        };
        let challenge = Challenge {
            method: Method::None,
            nonce: [1; 16],
        };
        let mut transcript = Transcript::new(&hello, &challenge).unwrap();
        transcript.resume([1; 16], 0, &Proof::new(bits));
        let secrets = registry.secrets(&id(), &[1; 16]).unwrap();
        secrets.prove(&transcript).is_some()
    };
    assert!(proves(&registry, [101; 16]) && !proves(&registry, [102; 16]));
    assert!(registry.secrets(&id(), &[2; 16]).is_none());
    assert!(registry.secrets(b"other", &[1; 16]).is_none());
    // Over, it is remembered.
    registry.lost(S(1), &id(), taken.epoch, Fate::Ends, false);
    assert!(registry.current(&id()).is_none());
    assert!(proves(&registry, [101; 16]) && !proves(&registry, [102; 16]));
}
