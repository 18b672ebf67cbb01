//! The ground of an ordinary user, and that nothing is left behind however a
//! program ends. Without libtest's harness: the ground has to be taken while there
//! is one thread, and by children that end in bad ways.

#![allow(
    clippy::disallowed_macros,
    clippy::print_stdout,
    reason = "this is its own test runner"
)]

use std::collections::BTreeSet;
use std::error::Error;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use ayt_lab::ground::{self, Ground, Why};
use ayt_lab::{Host, Side, Wire};
use ayt_testbed::{Need, eventually};
use rustix::process::{Pid, Signal, kill_process};
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set};

type Done = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(20);
const ROLE: &str = "AYT_LAB_TEST_ROLE";
const NOBODY: u32 = 65_534;

type Test = (&'static str, fn() -> Done);

const TESTS: &[Test] = &[
    ("root_has_the_ground", root_has_the_ground),
    ("an_ordinary_user_gets_the_ground", an_ordinary_user_gets_it),
    (
        "without_it_the_reason_is_told",
        without_it_the_reason_is_told,
    ),
    ("it_is_too_late_with_threads", it_is_too_late_with_threads),
    ("nothing_is_left_after_a_normal_end", || {
        leaves_nothing(End::Normal, false)
    }),
    ("nothing_is_left_after_ctrl_c", || {
        leaves_nothing(End::Interrupt, false)
    }),
    ("nothing_is_left_after_kill_9", || {
        leaves_nothing(End::Kill, false)
    }),
    ("nothing_is_left_of_an_ordinary_user", || {
        leaves_nothing(End::Kill, true)
    }),
];

fn main() -> ExitCode {
    if let Ok(role) = std::env::var(ROLE) {
        return match play(&role) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                println!("failed: {error}");
                ExitCode::FAILURE
            }
        };
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        TESTS.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    // Of libtest's options only a filter means something here; two take a value.
    let mut words = arguments.iter();
    let mut filter = None;
    while let Some(word) = words.next() {
        match word.as_str() {
            "--test-threads" | "--skip" | "--format" | "--color" => drop(words.next()),
            option if option.starts_with('-') => {}
            name => filter = Some(name),
        }
    }
    let chosen = TESTS
        .iter()
        .filter(|(name, _)| filter.is_none_or(|filter| name.contains(filter)));
    let (mut passed, mut failed) = (0, 0);
    for (name, test) in chosen {
        let outcome = catch_unwind(AssertUnwindSafe(test));
        let outcome = outcome.unwrap_or_else(|_| Err("it panicked".into()));
        match outcome {
            Ok(()) => passed += 1,
            Err(_) => failed += 1,
        }
        match outcome {
            Ok(()) => println!("test {name} ... ok"),
            Err(error) => println!("test {name} ... FAILED\n  {error}"),
        }
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    let out = TESTS.len() - passed - failed;
    println!(
        "\ntest result: {result}. {passed} passed; {failed} failed; 0 ignored; 0 measured; \
         {out} filtered out"
    );
    ExitCode::from(u8::from(failed > 0))
}

/// This program again, as a child with a role.
fn child(role: &str, user: Option<u32>) -> std::io::Result<Child> {
    let mut command = Command::new("/proc/self/exe");
    command
        .env(ROLE, role)
        .env("RUST_BACKTRACE", "0")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command.spawn()
}

fn play(role: &str) -> Done {
    match role {
        "ground" => {
            println!("{:?} {}", ground::take()?, user_outside());
            talk()
        }
        "forbidden" => {
            // In a user namespace of one's own the limit is one's own, too: the
            // system's is not touched. A right that is not in the bounding set is
            // not had after exec.
            ground::take()?;
            fs::write("/proc/sys/user/max_user_namespaces", "0")?;
            remove_capability_from_bounding_set(CapabilitySet::SYS_ADMIN)?;
            Err(Command::new("/proc/self/exe")
                .env(ROLE, "ground")
                .exec()
                .into())
        }
        "threads" => {
            let (tell, wait) = std::sync::mpsc::channel::<()>();
            let thread = std::thread::spawn(move || wait.recv());
            let refused = ground::take().expect_err("there are two threads");
            drop(tell);
            let _ = thread.join();
            println!("{refused}");
            if !matches!(refused.why(), Why::TooLate { threads: 2 }) {
                return Err(refused.into());
            }
            Ok(())
        }
        "live" => live(),
        other => Err(format!("no role {other}").into()),
    }
}

/// Who this process is for the rest of the system.
fn user_outside() -> String {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().nth(1).unwrap_or("?").to_owned()
}

fn talk() -> Done {
    let (a, b) = (Host::new("a")?, Host::new("b")?);
    let wire = Wire::join(&a, &b)?;
    a.set_sysctl("net.ipv4.tcp_retries2", "5")?;
    for six in [false, true] {
        let listener = if six {
            b.enter(|| TcpListener::bind((wire.v6(Side::B), 0)))??
        } else {
            b.enter(|| TcpListener::bind((wire.v4(Side::B), 0)))??
        };
        let address = listener.local_addr()?;
        let mut client = a.enter(|| TcpStream::connect_timeout(&address, PATIENCE))??;
        let (mut server, _) = listener.accept()?;
        server.set_read_timeout(Some(PATIENCE))?;
        client.write_all(b"hello")?;
        server.read_exact(&mut [0; 5])?;
    }
    wire.cut()?;
    b.reboot()?;
    println!("talked");
    Ok(())
}

/// Two hosts, a wire, and programs, one of them a daemon; says what there is, and
/// goes on until its input ends.
fn live() -> Done {
    ground::take()?;
    let (a, b) = (Host::new("a")?, Host::new("b")?);
    let wire = Wire::join(&a, &b)?;
    let mut command = Command::new("sh");
    command
        .args(["-c", "setsid sleep 4243 & exec sleep 4243"])
        .stdout(Stdio::null());
    let program = a.spawn(command)?;
    eventually("the daemon runs", PATIENCE, || {
        processes_in(&[a.inode()].map(|inode| format!("net:[{inode}]"))).len() >= 4
    });
    println!("inodes {} {}", a.inode(), b.inode());
    println!("pid {}", program.pid());
    println!("ready");
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(wire);
    Ok(())
}

fn root_has_the_ground() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let output = child("ground", None)?.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let expected = format!("{:?} 0\ntalked\n", Ground::OwnRights);
    same(&text, &expected)
}

