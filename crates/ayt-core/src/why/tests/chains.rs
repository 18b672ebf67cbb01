//! Stuck accepts: every chain.

use super::*;
use crate::cause::Cause as End;
use crate::fact::Why;
use crate::facts::{TcpInfo, Watch};

fn stuck_in(threads: Vec<ThreadDetail>) -> Sample {
    ghost(waiting(3)).threads(812, threads)
}

#[test]
fn a_read_of_a_peer_that_is_silent_alive_rebooted_or_not_asked() {
    let read = || stuck_in(vec![reads(812, 6)]);
    says!("read_of_a_ghost", read().dead(6, End::Unanswered), ":7000");
    says!(
        "read_of_a_rebooted_peer",
        read().dead(6, End::PeerReset),
        ":7000"
    );
    says!(
        "read_of_an_unreachable_peer",
        read().dead(6, End::Unreachable),
        ":7000"
    );
    let rtt = Some(Duration::from_millis(12));
    says!(
        "read_of_a_living_peer",
        read().verdict(6, Verdict::Alive { rtt }),
        ":7000"
    );
    says!("read_of_a_peer_that_was_not_asked", read(), ":7000");
    // The same asked by the process, and by the command.
    let by_pid = about(read(), "pid:812").sentence;
    assert_eq!(by_pid, about(read(), "python3").sentence);
    assert_eq!(by_pid, about(read(), "812").sentence);
}

#[test]
fn a_write_behind_a_closed_window_and_one_that_is_not_acknowledged() {
    for (name, window) in [
        ("write_behind_a_closed_window", 0),
        ("write_unacknowledged", 64_240),
    ] {
        let mut sample = waiting(2);
        let full = with(
            socket(6, TcpState::Established, "10.0.3.1:7000", "10.0.3.7:51144"),
            |socket| {
                socket.send_queue = 87_040;
                if let Some(tcp) = &mut socket.tcp {
                    tcp.snd_wnd = Some(window);
                }
            },
        );
        sample = sample.owned(full, 812, "python3", 6);
        let thread = thread(812, "sendto", Some(6), WaitsOn::Descriptor(None));
        says!(name, sample.threads(812, vec![thread]), ":7000");
    }
}

#[test]
fn a_close_that_lingers_one_connection_or_several() {
    let closing = || thread(812, "close", Some(6), WaitsOn::Descriptor(None));
    let lingering = |cookie| {
        with(
            socket(
                cookie,
                TcpState::FinWait1,
                "10.0.3.1:7000",
                "10.0.3.7:51144",
            ),
            |socket| socket.send_queue = 6_145,
        )
    };
    let mut one = waiting(2).threads(812, vec![closing()]);
    one.0.sockets.push(lingering(6));
    let mut two = waiting(2).threads(812, vec![closing()]);
    two.0.sockets.extend([lingering(6), lingering(7)]);
    says!("close_that_lingers", one, ":7000");
    says!("close_of_one_of_two", two, ":7000");
    says!(
        "close_of_nothing_known",
        waiting(2).threads(812, vec![closing()]),
        ":7000"
    );
}

#[test]
fn a_close_that_began_while_the_tables_were_read() {
    let closing = || thread(812, "close", Some(6), WaitsOn::Descriptor(None));
    let open = || {
        with(
            socket(6, TcpState::Established, "10.0.3.1:7000", "10.0.3.7:51144"),
            |socket| socket.send_queue = 6_145,
        )
    };
    let sentence = |sample: Sample| about(sample.threads(812, vec![closing()]), ":7000").sentence;
    let named = "That is most likely the connection to 10.0.3.7:51144, which has 6145 B to send";
    // Its descriptor was seen, or had just gone.
    let owned = sentence(waiting(2).owned(open(), 812, "python3", 6));
    assert!(owned.contains(named), "{owned}");
    let mut gone = waiting(2);
    gone.0.sockets.push(open());
    let gone = sentence(gone);
    assert!(gone.contains(named), "{gone}");
    // One with another descriptor is not the one.
    let other = sentence(waiting(2).owned(open(), 812, "python3", 7));
    assert!(!other.contains("51144"), "{other}");
}

