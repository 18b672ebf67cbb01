//! Values of options, parsed with errors that name the offending part.

use std::net::SocketAddr;
use std::time::Duration;

use ayt_core::duration;

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
}
