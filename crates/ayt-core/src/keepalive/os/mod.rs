//! What each system can do: one file per system.
//!
//! To add one: a file with its `PROFILE`, a value of [`Os`] and the lines that the
//! compiler then asks for; in ayt-sys, `keepalive/<os>.rs`.

mod android;
mod dragonfly;
mod freebsd;
mod illumos;
mod ios;
mod linux;
mod macos;
mod netbsd;
mod openbsd;
mod windows;

use std::fmt;
use std::time::Duration;

use super::{Bound, Detection, Effective, Found, Kernel, Losses, Outage};

/// A system, as far as keepalive tells systems apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Os {
    /// Linux.
    Linux,
    /// Android.
    Android,
    /// macOS.
    MacOs,
    /// iOS.
    Ios,
    /// FreeBSD.
    FreeBsd,
    /// NetBSD.
    NetBsd,
    /// OpenBSD.
    OpenBsd,
    /// DragonFly BSD.
    DragonFly,
    /// illumos.
    Illumos,
    /// Windows.
    Windows {
        /// Its build: 15063 is version 1703, 16299 is 1709, 0 is any older than
        /// Windows 10.
        build: u32,
    },
}

/// How one setting can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Knob<T> {
    /// By an option of the socket.
    Socket {
        /// The option.
        option: &'static str,
        /// What it counts in.
        unit: T,
        /// The smallest value.
        min: T,
        /// The largest value.
        max: T,
    },
    /// Only for the whole system, by its administrator.
    System {
        /// What systems come with.
        usual: T,
        /// Why it is so, and what to do.
        why: &'static str,
    },
    /// Not at all.
    None {
        /// Why.
        why: &'static str,
    },
}

/// What a system comes with, before its administrator changes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Defaults {
    /// I.
    pub idle: Duration,
    /// V.
    pub interval: Duration,
    /// N.
    pub count: u32,
}

/// What a system can do, and where that is written.
#[derive(Debug, Clone, Copy)]
pub struct Profile {
    /// The name people know it by.
    pub name: &'static str,
    /// What it comes with.
    pub defaults: Defaults,
    /// I.
    pub idle: Knob<Duration>,
    /// V.
    pub interval: Knob<Duration>,
    /// N.
    pub count: Knob<u32>,
    /// U, or what comes nearest to it.
    pub user_timeout: Knob<Duration>,
    /// Manual pages and source files.
    pub source: &'static str,
    pub(super) detection: fn(&Effective, &Kernel) -> Detection,
    pub(super) outage: fn(&Effective, &Kernel) -> Outage,
    pub(super) losses: fn(&Effective, &Kernel) -> Losses,
}

impl Os {
    /// Every system, Windows before and since its options of 1703 and 1709.
    pub const ALL: [Self; 12] = [
        Self::Linux,
        Self::Android,
        Self::MacOs,
        Self::Ios,
        Self::FreeBsd,
        Self::NetBsd,
        Self::OpenBsd,
        Self::DragonFly,
        Self::Illumos,
        Self::Windows { build: 0 },
        Self::Windows {
            build: windows::BUILD_1703,
        },
        Self::Windows {
            build: windows::BUILD_1709,
        },
    ];

    /// What it can do.
    #[must_use]
    pub const fn profile(self) -> Profile {
        match self {
            Self::Linux => linux::PROFILE,
            Self::Android => android::PROFILE,
            Self::MacOs => macos::PROFILE,
            Self::Ios => ios::PROFILE,
            Self::FreeBsd => freebsd::PROFILE,
            Self::NetBsd => netbsd::PROFILE,
            Self::OpenBsd => openbsd::PROFILE,
            Self::DragonFly => dragonfly::PROFILE,
            Self::Illumos => illumos::PROFILE,
            Self::Windows { build } => windows::profile(build),
        }
    }

    /// The name people know it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.profile().name
    }
}

impl fmt::Display for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// An option that counts seconds from 1.
const fn seconds(option: &'static str, max: u64) -> Knob<Duration> {
    let second = Duration::from_secs(1);
    Knob::Socket {
        option,
        unit: second,
        min: second,
        max: Duration::from_secs(max),
    }
}

/// An option that counts milliseconds.
const fn milliseconds(option: &'static str, min: u64, max: u64) -> Knob<Duration> {
    Knob::Socket {
        option,
        unit: Duration::from_millis(1),
        min: Duration::from_millis(min),
        max: Duration::from_millis(max),
    }
}

/// An option that counts probes from 1.
const fn probes(option: &'static str, max: u32) -> Knob<u32> {
    Knob::Socket {
        option,
        unit: 1,
        min: 1,
        max,
    }
}

/// 2 h / 75 s and a count: what nearly all systems come with (RFC 1122 4.2.3.6
/// asks for at least 2 h).
const fn usual(count: u32) -> Defaults {
    Defaults {
        idle: Duration::from_secs(7_200),
        interval: Duration::from_secs(75),
        count,
    }
}

const OFF: Found = Found::Never("keepalive is off: nothing is asked of an idle peer");

/// I + V·N, as systems of the BSD family have it, no earlier.
fn not_before(settings: &Effective, why: &'static str) -> Found {
    if settings.enabled {
        let probing = settings.interval.saturating_mul(settings.count);
        let earliest = settings.idle.saturating_add(probing);
        Found::NotBefore { earliest, why }
    } else {
        OFF
    }
}

/// N probes, and what is sent in flight is not known to us.
fn count_of_probes(settings: &Effective, _kernel: &Kernel) -> Losses {
    Losses {
        idle: settings.enabled.then_some(settings.count),
        in_flight: None,
    }
}

/// N lost probes kill, N − 1 intervals apart.
fn lost_probes(settings: &Effective) -> Bound {
    match settings.enabled {
        true => Bound::AtLeast(
            settings
                .interval
                .saturating_mul(settings.count.saturating_sub(1)),
        ),
        false => Bound::Unknown("keepalive is off: no outage kills an idle connection"),
    }
}
