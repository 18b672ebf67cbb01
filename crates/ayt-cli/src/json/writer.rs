//! A JSON writer into a byte buffer: no tree, no allocation of its own.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use super::string::push_string;

/// Writes one JSON value. Commas are put where they belong; the caller sees to
/// it that every key is followed by one value.
pub(super) struct Json<'a>(&'a mut Vec<u8>);

impl<'a> Json<'a> {
    /// Appends to `buffer`.
    pub(super) fn new(buffer: &'a mut Vec<u8>) -> Self {
        Self(buffer)
    }

    /// The comma before an element, unless it is the first.
    fn separate(&mut self) {
        if !matches!(self.0.last(), None | Some(b'{' | b'[' | b':' | b'\n')) {
            self.0.push(b',');
        }
    }

    /// `"name":`, ready for its value. Names are plain words.
    pub(super) fn key(&mut self, name: &str) -> &mut Self {
        self.separate();
        self.0.push(b'"');
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        self
    }

    /// `{…}` with what `fill` writes.
    pub(super) fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.0.push(b'{');
        fill(self);
        self.0.push(b'}');
    }

    /// `[…]` with what `fill` writes.
    pub(super) fn array(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.0.push(b'[');
        fill(self);
        self.0.push(b']');
    }

    /// A string.
    pub(super) fn string(&mut self, text: &str) {
        self.separate();
        push_string(self.0, text);
    }

    /// A string, or null.
    pub(super) fn optional_string(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.null(),
        }
    }

    /// A whole number.
    pub(super) fn number(&mut self, number: impl Into<u64>) {
        self.separate();
        self.digits(number.into());
    }

    fn digits(&mut self, number: u64) {
        self.0
            .extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    }

    /// `true` or `false`.
    pub(super) fn boolean(&mut self, value: bool) {
        self.separate();
        self.0
            .extend_from_slice(if value { b"true" } else { b"false" });
    }

    /// `null`.
    pub(super) fn null(&mut self) {
        self.separate();
        self.0.extend_from_slice(b"null");
    }

    /// Milliseconds with microseconds behind the point: `0.312`.
    pub(super) fn milliseconds(&mut self, duration: Duration) {
        self.separate();
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.digits(micros / 1000);
        self.0.push(b'.');
        for place in [100, 10, 1] {
            self.0.push(b'0' + (micros % 1000 / place % 10) as u8);
        }
    }

    /// Seconds with milliseconds behind the point, rounded down: `26.512`.
    pub(super) fn seconds(&mut self, duration: Duration) {
        self.separate();
        self.digits(duration.as_secs());
        self.0.push(b'.');
        for place in [100, 10, 1] {
            self.0
                .push(b'0' + (duration.subsec_millis() / place % 10) as u8);
        }
    }

    /// A finite number that is not whole; null for what JSON has no number for.
    pub(super) fn float(&mut self, number: f64) {
        if number.is_finite() {
            self.separate();
            let _ = write!(self.0, "{number:e}");
        } else {
            self.null();
        }
    }

    /// A hexadecimal number as a string: 64 bits do not fit the numbers of
    /// every JSON reader.
    pub(super) fn hexadecimal(&mut self, number: u64) {
        self.separate();
        // A Vec takes whatever it is given.
        let _ = write!(self.0, "\"{number:x}\"");
    }

    /// An address and port as a string: `10.0.0.7:80`, `[fd00::1]:80`. IPv4 on
    /// an IPv6 socket is IPv4.
    pub(super) fn address(&mut self, address: SocketAddr) {
        self.separate();
        self.0.push(b'"');
        match address.ip().to_canonical() {
            std::net::IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                self.digits(u64::from(a));
                for octet in [b, c, d] {
                    self.0.push(b'.');
                    self.digits(u64::from(octet));
                }
            }
            std::net::IpAddr::V6(ip) => {
                let _ = write!(self.0, "[{ip}]");
            }
        }
        self.0.push(b':');
        self.digits(u64::from(address.port()));
        self.0.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_between_elements_only() {
        let mut out = b"{}\n".to_vec();
        Json::new(&mut out).object(|json| {
            json.key("a").array(|json| {
                json.number(1u32);
                json.object(|_| ());
                json.array(|_| ());
                json.null();
            });
            json.key("b").boolean(true);
            json.key("c").string("x");
            json.key("d").optional_string(None);
        });
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{}\n{\"a\":[1,{},[],null],\"b\":true,\"c\":\"x\",\"d\":null}"
        );
    }

    #[test]
    fn a_string_that_ends_like_an_opening_still_gets_its_comma() {
        let mut out = Vec::new();
        Json::new(&mut out).array(|json| {
            json.string("{");
            json.string("[:");
            json.number(0u32);
        });
        assert_eq!(out, b"[\"{\",\"[:\",0]");
    }

    #[test]
    fn numbers_and_addresses() {
        let mut out = Vec::new();
        Json::new(&mut out).array(|json| {
            json.number(u64::MAX);
            json.milliseconds(Duration::from_micros(312));
            json.milliseconds(Duration::from_micros(12_045));
            json.seconds(Duration::from_micros(26_512_999));
            json.float(1.25e-9);
            json.float(f64::INFINITY);
            json.hexadecimal(u64::MAX);
            for address in ["10.0.0.255:80", "[fd00::1]:0", "[::ffff:10.0.0.7]:65535"] {
                json.address(address.parse().unwrap());
            }
        });
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "[18446744073709551615,0.312,12.045,26.512,1.25e-9,null,\"ffffffffffffffff\",\
             \"10.0.0.255:80\",\"[fd00::1]:0\",\"10.0.0.7:65535\"]"
        );
    }
}
