use proptest::prelude::*;

use super::super::{Bound, Found, Span};
use super::*;

fn policy(text: &str) -> Policy {
    text.parse().unwrap()
}

fn told(os: Os, text: &str) -> Vec<String> {
    let plan = os.plan(&policy(text)).unwrap();
    plan.downgrades.iter().map(ToString::to_string).collect()
}

const OLD: Os = Os::Windows { build: 9_600 };
const NEW: Os = Os::Windows { build: 22_631 };

#[test]
fn what_a_system_can_do_it_does_as_asked() {
    for os in [
        Os::Linux,
        Os::Android,
        Os::MacOs,
        Os::Ios,
        Os::FreeBsd,
        Os::Illumos,
        NEW,
    ] {
        assert_eq!(told(os, "60/5/3 U=20s"), [""; 0], "{os}");
        let plan = os.plan(&policy("60/5/3 U=20s")).unwrap();
        assert_eq!(plan.idle, Some(Duration::from_secs(60)));
        assert_eq!(plan.interval, Some(Duration::from_secs(5)));
        assert_eq!(plan.count, Some(3));
        assert_eq!(plan.user_timeout, Some(Duration::from_secs(20)));
    }
}

#[test]
fn what_it_cannot_do_is_told() {
    assert_eq!(
        told(Os::OpenBsd, "60/5/3 U=20s"),
        [
            "idle time: 1m asked, keeps 2h: OpenBSD has it for the whole system only: sysctl net.inet.tcp.keepidle",
            "interval: 5s asked, keeps 1m15s: OpenBSD has it for the whole system only: sysctl net.inet.tcp.keepintvl",
            "user timeout: 20s asked, has none: OpenBSD has no limit on unacknowledged data for one socket",
            "count: 3 probes asked, keeps 8 probes: OpenBSD fixes it (TCPTV_KEEPCNT)",
        ]
    );
    assert_eq!(
        told(OLD, "60/5/3"),
        ["count: 3 probes asked, keeps 10 probes: Windows fixes it before version 1703"]
    );
    for os in [Os::NetBsd, Os::DragonFly] {
        assert_eq!(told(os, "60/5/3 U=20s").len(), 1, "{os}");
        assert_eq!(told(os, "60/5/3"), [""; 0], "{os}");
    }
}

#[test]
fn rounding_is_up_and_shown() {
    assert_eq!(
        told(Os::Linux, "1500ms/2001ms/200"),
        [
            "idle time: 1.5s asked, takes 2s: it counts whole units; rounded up",
            "interval: 2s asked, takes 3s: it counts whole units; rounded up",
            "count: 200 probes asked, takes 127 probes: it is the largest value there",
        ]
    );
    assert_eq!(
        told(Os::Linux, "100000/5/3"),
        ["idle time: 1d3h asked, takes 9h6m: it is the largest value there"]
    );
    assert_eq!(
        told(Os::Illumos, "5/90/3"),
        [
            "idle time: 5s asked, takes 10s: it is the smallest value there",
            "interval: 1m30s asked, takes 1m: it is the largest value there",
        ]
    );
    for os in [Os::DragonFly, NEW] {
        assert_eq!(told(os, "1500ms/250ms/3"), [""; 0], "{os}");
    }
}

#[test]
fn less_than_a_second_is_refused_where_seconds_are_counted() {
    let sub = policy("60ms/5/3");
    let error = Os::Linux.plan(&sub).unwrap_err();
    assert_eq!(
        error.to_string(),
        "keepalive idle time of 60ms: Linux counts whole seconds; ask for at least 1 s"
    );
    assert!(Os::MacOs.plan(&policy("60/5ms/3")).is_err());
    assert!(Os::FreeBsd.plan(&policy("60/5/3 U=20ms")).is_err());
    assert!(Os::Linux.plan(&policy("60/5/3 U=20ms")).is_ok());
    assert!(NEW.plan(&sub).is_ok());
}

