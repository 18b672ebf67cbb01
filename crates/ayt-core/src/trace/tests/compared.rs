//! Two paths side by side.

use super::*;

/// A path of these addresses' last bytes; 0 answers nothing.
fn path(hops: &[u8]) -> Picture {
    let hop = |(at, last): (usize, &u8)| Hop {
        ttl: at as u8 + 1,
        asks: 1,
        answers: u32::from(*last > 0),
        open: 0,
        routers: (*last > 0)
            .then(|| Router {
                address: IpAddr::from([10, 0, 0, *last]),
                answers: 1,
                translated: None,
                refusal: None,
                labels: Vec::new(),
            })
            .into_iter()
            .collect(),
        rtts: Vec::new(),
        peer: false,
        noted: Noted::Nothing,
    };
    Picture {
        flow: world::flow(),
        rounds: 1,
        hops: hops.iter().enumerate().map(hop).collect(),
        end: End::Open,
        back_open: false,
        full: None,
        last: true,
    }
}

#[test]
fn the_first_hop_where_two_paths_part_is_found() {
    for (this, other, hop) in [
        (&[1, 2, 3][..], &[1, 2, 3][..], None),
        (&[1, 2], &[1, 2, 3], Some(3)),
        (&[1, 2, 9], &[1, 2, 3], Some(3)),
        (&[1, 8, 3], &[1, 2, 3], Some(2)),
        // Silence on one side, and later they agree.
        (&[1, 0, 3], &[1, 2, 3], None),
        (&[1, 0, 9], &[1, 2, 3], Some(2)),
        (&[1, 0, 3], &[1, 0, 3], None),
        (&[], &[1], Some(1)),
        (&[], &[], None),
        (&[0, 0], &[0, 0], None),
    ] {
        let found = difference(&path(this), &path(other));
        assert_eq!(
            found.as_ref().map(|found| found.hop),
            hop,
            "{this:?} {other:?}"
        );
    }
    let found = difference(&path(&[1, 2]), &path(&[1, 2, 3])).unwrap();
    assert_eq!(found.shared, Some(IpAddr::from([10, 0, 0, 2])));
    assert_eq!(found.this, [] as [IpAddr; 0]);
    assert_eq!(found.other, [IpAddr::from([10, 0, 0, 3])]);
}