fn locked(tid: u32, holder: Option<u32>) -> ThreadDetail {
    let address = 0x7f00 + u64::from(tid);
    thread(tid, "futex", None, WaitsOn::Lock { address, holder })
}

#[test]
fn a_lock_and_who_holds_it() {
    let sleeps = thread(813, "clock_nanosleep", None, WaitsOn::Nothing);
    says!(
        "lock_of_a_sleeper",
        stuck_in(vec![locked(812, Some(813)), sleeps]),
        ":7000"
    );
    says!(
        "lock_of_nobody_knows",
        stuck_in(vec![locked(812, None)]),
        ":7000"
    );
    says!(
        "lock_of_one_that_has_gone",
        stuck_in(vec![locked(812, Some(99))]),
        ":7000"
    );
    let deadlock = vec![locked(812, Some(813)), locked(813, Some(812))];
    says!("deadlock", stuck_in(deadlock), ":7000");
}

#[test]
fn a_child_and_what_it_does() {
    let wait = |child| thread(812, "wait4", None, WaitsOn::Child(child));
    let family = |child| {
        let mut sample = waiting(2).threads(812, vec![wait(child)]);
        for pid in [900, 901] {
            let mut process = crate::facts::sample::process(pid, "sh");
            process.parent = 812;
            sample.0.processes.insert(pid, process);
        }
        sample.0.inside.children.insert(812, vec![900, 901]);
        let pipe = WaitsOn::Descriptor(Some("pipe:[4711]".to_owned()));
        sample.threads(900, vec![thread(900, "read", Some(0), pipe)])
    };
    says!("child_by_number", family(Some(900)), ":7000");
    says!("child_any_of_two", family(None), ":7000");
    let gone = waiting(2).threads(812, vec![wait(None)]);
    says!("child_that_has_gone", gone, ":7000");
}

#[test]
fn an_event_loop_deaf_switched_off_listening_and_unknown() {
    let polls = |watches: &[(u32, u32)]| {
        let watches = watches.iter().map(|&(fd, events)| Watch { fd, events });
        thread(
            812,
            "epoll_wait",
            Some(4),
            WaitsOn::Events(watches.collect()),
        )
    };
    says!(
        "events_deaf",
        stuck_in(vec![polls(&[(6, 1), (7, 1)])]),
        ":7000"
    );
    says!(
        "events_switched_off",
        stuck_in(vec![polls(&[(3, 0x4000_0000)])]),
        ":7000"
    );
    says!(
        "events_listening",
        stuck_in(vec![polls(&[(3, 1)])]),
        ":7000"
    );
    let mut unknown = polls(&[]);
    unknown.waits_on = Fact::Unknown(Why::NotAsked);
    says!("events_unknown", stuck_in(vec![unknown]), ":7000");
}

#[test]
fn other_waits() {
    let pipe = WaitsOn::Descriptor(Some("pipe:[4711]".to_owned()));
    says!(
        "read_of_a_pipe",
        stuck_in(vec![thread(812, "read", Some(9), pipe)]),
        ":7000"
    );
    let sleeps = thread(812, "clock_nanosleep", None, WaitsOn::Nothing);
    says!("sleep", stuck_in(vec![sleeps]), ":7000");
    let accepts = thread(812, "accept4", Some(3), WaitsOn::Descriptor(None));
    says!("accepts_and_takes_none", stuck_in(vec![accepts]), ":7000");
    let mut sample = stuck_in(vec![thread(812, "accept", Some(8), WaitsOn::Nothing)]);
    let other = socket(300, TcpState::Listen, "0.0.0.0:7001", "0.0.0.0:0");
    sample = sample.owned(other, 812, "python3", 8);
    says!("another_listener", sample, ":7000");
    for (name, state) in [
        ("stopped", 'T'),
        ("traced", 't'),
        ("running", 'R'),
        ("device", 'D'),
    ] {
        let mut detail = reads(812, 6);
        detail.thread.state = state;
        if matches!(state, 'R' | 'D') {
            detail.thread.call = Fact::Known(None);
        }
        says!(name, stuck_in(vec![detail]), ":7000");
    }
}

