//! Packets of full size: the link that is too small, and the one that is so
//! without a word.

use ayt_core::trace::{Narrow, Settings};

use crate::chain::{Chain, quick};
use crate::nft::{needed, rules};
use crate::socket::wait_quiet;

fn full_size() -> Settings {
    Settings {
        full_size: Some(1_500),
        ..quick(1)
    }
}

/// The link between the third router and the fourth carries so much.
fn narrow(chain: &Chain, mtu: u16) {
    let device = chain.links[3].device();
    for hop in [3, 4] {
        let set = format!("link set {device} mtu {mtu}");
        chain.router(hop).ip(&set).expect("an MTU");
    }
}

#[test]
fn big_packets_get_through_a_path_of_big_links() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    for six in [false, true] {
        let mut pair = chain.connected(six);
        wait_quiet(&pair.near, 600);
        let report = chain.trace(&pair, &full_size());
        let full = report.picture.full.expect("asked");
        assert_eq!((full.size, full.fits), (1_500, Some(1_500)), "{full:?}");
        assert!(full.narrow.is_empty(), "{full:?}");
        pair.carries_data();
    }
}

#[test]
fn a_link_that_is_too_small_is_named_by_its_router() {
    if !needed() {
        return;
    }
    for six in [false, true] {
        let chain = Chain::new();
        let mut pair = chain.connected(six);
        narrow(&chain, 1_400);
        wait_quiet(&pair.near, 600);
        let before = crate::socket::info(&pair.near).1.pmtu;
        let report = chain.trace(&pair, &full_size());
        let full = report.picture.full.expect("asked");
        let link = Narrow {
            by: chain.address(3, six),
            hop: Some(3),
            mtu: 1_400,
        };
        assert_eq!(full.narrow, [link], "{full:?}");
        assert_eq!(full.fits, Some(1_400), "{full:?}");
        // The connection's own idea of its path is not touched.
        assert_eq!(crate::socket::info(&pair.near).1.pmtu, before);
        pair.carries_data();
    }
}

#[test]
fn a_black_hole_is_found_behind_the_last_hop_that_big_packets_reach() {
    if !needed() {
        return;
    }
    let chain = Chain::new();
    let mut pair = chain.connected(false);
    narrow(&chain, 1_400);
    rules(
        chain.router(3),
        "table inet mute {
            chain output {
                type filter hook output priority 0; icmp type destination-unreachable drop;
            }
        }",
    );
    wait_quiet(&pair.near, 600);
    let report = chain.trace(&pair, &full_size());
    assert!(report.picture.end.is_answered(), "{report:#?}");
    let full = report.picture.full.expect("asked");
    assert_eq!((full.fits, full.vanish_beyond), (None, Some(3)), "{full:?}");
    pair.carries_data();
}
