use proptest::prelude::*;

use super::*;
use crate::keepalive::Kernel;
use crate::plan::{Behind, Family, Ground, Loss, Report};

fn wish(seconds: u64) -> Wish {
    let ground = Ground::new(Os::Linux, Kernel::default(), None);
    Wish::new(Duration::from_secs(seconds), ground)
}

fn settings(wish: &Wish) -> String {
    recommend(wish).unwrap().to_string()
}

fn binding_of(wish: &Wish) -> Binding {
    recommend(wish).unwrap_err().binding
}

#[test]
fn usual_wishes_get_usual_settings() {
    for (seconds, expected) in [
        (4, "1/1/2 U=2.5s"),
        (5, "1/1/3 U=3.5s"),
        (10, "3/1/6 U=9s"),
        (30, "14/2/6 U=27s"),
        (60, "32/4/6 U=56s"),
        (120, "62/8/6 U=1m51s"),
        (600, "406/24/6 U=9m35s"),
        (7_200, "6718/24/6 U=7174000ms"),
    ] {
        assert_eq!(settings(&wish(seconds)), expected, "{seconds}");
    }
}

#[test]
fn an_impossible_wish_is_refused_and_the_least_possible_one_is_named() {
    let refusal = recommend(&wish(2)).unwrap_err();
    assert_eq!(refusal.binding, Binding::System(Os::Linux));
    let least = refusal.least.unwrap();
    assert_eq!(least, Duration::from_secs(4));
    assert!(recommend(&wish(least.as_secs())).is_ok());
    assert!(recommend(&wish(least.as_secs() - 1)).is_err());
    let text = refusal.to_string();
    assert!(
        text.contains("within 2s") && text.contains("to be had so is 4s"),
        "{text}"
    );
}

#[test]
fn what_binds_is_named() {
    let outage = Wish {
        outage: Some(Duration::from_secs(25)),
        ..wish(30)
    };
    assert_eq!(
        binding_of(&outage),
        Binding::Outage(Duration::from_secs(25))
    );
    let loss = Loss::new(0.5).unwrap();
    let lossy = Wish {
        loss: Some(loss),
        ..wish(30)
    };
    assert_eq!(binding_of(&lossy), Binding::Loss(loss));
    let poor = Wish {
        bytes_budget: Some(100_000),
        ..wish(30)
    };
    assert_eq!(binding_of(&poor), Binding::Budget(100_000));
    let behind = Behind::After(Duration::from_secs(1));
    let forgetful = Wish {
        behind: vec![behind],
        ..wish(30)
    };
    assert_eq!(binding_of(&forgetful), Binding::Box(behind));
    let mut far = wish(10);
    far.ground.rtt = Some(Duration::from_secs(4));
    assert_eq!(binding_of(&far), Binding::RoundTrip(Duration::from_secs(4)));
    let mut openbsd = wish(30);
    openbsd.ground.os = Os::OpenBsd;
    assert!(matches!(binding_of(&openbsd), Binding::NotPerSocket { .. }));
}

#[test]
fn every_system_that_has_settings_of_its_own_gets_some() {
    for os in Os::ALL {
        let mut wish = wish(120);
        wish.ground.os = os;
        match recommend(&wish) {
            Ok(policy) => {
                let plan = os.plan(&policy).unwrap();
                let fixed = matches!(os, Os::Windows { build: 0 });
                let lossless = plan.downgrades.is_empty()
                    || fixed
                    || matches!(os.profile().user_timeout, Knob::None { .. });
                assert!(lossless, "{os:?}: {:?}", plan.downgrades);
                if fixed {
                    assert_eq!(plan.effective().count, 10);
                }
            }
            Err(refusal) => assert_eq!(os, Os::OpenBsd, "{refusal}"),
        }
    }
}

fn any_wish() -> impl Strategy<Value = Wish> {
    (
        1_u64..4_000,
        prop::option::of(0_u64..2_000),
        prop::option::of(0.0..0.4),
        prop::option::of(0_u64..100),
        prop::option::of(20_u64..1_000),
        prop::option::of(10_000_u64..100_000_000),
        prop::sample::select(vec![None, Some(100), Some(250), Some(1000)]),
    )
        .prop_map(|(seconds, rtt, loss, outage, behind, bytes_budget, hz)| {
            let kernel = Kernel {
                hz,
                ..Kernel::default()
            };
            let ground = Ground::new(Os::Linux, kernel, rtt.map(Duration::from_millis));
            Wish {
                loss: loss.and_then(Loss::new),
                outage: outage.map(Duration::from_secs),
                behind: behind
                    .map(Duration::from_secs)
                    .map(Behind::After)
                    .into_iter()
                    .collect(),
                bytes_budget,
                family: Family::V6,
                ..Wish::new(Duration::from_secs(seconds), ground)
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn every_recommendation_does_all_that_was_wished(wish in any_wish()) {
        let trip = wish.ground.trip();
        match Report::recommended(wish.clone()) {
            Ok(report) => {
                for found in [report.detection.idle, report.detection.in_flight] {
                    let latest = found.span().unwrap().latest;
                    prop_assert!(latest + trip <= wish.detect_within, "{}: {found}", report.policy);
                }
                if let Some(wanted) = wish.outage {
                    prop_assert!(report.outage.idle.known().unwrap() >= wanted);
                    prop_assert!(report.outage.in_flight.known().unwrap() >= wanted);
                }
                let settings = report.settings();
                prop_assert!(settings.interval >= trip * 2 && settings.count >= 2);
                if let Some(loss) = wish.loss {
                    let holds = wish.holds(&settings);
                    let terms = report.heartbeat.as_ref().ok();
                    let chance = false_death(&settings, terms, holds, loss, &wish.ground);
                    prop_assert!(chance < SAFE);
                }
                if let Some(bytes) = wish.bytes_budget {
                    prop_assert!(report.traffic.keepalive <= bytes);
                }
                prop_assert!(wish.holds(&settings).is_none_or(|probes| probes >= 2));
                prop_assert!(report.does_all(), "{:?}", report.warnings);
            }
            Err(error) => {
                // What is refused is refused with less time, too.
                let mut shorter = wish.clone();
                shorter.detect_within /= 2;
                prop_assert!(recommend(&shorter).is_err(), "{error}");
            }
        }
    }

    #[test]
    fn more_time_never_makes_it_impossible(seconds in 1_u64..600, more in 1_u64..600) {
        if recommend(&wish(seconds)).is_ok() {
            prop_assert!(recommend(&wish(seconds + more)).is_ok());
        }
    }

    #[test]
    fn a_longer_round_trip_never_makes_it_possible(
        seconds in 1_u64..60, rtt in 0_u64..3_000, more in 1_u64..3_000,
    ) {
        let at = |rtt| {
            let mut wish = wish(seconds);
            wish.ground.rtt = Some(Duration::from_millis(rtt));
            recommend(&wish)
        };
        if let Ok(far) = at(rtt + more) {
            let near = at(rtt);
            prop_assert!(near.is_ok(), "{near:?}");
            prop_assert!(far.interval() >= Duration::from_millis(2 * (rtt + more)));
        }
    }
}
