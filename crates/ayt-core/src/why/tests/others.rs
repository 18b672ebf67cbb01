//! All other causes, and their healthy twins.

use super::*;
use crate::cause::Cause as End;
use crate::facts::sample::process;
use crate::facts::{Namespace, NsId, Timer, TimerKind, Watch};

/// web (pid 812) with this many connections to a data base, silent for a minute.
fn pool(count: u32) -> Sample {
    (1..=count).fold(Sample::new(), |sample, at| {
        let local = format!("10.0.3.1:{}", 41_000 + at);
        let mut one = socket(at, TcpState::Established, &local, "10.9.0.1:5432");
        set_quiet(&mut one, 60_000);
        sample.owned(one, 812, "web", 3 + at)
    })
}

#[test]
fn half_open_behind_a_pool_in_whole_and_in_part() {
    let whole = (1..=3).fold(pool(3), |pool, at| pool.dead(at, End::Unanswered));
    says!(
        "pool_in_whole",
        whole.threads(812, vec![reads(812, 4)]),
        "pid:812"
    );
    let rtt = Some(Duration::from_millis(1));
    let part = pool(4)
        .dead(1, End::Unanswered)
        .verdict(2, Verdict::Alive { rtt })
        .verdict(3, Verdict::Alive { rtt });
    says!("pool_in_part", part, "web");
    let unasked = pool(4).dead(1, End::Unanswered);
    says!("pool_of_which_the_others_were_not_asked", unasked, "web");
    let one = pool(2).dead(2, End::Unreachable);
    says!("one_unreachable", one, "10.0.3.1:41002,10.9.0.1:5432");
    let alive = pool(1).verdict(1, Verdict::Alive { rtt });
    assert_well(alive, "pid:812");
}

#[test]
fn a_client_that_has_gone_and_data_for_it() {
    let listener = socket(LISTENER, TcpState::Listen, "0.0.0.0:7000", "0.0.0.0:0");
    let sample = ghost(Sample::new().owned(listener, 812, "python3", 3));
    let mut sample = sample.dead(6, End::Unanswered);
    sample.0.sockets[1].send_queue = 4_096;
    says!("client_gone", sample, ":7000");
    // Several from one client: all of them are named to reap and arm.
    let mut several = (10..13).fold(Sample::new(), |sample, at| {
        let peer = format!("[::ffff:10.0.3.7]:{}", 51_000 + at);
        let mut one = socket(at, TcpState::Established, "[::ffff:10.0.3.1]:7000", &peer);
        set_quiet(&mut one, 60_000);
        sample
            .owned(one, 812, "python3", at)
            .dead(at, End::Unanswered)
    });
    let listener = socket(LISTENER, TcpState::Listen, "[::]:7000", "[::]:0");
    several = several.owned(listener, 812, "python3", 3);
    says!("client_gone_with_several", several, ":7000");
}

#[test]
fn a_peer_that_rebooted() {
    let sample = pool(2).dead(1, End::PeerReset).dead(2, End::PeerReset);
    says!(
        "peer_rebooted",
        sample.threads(812, vec![reads(812, 4)]),
        "pid:812"
    );
}

fn syn(cookie: u32, retransmits: u8) -> Socket {
    with(
        socket(cookie, TcpState::SynSent, "10.0.3.1:41900", "10.9.0.1:6000"),
        |socket| {
            socket.timer = Timer {
                kind: TimerKind::Retransmit,
                count: retransmits,
                expires_ms: 800,
            };
        },
    )
}

#[test]
fn a_syn_that_nothing_answers() {
    let connects = thread(812, "connect", Some(9), WaitsOn::Descriptor(None));
    let mut sample = pool(1).owned(syn(50, 3), 812, "web", 9);
    sample = sample.threads(812, vec![connects]);
    set_quiet(&mut sample.0.sockets[0], 2_900);
    says!("firewall_drop", sample, "pid:812");
    // Heard before the first SYN: the host itself may be gone.
    let mut before = pool(1).owned(syn(50, 3), 812, "web", 9);
    set_quiet(&mut before.0.sockets[0], 3_000);
    says!("firewall_or_host_gone", before, "pid:812");
    let nobody = pool(1).owned(syn(50, 3), 812, "web", 9);
    let from = |sample: Sample| about(sample, "pid:812").sentence;
    assert!(!from(nobody).contains("filtered"));
    // One loss is nothing.
    assert_well(Sample::new().owned(syn(50, 1), 812, "web", 9), "pid:812");
}

