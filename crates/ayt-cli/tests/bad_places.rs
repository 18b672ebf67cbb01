//! No /proc, a /proc that hides, no netlink, an old kernel: exit code 3 with the
//! reason and what would help, or the part that still works.

mod common;

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;

use ayt_testbed::Need;
use common::scene::Scene;
use common::{Home, Nobody, Ran, run};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter,
};

/// A command in a mount namespace of its own, after `prepare` (a line of shell).
fn after(prepare: &str, command: &Command) -> Command {
    let mut unshare = Command::new("unshare");
    unshare
        .args([
            "--mount",
            "sh",
            "-ec",
            &format!("{prepare}; exec \"$@\""),
            "sh",
        ])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => unshare.env(name, value),
            None => unshare.env_remove(name),
        };
    }
    unshare
}

#[test]
fn without_proc_it_says_how_to_get_it() {
    if !Need::root() {
        return;
    }
    let home = Home::new();
    for arguments in ["list", "list --json", "probe", "doctor", "reap --pid 1"] {
        let mut ayt = home.command();
        ayt.args(arguments.split_whitespace());
        let ran = run(&mut after("mount -t tmpfs none /proc", &ayt)).exits(3);
        assert_eq!(ran.stdout, "", "{arguments}");
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("mount -t proc proc /proc"),
            "{}",
            ran.stderr
        );
    }
}

#[test]
fn behind_hidepid_it_says_what_hides() {
    if !Need::root() {
        return;
    }
    let scene = Scene::new("serve", 1);
    let nobody = Nobody::new();
    let mut ayt = nobody.command();
    // In the namespace, and away from all others.
    ayt.args(["list", "--netns", "host"]);
    let mut hidden = after("mount -t proc -o hidepid=invisible proc /proc", &ayt);
    let ran = scene.host.run(|| run(&mut hidden)).exits(3);
    assert!(ran.stdout.contains("LISTEN"), "{ran:?}");
    assert!(
        ran.stderr.contains("owners of 2 sockets are hidden"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.contains("hidepid"), "{}", ran.stderr);
    assert!(ran.stderr.contains("run as root"), "{}", ran.stderr);
}

/// A namespace of which only a process in it is known is read before it has its
/// name. What is hidden there is no gap of a look at another.
#[test]
fn what_is_hidden_elsewhere_is_no_gap_of_a_look_at_one_namespace() {
    if !Need::root() {
        return;
    }
    let (elsewhere, here) = (Scene::new("serve", 1), Scene::new("serve", 1));
    let home = Home::new();
    // In a pid namespace of their own: ayt, and a process that leads elsewhere,
    // but not the server there.
    let inner = "nsenter --net=/proc/self/fd/3 sleep 60 & \
        until [ \"$(readlink /proc/$!/ns/net)\" = \"$(readlink /proc/self/fd/3)\" ]; do :; done; \
        \"$@\"";
    let outer = format!(
        "exec 3</proc/{}/ns/net; exec unshare --pid --fork --mount-proc sh -c '{inner}' sh \"$@\"",
        elsewhere.server.pid()
    );
    let look = |netns: &str| {
        let mut sh = Command::new("sh");
        sh.args(["-ec", &outer, "sh", env!("CARGO_BIN_EXE_ayt")])
            .args(["list", "--json", "--state", "LISTEN", "--netns", netns])
            .env("AYT_RUNTIME_DIR", home.path());
        here.host.run(|| run(&mut sh))
    };
    let seen = look(&elsewhere.netns()).exits(3);
    assert!(seen.stderr.contains("owners of 1 socket "), "{seen:?}");
    let seen = look("host").exits(3);
    assert!(seen.stderr.contains("owners of 1 socket "), "{seen:?}");
}

/// Runs a command to which a system call is denied, where all these arguments
/// have these values.
fn denied(call: i64, error: i32, arguments: &[(u8, u64)], command: &mut Command) -> Ran {
    let conditions = arguments.iter().map(|&(index, value)| {
        SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
            .expect("a condition")
    });
    let rules = match arguments {
        [] => Vec::new(),
        _ => vec![SeccompRule::new(conditions.collect()).expect("a rule")],
    };
    let arch = TargetArch::try_from(std::env::consts::ARCH).expect("a known machine");
    let filter = SeccompFilter::new(
        BTreeMap::from([(call, rules)]),
        SeccompAction::Allow,
        SeccompAction::Errno(u32::try_from(error).expect("a number")),
        arch,
    );
    let program: BpfProgram = filter.and_then(TryInto::try_into).expect("a filter");
    // The filter stays with the thread, and goes with what it starts.
    thread::scope(|scope| {
        let started = scope.spawn(|| {
            apply_filter(&program).expect("a filter in force");
            run(command)
        });
        started.join().expect("it runs")
    })
}

/// The numbers of the calls on x86_64 and aarch64, and of the errors anywhere.
const SOCKET: i64 = if cfg!(target_arch = "x86_64") {
    41
} else {
    198
};
const PIDFD_GETFD: i64 = 438;
const AF_NETLINK: u64 = 16;
const EPERM: i32 = 1;
const ENOSYS: i32 = 38;
const EPROTONOSUPPORT: i32 = 93;

#[test]
fn without_netlink_it_says_who_forbids_it() {
    if !Need::root() {
        return;
    }
    let home = Home::new();
    for (error, reason) in [
        (EPERM, "a seccomp or LSM policy forbids netlink"),
        (EPROTONOSUPPORT, "run ayt outside the sandbox"),
    ] {
        for arguments in ["list --json", "probe", "doctor --json"] {
            let mut ayt = home.command();
            ayt.args(arguments.split_whitespace());
            let ran = denied(SOCKET, error, &[(0, AF_NETLINK)], &mut ayt).exits(3);
            assert_eq!(ran.stdout, "", "{arguments}");
            assert!(ran.stderr.contains(reason), "{arguments}: {}", ran.stderr);
        }
    }
}

#[test]
fn on_a_kernel_without_pidfd_getfd_the_rest_still_works() {
    if !Need::root() {
        return;
    }
    let (scene, home) = (Scene::new("serve", 1), Home::new());
    let netns = scene.netns();
    let old = |arguments: &str| {
        let mut ayt = home.command();
        ayt.args(arguments.split_whitespace())
            .args(["--netns", &netns]);
        denied(PIDFD_GETFD, ENOSYS, &[], &mut ayt)
    };
    let reason = "this kernel has no pidfd_getfd (Linux 5.6 and later)";
    // Listing needs it for the exact settings only.
    let row = old("list --json --state ESTABLISHED").exits(0).row();
    assert_eq!(row["owners"][0]["pid"], scene.server.pid());
    assert!(row["tcp"]["rtt_us"].is_number() && row["keepalive"].is_null());
    assert_eq!(row["keepalive_unknown"], reason);
    // Asking needs it for the engines that ask through a descriptor.
    let row = old("probe --json").exits(0).row();
    assert_eq!(
        (&row["verdict"], &row["engine"]),
        (&"alive".into(), &"raw".into())
    );
    assert_eq!(row["passed_over"][0]["why"], reason);
    let row = old("probe --json --engine repair").exits(3).row();
    assert_eq!(
        (&row["verdict"], &row["verdict_unknown"]),
        (&"unknown".into(), &reason.into())
    );
    let ran = old("arm --keepalive 60/5/3").exits(2);
    assert!(ran.stdout.contains("5.6"), "{}", ran.stdout);
    let ran = old("doctor");
    assert!([1, 3].contains(&ran.exit), "{ran:?}");
    assert!(ran.stdout.contains("5.6"), "{}", ran.stdout);
}
