//! Set, read back, demand a change: this file is the same for every system. What a
//! system cannot do must be told, and nothing else.

use std::error::Error;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use ayt::keepalive::{
    self, Applied, ApplyError, Fact, Found, Instead, Kernel, Os, Policy, Setting, Settings, Value,
};

type Done = Result<(), Box<dyn Error>>;

const SECOND: Duration = Duration::from_secs(1);

fn policy(text: &str) -> Policy {
    text.parse().expect("a policy")
}

fn connection() -> std::io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let client = TcpStream::connect(listener.local_addr()?)?;
    Ok((client, listener.accept()?.0))
}

fn value<T: Copy + Into<Value>>(fact: &Fact<T>) -> Option<Value> {
    fact.known().copied().map(Into::into)
}

/// Each setting as asked and as read back.
fn pairs(policy: &Policy, settings: &Settings) -> Vec<(Setting, Value, Option<Value>)> {
    let user_timeout = settings.user_timeout.known().copied().flatten();
    let mut pairs = vec![
        (Setting::Idle, policy.idle().into(), value(&settings.idle)),
        (
            Setting::Interval,
            policy.interval().into(),
            value(&settings.interval),
        ),
        (
            Setting::Count,
            policy.count().into(),
            value(&settings.count),
        ),
    ];
    if let Some(asked) = policy.user_timeout() {
        pairs.push((
            Setting::UserTimeout,
            asked.into(),
            user_timeout.map(Value::from),
        ));
    }
    pairs
}

/// What is not told as a downgrade is in effect; what is told is not, or cannot be
/// seen, and the value told instead is the one that is seen.
fn check(policy: &Policy, applied: &Applied) {
    assert_eq!(applied.after.enabled, Fact::Known(true), "{applied:?}");
    for (setting, asked, read) in pairs(policy, &applied.after) {
        let told: Vec<_> = applied
            .downgrades
            .iter()
            .filter(|one| one.setting == setting)
            .collect();
        match told.as_slice() {
            [] => assert_eq!(read, Some(asked), "{setting}: {applied:?}"),
            [one] => {
                assert_eq!(one.asked, asked);
                assert!(!one.why.is_empty());
                match one.instead {
                    Instead::Takes(taken) => {
                        assert_ne!(taken, asked);
                        assert!(read.is_none_or(|read| read == taken), "{applied:?}");
                    }
                    Instead::Keeps(kept) => {
                        assert!(read.is_none_or(|read| read == kept), "{applied:?}");
                    }
                    Instead::Nothing | Instead::Unread => assert_eq!(read, None, "{applied:?}"),
                }
            }
            more => panic!("told twice: {more:?}"),
        }
    }
    let planned = applied.os.plan(policy).expect("it was applied").downgrades;
    for one in planned {
        let told = applied
            .downgrades
            .iter()
            .any(|told| told.setting == one.setting);
        assert!(told, "planned and not told: {one:?}");
    }
}

#[test]
fn what_is_set_is_read_back_and_is_a_change() -> Done {
    let (client, _server) = connection()?;
    let before = keepalive::read(&client)?;
    assert_eq!(before.enabled, Fact::Known(false), "{before:?}");

    let first = policy("37/11/5 U=29s");
    let applied = keepalive::apply(&client, &first)?;
    assert_eq!(applied.before, before);
    assert_eq!(applied.after, keepalive::read(&client)?);
    check(&first, &applied);
    for ((setting, asked, was), (_, _, is)) in pairs(&first, &before)
        .into_iter()
        .zip(pairs(&first, &applied.after))
    {
        assert_ne!(was, Some(asked), "{setting} was that already: {before:?}");
        let told = applied.downgrades.iter().any(|one| one.setting == setting);
        assert!(told || was != is, "{setting} did not change: {applied:?}");
    }

    let second = policy("41/13/7 U=31s");
    let again = keepalive::apply(&client, &second)?;
    assert_eq!(again.before, applied.after);
    check(&second, &again);
    Ok(())
}

#[test]
fn only_this_socket_changes() -> Done {
    let (client, server) = connection()?;
    let other = keepalive::read(&server)?;
    let _ = keepalive::apply(&client, &Policy::default())?;
    assert_eq!(keepalive::read(&server)?, other);
    Ok(())
}

