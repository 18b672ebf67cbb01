//! What a path means, in sentences.

use std::net::IpAddr;

use anstyle::Style;
use ayt_core::trace::{Difference, End, Full, Hop, Noted, Picture, Place, reason};
use ayt_guard::trace::Report;

use super::hops::time;
use crate::text::{number, style};

/// Where it ends, first of all.
pub(super) fn end(picture: &Picture, interrupted: bool) -> (String, Style) {
    let six = picture.flow.remote.is_ipv6();
    let peer = picture.flow.remote;
    let about = |sure: bool| if sure { "" } else { "about " };
    match &picture.end {
        End::Open if interrupted => (
            "Stopped before its end was known.".to_owned(),
            style::WARNING,
        ),
        End::Open => (
            "Nothing could be asked: where it ends is not known.".to_owned(),
            style::WARNING,
        ),
        End::Answers { hop, sure } => {
            let times = picture.hops.last().and_then(Hop::times);
            let after = times.map(|(_, median, _)| format!(" after {}", time(median)));
            let text = format!(
                "The peer answers{}: {peer} is {}{} away and knows the connection.",
                after.unwrap_or_default(),
                about(*sure),
                number::of(usize::from(*hop), "hop"),
            );
            (text, style::GOOD)
        }
        End::Reset { hop, sure, nearer } => {
            let text = match nearer {
                None => format!(
                    "The peer does not know the connection (RST): {peer} is {}{} away; it \
                     rebooted, or forgot it.",
                    about(*sure),
                    number::of(usize::from(*hop), "hop"),
                ),
                Some(nearer) => format!(
                    "Somebody on the way ends it in the peer's name (RST): by the hops that it \
                     had left it was sent {} from here{}, and it takes {} to draw it.",
                    number::of(usize::from(*nearer), "hop"),
                    named(picture, *nearer),
                    number::of(usize::from(*hop), "hop"),
                ),
            };
            (text, style::ERROR)
        }
        End::Refused { hop, by, at, code } => {
            let place = match at {
                Some(at) => format!(" ({at})"),
                None => format!(", asked with {}", number::of(usize::from(*hop), "hop")),
            };
            let text = format!(
                "Refused by {by}{place}: {} (ICMP code {code}).",
                reason::unreachable(six, *code)
            );
            (text, style::ERROR)
        }
        End::Loop { hop, routers } => {
            let names: Vec<String> = routers.iter().map(IpAddr::to_string).collect();
            let text = format!(
                "It goes round from hop {hop} on: {} pass it to each other and never on.",
                names.join(" and ")
            );
            (text, style::ERROR)
        }
        End::Swallowed { last: None, asks } => {
            let text = format!(
                "Swallowed at once: not even the first hop answers; {}, no answer.",
                number::of(*asks as usize, "ask")
            );
            (text, style::ERROR)
        }
        End::Swallowed {
            last: Some(Place { hop, address }),
            asks,
        } => {
            let text = format!(
                "Swallowed: the last hop that answers is {address} ({hop}); nothing beyond it: {}.",
                number::of(*asks as usize, "ask")
            );
            (text, style::ERROR)
        }
    }
}

/// ` (10.0.3.1)`, where somebody answered there.
fn named(picture: &Picture, hop: u8) -> String {
    let found = picture.hops.iter().find(|one| one.ttl == hop && !one.peer);
    let router = found.and_then(|hop| hop.routers.first());
    router.map_or_else(String::new, |router| format!(" ({})", router.address))
}

