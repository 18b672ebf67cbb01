//! The ranges of docs/protocol.md, "Timers and bounds". A value outside of its
//! range is a protocol error, whoever sends it.

use std::ops::RangeInclusive;
use std::time::Duration;

/// The largest payload before WELCOME, both ways.
pub const BEFORE_WELCOME: u32 = 1_024;
/// The largest payload there can be: its length has three bytes.
pub const LARGEST: u32 = 0x00ff_ffff;
/// What a receiver may announce as the largest payload it takes, bytes.
pub const MAX_PAYLOAD: RangeInclusive<u32> = 1_024..=LARGEST;
/// The same by default: a message of 64 KiB and its number.
pub const MAX_PAYLOAD_DEFAULT: u32 = 65_544;
/// Unacknowledged bytes a receiver may announce, 4 KiB to 1 GiB.
pub const WINDOW: RangeInclusive<u32> = 4_096..=1 << 30;
/// The same by default, 1 MiB.
pub const WINDOW_DEFAULT: u32 = 1 << 20;
/// Bytes of an identity.
pub const IDENTITY: RangeInclusive<usize> = 1..=128;
/// Bytes of the text in REFUSE and BYE.
pub const TEXT: usize = 200;
/// A promised beat, milliseconds; 0, no promise, is allowed besides.
pub const BEAT_MS: RangeInclusive<u32> = 10..=3_600_000;
/// The shortest beat a client goes on with by default, milliseconds.
pub const LEAST_BEAT_MS_DEFAULT: u32 = 1_000;
/// Silences in a row before suspicion.
pub const MISSES: RangeInclusive<u8> = 1..=10;
/// Time to answer a PING in suspicion, milliseconds.
pub const CHALLENGE_MS: RangeInclusive<u32> = 100..=60_000;
/// How long a session is kept without a connection, milliseconds: up to a day.
pub const RESUME_MS: RangeInclusive<u32> = 0..=86_400_000;
/// A silence to try on a spare connection, milliseconds: 10 ms to 2 h.
pub const SILENCE_MS: RangeInclusive<u32> = 10..=7_200_000;
/// How long a registration may take.
pub const REGISTRATION: RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(60);
/// The same by default.
pub const REGISTRATION_DEFAULT: Duration = Duration::from_secs(10);
/// How long what the other side had in flight is read after the end was decided.
pub const DRAIN: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(60);
/// How long a side that ends waits for its acknowledgements.
pub const FINISH: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_secs(3_600);
/// How long an acknowledgement may wait for company.
pub const ACK_DELAY: RangeInclusive<Duration> = Duration::ZERO..=Duration::from_millis(200);
/// The base and the cap of a client's waits before it connects again.
pub const PACE: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3_600);
