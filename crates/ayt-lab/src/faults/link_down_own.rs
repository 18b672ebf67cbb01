//! The device of the side that watches is taken down, and its routes go with it.

use ayt_sys::lab::RouteSocket;

use super::{Effect, Spec, fault};
use crate::clock;

pub(super) const SPEC: Spec = fault(
    "link-down-own",
    "the own device is set down: route and addresses go",
    Effect::OwnLink,
    |bed| {
        let device = bed.wire.device();
        bed.host(bed.observer()).with_netns(|ns| {
            let mut route = RouteSocket::open(ns)?;
            let index = route.index_of(&device)?;
            route.set_up(index, false)
        })?;
        Ok(clock::now())
    },
);
