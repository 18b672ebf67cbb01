//! Values of options, parsed with errors that name the offending part.

use std::net::SocketAddr;
use std::time::Duration;

use ayt_core::duration;
use ayt_core::keepalive::Os;
use ayt_core::plan::Loss;

/// A duration such as `20s` or `1m30s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    duration::parse(text).map_err(|error| error.to_string())
}

/// A duration that is not zero.
pub(super) fn positive_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err(format!("`{text}` is no time at all")),
        duration => Ok(duration),
    }
}

/// A process id.
pub(super) fn pid(text: &str) -> Result<u32, String> {
    match text.trim().parse() {
        Ok(pid) if pid > 0 => Ok(pid),
        _ => Err(format!("`{text}` is not a process id")),
    }
}

/// A user timeout: whole milliseconds that fit the kernel's option.
pub(super) fn user_timeout(text: &str) -> Result<Duration, String> {
    let timeout = duration(text)?;
    if timeout.as_millis() > i32::MAX as u128 {
        return Err(format!("`{text}` is more than the kernel takes (24 d)"));
    }
    Ok(timeout)
}

/// A loss such as `2%` or `0.5%`.
pub(super) fn loss(text: &str) -> Result<Loss, String> {
    let percent = text.trim().strip_suffix('%').map(str::trim);
    percent
        .and_then(|percent| percent.parse::<f64>().ok())
        .and_then(|percent| Loss::new(percent / 100.0))
        .ok_or_else(|| format!("`{text}` is not a loss: write a percentage from 0% to 99%"))
}

/// A round trip: up to two minutes.
pub(super) fn round_trip(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        trip if trip > Duration::from_secs(120) => {
            Err(format!("`{text}` is more than any TCP waits (2 m)"))
        }
        trip => Ok(trip),
    }
}

/// A number of bytes: `5MB`, `300kB`, `1GiB`, `4096`.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits = text.find(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = text.split_at(digits.unwrap_or(text.len()));
    let factor: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => 0,
    };
    let number: Option<u64> = number.trim().parse().ok();
    number
        .and_then(|number| number.checked_mul(factor))
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| format!("`{text}` is not a number of bytes, such as 5MB or 300kB"))
}

/// A system's name, and what it is.
const SYSTEMS: [(&str, Os); 11] = [
    ("linux", Os::Linux),
    ("android", Os::Android),
    ("macos", Os::MacOs),
    ("ios", Os::Ios),
    ("freebsd", Os::FreeBsd),
    ("netbsd", Os::NetBsd),
    ("openbsd", Os::OpenBsd),
    ("dragonfly", Os::DragonFly),
    ("illumos", Os::Illumos),
    ("windows", Os::Windows { build: 19_045 }),
    ("windows-old", Os::Windows { build: 0 }),
];

/// A system: `windows` is any since version 1709, `windows-old` before 1703.
pub(super) fn os(text: &str) -> Result<Os, String> {
    let mut all = SYSTEMS.into_iter();
    let found = all.find(|(name, _)| *name == text.trim().to_ascii_lowercase());
    found.map(|(_, os)| os).ok_or_else(|| {
        let names = SYSTEMS.map(|(name, _)| name).join(", ");
        format!("no system is called `{text}`; there are: {names}")
    })
}

/// `LOCAL,REMOTE`, two addresses with ports.
pub(super) fn connection(text: &str) -> Result<(SocketAddr, SocketAddr), String> {
    let (local, remote) = text.split_once(',').ok_or_else(|| {
        format!("`{text}` is not LOCAL,REMOTE, such as 10.0.0.1:80,10.0.0.7:51144")
    })?;
    let address = |part: &str| {
        part.trim()
            .parse()
            .map_err(|_| format!("`{part}` in `{text}` is not an address with a port"))
    };
    Ok((address(local)?, address(remote)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_offending_part() {
        assert_eq!(
            connection("10.0.0.1:80,10.0.0.7").unwrap_err(),
            "`10.0.0.7` in `10.0.0.1:80,10.0.0.7` is not an address with a port"
        );
        assert!(connection("10.0.0.1:80").is_err());
        assert!(connection("[fd00::1]:80,[fd00::2]:9").is_ok());
        assert_eq!(pid("abc").unwrap_err(), "`abc` is not a process id");
        assert!(pid("0").is_err());
        assert_eq!(pid("812"), Ok(812));
        assert!(positive_duration("0").is_err());
        assert!(user_timeout("25d").is_err());
        assert_eq!(user_timeout("20s"), Ok(Duration::from_secs(20)));
    }

    #[test]
    fn what_a_plan_is_told_is_checked() {
        assert_eq!(loss("2%").map(Loss::share), Ok(0.02));
        for bad in ["2", "100%", "-1%", "%", "NaN%"] {
            assert!(loss(bad).is_err(), "{bad}");
        }
        for (text, number) in [
            ("5MB", 5_000_000),
            ("300kB", 300_000),
            ("1GiB", 1 << 30),
            ("7", 7),
        ] {
            assert_eq!(bytes(text), Ok(number));
        }
        for bad in ["", "0", "5 apples", "-5MB", "99999999999GB", "1.5MB"] {
            assert!(bytes(bad).is_err(), "{bad}");
        }
        assert_eq!(os("Windows"), Ok(Os::Windows { build: 19_045 }));
        assert!(os("beos").unwrap_err().contains("windows-old"));
        assert!(round_trip("3m").is_err());
    }
}
