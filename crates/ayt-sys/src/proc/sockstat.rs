//! /proc/net/sockstat and sockstat6: how many sockets a namespace has.

/// TCP sockets of a network namespace, listeners included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SocketCounts {
    /// IPv4, without TIME_WAIT.
    pub v4: u64,
    /// IPv6, without TIME_WAIT.
    pub v6: u64,
    /// Of both families.
    pub time_wait: u64,
}

/// Reads both files, one after the other; `None` unless all numbers are there.
#[must_use]
pub fn socket_counts(text: &str) -> Option<SocketCounts> {
    let number = |group: &str, name: &str| {
        let fields = text.lines().find_map(|line| line.strip_prefix(group))?;
        let mut words = fields.split_ascii_whitespace();
        words.find(|&word| word == name)?;
        words.next()?.parse().ok()
    };
    Some(SocketCounts {
        v4: number("TCP:", "inuse")?,
        v6: number("TCP6:", "inuse")?,
        time_wait: number("TCP:", "tw")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: &str = "sockets: used 14\nTCP: inuse 5 orphan 287 tw 2 alloc 9 mem 603\n\
                      UDP: inuse 7 mem 0\n";
    const V6: &str = "TCP6: inuse 3\nUDP6: inuse 8\n";

    #[test]
    fn reads_the_lines_of_tcp() {
        let counts = socket_counts(&format!("{V4}{V6}")).unwrap();
        assert_eq!((counts.v4, counts.v6, counts.time_wait), (5, 3, 2));
    }

    #[test]
    fn a_missing_number_leaves_all_unknown() {
        assert_eq!(socket_counts(V4), None);
        assert_eq!(socket_counts(V6), None);
        assert_eq!(socket_counts("TCP: inuse 5\nTCP6: inuse 3\n"), None);
        assert_eq!(socket_counts("TCP: inuse x tw 1\nTCP6: inuse 3\n"), None);
        assert_eq!(socket_counts(""), None);
    }
}
