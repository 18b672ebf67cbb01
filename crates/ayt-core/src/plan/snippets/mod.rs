//! Settings as text to paste: one file a target.
//!
//! To add one: a file with its `SNIPPET`, a value of [`Target`], and the lines that the
//! compiler then asks for. Each says in which unit it counts, what a socket will have
//! (which tests read back from the kernel), and what cannot be said there.

mod c;
mod cpp;
mod csharp;
mod envoy;
mod go;
mod haproxy;
mod java;
mod kubernetes;
mod mysql;
mod nginx;
mod node;
mod postgresql;
mod powershell;
mod python;
mod redis;
mod rust;
mod sshd;
mod sysctl;
mod systemd;
mod windows_registry;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Ground, Report};
use crate::keepalive::{Effective, Found, Os, Policy, Span, SubSecond};

/// What text can be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// A file for sysctl(8).
    Sysctl,
    /// C on Linux.
    C,
    /// C++ on Windows.
    Cpp,
    /// C# on Windows.
    CSharp,
    /// Java 11 and later.
    Java,
    /// Go on Linux.
    Go,
    /// Rust with socket2.
    Rust,
    /// Python on Linux.
    Python,
    /// Node.js.
    Node,
    /// nginx.
    Nginx,
    /// HAProxy.
    Haproxy,
    /// Envoy.
    Envoy,
    /// PostgreSQL.
    Postgresql,
    /// MariaDB and MySQL.
    Mysql,
    /// Redis.
    Redis,
    /// OpenSSH's server.
    Sshd,
    /// A systemd socket unit.
    Systemd,
    /// A Kubernetes pod.
    Kubernetes,
    /// A file for Windows' registry.
    WindowsRegistry,
    /// PowerShell, for the registry.
    Powershell,
}

/// One target.
struct Snippet {
    /// Its name on a command line.
    id: &'static str,
    /// What the text is, in a few words.
    what: &'static str,
    /// Where it goes.
    file: &'static str,
    /// What a line of comment begins with.
    comment: &'static str,
    /// What must stand before everything, comments included.
    first: &'static str,
    /// The system it is for.
    os: Os,
    /// What a socket will have, of what is asked.
    sets: fn(&Effective) -> Effective,
    /// What is to be known, a sentence each.
    notes: &'static [&'static str],
    /// The text, without the comment at its head.
    body: fn(&Effective) -> String,
}

impl Target {
    /// All of them, as `--help` lists them.
    pub const ALL: [Self; 20] = [
        Self::Sysctl,
        Self::C,
        Self::Cpp,
        Self::CSharp,
        Self::Java,
        Self::Go,
        Self::Rust,
        Self::Python,
        Self::Node,
        Self::Nginx,
        Self::Haproxy,
        Self::Envoy,
        Self::Postgresql,
        Self::Mysql,
        Self::Redis,
        Self::Sshd,
        Self::Systemd,
        Self::Kubernetes,
        Self::WindowsRegistry,
        Self::Powershell,
    ];

    const fn snippet(self) -> &'static Snippet {
        match self {
            Self::Sysctl => &sysctl::SNIPPET,
            Self::C => &c::SNIPPET,
            Self::Cpp => &cpp::SNIPPET,
            Self::CSharp => &csharp::SNIPPET,
            Self::Java => &java::SNIPPET,
            Self::Go => &go::SNIPPET,
            Self::Rust => &rust::SNIPPET,
            Self::Python => &python::SNIPPET,
            Self::Node => &node::SNIPPET,
            Self::Nginx => &nginx::SNIPPET,
            Self::Haproxy => &haproxy::SNIPPET,
            Self::Envoy => &envoy::SNIPPET,
            Self::Postgresql => &postgresql::SNIPPET,
            Self::Mysql => &mysql::SNIPPET,
            Self::Redis => &redis::SNIPPET,
            Self::Sshd => &sshd::SNIPPET,
            Self::Systemd => &systemd::SNIPPET,
            Self::Kubernetes => &kubernetes::SNIPPET,
            Self::WindowsRegistry => &windows_registry::SNIPPET,
            Self::Powershell => &powershell::SNIPPET,
        }
    }

    /// Its name on a command line.
    #[must_use]
    pub const fn id(self) -> &'static str {
        self.snippet().id
    }

    /// What the text is, in a few words.
    #[must_use]
    pub const fn what(self) -> &'static str {
        self.snippet().what
    }
}

