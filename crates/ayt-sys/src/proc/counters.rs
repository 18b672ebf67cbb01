//! /proc/net/netstat and /proc/net/snmp: pairs of lines, names and values.

use ayt_core::facts::Counters;

/// Reads one or both files, one after the other. A pair whose halves do not
/// belong together is left out.
#[must_use]
pub fn counters(text: &str) -> Counters {
    let mut counters = Counters::default();
    let mut lines = text.lines();
    while let Some(names) = lines.next() {
        let Some((group, names)) = names.split_once(':') else {
            continue;
        };
        let Some(values) = lines.next().and_then(|line| {
            let (same, values) = line.split_once(':')?;
            (same == group).then_some(values)
        }) else {
            continue;
        };
        for (name, value) in names
            .split_ascii_whitespace()
            .zip(values.split_ascii_whitespace())
        {
            if let Ok(value) = value.parse() {
                counters.0.insert(format!("{group}.{name}"), value);
            }
        }
    }
    counters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_names_with_values() {
        let text = "TcpExt: ListenOverflows ListenDrops\nTcpExt: 3 4\n\
                    Tcp: RtoAlgorithm MaxConn\nTcp: 1 -1\nBroken: A\nOther: 1\n";
        let counters = counters(text);
        assert_eq!(counters.get("TcpExt.ListenOverflows"), Some(3));
        assert_eq!(counters.get("Tcp.MaxConn"), Some(-1));
        assert_eq!(counters.get("Broken.A"), None);
    }
}