#[test]
fn what_may_not_be_read_is_said_and_the_rest_is_told() {
    let why = Why::NoRight {
        operation: "read /proc/812/syscall".to_owned(),
        remedy: "run as root or grant CAP_SYS_PTRACE".to_owned(),
    };
    let mut detail = reads(812, 6);
    detail.thread.call = Fact::Unknown(why.clone());
    detail.waits_on = Fact::Unknown(why.clone());
    says!("calls_hidden", stuck_in(vec![detail]), ":7000");
    let mut hidden = waiting(2);
    hidden.0.inside.threads.insert(812, Fact::Unknown(why));
    says!("threads_hidden", hidden, ":7000");
    let mut vanished = waiting(2);
    vanished
        .0
        .inside
        .threads
        .insert(812, Fact::Unknown(Why::Vanished));
    says!("vanished", vanished, ":7000");
    let mut nobody = waiting(2);
    nobody.0.owners = crate::facts::Owners::default();
    says!("owner_hidden", nobody, ":7000");
    let mut many = stuck_in(vec![reads(812, 6)]);
    if let Some(Fact::Known(threads)) = many.0.inside.threads.get_mut(&812) {
        threads.not_read = 4_000;
    }
    says!("threads_by_the_thousand", many, ":7000");
}

#[test]
fn without_time_it_is_not_said_for_how_long() {
    let mut detail = reads(812, 6);
    detail.last_ran = Fact::Unknown(Why::NotAsked);
    let sentence = about(stuck_in(vec![detail]), ":7000").sentence;
    assert!(
        sentence.contains("sits in recvfrom on descriptor 6;"),
        "{sentence}"
    );
}

#[test]
fn of_several_threads_the_one_on_the_dead_is_told() {
    let living = with(
        socket(7, TcpState::Established, "10.0.3.1:7000", "10.0.3.8:40000"),
        |socket| set_quiet(socket, 3_600_000),
    );
    let sample = stuck_in(vec![reads(812, 7), reads(813, 6), locked(814, None)])
        .owned(living, 812, "python3", 7)
        .dead(6, End::Unanswered);
    let sentence = about(sample, ":7000").sentence;
    assert!(
        sentence.contains("Its thread 813 has sat in recvfrom on descriptor 6"),
        "{sentence}"
    );
}

#[test]
fn a_full_queue_is_said_and_a_queue_that_moves_is_not() {
    let mut full = stuck_in(vec![reads(812, 6)]);
    full.0.sockets[0].send_queue = 2;
    says!("queue_full", full, ":7000");
    let mut moved = stuck_in(vec![reads(812, 6)]);
    if let Some(second) = &mut moved.0.second_look {
        second.sockets.retain(|cookie, _| cookie.0 != 200);
    }
    assert_well(moved, ":7000");
    let mut once = stuck_in(vec![reads(812, 6)]);
    once.0.second_look = None;
    assert_well(once, ":7000");
}