fn an_ordinary_user_gets_it() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let output = child("ground", Some(NOBODY))?.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let expected = format!("{:?} {NOBODY}\ntalked\n", Ground::UserNamespace);
    same(&text, &expected)
}

fn same(found: &str, expected: &str) -> Done {
    if found == expected {
        Ok(())
    } else {
        Err(format!("{found:?}, not {expected:?}").into())
    }
}

fn without_it_the_reason_is_told() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let output = child("forbidden", Some(NOBODY))?.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    for part in [
        "user.max_user_namespaces is 0",
        "sudo sysctl user.max_user_namespaces",
    ] {
        if !text.contains(part) {
            return Err(format!("{text:?} does not say {part:?}").into());
        }
    }
    Ok(())
}

fn it_is_too_late_with_threads() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let output = child("threads", Some(NOBODY))?.wait_with_output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && text.contains("first thing in main") {
        Ok(())
    } else {
        Err(text.into())
    }
}

#[derive(Debug, Clone, Copy)]
enum End {
    Normal,
    Interrupt,
    Kill,
}

fn leaves_nothing(end: End, ordinary: bool) -> Done {
    if !Need::root() {
        return Ok(());
    }
    let interfaces_before = interfaces()?;
    let named_before = named_namespaces();
    let mut lab = child("live", ordinary.then_some(NOBODY))?;
    let input = lab.stdin.take();
    let output = BufReader::new(lab.stdout.take().ok_or("no output")?);
    let (mut names, mut pids) = (Vec::new(), vec![lab.id()]);
    for line in output.lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        match words.next() {
            Some("inodes") => names.extend(words.map(|inode| format!("net:[{inode}]"))),
            Some("pid") => pids.extend(words.filter_map(|pid| pid.parse::<u32>().ok())),
            Some("ready") => break,
            _ => return Err(line.into()),
        }
    }
    // The lab, the first process of each host, the program and its daemon.
    let mut all: BTreeSet<u32> = processes_in(&names).into_iter().collect();
    all.extend(&pids);
    if names.len() != 2 || all.len() != 5 {
        return Err(format!("{names:?} {all:?}: not what was made").into());
    }
    // Held, so that no other test is given their numbers meanwhile.
    let held: Vec<File> = threads_in(&names)
        .filter_map(|(_, link)| File::open(link).ok())
        .collect();
    let pid = Pid::from_child(&lab);
    match end {
        End::Normal => drop(input),
        End::Interrupt => kill_process(pid, Signal::INT)?,
        End::Kill => kill_process(pid, Signal::KILL)?,
    }
    let status = ended(&mut lab)?;
    if matches!(end, End::Normal) != status.success() {
        return Err(format!("{end:?}: {status}").into());
    }
    eventually("its processes are gone", PATIENCE, || {
        all.iter()
            .all(|pid| fs::metadata(format!("/proc/{pid}")).is_err())
    });
    if !processes_in(&names).is_empty() {
        return Err("something still lives in its namespaces".into());
    }
    drop(held);
    eventually("its interfaces are gone", PATIENCE, || {
        interfaces().is_ok_and(|now| now == interfaces_before)
    });
    if named_namespaces() != named_before {
        return Err("a named namespace is left".into());
    }
    Ok(())
}

/// Waits for the end of a lab that was told to end.
fn ended(lab: &mut Child) -> Result<ExitStatus, Box<dyn Error>> {
    let give_up = ayt_lab::clock::now() + PATIENCE;
    loop {
        if let Some(status) = lab.try_wait()? {
            return Ok(status);
        }
        if ayt_lab::clock::now() > give_up {
            lab.kill()?;
            lab.wait()?;
            return Err("it did not end; is SIGINT ignored where this test was started?".into());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Processes in one of these network namespaces, by the thread that is in it.
fn processes_in(names: &[String]) -> Vec<u32> {
    let mut found: Vec<u32> = threads_in(names).map(|(pid, _)| pid).collect();
    found.dedup();
    found
}

/// Threads in one of these network namespaces: their process, and the link.
fn threads_in(names: &[String]) -> impl Iterator<Item = (u32, PathBuf)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let tasks = entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let tasks = fs::read_dir(entry.path().join("task")).ok()?;
        Some(
            tasks
                .flatten()
                .map(move |task| (pid, task.path().join("ns/net"))),
        )
    });
    tasks.flatten().filter(|(_, link)| {
        let name = fs::read_link(link);
        name.is_ok_and(|name| names.iter().any(|known| name.as_os_str() == known.as_str()))
    })
}

fn interfaces() -> std::io::Result<BTreeSet<String>> {
    let text = fs::read_to_string("/proc/net/dev")?;
    let names = text.lines().filter_map(|line| line.split_once(':'));
    Ok(names.map(|(name, _)| name.trim().to_owned()).collect())
}

fn named_namespaces() -> BTreeSet<String> {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let ours = mounts.lines().filter(|line| line.contains("nsfs"));
    ours.map(str::to_owned).collect()
}
