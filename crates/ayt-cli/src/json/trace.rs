//! `ayt trace --json`: one object a connection, and where two part.

use std::net::IpAddr;
use std::time::Duration;

use ayt_core::trace::{
    Difference, End, Flow, Full, Hop, Noted, Picture, Router, difference, reason,
};

use super::Json;
use crate::text::trace::Traced;

/// Appends the traces, a line each; the first of two has what they differ in.
pub(crate) fn traced(out: &mut Vec<u8>, traced: &[Traced<'_>]) {
    let differ = match traced {
        [this, other] => Some(difference(&this.report.picture, &other.report.picture)),
        _ => None,
    };
    for (nth, one) in traced.iter().enumerate() {
        let (report, picture) = (one.report, &one.report.picture);
        Json::new(out).object(|json| {
            end(json, picture);
            json.key("rounds").number(picture.rounds);
            json.key("hops").array(|json| {
                for hop in &picture.hops {
                    json.object(|json| one_hop(json, hop, picture));
                }
            });
            json.key("back_open").boolean(picture.back_open);
            json.key("full_size");
            match &picture.full {
                Some(full) => json.object(|json| full_size(json, full)),
                None => json.null(),
            }
            json.key("first_picture_ms");
            time(json, report.first_picture);
            json.key("interrupted").boolean(report.interrupted);
            json.key("gone").boolean(report.gone);
            json.key("missed").boolean(report.missed);
            json.key("answer_dropped").boolean(report.unheard);
            json.key("unsent").optional_string(report.unsent.as_deref());
            if let Some(differ) = differ.as_ref().filter(|_| nth == 0) {
                json.key("differs");
                match differ {
                    Some(differ) => json.object(|json| differs(json, differ)),
                    None => json.null(),
                }
            }
            json.identity(one.facts, one.socket);
        });
        out.push(b'\n');
    }
}

fn end(json: &mut Json<'_>, picture: &Picture) {
    let six = picture.flow.remote.is_ipv6();
    json.key("end").string(match picture.end {
        End::Open => "open",
        End::Answers { .. } => "answers",
        End::Reset { .. } => "reset",
        End::Refused { .. } => "refused",
        End::Loop { .. } => "loop",
        End::Swallowed { .. } => "swallowed",
    });
    match &picture.end {
        End::Open => {}
        End::Answers { hop, sure } => {
            json.key("end_hop").number(*hop);
            json.key("end_hop_sure").boolean(*sure);
        }
        End::Reset { hop, sure, nearer } => {
            json.key("end_hop").number(*hop);
            json.key("end_hop_sure").boolean(*sure);
            json.key("sent_by_hop");
            match nearer {
                Some(nearer) => json.number(*nearer),
                None => json.null(),
            }
        }
        End::Refused { hop, by, at, code } => {
            json.key("end_hop").number(*hop);
            json.key("refused_by").string(&by.to_string());
            json.key("refused_by_hop");
            match at {
                Some(at) => json.number(*at),
                None => json.null(),
            }
            json.key("icmp_code").number(*code);
            json.key("meaning").string(reason::unreachable(six, *code));
        }
        End::Loop { hop, routers } => {
            json.key("end_hop").number(*hop);
            json.key("routers").array(|json| addresses(json, routers));
        }
        End::Swallowed { last, asks } => {
            json.key("last_hop");
            match last {
                Some(last) => json.number(last.hop),
                None => json.null(),
            }
            let address = last.map(|last| last.address.to_string());
            json.key("last_router").optional_string(address.as_deref());
            json.key("asks_beyond").number(*asks);
        }
    }
}

fn one_hop(json: &mut Json<'_>, hop: &Hop, picture: &Picture) {
    json.key("hop").number(hop.ttl);
    json.key("peer").boolean(hop.peer);
    json.key("asks").number(hop.asks);
    json.key("answers").number(hop.answers);
    json.key("noted").string(match hop.noted {
        Noted::Nothing => "nothing",
        Noted::Silent => "silent",
        Noted::Limited => "limited",
        Noted::Lost => "lost",
    });
    let times = hop.times();
    json.key("best_ms");
    time(json, times.map(|(best, _, _)| best));
    json.key("median_ms");
    time(json, times.map(|(_, median, _)| median));
    json.key("worst_ms");
    time(json, times.map(|(_, _, worst)| worst));
    json.key("routers").array(|json| {
        for router in &hop.routers {
            json.object(|json| one_router(json, router, picture));
        }
    });
}

fn one_router(json: &mut Json<'_>, router: &Router, picture: &Picture) {
    json.key("address").string(&router.address.to_string());
    json.key("answers").number(router.answers);
    json.key("icmp_code");
    match router.refusal {
        Some(refusal) => {
            json.number(refusal.code);
            let six = picture.flow.remote.is_ipv6();
            json.key("meaning")
                .string(reason::unreachable(six, refusal.code));
        }
        None => json.null(),
    }
    json.key("translated");
    match router.translated {
        Some(Flow { local, remote }) => json.object(|json| {
            json.key("local").address(local);
            json.key("remote").address(remote);
        }),
        None => json.null(),
    }
    json.key("mpls").array(|json| {
        for label in &router.labels {
            json.number(*label);
        }
    });
}

fn full_size(json: &mut Json<'_>, full: &Full) {
    json.key("bytes").number(full.size);
    json.key("fits_bytes");
    match full.fits {
        Some(fits) => json.number(fits),
        None => json.null(),
    }
    json.key("narrow").array(|json| {
        for narrow in &full.narrow {
            json.object(|json| {
                json.key("router").string(&narrow.by.to_string());
                json.key("hop");
                match narrow.hop {
                    Some(hop) => json.number(hop),
                    None => json.null(),
                }
                json.key("mtu_bytes").number(narrow.mtu);
            });
        }
    });
    json.key("vanish_beyond_hop");
    match full.vanish_beyond {
        Some(hop) => json.number(hop),
        None => json.null(),
    }
}

fn differs(json: &mut Json<'_>, differ: &Difference) {
    json.key("hop").number(differ.hop);
    json.key("this").array(|json| addresses(json, &differ.this));
    json.key("against")
        .array(|json| addresses(json, &differ.other));
    let shared = differ.shared.map(|shared| shared.to_string());
    json.key("last_shared").optional_string(shared.as_deref());
}

fn addresses(json: &mut Json<'_>, addresses: &[IpAddr]) {
    for address in addresses {
        json.string(&address.to_string());
    }
}

fn time(json: &mut Json<'_>, time: Option<Duration>) {
    match time {
        Some(time) => json.milliseconds(time),
        None => json.null(),
    }
}
