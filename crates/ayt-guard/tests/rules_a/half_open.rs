//! `half-open`: peers that are gone, frozen, unreachable, rebooted, or only idle.

use std::time::Duration;

use ayt_core::doctor::{Limits, Severity};
use ayt_core::facts::HostFacts;
use ayt_core::tcp_state::TcpState;
use ayt_guard::collect::Exact;
use ayt_testbed::{Direction, Fixture, Need, Ns, Side, Unreachable, Wire};

use crate::support::{
    Done, Hosts, ask, ask_for, assert_held_by, assert_peers, assert_silent, client, idle,
    look_until, look_with, number, on_port, only, run, serve, sources, text,
};

const RULE: &str = "half-open";

/// Shorter than by default, so that a verdict comes sooner.
const SOON: Option<Duration> = Some(Duration::from_millis(1500));

/// A suspicion after a moment, not after a quarter of an hour.
fn quick() -> Limits {
    Limits {
        suspect_after: Duration::from_millis(400),
        ..Limits::default()
    }
}

fn accepted(port: u16, count: usize) -> impl Fn(&HostFacts) -> bool {
    idle(port, count, Duration::ZERO)
}

#[test]
fn silence_behind_a_cut_wire_is_certain_and_the_living_are_not_told() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let other = Ns::new()?;
    let whole = Wire::join(&hosts.here, &other)?;
    let server = serve(&hosts.here, "serve", &[])?;
    let port = server.port();
    let addr = hosts.at(Side::A, port);
    let _ghosts = client(&hosts.far, "hold", addr, &["--number", "2"])?;
    let _living = client(&other, "hold", (whole.v4(Side::A), port).into(), &[])?;
    let facts = look_until(&hosts.here, "three accepted", accepted(port, 3));
    hosts.link.cut();

    // The full patience of a user who gives none.
    let facts = ask(facts, None);
    let finding = only(RULE, &facts, &Limits::default());
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(text(&finding, "cause"), "unanswered");
    assert_eq!(number(&finding, "count"), 2);
    // Measured before asking, and the connections are young.
    assert!(number(&finding, "heard_last_at_most_ms") < 20_000);
    assert_eq!(number(&finding, "undelivered_bytes"), 0);
    assert_peers(&finding, sources(&hosts.far, addr));
    assert_held_by(&finding, &hosts.here, server.pid());
    let filters = format!("--pid {} --local :{port}", server.pid());
    assert!(finding.remedy.contains(&filters), "{}", finding.remedy);
    // Asked and dead, yet still there: `ayt reap` is a step of its own.
    let left = look_with(&hosts.here, Exact::Never);
    assert_eq!(on_port(&left, port, TcpState::Established).len(), 3);
    Ok(())
}

#[test]
fn a_first_silence_is_only_a_suspicion() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let server = serve(&hosts.here, "serve", &[])?;
    let addr = hosts.at(Side::A, server.port());
    let _client = client(&hosts.far, "hold", addr, &[])?;
    let facts = look_until(&hosts.here, "accepted", accepted(server.port(), 1));
    hosts.link.cut();
    let facts = ask_for(facts, None, Some(Duration::from_millis(300)));
    let finding = only(RULE, &facts, &Limits::default());
    assert_eq!(finding.severity, Severity::Warning);
    assert!(
        finding.summary.contains("not answered so far"),
        "{finding:?}"
    );
    assert_held_by(&finding, &hosts.here, server.pid());
    Ok(())
}

#[test]
fn a_frozen_program_has_a_living_kernel() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let server = serve(&hosts.here, "serve", &[])?;
    let addr = hosts.at(Side::A, server.port());
    let client = client(&hosts.far, "hold", addr, &[])?;
    client.freeze()?;
    let facts = look_until(
        &hosts.here,
        "accepted",
        idle(server.port(), 1, quick().suspect_after),
    );
    // Suspected for its long silence, cleared by asking.
    only(RULE, &facts, &quick());
    assert_silent(RULE, &ask(facts, SOON), &quick());
    Ok(())
}

