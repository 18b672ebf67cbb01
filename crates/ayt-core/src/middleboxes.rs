//! How long boxes on the way (NAT, firewalls, load balancers) remember an idle
//! TCP connection, each with its source. Defaults; most can be set otherwise.

use std::time::Duration;

/// What a box does with a connection it has forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// Drops what comes later without a word: both sides stay half-open.
    Silent,
    /// Says nothing when it forgets, and answers whoever sends next with RST.
    ResetsLateSender,
    /// Closes towards both sides (a proxy).
    Closes,
}

/// A kind of box and its idle timeout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Middlebox {
    /// Its name on a command line: `ayt plan --behind aws-nlb`.
    pub id: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// Idle time after which it forgets an established connection, by default.
    pub idle: Duration,
    /// Its operator can set another time.
    pub settable: bool,
    /// What follows.
    pub expiry: Expiry,
    /// Where the number comes from.
    pub source: &'static str,
}

const fn row(
    id: &'static str,
    name: &'static str,
    idle_s: u64,
    settable: bool,
    expiry: Expiry,
    source: &'static str,
) -> Middlebox {
    Middlebox {
        id,
        name,
        idle: Duration::from_secs(idle_s),
        settable,
        expiry,
        source,
    }
}

/// Known idle timeouts, shortest first.
pub const MIDDLEBOXES: &[Middlebox] = &[
    row(
        "azure-lb",
        "Azure Load Balancer",
        240,
        true,
        Expiry::Silent,
        "https://learn.microsoft.com/en-us/azure/load-balancer/load-balancer-tcp-reset",
    ),
    row(
        "azure-nat",
        "Azure NAT Gateway",
        240,
        true,
        Expiry::ResetsLateSender,
        "https://learn.microsoft.com/en-us/azure/nat-gateway/nat-gateway-resource",
    ),
    row(
        "ibm-gateway",
        "IBM Cloud VPC public gateway",
        240,
        false,
        Expiry::Silent,
        "https://www.ibm.com/cloud/blog/troubleshooting-outgoing-connection-issues-with-ibm-vpc-public-and-service-gateways",
    ),
    row(
        "cn-mobile-2g",
        "China Mobile 2G/3G, China Unicom 2G",
        300,
        false,
        Expiry::Silent,
        "measurements by authors of messaging apps, about 2013; old, and never published by the carriers",
    ),
    row(
        "aws-nlb",
        "AWS Network Load Balancer",
        350,
        true,
        Expiry::ResetsLateSender,
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/network/update-idle-timeout.html",
    ),
    row(
        "aws-nat",
        "AWS NAT gateway",
        350,
        false,
        Expiry::ResetsLateSender,
        "https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html",
    ),
    row(
        "oci-nlb",
        "OCI Network Load Balancer",
        360,
        true,
        Expiry::Silent,
        "https://docs.oracle.com/en-us/iaas/Content/NetworkLoadBalancer/NetworkLoadBalancers/configure-idle-timeout.htm",
    ),
    row(
        "gcp-vpc",
        "Google Cloud VPC firewall",
        600,
        false,
        Expiry::Silent,
        "https://cloud.google.com/compute/docs/troubleshooting/general-tips",
    ),
    row(
        "nginx-stream",
        "nginx stream proxy",
        600,
        true,
        Expiry::Closes,
        "https://nginx.org/en/docs/stream/ngx_stream_proxy_module.html#proxy_timeout",
    ),
    row(
        "ipvs",
        "Linux IPVS",
        900,
        true,
        Expiry::Silent,
        "ipvsadm(8) --set; net/netfilter/ipvs/ip_vs_proto_tcp.c",
    ),
    row(
        "gcp-nat",
        "Google Cloud NAT",
        1200,
        true,
        Expiry::Silent,
        "https://cloud.google.com/nat/docs/tune-nat-configuration",
    ),
    row(
        "cn-telecom-3g",
        "China Telecom 3G",
        1680,
        false,
        Expiry::Silent,
        "measurements by authors of messaging apps, about 2013 (at least this long); old",
    ),
    row(
        "envoy",
        "Envoy TCP proxy",
        3600,
        true,
        Expiry::Closes,
        "https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts",
    ),
    row(
        "rfc5382",
        "NAT that keeps to RFC 5382",
        7440,
        true,
        Expiry::Silent,
        "RFC 5382 REQ-5: not less than 2 hours 4 minutes",
    ),
    row(
        "conntrack",
        "Linux nf_conntrack",
        432_000,
        true,
        Expiry::Silent,
        "Linux Documentation/networking/nf_conntrack-sysctl.rst, nf_conntrack_tcp_timeout_established",
    ),
];

/// The one of that id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Middlebox> {
    MIDDLEBOXES.iter().find(|row| row.id == id)
}

/// Those that forget a connection idle for less than `idle`.
pub fn forgetting_within(idle: Duration) -> impl Iterator<Item = &'static Middlebox> {
    MIDDLEBOXES.iter().take_while(move |row| row.idle < idle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_every_row_names_its_source() {
        assert!(MIDDLEBOXES.is_sorted_by_key(|row| row.idle));
        let complete = |row: &Middlebox| !row.name.is_empty() && row.source.len() > 10;
        assert!(MIDDLEBOXES.iter().all(complete));
    }

    #[test]
    fn every_id_is_one_word_and_finds_its_own_row() {
        for row in MIDDLEBOXES {
            let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            assert!(row.id.chars().all(word), "{}", row.id);
            assert_eq!(find(row.id), Some(row));
        }
        assert_eq!(find("nowhere"), None);
    }

    #[test]
    fn a_keepalive_as_short_as_the_timeout_is_in_time() {
        assert_eq!(forgetting_within(Duration::from_secs(240)).count(), 0);
        assert_eq!(forgetting_within(Duration::from_secs(241)).count(), 3);
        assert_eq!(
            forgetting_within(Duration::from_secs(7200)).count(),
            MIDDLEBOXES.len() - 2
        );
    }
}