#[test]
fn descriptors_that_run_out() {
    let limited = |open: u32, sample: Sample| {
        let mut sample = sample;
        if let Some(process) = sample.0.processes.get_mut(&812) {
            process.descriptors = Fact::Known(open);
        }
        sample
    };
    let leaking = |count: u32| {
        (1..=count).fold(waiting(2), |sample, at| {
            let peer = format!("10.0.3.9:{}", 40_000 + at);
            let one = socket(at, TcpState::CloseWait, "10.0.3.1:7000", &peer);
            sample.owned(one, 812, "python3", 3 + at)
        })
    };
    let polls = thread(
        812,
        "epoll_wait",
        Some(4),
        WaitsOn::Events(vec![Watch { fd: 3, events: 1 }]),
    );
    let sample = limited(1024, leaking(40)).threads(812, vec![polls]);
    says!("descriptors_all_gone", sample, ":7000");
    // Its master holds the listener as well, and waits for signals.
    let shared = |at: u32| {
        let deaf = vec![Watch { fd: 9, events: 1 }];
        let worker = thread(812, "epoll_wait", Some(4), WaitsOn::Events(deaf));
        let master = thread(800, "rt_sigsuspend", None, WaitsOn::Nothing);
        let mut sample = limited(at, waiting(2).threads(812, vec![worker]));
        let mut owners = sample.0.owners.all().to_vec();
        owners.push(crate::facts::Owner {
            pid: 800,
            ..owners[0]
        });
        sample.0.owners = crate::facts::Owners::new(owners);
        sample.0.processes.insert(800, process(800, "nginx"));
        sample.threads(800, vec![master])
    };
    let one = about(shared(1024), ":7000");
    let causes: Vec<&str> = one.causes.iter().map(|cause| cause.id).collect();
    assert_eq!(causes, ["descriptor-limit"], "{}", one.sentence);
    assert!(
        one.sentence.contains("So it does not accept on :7000."),
        "{}",
        one.sentence
    );
    assert_eq!(about(shared(20), ":7000").causes[0].id, "accept-stuck");
    // A thread that is blocked is a cause of its own.
    let both = limited(1024, ghost(waiting(2))).threads(812, vec![reads(812, 6)]);
    says!("descriptors_gone_and_blocked", both, ":7000");
    says!("descriptors_nearly_gone", limited(1000, pool(5)), "pid:812");
    assert_well(limited(900, pool(5)), "pid:812");
    // A sandbox that lowered its own limit.
    assert_well(limited(2000, pool(5)), "pid:812");
}

#[test]
fn a_leak_that_is_forgotten_watched_or_read() {
    let leak = |quiet: u32| {
        (1..=3).fold(Sample::new(), |sample, at| {
            let mut one = socket(
                at,
                TcpState::CloseWait,
                "10.0.3.1:80",
                &format!("10.0.3.9:{}", 40_000 + at),
            );
            set_quiet(&mut one, quiet * at);
            sample.owned(one, 812, "web", 4 + at)
        })
    };
    let polls = |fds: &[u32]| {
        let watches = fds.iter().map(|&fd| Watch { fd, events: 1 });
        thread(
            812,
            "epoll_wait",
            Some(4),
            WaitsOn::Events(watches.collect()),
        )
    };
    says!(
        "leak_forgotten",
        leak(4_000).threads(812, vec![polls(&[3])]),
        "pid:812"
    );
    says!(
        "leak_in_part",
        leak(4_000).threads(812, vec![polls(&[3, 5])]),
        "pid:812"
    );
    says!(
        "leak_watched",
        leak(4_000).threads(812, vec![polls(&[3, 5, 6, 7])]),
        "pid:812"
    );
    says!(
        "leak_read",
        leak(4_000).threads(812, vec![reads(812, 6)]),
        "pid:812"
    );
    let accepts = thread(812, "accept4", Some(3), WaitsOn::Descriptor(None));
    let listener = || socket(LISTENER, TcpState::Listen, "0.0.0.0:80", "0.0.0.0:0");
    let accepting = || {
        let leak = leak(4_000).owned(listener(), 812, "web", 3);
        leak.threads(812, vec![accepts.clone()])
    };
    says!("leak_behind_an_accept", accepting(), "pid:812");
    // The same by the peer, though it is no listener that is asked about then.
    let by_peer = about(accepting(), "10.0.3.9").sentence;
    assert_eq!(by_peer, about(accepting(), "pid:812").sentence);
    says!("leak_threads_unknown", leak(4_000), "pid:812");
    assert_well(leak(100), "pid:812");
}

