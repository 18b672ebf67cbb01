//! Rules of a real firewall (nftables), on this host and on the far one.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use ayt_guard::why::Answer;
use ayt_testbed::{Fixture, Need, Ns, Side, Veth, eventually};

use crate::support::{
    Done, PATIENCE, ask, because, can_python, connect, linked, only, python, question, says,
    well_soon,
};

/// A drop of this port, where this hook sees it.
fn drops(ns: &Ns, hook: &str, port: u16) -> Done {
    let rules = format!(
        "table inet walls {{ chain one {{ type filter hook {hook} priority 0; tcp dport {port} \
         drop; }}; }}"
    );
    ns.output(Command::new("nft").arg(rules))?;
    Ok(())
}

/// Asks until the SYNs have gone unanswered for long enough; each time the other
/// connection to the same host carries data before.
#[track_caller]
fn refused(ns: &Ns, wanted: &str, other: &mut TcpStream) -> Answer {
    eventually(&format!("firewall-drop of {wanted}"), PATIENCE, || {
        let io = |error: std::io::Error| error.to_string();
        other.write_all(b"ping").map_err(io)?;
        other.read_exact(&mut [0; 4]).map_err(io)?;
        let answer = ask(&question(ns, wanted)).map_err(|error| error.to_string())?;
        let explanation = &answer.explanation;
        let drop = explanation
            .causes
            .iter()
            .any(|one| one.id == "firewall-drop");
        match drop && explanation.sentence.contains("so it is there") {
            true => Ok(answer),
            false => Err(answer.explanation.sentence),
        }
    })
}

/// The rule lies here, on what leaves, or there, on what comes in: the same is seen of
/// both. Without the rule the next SYN gets through.
fn a_drop(here: bool, hook: &str) -> Done {
    if !Need::program("nft", "install nftables") || !can_python() {
        return Ok(());
    }
    let (home, away) = (Ns::new()?, Ns::new()?);
    let cable = Veth::join(&home, &away)?;
    let far = cable.v4(Side::B);
    let _open = Fixture::start(&away, ["serve", "--bind", "0.0.0.0:5432"])?;
    let _walled = Fixture::start(&away, ["serve", "--bind", "0.0.0.0:6000"])?;
    let mut other = connect(&home, SocketAddr::new(far, 5432));
    other.set_read_timeout(Some(PATIENCE))?;
    drops(if here { &home } else { &away }, hook, 6000)?;
    let client = python(
        &home,
        &format!("c = socket.create_connection(('{far}', 6000))\ntime.sleep(1000)"),
    )?;
    let pid = client.pid();
    for wanted in [
        format!("pid:{pid}"),
        format!("{far}:6000"),
        ":6000".to_owned(),
    ] {
        let answer = refused(&home, &wanted, &mut other);
        only(&answer);
        says(
            &answer,
            &[
                &format!("python3 (pid {pid}) cannot connect to {far}:6000: its SYN was sent "),
                "neither SYN-ACK nor RST nor ICMP",
                &format!("Behind it sits thread {pid} in connect"),
                "The same host is reached on port 5432",
            ],
        );
        linked(&answer, "thread:", "blocked_in", "descriptor:");
    }
    // The command of the remedy shows the rule, where it lies here.
    let answer = because(&home, &format!("pid:{pid}"), "firewall-drop");
    let remedy = answer.explanation.remedy().join("\n");
    let paste = format!("nsenter -t {pid} -n nft list ruleset");
    assert!(remedy.contains(&paste), "{remedy}");
    let shown = Command::new("sh").args(["-c", &paste]).output()?;
    let rule = String::from_utf8_lossy(&shown.stdout).contains("tcp dport 6000 drop");
    assert_eq!(rule, here, "{shown:?}");
    // Who is not behind the rule is well.
    let pair = format!("{},{far}:5432", other.local_addr()?);
    well_soon(&home, &pair);
    let walled = if here { &home } else { &away };
    walled.output(Command::new("nft").args(["flush", "ruleset"]))?;
    well_soon(&home, &format!("pid:{pid}"));
    Ok(())
}

#[test]
fn a_rule_of_this_host_drops_what_leaves() -> Done {
    a_drop(true, "output")
}

#[test]
fn a_rule_of_the_far_host_drops_what_comes() -> Done {
    a_drop(false, "input")
}

/// The answer is dropped where it comes in: the peer is there, and this host does not
/// hear it.
#[test]
fn a_rule_of_this_host_drops_the_answer() -> Done {
    if !Need::program("nft", "install nftables") || !can_python() {
        return Ok(());
    }
    let (home, away) = (Ns::new()?, Ns::new()?);
    let cable = Veth::join(&home, &away)?;
    let far = cable.v4(Side::B);
    let _far = Fixture::start(&away, ["serve", "--bind", "0.0.0.0:6000"])?;
    home.output(Command::new("nft").arg(
        "table inet walls { chain one { type filter hook input priority 0; tcp sport 6000 \
         drop; }; }",
    ))?;
    let client = python(
        &home,
        &format!("c = socket.create_connection(('{far}', 6000))\ntime.sleep(1000)"),
    )?;
    let pid = format!("pid:{}", client.pid());
    let answer = because(&home, &pid, "firewall-drop");
    only(&answer);
    assert!(!answer.explanation.sentence.contains("so it is there"));
    home.output(Command::new("nft").args(["flush", "ruleset"]))?;
    well_soon(&home, &pid);
    Ok(())
}
