//! The table and the sentences, for every end a path may have.

use std::net::IpAddr;
use std::time::Duration;

use ayt_core::trace::{End, Flow, Full, Hop, Narrow, Noted, Picture, Place, Refusal, Router};
use ayt_guard::trace::Report;

use super::sentences;
use super::{Progress, growing_text, hops, verdict};
use crate::output::page::Page;

fn router(last: u8) -> Router {
    Router {
        address: IpAddr::from([10, 0, last, 1]),
        answers: 3,
        translated: None,
        refusal: None,
        labels: Vec::new(),
    }
}

fn hop(ttl: u8) -> Hop {
    Hop {
        ttl,
        asks: 3,
        answers: 3,
        open: 0,
        routers: vec![router(ttl)],
        rtts: [63, 1_240, 48_100].map(Duration::from_micros).to_vec(),
        peer: false,
        noted: Noted::Nothing,
    }
}

fn picture(end: End, hops: Vec<Hop>) -> Picture {
    Picture {
        flow: Flow {
            local: "10.0.0.1:7000".parse().expect("an address"),
            remote: "10.0.9.2:5000".parse().expect("an address"),
        },
        rounds: 3,
        hops,
        end,
        back_open: false,
        full: None,
        last: true,
    }
}

fn report(picture: Picture) -> Report {
    Report {
        picture,
        interrupted: false,
        gone: false,
        first_picture: None,
        missed: false,
        unheard: false,
        unsent: None,
    }
}

fn page(report: &Report) -> String {
    let mut out = Vec::new();
    let page = Page::new(Some(80), false);
    hops::table(&mut out, page, &report.picture).expect("a table");
    verdict(&mut out, page, report).expect("sentences");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn a_path_with_all_that_a_hop_may_say_fits_80_columns() {
    let mut all: Vec<Hop> = (1..=6).map(hop).collect();
    all[1].noted = Noted::Silent;
    all[1].answers = 0;
    all[1].routers.clear();
    all[1].rtts.clear();
    all[2].noted = Noted::Limited;
    all[2].answers = 1;
    all[3].noted = Noted::Lost;
    all[3].answers = 2;
    all[3].routers[0].labels = vec![16_001, 24_002];
    all[3].routers.push(router(44));
    all[4].routers[0].translated = Some(Flow {
        local: "198.51.100.1:41000".parse().expect("an address"),
        remote: "10.0.9.2:5000".parse().expect("an address"),
    });
    all[5].peer = true;
    let end = End::Answers {
        hop: 6,
        sure: false,
    };
    let mut report = report(picture(end, all));
    report.picture.full = Some(Full {
        size: 1_500,
        fits: Some(1_400),
        narrow: vec![Narrow {
            by: IpAddr::from([10, 0, 3, 1]),
            hop: Some(3),
            mtu: 1_400,
        }],
        vanish_beyond: None,
    });
    report.missed = true;
    let text = page(&report);
    assert!(
        text.lines().all(|line| line.chars().count() <= 80),
        "{text}"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_swallowed_path_says_where_and_after_how_many_asks() {
    let place = Place {
        hop: 2,
        address: IpAddr::from([10, 0, 2, 1]),
    };
    let end = End::Swallowed {
        last: Some(place),
        asks: 14,
    };
    let mut report = report(picture(end, vec![hop(1), hop(2)]));
    report.picture.back_open = true;
    insta::assert_snapshot!(page(&report));
}

#[test]
fn every_other_end_has_its_sentence() {
    let said = |end: End, hops: Vec<Hop>| sentences::end(&picture(end, hops), false).0;
    let mut refused = hop(2);
    refused.routers[0].refusal = Some(Refusal { code: 13 });
    let by = IpAddr::from([10, 0, 2, 1]);
    let refusal = |at| End::Refused {
        hop: 3,
        by,
        at,
        code: 13,
    };
    assert_eq!(
        said(refusal(Some(2)), vec![hop(1), refused]),
        "Refused by 10.0.2.1 (2): administratively prohibited (ICMP code 13)."
    );
    assert_eq!(
        said(refusal(None), vec![hop(1)]),
        "Refused by 10.0.2.1, asked with 3 hops: administratively prohibited (ICMP code 13)."
    );
    let reset = |nearer| End::Reset {
        hop: 3,
        sure: true,
        nearer,
    };
    assert_eq!(
        said(reset(None), vec![]),
        "The peer does not know the connection (RST): 10.0.9.2:5000 is 3 hops away; it rebooted, \
         or forgot it."
    );
    assert_eq!(
        said(reset(Some(2)), vec![hop(1), hop(2)]),
        "Somebody on the way ends it in the peer's name (RST): by the hops that it had left it \
         was sent 2 hops from here (10.0.2.1), and it takes 3 hops to draw it."
    );
    let routers = vec![by, IpAddr::from([10, 0, 3, 1])];
    assert_eq!(
        said(End::Loop { hop: 2, routers }, vec![]),
        "It goes round from hop 2 on: 10.0.2.1 and 10.0.3.1 pass it to each other and never on."
    );
    let nothing = End::Swallowed {
        last: None,
        asks: 1,
    };
    assert_eq!(
        said(nothing, vec![]),
        "Swallowed at once: not even the first hop answers; 1 ask, no answer."
    );
    assert_eq!(
        sentences::end(&picture(End::Open, vec![]), true).0,
        "Stopped before its end was known."
    );
}

#[test]
fn an_answer_that_this_host_drops_is_a_note() {
    let end = End::Answers { hop: 1, sure: true };
    let mut report = report(picture(end, vec![hop(1)]));
    assert!(sentences::notes(&report).is_empty());
    report.unheard = true;
    let notes = sentences::notes(&report);
    assert!(notes[0].contains("rp_filter"), "{notes:?}");
}

#[test]
fn while_it_runs_it_says_what_it_waits_for() {
    let said = |nth, end, hops| growing_text(Progress { nth, rounds: 3 }, &picture(end, hops));
    assert_eq!(
        said([1, 1], End::Open, vec![]),
        "round 3 of 3: nothing so far; Ctrl-C ends it"
    );
    assert_eq!(
        said([2, 2], End::Open, vec![hop(1), hop(2)]),
        "connection 2 of 2, round 3 of 3: nothing beyond hop 2 so far; Ctrl-C ends it"
    );
    let answers = End::Answers { hop: 1, sure: true };
    assert_eq!(
        said([1, 1], answers, vec![hop(1)]),
        "round 3 of 3; Ctrl-C ends it"
    );
}