#[test]
fn ports_that_run_out() {
    let used = |count: u16| {
        let range = Sample::new().sysctl("ipv4/ip_local_port_range", "40000\t40099");
        let waits = (0..count).fold(range, |sample, at| {
            let local = format!("10.0.3.1:{}", 40_000 + at);
            let mut one = socket(
                500 + u32::from(at),
                TcpState::TimeWait,
                &local,
                "10.9.0.1:5432",
            );
            one.timer = Timer {
                kind: TimerKind::TimeWait,
                count: 0,
                expires_ms: 30_000,
            };
            sample.unowned(one)
        });
        let held = socket(1, TcpState::Established, "10.0.3.1:40099", "10.9.0.1:5432");
        waits.owned(held, 812, "web", 5)
    };
    says!("ports_run_out", used(99), "10.9.0.1:5432");
    let held = (1..=100).fold(
        Sample::new().sysctl("ipv4/ip_local_port_range", "40000\t40099"),
        |sample, at| {
            let local = format!("10.0.3.1:{}", 39_999 + at);
            let one = socket(at, TcpState::Established, &local, "10.9.0.1:5432");
            sample.owned(one, 812, "web", 5 + at)
        },
    );
    says!("ports_held_by_a_program", held, "pid:812");
    let by_pid = about(used(99), "pid:812");
    assert_eq!(by_pid.causes[0].id, "port-exhaustion");
    assert_well(used(30), "10.9.0.1:5432");
}

#[test]
fn a_reader_that_does_not_read_and_what_it_does() {
    let full = with(
        socket(1, TcpState::Established, "10.0.3.1:41001", "10.0.3.1:7000"),
        |socket| {
            socket.send_queue = 90_000;
            set_quiet(socket, 5_000);
            if let Some(tcp) = &mut socket.tcp {
                tcp.snd_wnd = Some(0);
            }
        },
    );
    let reader = with(
        socket(2, TcpState::Established, "10.0.3.1:7000", "10.0.3.1:41001"),
        |socket| socket.receive_queue = 60_000,
    );
    let sample = || {
        Sample::new()
            .owned(full.clone(), 812, "web", 4)
            .owned(reader.clone(), 900, "python3", 5)
            .threads(812, vec![thread(812, "sendto", Some(4), WaitsOn::Nothing)])
    };
    let sleeps = thread(900, "clock_nanosleep", None, WaitsOn::Nothing);
    says!(
        "zero_window",
        sample().threads(900, vec![sleeps]),
        "pid:812"
    );
    // The program sits in a close that lingers: no descriptor is left.
    let mut orphan = Sample::new().owned(reader.clone(), 900, "python3", 5);
    let closed = with(full.clone(), |socket| socket.state = TcpState::FinWait1);
    orphan.0.sockets.push(closed);
    let told = about(orphan, "10.0.3.1:7000").sentence;
    let says = "10.0.3.1:7000 does not read from a program that has closed the connection: ";
    assert!(told.contains(says), "{told}");
    let mut fresh = sample();
    set_quiet(&mut fresh.0.sockets[0], 500);
    assert_well(fresh, "pid:812");
}

#[test]
fn data_unread_and_data_unacknowledged() {
    let listener = socket(LISTENER, TcpState::Listen, "0.0.0.0:7000", "0.0.0.0:0");
    let unread = with(
        socket(2, TcpState::Established, "10.0.3.1:7000", "10.0.3.9:41001"),
        |socket| {
            socket.receive_queue = 600;
            set_quiet(socket, 5_000);
        },
    );
    let sample = Sample::new()
        .owned(listener, 812, "python3", 3)
        .owned(unread, 812, "python3", 5)
        .threads(812, vec![thread(812, "fsync", Some(9), WaitsOn::Nothing)]);
    says!("unread", sample, "pid:812");
    let again = with(
        socket(1, TcpState::Established, "10.0.3.1:41001", "10.9.0.1:5432"),
        |socket| {
            socket.send_queue = 600;
            socket.timer = Timer {
                kind: TimerKind::Retransmit,
                count: 5,
                expires_ms: 800,
            };
        },
    );
    says!(
        "retransmitting",
        Sample::new().owned(again, 812, "web", 4),
        "pid:812"
    );
}

