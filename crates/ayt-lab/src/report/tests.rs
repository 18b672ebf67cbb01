//! The page as a whole: what is in it, and what never is.

use std::time::Duration;

use super::sample::{Script, cable, hostile, nobody, report, router};
use super::*;
use crate::packet::Direction;
use markup::Markup;
use proptest::prelude::*;

fn drawn(draw: impl FnOnce(&mut Markup)) -> String {
    let mut markup = Markup::default();
    draw(&mut markup);
    markup.finish()
}

#[test]
fn a_ladder_of_a_pulled_cable() {
    insta::assert_snapshot!(drawn(|svg| ladder::ladder(svg, &cable(), "run-1")));
}

#[test]
fn a_ladder_of_a_reset_by_the_wire() {
    insta::assert_snapshot!(drawn(|svg| ladder::ladder(svg, &router(), "run-1")));
}

#[test]
fn a_matrix() {
    insta::assert_snapshot!(drawn(|page| matrix::matrix(page, &report())));
}

#[test]
fn a_plot() {
    insta::assert_snapshot!(drawn(|svg| plot::plot(svg, &report())));
}

/// Every tag that is open is closed, in the right order, and its attributes are quoted:
/// what a strict reader would demand.
fn balanced(page: &str) -> Vec<&str> {
    const VOID: [&str; 2] = ["meta", "!doctype"];
    let mut open = Vec::new();
    let mut names = Vec::new();
    for part in page.split('<').skip(1) {
        let (tag, _) = part.split_once('>').expect("a tag ends");
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
        names.push(name);
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
    names
}

/// Everything but the style, whose `>` are no tags.
fn without_style(page: &str) -> String {
    let (before, rest) = page.split_once("<style>").unwrap();
    let (_, after) = rest.split_once("</style>").unwrap();
    format!("{before}{after}")
}

#[test]
fn the_page_needs_nothing_but_itself() {
    let page = html(&report());
    let names = balanced(&without_style(&page)).join(" ");
    for name in [
        "script",
        "link",
        "img",
        "iframe",
        "object",
        "base",
        "foreignObject",
    ] {
        assert!(!names.split(' ').any(|one| one == name), "{name}");
    }
    for text in [
        "http:",
        "https:",
        "//",
        "@import",
        "@font-face",
        "javascript:",
    ] {
        assert!(!page.contains(text), "{text}");
    }
    // What is referred to is in the page, or a capture beside it.
    for href in page.split("href=\"").skip(1) {
        let (target, _) = href.split_once('"').unwrap();
        match target.strip_prefix('#') {
            Some(id) => assert!(page.contains(&format!("id=\"{id}\"")), "{target}"),
            None => assert!(target.ends_with(".pcapng"), "{target}"),
        }
    }
    for id in page.split("url(#").skip(1) {
        let (id, _) = id.split_once(')').unwrap();
        assert!(page.contains(&format!("id=\"{id}\"")), "{id}");
    }
}

#[test]
fn hostile_names_are_text() {
    let names = [
        "</title><script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onmouseover='alert(1)",
        "</svg></style><style>*{display:none}",
        "]]><!-- -->",
        "&lt;script&gt;",
        "javascript:alert(1)",
        "\u{202e}gnp.exe",
    ];
    for name in names {
        let report = Report {
            title: name.into(),
            machine: name.into(),
            runs: vec![hostile(name)],
            pcap: true,
            ..Report::default()
        };
        let page = html(&report);
        let harmless = Report {
            title: "x".into(),
            machine: "x".into(),
            runs: vec![hostile("x")],
            pcap: true,
            ..Report::default()
        };
        let tags = |page: &str| balanced(&without_style(page)).join(" ");
        assert_eq!(tags(&page), tags(&html(&harmless)), "{name}");
        assert!(!page.contains('\u{202e}'));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_text_leaves_the_page_as_it_was(text in any::<String>()) {
        // Settings that are empty have no row, and an empty title is replaced.
        let text = format!("x{text}");
        let of = |text: &str| {
            let runs = vec![hostile(text)];
            let title = text.to_owned();
            let page = html(&Report { title, runs, ..Report::default() });
            balanced(&without_style(&page)).join(" ")
        };
        prop_assert_eq!(of(&text), of("x"));
    }

    #[test]
    fn any_segments_make_a_ladder(
        segments in proptest::collection::vec((any::<bool>(), 0u8..16, 0u32..8, any::<u32>(), 0usize..3, 0u64..3_000), 0..400),
        far in any::<bool>(),
    ) {
        let mut script = Script::new();
        for (way, flags, near, number, length, wait) in segments {
            let way = if way { Direction::AtoB } else { Direction::BtoA };
            let names = ['S', 'F', 'R', '.'].into_iter().enumerate();
            let set = names.filter(|(bit, _)| flags >> bit & 1 == 1);
            let flags: String = set.map(|(_, name)| name).collect();
            script.wait(wait);
            let seq = if far { number } else { near };
            script.sent(way, &flags, seq, near, &b"xyz"[..length]);
            if number % 7 == 0 {
                script.cut("cut", "");
            }
        }
        let run = Run { records: script.records(), ..cable() };
        let text = drawn(|svg| ladder::ladder(svg, &run, "run-1"));
        balanced(&text);
        let arrows = text.matches("class=\"packet").count();
        prop_assert!(arrows <= 240 && arrows >= run.records.len().min(240), "{}", arrows);
        prop_assert!(!text.contains("NaN"));
    }

    #[test]
    fn any_times_make_a_page(
        measured in any::<Option<u64>>(),
        planned in any::<Option<[u64; 2]>>(),
        zero in any::<u64>(),
        counted in any::<Option<u64>>(),
        detected in any::<bool>(),
    ) {
        let nanos = Duration::from_nanos;
        let run = Run {
            detected,
            measured: measured.map(nanos),
            planned: planned.map(|span| span.map(nanos)),
            zero: nanos(zero),
            counted_from: counted.map(nanos),
            ..cable()
        };
        let page = html(&Report { runs: vec![run], ..Report::default() });
        balanced(&without_style(&page));
        prop_assert!(!page.contains("NaN") && !page.contains("inf%"));
    }
}

#[test]
fn the_longest_times_do_not_overflow() {
    let run = Run {
        measured: Some(Duration::MAX),
        planned: Some([Duration::ZERO, Duration::MAX]),
        zero: Duration::MAX,
        false_deaths: u64::MAX,
        ..cable()
    };
    balanced(&without_style(&html(&Report {
        runs: vec![run.clone(), run],
        ..Report::default()
    })));
}

#[test]
fn a_ladder_of_many_packets_is_bounded() {
    let mut script = Script::connected();
    for at in 0..20_000u32 {
        script.sent(Direction::AtoB, ".", 105 + at * 4, 901, b"data");
    }
    let run = Run {
        records: script.records(),
        ..router()
    };
    let text = drawn(|svg| ladder::ladder(svg, &run, "run-1"));
    assert!(text.len() < 400_000, "{}", text.len());
    assert!(text.contains("packets in 19."), "what is folded is counted");
}

#[test]
fn an_empty_report_is_a_page() {
    balanced(&without_style(&html(&Report::default())));
}

#[test]
fn what_was_not_detected_is_said_so() {
    let page = html(&Report {
        runs: vec![nobody()],
        ..Report::default()
    });
    assert!(page.contains("not found"));
    assert!(page.contains("under way"));
}

/// WCAG 2.2, 1.4.3: the contrast of two colours.
fn contrast(one: &str, other: &str) -> f64 {
    let light = |colour: &str| {
        let channel = |at: usize| {
            let part = u8::from_str_radix(&colour[at..at + 2], 16).unwrap();
            let part = f64::from(part) / 255.0;
            if part <= 0.040_45 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5) + 0.05
    };
    let (one, other) = (light(one), light(other));
    one.max(other) / one.min(other)
}

#[test]
fn every_text_can_be_read_in_light_and_in_dark() {
    let style = include_str!("style.css");
    for scheme in style.split(":root {").skip(1).take(2) {
        let scheme = scheme.split('}').next().unwrap();
        let colour = |name: &str| {
            let (_, after) = scheme.split_once(&format!("--{name}: ")).unwrap();
            &after[..7]
        };
        let texts = [
            "ink", "soft", "kept", "broken", "probe", "fin", "rst", "icmp", "window",
        ];
        for text in texts {
            for ground in ["paper", "sheet", "band"] {
                let contrast = contrast(colour(text), colour(ground));
                assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
            }
        }
        for (text, ground) in [
            ("kept", "kept-bg"),
            ("broken", "broken-bg"),
            ("soft", "open-bg"),
        ] {
            let contrast = contrast(colour(text), colour(ground));
            assert!(contrast >= 4.5, "{text} on {ground}: {contrast:.2}");
        }
    }
}