#[test]
fn who_is_asked_and_who_is_not() {
    let asked = |sample: Sample, wanted: &str| {
        let facts = sample.facts();
        let scope = Scope {
            here: vec![crate::facts::sample::HOST],
            only: false,
        };
        let wanted = wanted.parse().expect("a subject");
        let subject = subject::resolve(&facts, &wanted, &scope, &|_| true).expect("a subject");
        let limits = limits();
        let case = Case::new(&facts, &subject, &limits, NOW);
        let targets = suspects(&case);
        let cookies = targets.iter().map(|&at| facts.sockets[at].cookie.0);
        cookies.collect::<Vec<_>>()
    };
    let connection = |cookie, remote: &str, quiet| {
        with(
            socket(cookie, TcpState::Established, "10.0.3.1:41000", remote),
            |socket| set_quiet(socket, quiet),
        )
    };
    let pool = || {
        Sample::new()
            .owned(connection(1, "10.9.0.1:5432", 60_000), 812, "web", 4)
            .owned(connection(2, "10.9.0.1:5432", 500), 812, "web", 5)
            .owned(connection(3, "127.0.0.1:6379", 60_000), 812, "web", 6)
            .owned(connection(4, "10.9.0.9:5432", 60_000), 999, "other", 6)
    };
    // The long silent one: not the fresh one, not on this host, not another's.
    assert_eq!(asked(pool(), "pid:812"), [1]);
    // A thread that sits on the fresh one makes it matter.
    assert_eq!(
        asked(pool().threads(812, vec![reads(812, 5)]), "pid:812"),
        [1, 2]
    );
    // What is asked about by name is asked.
    assert_eq!(asked(pool(), "cookie:2"), [2]);
    // Keepalive of its own watches it.
    let watched =
        pool().with_keepalive(1, Fact::Known(crate::facts::sample::keepalive(7200, 75, 9)));
    assert_eq!(asked(watched, "pid:812"), [] as [u64; 0]);
    // No descriptor is needed: who waits to be accepted, or is held by a process that
    // may not be read. Who has just come is left.
    let queue = || {
        with_quiet(waiting(3), &[2_200, 2_100, 100]).unowned(connection(9, "10.9.0.1:22", 60_000))
    };
    assert_eq!(asked(queue(), ":7000"), [200, 201]);
    assert_eq!(asked(queue(), "cookie:9"), [9]);
    // What the peer has closed is not asked, and there is a bound.
    let mut closed = pool();
    closed.0.sockets[0].state = TcpState::CloseWait;
    assert_eq!(asked(closed, "pid:812"), [] as [u64; 0]);
    let many = (1..200).fold(Sample::new(), |sample, cookie| {
        sample.owned(
            connection(cookie, "10.9.0.1:5432", 60_000),
            812,
            "web",
            cookie,
        )
    });
    assert_eq!(asked(many, "pid:812").len(), MOST_ASKED);
}

/// The sockets that wait, heard of so long ago, ms.
fn with_quiet(mut sample: Sample, quiet: &[u32]) -> Sample {
    for (socket, &ms) in sample.0.sockets.iter_mut().skip(1).zip(quiet) {
        set_quiet(socket, ms);
    }
    sample
}

#[test]
fn who_waits_and_is_gone_itself() {
    let stuck = || stuck_in(vec![reads(812, 6)]).dead(6, End::Unanswered);
    says!(
        "some_who_wait_are_gone",
        stuck()
            .dead(200, End::Unanswered)
            .dead(202, End::Unanswered),
        ":7000"
    );
    let all = (200..203).fold(stuck(), |stuck, at| stuck.dead(at, End::Unanswered));
    let told = about(all, ":7000");
    assert!(
        told.sentence.contains("All of them are gone themselves"),
        "{}",
        told.sentence
    );
    assert_eq!(told.causes.len(), 1, "{}", told.sentence);
    let rtt = Some(Duration::from_millis(1));
    let alive = (200..203).fold(stuck(), |stuck, at| {
        stuck.verdict(at, Verdict::Alive { rtt })
    });
    let told = about(alive, ":7000");
    assert!(!told.sentence.contains("gone"), "{}", told.sentence);
    // Of a queue that moves they are told as half-open.
    let mut moves = waiting(3).dead(200, End::Unanswered);
    moves.0.second_look = None;
    says!("who_waits_in_a_queue_that_moves_is_gone", moves, ":7000");
}

#[test]
fn a_connect_without_an_answer_is_what_a_thread_sits_on() {
    let syn = with(
        socket(6, TcpState::SynSent, "10.0.3.1:41000", "10.9.0.1:5432"),
        |socket| {
            socket.tcp = Some(TcpInfo {
                retransmits: 3,
                ..TcpInfo::default()
            });
        },
    );
    let connects = thread(812, "connect", Some(6), WaitsOn::Descriptor(None));
    let sample = waiting(2)
        .owned(syn, 812, "python3", 6)
        .threads(812, vec![connects]);
    says!("accept_behind_a_connect", sample, ":7000");
}