#[test]
fn times_are_known_where_they_were_measured_or_read() {
    let kernel = Kernel {
        hz: Some(250),
        ..Kernel::default()
    };
    let within = |earliest, latest| {
        Found::Within(Span {
            earliest: Duration::from_millis(earliest),
            latest: Duration::from_millis(latest),
        })
    };
    let plan = Os::Linux.plan(&policy("2/1/3")).unwrap();
    assert_eq!(plan.detection(&kernel).idle, within(5_052, 5_108));
    let any_rate = plan.detection(&Kernel::default()).idle.span().unwrap();
    assert!(any_rate.earliest >= Duration::from_secs(5), "{any_rate:?}");
    assert!(
        any_rate.latest <= Duration::from_millis(5_300),
        "{any_rate:?}"
    );
    assert_eq!(
        plan.outage(&kernel).idle,
        Bound::AtLeast(Duration::from_secs(2))
    );
    let plan = Os::Linux.plan(&policy("2/1/3 U=10s")).unwrap();
    assert_eq!(plan.detection(&kernel).idle, within(10_172, 10_228));

    for os in [Os::MacOs, Os::FreeBsd, Os::DragonFly, Os::Illumos] {
        let plan = os.plan(&policy("60/5/3")).unwrap();
        let idle = plan.detection(&kernel).idle;
        assert_eq!(idle.earliest(), Some(Duration::from_secs(75)), "{os}");
        assert_eq!(idle.span(), None, "{os}");
    }
    for os in [Os::NetBsd, Os::OpenBsd, OLD, NEW] {
        let plan = os.plan(&policy("60/5/3")).unwrap();
        assert!(
            matches!(plan.detection(&kernel).idle, Found::Unknown(_)),
            "{os}"
        );
    }
}

#[test]
fn both_paths_of_the_default_take_two_minutes() {
    let kernel = Kernel {
        hz: Some(250),
        ..Kernel::default()
    };
    let plan = Os::Linux.plan(&Policy::default()).unwrap();
    let detection = plan.detection(&kernel);
    for found in [detection.idle, detection.in_flight] {
        let span = found.span().unwrap();
        assert!(span.earliest >= Duration::from_secs(115), "{span:?}");
        assert!(span.latest <= Duration::from_secs(125), "{span:?}");
    }
    let survives = plan.outage(&kernel).idle.known().unwrap();
    assert!(survives >= Duration::from_secs(40), "{survives:?}");
}

#[test]
fn without_keepalive_an_idle_death_is_never_found() {
    for os in Os::ALL {
        let off = Effective {
            enabled: false,
            ..os.plan(&Policy::default()).unwrap().effective()
        };
        let detection = os.detection(&off, &Kernel::default());
        assert!(matches!(detection.idle, Found::Never(_)), "{os}");
        assert_eq!(
            os.outage(&off, &Kernel::default()).idle.known(),
            None,
            "{os}"
        );
    }
}

proptest! {
    #[test]
    fn every_difference_is_told_and_nothing_else(
        idle in 1_000_u32..2_000_000_000,
        interval in 1_000_u32..2_000_000_000,
        count in 1_u32..=255,
        user_timeout in prop::option::of(1_000_u32..2_000_000_000),
    ) {
        let ms = |ms: u32| Duration::from_millis(ms.into());
        let mut policy = Policy::new(ms(idle), ms(interval), count).unwrap();
        if let Some(time) = user_timeout {
            policy = policy.with_user_timeout(ms(time)).unwrap();
        }
        for os in Os::ALL {
            let plan = os.plan(&policy).unwrap();
            let told = |setting| plan.downgrades.iter().any(|one| one.setting == setting);
            prop_assert_eq!(told(Setting::Idle), plan.idle != Some(policy.idle()));
            prop_assert_eq!(told(Setting::Interval), plan.interval != Some(policy.interval()));
            prop_assert_eq!(told(Setting::Count), plan.count != Some(count));
            prop_assert_eq!(told(Setting::UserTimeout), plan.user_timeout != policy.user_timeout());
            prop_assert!(plan.idle.is_none_or(|taken| taken >= policy.idle() || told(Setting::Idle)));
        }
    }

    #[test]
    fn no_numbers_make_the_times_panic(
        idle in any::<u64>(), interval in any::<u64>(), count in any::<u32>(),
        user_timeout in prop::option::of(any::<u64>()),
        hz in prop::option::of(any::<u32>()), rto in prop::option::of(any::<u64>()),
        retries2 in any::<u8>(), rto_max in 1_u64..1 << 40,
    ) {
        let settings = Effective {
            enabled: true,
            idle: Duration::from_secs(idle),
            interval: Duration::from_secs(interval),
            count,
            user_timeout: user_timeout.map(Duration::from_secs),
        };
        let kernel = Kernel {
            hz, retries2,
            rto: rto.map(Duration::from_micros),
            rto_max: Duration::from_millis(rto_max),
        };
        for os in Os::ALL {
            let detection = os.detection(&settings, &kernel);
            if let Some(span) = detection.idle.span() {
                prop_assert!(span.earliest <= span.latest);
            }
            if let Some(span) = detection.in_flight.span() {
                prop_assert!(span.earliest <= span.latest);
            }
            let _no_panic = os.outage(&settings, &kernel);
        }
    }
}
