//! A stored memory of networks: what is read prints as itself, and no memory, however
//! odd, brings a search out of its bounds.
#![no_main]

use std::time::Duration;

use ayt_core::detectors::adaptive::memory::Memory;
use ayt_core::detectors::adaptive::{Adaptive, SearchTerms, Step};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _ = text.parse::<Memory>();
    // Its first line is hard to guess.
    let Ok(memory) = format!("ayt networks 1\n{text}").parse::<Memory>() else {
        return;
    };
    assert_eq!(memory.to_string().parse(), Ok(memory.clone()));
    let (floor, ceiling) = (Duration::from_secs(30), Duration::from_secs(3_600));
    let Ok(terms) = SearchTerms::new(floor, ceiling) else {
        return;
    };
    let mut now = Duration::from_secs(7);
    let mut search = Adaptive::new(terms, &memory, now);
    for network in &memory.networks {
        assert!(search.network_changed(&network.label).is_ok());
        assert!((floor..=ceiling).contains(&search.interval()));
        for _ in 0..8 {
            match search.next(now) {
                Step::OpenSpare => search.spare_opened(now),
                Step::Silence(ms) => {
                    let silence = Duration::from_millis(ms.into());
                    assert!((floor..=ceiling).contains(&silence));
                    now += silence;
                    search.spoke(now);
                }
                Step::AskReal => search.real_answered(now),
                Step::Wait(until) => now = now.max(until),
                Step::Stable(interval) => assert!((floor..=ceiling).contains(&interval)),
            }
        }
    }
    let again = search.memory(now);
    assert_eq!(again.to_string().parse(), Ok(again));
});