#[test]
fn rounding_is_up_and_shown() -> Done {
    let (client, _server) = connection()?;
    let odd = policy("90500ms/2500ms/4");
    let applied = keepalive::apply(&client, &odd)?;
    check(&odd, &applied);
    let told = |setting| {
        applied
            .downgrades
            .iter()
            .find(|one| one.setting == setting)
            .map(|one| one.instead)
    };
    let counts_seconds = odd.idle() > SECOND
        && matches!(
            applied.os,
            Os::Linux | Os::Android | Os::MacOs | Os::Ios | Os::FreeBsd | Os::NetBsd | Os::Illumos
        );
    if counts_seconds {
        let up = |seconds: u32| Some(Instead::Takes((SECOND * seconds).into()));
        assert_eq!(told(Setting::Idle), up(91));
        assert_eq!(told(Setting::Interval), up(3));
    }
    Ok(())
}

#[test]
fn less_than_a_second_is_refused_where_seconds_are_counted_and_nothing_is_set() -> Done {
    let (client, _server) = connection()?;
    let before = keepalive::read(&client)?;
    let sub = policy("60ms/5/3");
    match keepalive::apply(&client, &sub) {
        Err(ApplyError::SubSecond(refused)) => {
            assert_eq!(refused.setting, Setting::Idle);
            assert_eq!(keepalive::read(&client)?, before);
        }
        Err(error) => return Err(error.into()),
        // Systems that count milliseconds take it.
        Ok(applied) => check(&sub, &applied),
    }
    Ok(())
}

#[test]
fn a_user_timeout_that_is_not_wanted_is_taken_back_where_that_can_be_said() -> Done {
    let (client, _server) = connection()?;
    let with = policy("60/5/3 U=20s");
    check(&with, &keepalive::apply(&client, &with)?);
    let without = with.without_user_timeout();
    let applied = keepalive::apply(&client, &without)?;
    check(&without, &applied);
    if matches!(applied.os, Os::Linux | Os::Android | Os::MacOs | Os::Ios) {
        assert_eq!(applied.after.user_timeout, Fact::Known(None));
    }
    Ok(())
}

#[test]
fn listeners_and_sockets_of_tokio_are_sockets_too() -> Done {
    let wanted = Policy::default();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    check(&wanted, &keepalive::apply(&listener, &wanted)?);

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        check(&wanted, &keepalive::apply(&listener, &wanted)?);
        let socket = tokio::net::TcpSocket::new_v4()?;
        check(&wanted, &keepalive::apply(&socket, &wanted)?);
        let stream = socket.connect(listener.local_addr()?).await?;
        let kept = keepalive::read(&stream)?;
        assert_eq!(kept.enabled, Fact::Known(true));
        check(&wanted, &keepalive::apply(&stream, &wanted)?);
        Ok(())
    })
}

#[test]
fn another_kind_of_socket_is_an_error_that_names_call_and_address() -> Done {
    let datagrams = UdpSocket::bind("127.0.0.1:0")?;
    let error = keepalive::apply(&datagrams, &Policy::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("getsockopt TCP_"), "{text}");
    assert!(text.contains("TCP socket is needed"), "{text}");
    if cfg!(unix) {
        let address = datagrams.local_addr()?.to_string();
        assert!(text.contains(&address), "{text}");
    }
    Ok(())
}

#[test]
fn the_time_to_find_a_death_follows_what_was_read_back() -> Done {
    let (client, _server) = connection()?;
    let applied = keepalive::apply(&client, &policy("60/10/3"))?;
    let found = applied.detection(&Kernel::default());
    match (applied.os, applied.after.effective()) {
        (Os::Linux | Os::Android, _) => {
            let span = found.idle.span().ok_or("no span on Linux")?;
            assert!(span.earliest >= 90 * SECOND, "{span:?}");
            assert!(span.latest <= 110 * SECOND, "{span:?}");
        }
        (os, Some(settings)) => assert_eq!(found, os.detection(&settings, &Kernel::default())),
        (_, None) => assert!(matches!(found.idle, Found::Unknown(_)), "{found:?}"),
    }
    Ok(())
}
