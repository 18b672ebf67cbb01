//! Who waits to be accepted: asked about by name, from the client's side, and gone
//! itself.

use std::net::SocketAddr;

use ayt_testbed::{Fixture, Need, Ns, Side, Wire, eventually};

use crate::support::{
    Done, PATIENCE, ask, because, because_that, connect, linked, loopback, only, question, says,
    shown, well_soon,
};

#[test]
fn clients_in_the_queue_are_asked_and_may_be_gone() -> Done {
    if !Need::tun() {
        return Ok(());
    }
    let (home, away) = (Ns::new()?, Ns::new()?);
    let wire = Wire::join(&home, &away)?;
    let server = Fixture::start(&home, ["stuck-accept", "--bind", "0.0.0.0:7000"])?;
    let here = SocketAddr::new(wire.v4(Side::A), 7000);
    let _served = connect(&away, here);
    server.wait_line("stuck", PATIENCE)?;
    let far: Vec<_> = (0..2).map(|_| connect(&away, here)).collect();
    let _near = connect(&home, loopback(7000));

    // Once they have been silent for long enough all three of the far host are asked,
    // and answer; a peer on this host is not asked.
    let alive = eventually("three are asked", PATIENCE, || {
        let answer = ask(&question(&home, ":7000")).map_err(|error| error.to_string())?;
        match answer.asked {
            Some(3) => Ok(answer),
            _ => Err(answer.explanation.sentence),
        }
    });
    says(&alive, &["does not accept on :7000", "kernel answers"]);
    assert!(!alive.explanation.sentence.contains("gone"), "{alive:?}");
    // One of those who wait, by its name.
    let named = format!("{here},{}", far[0].local_addr()?);
    let by_name = because(&home, &named, "accept-stuck");
    says(
        &by_name,
        &["does not accept on :7000", "3 clients have waited"],
    );

    wire.cut();
    let dead = because_that(&home, ":7000", "accept-stuck", "gone themselves");
    only(&dead);
    says(
        &dead,
        &[
            "half-open",
            " 2 of them are gone themselves (asked, and silent).",
        ],
    );
    assert_eq!(shown(&dead, "waiting_and_gone"), "2");
    for one in &far {
        let peer = format!("peer:{}", one.local_addr()?);
        linked(&dead, "connection:", "asked", &peer);
    }
    let remedy = dead.explanation.remedy().join("\n");
    let reap = "--local :7000 --yes` asks all of this port again";
    assert!(remedy.contains(reap), "{remedy}");
    Ok(())
}

#[test]
fn a_client_on_this_host_is_told_of_the_server_that_does_not_take_it() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["stuck-accept", "--bind", "127.0.0.1:7000"])?;
    let served = connect(&ns, loopback(7000));
    server.wait_line("stuck", PATIENCE)?;
    let waits = connect(&ns, loopback(7000));
    let ends = |client: &std::net::TcpStream| -> Result<String, std::io::Error> {
        Ok(format!("{},{}", client.local_addr()?, loopback(7000)))
    };
    let answer = because(&ns, &ends(&waits)?, "accept-stuck");
    says(
        &answer,
        &[
            &format!("(pid {}) does not accept on 127.0.0.1:7000", server.pid()),
            "1 client has waited for ",
        ],
    );
    // Who is served is not told of a queue that it does not wait in.
    well_soon(&ns, &ends(&served)?);
    Ok(())
}