/// What else there is to know.
pub(super) fn notes(report: &Report) -> Vec<String> {
    let picture = &report.picture;
    let mut notes = Vec::new();
    if picture.back_open && matches!(picture.end, End::Swallowed { .. }) {
        notes.push(
            "segments of the peer still come: the way back is open, the way there is not"
                .to_owned(),
        );
    }
    if report.unheard {
        notes.push(
            "this host drops what the peer answers before TCP has it: its firewall or its source \
             check (rp_filter); the program hears nothing"
                .to_owned(),
        );
    }
    let silent: Vec<String> = picture
        .hops
        .iter()
        .filter(|hop| hop.noted == Noted::Silent)
        .map(|hop| hop.ttl.to_string())
        .collect();
    match silent.as_slice() {
        [] => {}
        [one] => notes.push(format!(
            "hop {one} answers nothing and later ones do: it carries all on"
        )),
        many => notes.push(format!(
            "hops {} answer nothing and later ones do: they carry all on",
            many.join(", ")
        )),
    }
    for hop in &picture.hops {
        notes.extend(of_hop(hop));
    }
    notes.extend(translated(picture));
    if let Some(full) = &picture.full {
        notes.extend(full_size(picture, full));
    }
    if report.gone {
        notes.push(
            match picture.end {
                End::Reset { .. } => "the RST has ended the connection on this side, too",
                _ => "the connection ended meanwhile",
            }
            .to_owned(),
        );
    }
    if let Some(why) = &report.unsent {
        notes.push(format!("some asks could not be sent: {why}"));
    }
    if report.missed {
        notes.push("more passed than could be looked at: some answers may be missing".to_owned());
    }
    notes
}

fn of_hop(hop: &Hop) -> Option<String> {
    let who = hop.routers.first().map(|router| router.address)?;
    let counts = format!(
        "{} of {}",
        hop.answers,
        number::of(hop.asks as usize, "ask")
    );
    match hop.noted {
        Noted::Limited => Some(format!(
            "hop {} ({who}) answers {counts}, and later hops more: it limits its ICMP, nothing is \
             lost there",
            hop.ttl
        )),
        Noted::Lost if hop.answers > 0 && !hop.peer => Some(format!(
            "hop {} ({who}) answers {counts}, and later hops no more: they are lost on the way \
             there or back",
            hop.ttl
        )),
        Noted::Lost | Noted::Silent | Noted::Nothing => None,
    }
}

/// The NAT: the first hop where the connection has other addresses.
fn translated(picture: &Picture) -> Option<String> {
    let mut hops = picture.hops.iter();
    let (hop, router, there) = hops.find_map(|hop| {
        let translated = |router: &ayt_core::trace::Router| router.translated;
        let router = hop.routers.iter().find(|one| translated(one).is_some())?;
        Some((hop, router, translated(router)?))
    })?;
    let own = &picture.flow;
    let mut what = Vec::new();
    if there.local != own.local {
        what.push(format!("{} is {}", own.local, there.local));
    }
    if there.remote != own.remote {
        what.push(format!("{} is {}", own.remote, there.remote));
    }
    Some(format!(
        "a NAT lies before hop {} ({}): there {}",
        hop.ttl,
        router.address,
        what.join(" and ")
    ))
}

fn full_size(picture: &Picture, full: &Full) -> Vec<String> {
    let mut notes = Vec::new();
    for narrow in &full.narrow {
        let place = narrow
            .hop
            .map_or_else(String::new, |hop| format!(" ({hop})"));
        let mtu = match narrow.mtu {
            0 => "does not say how much it carries".to_owned(),
            mtu => format!("carries {} bytes", number::count(mtu.into())),
        };
        notes.push(format!(
            "packets of {} bytes are too big for the link beyond {}{place}: it {mtu}",
            number::count(full.size.into()),
            narrow.by,
        ));
    }
    match (full.fits, full.vanish_beyond) {
        (Some(fits), _) => notes.push(format!(
            "packets of {} bytes go as far as small ones",
            number::count(fits.into())
        )),
        (None, Some(0)) => notes.push(format!(
            "packets of {} bytes vanish before the first hop, without a word",
            number::count(full.size.into())
        )),
        (None, Some(hop)) => notes.push(format!(
            "packets of {} bytes vanish beyond hop {hop}{} without a word, and small ones do not: \
             a link there is too small, and the ICMP that should say so is dropped",
            number::count(full.size.into()),
            named(picture, hop)
        )),
        (None, None) => {}
    }
    notes
}

/// Where two paths part.
pub(super) fn parting(parting: Option<&Difference>) -> String {
    let Some(parting) = parting else {
        return "Both take the same path.".to_owned();
    };
    let who = |routers: &[IpAddr]| match routers.first() {
        Some(router) => router.to_string(),
        None => "nothing".to_owned(),
    };
    let shared = parting
        .shared
        .map_or_else(String::new, |shared| format!(", beyond {shared}"));
    format!(
        "They part at hop {}{shared}: {} answers here, {} there.",
        parting.hop,
        who(&parting.this),
        who(&parting.other)
    )
}
