//! Bounds that are reached: descriptors, ports; and what leaks into them.

use std::io::Write;

use ayt_testbed::{Fixture, Need, Ns, Side, Veth};

use crate::support::{
    Done, because, because_that, connect, linked, only, says, shown, well, well_soon,
};

#[test]
fn connections_that_the_peer_closed_and_the_program_forgot() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let leaky = Fixture::start(&ns, ["leak-close-wait"])?;
    let healthy = Fixture::start(&ns, ["serve"])?;
    for _ in 0..3 {
        connect(&ns, leaky.addr()).write_all(b"bye")?;
        drop(connect(&ns, healthy.addr()));
    }
    let answer = because(&ns, &format!(":{}", leaky.port()), "close-wait-leak");
    says(
        &answer,
        &[
            &format!("(pid {}) has not closed 3 connections", leaky.pid()),
            "They are descriptors ",
            "in epoll_pwait; none of the 3 is among them: it has forgotten them",
        ],
    );
    let cause = only(&answer);
    assert!(
        cause.remedy[0].contains("when reading it says 0"),
        "{cause:?}"
    );
    assert_eq!(shown(&answer, "count"), "3");
    // Since when, and by which code path.
    says(&answer, &["that the peer closed at least "]);
    assert!(shown(&answer, "called_from").contains("epoll_wait"));
    linked(&answer, "process:", "holds", "descriptor:");
    well_soon(&ns, &format!(":{}", healthy.port()));
    Ok(())
}

#[test]
fn no_descriptor_left_and_a_client_that_waits_for_one() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let bind = ["--bind", "127.0.0.1:0"];
    let hog = ["fd-hog", "--limit", "64", "--free", "0"];
    let hog = Fixture::start(&ns, hog.iter().chain(&bind))?;
    let port = format!(":{}", hog.port());
    let answer = because(&ns, &port, "descriptor-limit");
    let pid = hog.pid();
    says(
        &answer,
        &[&format!(
            "(pid {pid}) has no descriptor left: 64 of 64 are open"
        )],
    );
    let _waiting = connect(&ns, hog.addr());
    let answer = because_that(&ns, &port, "descriptor-limit", "So it does not accept on");
    says(&answer, &["1 client has waited"]);
    only(&answer);
    linked(&answer, "process:", "reached", "limit:descriptors/");
    let remedy = answer.explanation.remedy();
    assert!(remedy[0].starts_with(&format!("`prlimit --pid {pid} --nofile=128:`")));

    let roomy = ["fd-hog", "--limit", "64", "--free", "20"];
    let roomy = Fixture::start(&ns, roomy.iter().chain(&bind))?;
    let answer = well(&ns, &format!(":{}", roomy.port()));
    says(&answer, &["44 of 64 descriptors"]);
    Ok(())
}

#[test]
fn ports_towards_one_destination() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let (here, far) = (Ns::new()?, Ns::new()?);
    let link = Veth::join(&here, &far)?;
    here.sysctl("net/ipv4/ip_local_port_range", "40000 40099")?;
    // Else a late acknowledgement ends a TIME_WAIT early (RFC 1337).
    here.sysctl("net/ipv4/tcp_rfc1337", "1")?;
    let _server = Fixture::start(&far, ["serve", "--bind", "0.0.0.0:5432"])?;
    let to = format!("{}:5432", link.v4(Side::B));
    let _few = Fixture::start(&here, ["time-wait", &to, "--number", "30"])?;
    well(&here, &to);
    let _held = Fixture::start(&here, ["hold", &to, "--number", "10"])?;
    let _more = Fixture::start(&here, ["time-wait", &to, "--number", "50"])?;
    let answer = because(&here, &to, "port-exhaustion");
    says(
        &answer,
        &[
            "of 100 local ports",
            "80 wait out TIME_WAIT and belong to nobody any more",
            "holds 10",
        ],
    );
    linked(&answer, "process:", "reached", "limit:ports/");
    says(
        &because(&here, ":5432", "port-exhaustion"),
        &["local ports"],
    );
    Ok(())
}
