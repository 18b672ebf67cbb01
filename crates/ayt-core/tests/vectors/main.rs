//! The test vectors of docs/protocol/vectors, which another implementation made.
#![expect(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod frames;
mod handshakes;
mod streams;

use serde_json::Value;

/// The list of vectors in a file.
fn list(text: &str) -> Vec<Value> {
    match serde_json::from_str(text).unwrap() {
        Value::Array(vectors) => vectors,
        other => panic!("not a list: {other}"),
    }
}

fn hex(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    assert!(text.len().is_multiple_of(2), "{text}");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn array<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().unwrap()
}

/// Bytes that may be absent (`null`).
fn maybe<const N: usize>(value: &Value) -> Option<[u8; N]> {
    (!value.is_null()).then(|| array(value))
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap().try_into().unwrap()
}

/// A number of eight bytes is text.
fn long(value: &Value) -> u64 {
    value.as_str().unwrap().parse().unwrap()
}
