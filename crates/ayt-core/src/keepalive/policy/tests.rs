use proptest::prelude::*;

use super::*;

const MS: Duration = Duration::from_millis(1);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn reads_what_it_writes() {
    for text in [
        "60/5/3",
        "60/5/3 U=20s",
        "1500ms/5/3",
        "7200/75/9 U=2h",
        "60/10/6 U=1m55s",
        "1/1ms/255 U=1ms",
    ] {
        let policy: Policy = text.parse().unwrap();
        assert_eq!(policy.to_string(), text);
    }
    let policy: Policy = " 90s/1500ms/5  U=20 ".parse().unwrap();
    assert_eq!(policy.idle(), seconds(90));
    assert_eq!(policy.interval(), 1500 * MS);
    assert_eq!(policy.user_timeout(), Some(seconds(20)));
    assert_eq!(Policy::default().to_string(), "60/10/6 U=1m55s");
}

#[test]
fn refuses_and_names_the_part() {
    for (text, message) in [
        ("", "`` is not IDLE/INTERVAL/COUNT"),
        ("60", "`60` is not IDLE/INTERVAL/COUNT"),
        ("60/5", "is not IDLE/INTERVAL/COUNT"),
        ("60/5/3/1", "is not IDLE/INTERVAL/COUNT"),
        ("60//3", "is not IDLE/INTERVAL/COUNT"),
        ("60/5/3 20s", "is not IDLE/INTERVAL/COUNT"),
        ("60/5/3 U=", "is not IDLE/INTERVAL/COUNT"),
        ("60/5/3 U=20s x", "is not IDLE/INTERVAL/COUNT"),
        ("a1/5/3", "`a1` in `a1/5/3` is not a whole number"),
        ("60/-5/3", "`-5` in `60/-5/3` is not a whole number"),
        ("60/5/3s", "`3s` in `60/5/3s` is not a whole number"),
        ("60/5x/3", "`5x` is not a duration"),
        ("0/5/3", "keepalive idle time 0ns is out of range"),
        ("60/0s/3", "keepalive interval 0ns is out of range"),
        ("60/5/0", "keepalive count 0 is out of range 1..=255"),
        ("60/5/256", "keepalive count 256 is out of range 1..=255"),
        ("60/5/3 U=0", "keepalive user timeout 0ns is out of range"),
        (
            "3000000/5/3",
            "keepalive idle time 3000000s is out of range",
        ),
        ("4294967296/5/3", "is not a whole number"),
    ] {
        let error = text.parse::<Policy>().unwrap_err().to_string();
        assert!(error.contains(message), "{text}: {error}");
    }
}

#[test]
fn no_zero_no_overflow_no_splinters() {
    for bad in [
        Duration::ZERO,
        Duration::MAX,
        Duration::from_nanos(1),
        seconds(1) + Duration::from_micros(1),
        LONGEST + MS,
    ] {
        assert!(Policy::new(bad, seconds(1), 1).is_err(), "{bad:?}");
        assert!(Policy::new(seconds(1), bad, 1).is_err(), "{bad:?}");
        let policy = Policy::default().with_user_timeout(bad);
        assert!(policy.is_err(), "{bad:?}");
    }
    assert!(Policy::new(LONGEST, MS, 255).is_ok());
}

proptest! {
    #[test]
    fn a_policy_is_valid_exactly_within_its_ranges(
        idle in 0_u64..3_000_000_000, interval in 0_u64..3_000_000_000, count in 0_u32..300
    ) {
        let policy = Policy::new(MS * u32::try_from(idle).unwrap(), MS * u32::try_from(interval).unwrap(), count);
        let range = 1..=i32::MAX as u64;
        let valid = range.contains(&idle) && range.contains(&interval) && (1..=255).contains(&count);
        prop_assert_eq!(policy.is_ok(), valid);
        if let Ok(policy) = policy {
            prop_assert_eq!(policy.to_string().parse(), Ok(policy));
        }
    }

    #[test]
    fn no_text_panics(text in "[0-9a-zU=/. ]{0,24}") {
        if let Ok(policy) = text.parse::<Policy>() {
            prop_assert_eq!(policy.to_string().parse(), Ok(policy));
        }
    }
}