/// No target is called so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing is emitted for `{0}`; there are: {ids}", ids = ids())]
pub struct NoSnippet(String);

fn ids() -> String {
    Target::ALL.map(Target::id).join(", ")
}

impl FromStr for Target {
    type Err = NoSnippet;

    fn from_str(text: &str) -> Result<Self, NoSnippet> {
        let mut all = Self::ALL.into_iter();
        all.find(|target| target.id() == text)
            .ok_or_else(|| NoSnippet(text.to_owned()))
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// Text to paste.
#[derive(Debug, Clone, PartialEq)]
pub struct Emitted {
    /// The text, with a comment at its head.
    pub text: String,
    /// Where it goes.
    pub file: &'static str,
    /// What a socket will have: not always all that was asked.
    pub settings: Effective,
}

/// The settings of a report for one target.
///
/// # Errors
/// A time below one second where the target counts seconds.
pub fn emit(target: Target, report: &Report) -> Result<Emitted, SubSecond> {
    let snippet = target.snippet();
    let asked = snippet.os.plan(&report.policy)?.effective();
    let settings = (snippet.sets)(&asked);
    let ground = Ground {
        os: snippet.os,
        ..report.wish.ground
    };
    let mut text = snippet.first.to_owned();
    let mut comment = |line: &str| {
        for line in lines(line, 76) {
            text.push_str(snippet.comment);
            text.push(' ');
            text.push_str(&line);
            text.push('\n');
        }
    };
    comment(&format!("{}: {}", snippet.file, notation(&settings)));
    comment(&finds(&settings, &ground));
    if settings != asked {
        comment(&format!("Asked for {}.", notation(&asked)));
    }
    snippet.notes.iter().for_each(|note| comment(note));
    text.push_str(&(snippet.body)(&asked));
    Ok(Emitted {
        text,
        file: snippet.file,
        settings,
    })
}

/// `keepalive 60/5/3 U=20s`.
fn notation(settings: &Effective) -> String {
    let policy = Policy::new(settings.idle, settings.interval, settings.count);
    let policy = policy.and_then(|policy| match settings.user_timeout {
        Some(user_timeout) => policy.with_user_timeout(user_timeout),
        None => Ok(policy),
    });
    match policy {
        Ok(policy) => format!("keepalive {policy}"),
        Err(_) => "keepalive".to_owned(),
    }
}

/// When a death is found with what a socket will have.
fn finds(settings: &Effective, ground: &Ground) -> String {
    let detection = ground.detection(settings);
    let nominal = settings.idle + settings.interval.saturating_mul(settings.count);
    let idle = match detection.idle {
        Found::Within(span) => format!(
            "A vanished peer is found {} after its last byte",
            seconds(span)
        ),
        _ => format!(
            "A vanished peer is found about {} s after its last byte, by the manual",
            s(nominal)
        ),
    };
    match detection.in_flight {
        Found::Within(span) => format!(
            "{idle}; with data in flight {} after the send.",
            seconds(span)
        ),
        _ => format!("{idle}."),
    }
}

/// `29.0 to 29.6 s`, rounded outwards.
fn seconds(span: Span) -> String {
    let tenths = |nanos: u128| nanos as f64 / 10.0;
    let earliest = tenths(span.earliest.as_nanos() / 100_000_000);
    let latest = tenths(span.latest.as_nanos().div_ceil(100_000_000));
    format!("{earliest:.1} to {latest:.1} s")
}

/// Whole seconds, rounded up.
fn s(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Whole milliseconds, rounded up.
fn ms(time: Duration) -> u128 {
    time.as_nanos().div_ceil(1_000_000)
}

/// U in milliseconds; 0 = none, as most interfaces have it.
fn user_timeout_ms(settings: &Effective) -> u128 {
    settings.user_timeout.map_or(0, ms)
}

/// Everything as asked.
fn all(asked: &Effective) -> Effective {
    *asked
}

/// All but U, which cannot be said there.
fn without_user_timeout(asked: &Effective) -> Effective {
    Effective {
        user_timeout: None,
        ..*asked
    }
}

/// Where Windows' own count of 10 cannot be changed: an interval that makes the whole
/// as long as asked.
fn ten_probes(asked: &Effective) -> Effective {
    let interval = asked.interval.saturating_mul(asked.count) / 10;
    Effective {
        interval: interval.max(Duration::from_millis(1)),
        count: 10,
        user_timeout: None,
        ..*asked
    }
}

/// Breaks text at words.
fn lines(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests;