#[test]
fn a_stopped_program_that_nobody_waits_for() {
    let mut stopped = reads(812, 4);
    stopped.thread.state = 'T';
    says!(
        "stopped_alone",
        pool(1).threads(812, vec![stopped]),
        "pid:812"
    );
}

#[test]
fn what_a_child_has_inherited() {
    let family = |sample: Sample, fd: u32| {
        let mut sample = sample;
        let first = sample.0.sockets[0].clone();
        sample.0.sockets.remove(0);
        let mut sample = sample.owned(first, 900, "sleep", fd);
        let mut child = process(900, "sleep");
        child.parent = 812;
        child.start_ticks = 2;
        sample.0.processes.insert(900, child);
        sample
    };
    let listener = || {
        let listener = socket(LISTENER, TcpState::Listen, "0.0.0.0:7000", "0.0.0.0:0");
        Sample::new().owned(listener, 812, "python3", 3)
    };
    says!("listener_inherited", family(listener(), 3), ":7000");
    // Handed over on purpose, as standard input.
    assert_well(family(listener(), 0), ":7000");
    says!("connection_inherited", family(pool(1), 4), "pid:812");
    assert_well(pool(1), "pid:812");
}

#[test]
fn a_listener_elsewhere_or_nowhere() {
    let other = |sample: Sample| {
        let mut sample = sample;
        let mut namespace: Namespace = sample.0.namespaces[0].clone();
        namespace.id = NsId(1);
        namespace.inode = 4_026_532_000;
        "shop".clone_into(&mut namespace.name);
        sample.0.namespaces.push(namespace);
        sample
    };
    let listener = |local: &str, ns| {
        with(
            socket(LISTENER, TcpState::Listen, local, "0.0.0.0:0"),
            |socket| socket.ns = NsId(ns),
        )
    };
    let there = other(Sample::new().owned(listener("0.0.0.0:7000", 1), 812, "python3", 3));
    says!("in_another_namespace", there, ":7000");
    let there = other(Sample::new().owned(listener("10.0.9.1:7000", 1), 812, "python3", 3));
    says!("in_another_namespace_by_address", there, "127.0.0.1:7000");
    let here = |local| Sample::new().owned(listener(local, 0), 812, "python3", 3);
    says!(
        "on_another_address",
        {
            let connection = socket(9, TcpState::Established, "10.0.3.1:22", "10.0.3.9:1");
            here("127.0.0.1:7000").owned(connection, 9, "sshd", 4)
        },
        "10.0.3.1:7000"
    );
    says!("on_loopback_only", here("127.0.0.1:7000"), ":7000");
    says!("nowhere", here("127.0.0.1:7000"), ":7001");
    says!("not_any_more", ghost(Sample::new()), ":7000");
    assert_well(here("0.0.0.0:7000"), ":7000");
    assert_well(here("[::]:7000"), ":7000");
    // The client's side.
    assert_well(pool(2), ":5432");
}

#[test]
fn a_queue_that_overflows_though_it_moves() {
    let mut sample = waiting(0);
    sample.0.sockets[0].receive_queue = 5;
    sample.0.sockets[0].send_queue = 4;
    says!("backlog_overflow", sample, ":7000");
}

#[test]
fn what_was_looked_at() {
    let polls = WaitsOn::Events(vec![Watch { fd: 3, events: 1 }]);
    let sample = waiting(0).threads(812, vec![thread(812, "epoll_wait", Some(4), polls)]);
    says!("well", sample, ":7000");
    says!(
        "well_process_without_sockets",
        {
            let mut sample = Sample::new();
            sample.0.processes.insert(7, process(7, "cron"));
            sample
        },
        "pid:7"
    );
    let rtt = Some(Duration::from_millis(1));
    says!(
        "well_and_asked",
        pool(2).verdict(1, Verdict::Alive { rtt }),
        "pid:812"
    );
}
