//! What is wrong, and where, in whatever pieces it comes.

use ayt_core::session::codec::{Decoder, FrameError, Kind};
use serde_json::Value;

use super::{hex, list};

/// The types that come out of `bytes`, given `piece` of them at a time, and what ended
/// it.
fn read(bytes: &[u8], piece: usize) -> (Vec<String>, Option<FrameError>) {
    let mut decoder = Decoder::new();
    let mut types = Vec::new();
    for mut piece in bytes.chunks(piece) {
        while !piece.is_empty() {
            piece = &piece[decoder.feed(piece)..];
            loop {
                match decoder.next_frame() {
                    Ok(Some(frame)) => types.push(match frame.kind() {
                        Kind::Extension(_) => "EXTENSION".to_owned(),
                        kind => kind.to_string(),
                    }),
                    Ok(None) => break,
                    Err(error) => return (types, Some(error)),
                }
            }
        }
    }
    (types, decoder.finish().err())
}

fn judge(vector: &Value, types: &[&str]) -> Option<FrameError> {
    let bytes = hex(&vector["hex"]);
    let whole = read(&bytes, usize::MAX);
    for piece in [1, 2, 3, 5, 17] {
        assert_eq!(read(&bytes, piece), whole, "{vector}");
    }
    assert_eq!(whole.0, types, "{vector}");
    let word = whole.1.map(|error| error.name());
    assert_eq!(word, vector["error"].as_str(), "{vector}");
    whole.1
}

#[test]
fn what_is_malformed_is_called_by_its_name() {
    let text = include_str!("../../../../docs/protocol/vectors/malformed.json");
    let vectors = list(text);
    assert!(vectors.len() >= 50);
    for vector in vectors {
        let error = judge(&vector, &[]).unwrap();
        assert_eq!(error.reason().name(), vector["reason"], "{vector}");
    }
}

#[test]
fn a_changed_byte_is_judged_alike() {
    let text = include_str!("../../../../docs/protocol/vectors/streams.json");
    let vectors = list(text);
    assert_eq!(vectors.len(), 400);
    for vector in vectors {
        let types = vector["types"].as_array().unwrap();
        let types: Vec<&str> = types.iter().map(|kind| kind.as_str().unwrap()).collect();
        judge(&vector, &types);
    }
}