#[test]
fn unreachable_is_a_suspicion_at_once_and_death_when_silence_follows() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let server = serve(&hosts.here, "serve", &[])?;
    let addr = hosts.at(Side::A, server.port());
    let _client = client(&hosts.far, "hold", addr, &[])?;
    let facts = look_until(&hosts.here, "accepted", accepted(server.port(), 1));
    hosts
        .link
        .icmp_unreachable(Direction::AtoB, Unreachable::Host);

    let at_once = ask_for(facts.clone(), None, Some(Duration::from_millis(300)));
    let finding = only(RULE, &at_once, &Limits::default());
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.summary.contains("unreachable"), "{finding:?}");

    let finding = only(RULE, &ask(facts.clone(), SOON), &Limits::default());
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(text(&finding, "cause"), "unreachable");
    assert_peers(&finding, sources(&hosts.far, addr));
    assert_held_by(&finding, &hosts.here, server.pid());

    // The route comes back: the same connection is well.
    hosts.link.heal();
    assert_silent(RULE, &ask(facts, SOON), &Limits::default());
    Ok(())
}

#[test]
fn a_rebooted_peer_answers_with_reset() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let server = Fixture::start(&hosts.here, ["leak-close-wait", "--bind", "[::]:0"])?;
    let addr = (hosts.link.v6(Side::A), server.port()).into();
    let _client = client(&hosts.far, "hold", addr, &[])?;
    let facts = look_until(&hosts.here, "accepted", accepted(server.port(), 1));
    let peers = sources(&hosts.far, addr);
    let _rebooted = hosts.link.reboot(Side::B)?;
    let facts = ask(facts, SOON);
    let finding = only(RULE, &facts, &Limits::default());
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(text(&finding, "cause"), "peer_reset");
    assert!(finding.summary.contains(" held 1 "), "{finding:?}");
    assert_peers(&finding, peers);
    assert_held_by(&finding, &hosts.here, server.pid());
    let left = look_with(&hosts.here, Exact::Never);
    assert!(on_port(&left, server.port(), TcpState::Established).is_empty());
    Ok(())
}

#[test]
fn unasked_silence_is_suspected_without_keepalive_and_not_with_it() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let off = serve(&hosts.here, "serve", &[])?;
    let on = serve(&hosts.here, "serve", &["--keepalive", "60/5/3"])?;
    let at_off = hosts.at(Side::A, off.port());
    let _unguarded = client(&hosts.far, "hold", at_off, &[])?;
    let _guarded = client(&hosts.far, "hold", hosts.at(Side::A, on.port()), &[])?;
    // A peer on this host cannot vanish unnoticed.
    let _local = client(&hosts.here, "hold", at_off, &[])?;
    let limits = quick();
    let ready = |facts: &HostFacts| {
        idle(off.port(), 2, limits.suspect_after)(facts)
            && idle(on.port(), 1, limits.suspect_after)(facts)
    };
    let facts = look_until(&hosts.here, "all are silent", ready);
    let finding = only(RULE, &facts, &limits);
    assert_eq!(finding.severity, Severity::Warning);
    assert!(finding.summary.contains("keepalive off"), "{finding:?}");
    assert!(number(&finding, "heard_last_at_least_ms") >= 400);
    assert_peers(&finding, sources(&hosts.far, at_off));
    assert_held_by(&finding, &hosts.here, off.pid());
    // By its true threshold nothing is suspected yet.
    assert_silent(RULE, &facts, &Limits::default());

    // Settings unknown: the kernel's timer tells the two apart.
    let unseen = look_with(&hosts.here, Exact::Never);
    let finding = only(RULE, &unseen, &limits);
    assert!(finding.summary.contains("settings unknown"), "{finding:?}");
    assert_peers(&finding, sources(&hosts.far, at_off));

    // Asked, they answer.
    assert_silent(RULE, &ask(facts, SOON), &limits);
    Ok(())
}

#[test]
fn a_leaked_close_wait_whose_peer_has_gone_is_certain_by_asking() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let hosts = Hosts::wired()?;
    let server = serve(&hosts.here, "leak-close-wait", &[])?;
    let addr = hosts.at(Side::A, server.port());
    let client = client(&hosts.far, "hold", addr, &[])?;
    look_until(&hosts.here, "accepted", accepted(server.port(), 1));
    drop(client);
    let closed = |facts: &HostFacts| {
        let closed = on_port(facts, server.port(), TcpState::CloseWait);
        closed.len() == 1 && closed[0].age_at_least_ms() >= Some(1_100)
    };
    let facts = look_until(&hosts.here, "the peer closed", closed);
    let _rebooted = hosts.link.reboot(Side::B)?;
    let facts = ask(facts, SOON);
    let finding = only(RULE, &facts, &Limits::default());
    assert_eq!(text(&finding, "cause"), "peer_reset", "{finding:?}");
    assert_held_by(&finding, &hosts.here, server.pid());
    assert!(
        run(
            RULE,
            &look_with(&hosts.here, Exact::Never),
            &Limits::default()
        )
        .findings
        .is_empty()
    );
    Ok(())
}
