//! JSON strings.

use crate::text::escape::is_unsafe;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// Appends `text` as a JSON string. Besides what RFC 8259 demands, everything
/// that could steer a terminal is escaped: rows are read on terminals too.
pub(super) fn push_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if text.bytes().all(is_plain) {
        out.extend_from_slice(text.as_bytes());
    } else {
        for c in text.chars() {
            push_char(out, c);
        }
    }
    out.push(b'"');
}

const fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

fn push_char(out: &mut Vec<u8>, c: char) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        // All of these are in the basic plane: one `\u` each.
        c if is_unsafe(c) => {
            let code = u32::from(c);
            out.extend_from_slice(b"\\u");
            for shift in [12, 8, 4, 0] {
                out.push(HEX[(code >> shift & 0xf) as usize]);
            }
        }
        c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn string(text: &str) -> String {
        let mut out = Vec::new();
        push_string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_what_json_and_terminals_need() {
        for (text, json) in [
            ("nginx: worker", "\"nginx: worker\""),
            ("a\"b\\c", "\"a\\\"b\\\\c\""),
            ("\n\r\t\0", "\"\\n\\r\\t\\u0000\""),
            ("\u{1b}[2J\u{9b}", "\"\\u001b[2J\\u009b\""),
            ("\u{202e}\u{feff}", "\"\\u202e\\ufeff\""),
            ("数据 😀", "\"数据 😀\""),
        ] {
            assert_eq!(string(text), json);
        }
    }

    proptest! {
        #[test]
        fn parses_back_to_the_same(text in any::<String>()) {
            let back: String = serde_json::from_str(&string(&text)).unwrap();
            prop_assert_eq!(back, text);
        }
    }
}
