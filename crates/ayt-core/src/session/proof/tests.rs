use bytes::Bytes;

use super::*;
use crate::session::frame::{Method, Mode};

/// RFC 4231, test cases with keys of a length that a [`Key`] may have, and case 1
/// (20 bytes of 0x0b). They prove that padding a key to a block changes nothing.
#[test]
fn hmac_is_that_of_rfc_4231() {
    let hex = |text: &str| -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    };
    let cases = [
        (
            vec![0x0b; 20],
            b"Hi There".to_vec(),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        ),
        (
            vec![0xaa; 20],
            vec![0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        ),
        (
            (1..=25).collect(),
            vec![0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        ),
    ];
    for (key, data, expected) in cases {
        let key = Key::new(&key).unwrap();
        let mac = keyed(&key.0).chain_update(data).finalize().into_bytes();
        assert_eq!(mac.to_vec(), hex(expected));
    }
}

#[test]
fn keys_have_16_to_64_bytes() {
    for length in 0..=80 {
        let key = Key::new(&vec![7; length]);
        let fine = (16..=64).contains(&length);
        assert_eq!(key.is_ok(), fine, "{length}");
        if !fine {
            assert_eq!(key.unwrap_err(), KeyLength(length));
        }
    }
}

#[test]
fn nothing_shows_a_key_or_a_secret() {
    let shown = format!(
        "{:?} {:?} {:?}",
        Key::new(&[0xab; 32]).unwrap(),
        Secret::new([0xcd; 16]),
        welcome()
    );
    assert!(shown.starts_with("Key(..) Secret(..) Welcome"));
    assert!(!shown.contains("171"), "0xab");
    assert!(!shown.contains("205"), "0xcd");
    assert!(!shown.contains("238"), "0xee, the secret in WELCOME");
}

fn hello() -> Hello {
    Hello {
        mode: Mode::Resume,
        one_way: false,
        nonce: [1; 16],
        client_beat_ms: 30_000,
        server_beat_ms: 0,
        max_payload: 1_024,
        window: 4_096,
        identity: Bytes::from_static(b"meter 7"),
    }
}

fn challenge() -> Challenge {
    Challenge {
        method: Method::Hmac,
        nonce: [2; 16],
    }
}

fn welcome() -> Welcome {
    Welcome {
        resumed: true,
        known: false,
        epoch: 3,
        session: [4; 16],
        secret: [0xee; 16],
        resume_ms: 1,
        client_beat_ms: 30_000,
        server_beat_ms: 0,
        misses: 2,
        challenge_ms: 5_000,
        max_payload: 65_544,
        window: 4_096,
        received: 9,
        mac: None,
    }
}

fn resumed() -> Transcript {
    let mut transcript = Transcript::new(&hello(), &challenge()).unwrap();
    let _ = transcript.resume([4; 16], 17, &Secret::new([6; 16]));
    transcript
}

#[test]
fn both_sides_make_the_same_macs() {
    let key = Key::new(&[9; 32]).unwrap();
    let secret = Secret::new([6; 16]);
    let mut client = Transcript::new(&hello(), &challenge()).unwrap();
    let resume = client.resume([4; 16], 17, &secret);
    let mut server = Transcript::new(&hello(), &challenge()).unwrap();
    assert!(!server.resume_proved(&secret), "nothing was said yet");
    server.resumed(&resume);
    assert!(server.resume_proved(&secret));
    assert!(!server.resume_proved(&Secret::new([7; 16])));

    let client_mac = client.client_mac(&key);
    assert!(server.client_proved(Some(&key), &client_mac));
    let mac = server.server_mac(&key, &client_mac, &welcome()).unwrap();
    let said = Welcome {
        mac: Some(mac),
        ..welcome()
    };
    assert!(client.server_proved(&key, &client_mac, &said));
    assert!(!client.server_proved(&key, &client_mac, &welcome()));
    assert_ne!(client_mac, mac, "a client's mac cannot be sent back to it");
}

#[test]
fn every_bit_that_was_said_counts() {
    let key = Key::new(&[9; 32]).unwrap();
    let right = resumed().client_mac(&key);
    let length = resumed().said.len();
    for at in 0..length {
        for bit in 0..8 {
            let mut changed = resumed();
            changed.said[at] ^= 1 << bit;
            assert!(!changed.client_proved(Some(&key), &right), "byte {at}");
            assert!(
                !changed.resume_proved(&Secret::new([6; 16])),
                "byte {at} of the resume"
            );
        }
    }
    let mut changed = resumed();
    changed.resume_mac = None;
    assert!(!changed.client_proved(Some(&key), &right));
    let mut wrong = right;
    wrong[31] ^= 1;
    assert!(!resumed().client_proved(Some(&key), &wrong));
    assert!(!resumed().client_proved(None, &right));
}

#[test]
fn the_key_of_nobody_opens_nothing() {
    let nobody = Key([0x5a; BLOCK]);
    let mac = resumed().client_mac(&nobody);
    assert!(!resumed().client_proved(None, &mac));
}

#[test]
fn every_field_of_welcome_counts() {
    let key = Key::new(&[9; 32]).unwrap();
    let client = [8; 32];
    let transcript = resumed();
    let mac = transcript.server_mac(&key, &client, &welcome()).unwrap();
    let said = Welcome {
        mac: Some(mac),
        ..welcome()
    };
    assert!(transcript.server_proved(&key, &client, &said));
    let changes: [fn(&mut Welcome); 13] = [
        |w| (w.resumed, w.known) = (false, true),
        |w| w.epoch += 1,
        |w| w.session[15] ^= 1,
        |w| w.secret[0] ^= 1,
        |w| w.resume_ms += 1,
        |w| w.client_beat_ms += 1,
        |w| w.server_beat_ms += 10,
        |w| w.misses += 1,
        |w| w.challenge_ms += 1,
        |w| w.max_payload += 1,
        |w| w.window += 1,
        |w| w.received += 1,
        |w| w.misses = 0,
    ];
    for (number, change) in changes.iter().enumerate() {
        let mut changed = said;
        change(&mut changed);
        assert!(
            !transcript.server_proved(&key, &client, &changed),
            "change {number}"
        );
    }
    assert!(!transcript.server_proved(&key, &[7; 32], &said));
}
