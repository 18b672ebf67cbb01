//! Hosts: what is inside stays inside, and ends with them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use ayt_lab::Host;
use ayt_testbed::{Need, eventually};

use super::bed::{Done, PATIENCE};

fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

#[test]
fn a_host_has_its_own_network_and_loopback() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let host = Host::new("one")?;
    let outside = std::fs::read_link("/proc/thread-self/ns/net")?;
    let inside = host.enter(|| std::fs::read_link("/proc/thread-self/ns/net"))??;
    assert_ne!(inside, outside);
    assert!(inside.to_string_lossy().contains(&host.inode().to_string()));
    let listener = host.enter(|| std::net::TcpListener::bind("127.0.0.1:0"))??;
    let address = listener.local_addr()?;
    host.enter(|| std::net::TcpStream::connect(address))??;
    // Nobody listens there outside.
    assert!(std::net::TcpStream::connect(address).is_err());
    Ok(())
}

#[test]
fn sysctls_are_the_hosts_own() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let (one, two) = (Host::new("one")?, Host::new("two")?);
    one.set_sysctl("net.ipv4.tcp_retries2", "4")?;
    assert_eq!(one.sysctl("net/ipv4/tcp_retries2")?, "4");
    assert_eq!(two.sysctl("net.ipv4.tcp_retries2")?, "15");
    for name in ["kernel.hostname", "net/../kernel/hostname"] {
        let error = one.set_sysctl(name, "x").unwrap_err().to_string();
        assert!(error.contains("does not belong"), "{error}");
    }
    let error = one.set_sysctl("net.ipv4.nothing", "1").unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("host one: set net.ipv4.nothing"),
        "{error}"
    );
    Ok(())
}

#[test]
fn programs_run_inside_and_can_be_waited_for_and_stopped() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let host = Host::new("one")?;
    let mut command = Command::new("readlink");
    command.arg("/proc/self/ns/net").stdout(Stdio::piped());
    let process = host.spawn(command)?;
    let mut line = String::new();
    BufReader::new(process.stdout().expect("piped")).read_line(&mut line)?;
    assert!(line.contains(&host.inode().to_string()), "{line}");
    assert!(
        process
            .wait(PATIENCE)?
            .is_some_and(|status| status.success())
    );

    let mut command = Command::new("sleep");
    command.arg("1000");
    let sleeper = host.spawn(command)?;
    assert!(sleeper.wait(Duration::ZERO)?.is_none());
    sleeper.signal(19)?;
    eventually("it is stopped", PATIENCE, || {
        std::fs::read_to_string(format!("/proc/{}/stat", sleeper.pid()))
            .is_ok_and(|stat| stat.contains(") T "))
    });
    sleeper.signal(9)?;
    assert!(sleeper.wait(PATIENCE)?.is_some());
    assert!(sleeper.signal(9).is_err());
    let error = host.spawn(Command::new("/no/such/program")).unwrap_err();
    assert!(
        error.to_string().contains("start /no/such/program"),
        "{error}"
    );
    Ok(())
}

#[test]
fn daemons_end_with_their_host() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let host = Host::new("one")?;
    let mut command = Command::new("sh");
    // A grandchild in a session of its own, whose parent has gone.
    command
        .args(["-c", "setsid sleep 4242 & sleep 4242"])
        .stdout(Stdio::null());
    let shell = host.spawn(command)?;
    let inode = host.inode();
    let inside = || processes_in(inode);
    eventually("all run", PATIENCE, || inside().len() >= 4);
    let all = inside();
    drop(host);
    for pid in all {
        assert!(!is_alive(pid), "{pid} has outlived its host");
    }
    assert!(shell.wait(Duration::ZERO)?.is_some());
    Ok(())
}

/// Processes in a network namespace.
fn processes_in(inode: u64) -> Vec<u32> {
    let name = format!("net:[{inode}]");
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = processes.filter_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let link = std::fs::read_link(entry.path().join("ns/net")).ok()?;
        (link.to_str() == Some(&name)).then_some(pid)
    });
    pids.collect()
}
