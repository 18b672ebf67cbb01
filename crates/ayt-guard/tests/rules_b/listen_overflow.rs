//! A queue that is full, and clients that come nevertheless.

use ayt_core::doctor::Severity;
use ayt_testbed::{Fixture, Need, Ns, eventually};

use crate::support::{Done, Look, PATIENCE, amount, connect, owners, wait_queued};

const RULE: &str = "listen-overflow";

fn dropped(look: &Look) -> bool {
    let facts = look.facts();
    let counters = facts.namespaces.iter().map(|ns| ns.counters.known());
    let overflows = |name| {
        counters
            .clone()
            .flatten()
            .filter_map(move |all| all.get(name))
    };
    overflows("TcpExt.ListenOverflows").any(|count| count > 0)
}

#[test]
fn a_full_queue_and_what_is_dropped_at_it() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["no-accept", "--backlog", "2"])?;
    let addr = server.addr().to_string();
    let crowd = Fixture::start(&ns, ["crowd", &addr, "--number", "8"])?;
    // Two of the backlog, and the one more that the kernel lets in.
    wait_queued(&ns, server.port(), 3);
    let look = Look::of(&ns);
    // The others come again every second at first: within two looks some do.
    let finding = eventually("a drop between the looks", PATIENCE, || {
        let findings = look.run(RULE).findings;
        findings
            .into_iter()
            .find(|one| amount(one, "overflows_between_looks") > 0)
    });
    assert_eq!(finding.rule, RULE);
    assert_eq!(finding.severity, Severity::Critical);
    assert_eq!(amount(&finding, "queue_length"), 3);
    assert_eq!(amount(&finding, "backlog"), 2);
    let since_boot = amount(&finding, "overflows_since_boot");
    assert!(since_boot > 0 && amount(&finding, "drops_since_boot") >= since_boot);
    assert_eq!(owners(&finding)[0].0, server.pid());
    assert_eq!(finding.connections[0].local, server.addr());
    assert!(finding.summary.contains("(3 wait, backlog 2)"));

    // Counters keep what was: the next queue is not blamed for it.
    drop((crowd, server));
    let next = Fixture::start(&ns, ["no-accept", "--backlog", "16"])?;
    let _waiting = [connect(&ns, next.addr()), connect(&ns, next.addr())];
    look.silent_soon(RULE);
    assert!(dropped(&look), "although the counters remember");
    Ok(())
}

#[test]
fn a_busy_server_whose_queue_overflows_now_and_then() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let busy = ["busy-accept", "--backlog", "4", "--every", "20"];
    let server = Fixture::start(&ns, busy)?;
    let addr = server.addr().to_string();
    let _crowd = Fixture::start(&ns, ["crowd", &addr, "--number", "24"])?;
    let look = Look::of(&ns);
    let finding = eventually("drops", PATIENCE, || {
        let findings = look.run(RULE).findings;
        findings
            .into_iter()
            .find(|one| amount(one, "drops_between_looks") > 0)
    });
    // It is not stuck, and yet connections are lost: either at the queue that is
    // full as we look, or in the namespace when it has just been emptied.
    assert!(finding.severity >= Severity::Warning);
    assert!(look.run("accept-stuck").findings.is_empty());
    Ok(())
}

#[test]
fn a_queue_with_room_is_well_whoever_waits() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["no-accept", "--backlog", "5"])?;
    // As many as the backlog says: one more would fit.
    let _waiting: Vec<_> = (0..5).map(|_| connect(&ns, server.addr())).collect();
    Look::of(&ns).silent(RULE);
    Ok(())
}
