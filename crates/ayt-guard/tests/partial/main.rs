//! What could not be seen is counted and explained, with the remedy.
//!
//! Each test puts a copy of this very program somewhere it sees less (another
//! user, another /proc, a seccomp filter), where it runs [`the_look`].

#![allow(
    clippy::disallowed_methods,
    reason = "these tests wait for real kernels in real time"
)]

mod look;
mod vanish;

use std::error::Error;
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use ayt_testbed::{Fixture, Need, Ns, eventually};

use look::{Elsewhere, Told};

type Done = Result<(), Box<dyn Error>>;

const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the rest of the command line as a user who owns nothing here.
const NOBODY: &str = "setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all";

const REMEDY: &str = "run as root on the host, or grant CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH";

/// Not a test of its own: what the others run elsewhere, as somebody else.
#[test]
fn the_look() {
    look::tell();
}

/// A server of root's with three clients: seven sockets with owners.
struct Scene {
    ns: Ns,
    server: Fixture,
    _clients: Vec<TcpStream>,
}

impl Scene {
    fn set() -> Result<Self, Box<dyn Error>> {
        let ns = Ns::new()?;
        let server = Fixture::start(&ns, ["serve"])?;
        let addr = server.addr();
        let connect = || ns.run(|| TcpStream::connect_timeout(&addr, PATIENCE));
        let clients: Vec<_> = (0..3).map(|_| connect()).collect::<Result<_, _>>()?;
        let accepted = |ns: &Ns| {
            let rows = ns.tcp().expect("the table of a namespace");
            rows.iter().filter(|row| row.inode != 0).count() == 7
        };
        eventually("all are accepted", PATIENCE, || accepted(&ns));
        Ok(Self {
            ns,
            server,
            _clients: clients,
        })
    }

    /// The look from inside the namespace, started by a line of shell in which
    /// `"$@"` is this program.
    fn told(&self, shell: &str) -> Result<Told, Box<dyn Error>> {
        Ok(Elsewhere::new(&self.ns)?.told(shell))
    }
}

fn needs() -> bool {
    Need::root()
        && Need::program("setpriv", "apt-get install util-linux")
        && Need::program("unshare", "apt-get install util-linux")
}

/// With mounts of its own, which vanish with the process.
fn private(mounts: &str, then: &str) -> String {
    format!("exec unshare --mount sh -ec '{mounts}; exec {then} \"$@\"' sh \"$@\"")
}

#[test]
fn root_sees_all() -> Done {
    if !needs() {
        return Ok(());
    }
    let told = Scene::set()?.told("exec \"$@\"")?;
    let owners = told.partial.iter().filter(|one| one.contains("owners"));
    assert_eq!(owners.count(), 0, "{told:#?}");
    assert_eq!(told.sockets.len(), 7);
    assert!(
        told.sockets
            .iter()
            .all(|one| one.ends_with("owners 1 keepalive known"))
    );
    Ok(())
}

#[test]
fn another_user_hides_the_owners_of_roots_sockets() -> Done {
    if !needs() {
        return Ok(());
    }
    let scene = Scene::set()?;
    let mut elsewhere = Elsewhere::new(&scene.ns)?;
    elsewhere.everywhere = true;
    let told = elsewhere.told(&format!("exec {NOBODY} \"$@\""));
    let owners = told.partial_of("owners of 7 sockets are hidden");
    assert!(
        owners.contains("processes may not be read, such as /proc/"),
        "{owners}"
    );
    assert!(owners.ends_with(REMEDY), "{owners}");
    // The sockets themselves are seen all the same, and why no more is.
    assert_eq!(told.sockets.len(), 7);
    let why = "owners 0 keepalive its owner is hidden: run as root or grant CAP_SYS_PTRACE \
               and CAP_DAC_READ_SEARCH";
    for socket in &told.sockets {
        assert!(socket.ends_with(why), "{socket}");
    }
    Ok(())
}

/// Root's folder of descriptors may be listed by any root, the links in it be read
/// only with the right to trace.
#[test]
fn root_without_the_right_to_trace_says_whose_owners_are_hidden() -> Done {
    if !needs() {
        return Ok(());
    }
    let scene = Scene::set()?;
    let without = "setpriv --bounding-set=-sys_ptrace --inh-caps=-sys_ptrace";
    let told = scene.told(&format!("exec {without} \"$@\""))?;
    let owners = told.partial_of("owners of 7 sockets are hidden");
    assert!(owners.ends_with(REMEDY), "{owners}");
    Ok(())
}

#[test]
fn a_stuck_program_is_found_though_its_name_is_hidden() -> Done {
    if !needs() {
        return Ok(());
    }
    let scene = Scene::set()?;
    let stuck = Fixture::start(&scene.ns, ["no-accept"])?;
    let addr = stuck.addr();
    let _waiting = scene
        .ns
        .run(|| TcpStream::connect_timeout(&addr, PATIENCE))?;
    let told = scene.told(&format!("exec {NOBODY} \"$@\""))?;
    let finding = told
        .findings
        .iter()
        .find(|one| one.starts_with("accept-stuck "));
    let finding = finding.expect("a finding");
    let who =
        format!("a program that ayt may not see does not accept on {addr}: its owner is hidden");
    assert!(finding.contains(&who), "{finding}");
    Ok(())
}

#[test]
fn a_hidepid_mount_hides_them_as_well() -> Done {
    if !needs() {
        return Ok(());
    }
    // A mount of proc has options of its own since Linux 5.8.
    let mount = "mount -t proc -o hidepid=2 proc /proc";
    let told = Scene::set()?.told(&private(mount, NOBODY))?;
    let owners = told.partial_of("owners of 7 sockets are hidden");
    assert!(
        owners.contains("| /proc is mounted with hidepid |"),
        "{owners}"
    );
    assert!(owners.ends_with(REMEDY), "{owners}");
    Ok(())
}

#[test]
fn without_proc_nothing_is_seen_and_the_remedy_is_to_mount_it() -> Done {
    if !needs() {
        return Ok(());
    }
    let told = Scene::set()?.told(&private("mount -t tmpfs none /proc", ""))?;
    let error = told.error.as_deref().expect("an error");
    assert!(error.starts_with("list this host"), "{error}");
    assert!(
        error.ends_with("mount /proc (mount -t proc proc /proc)"),
        "{error}"
    );
    Ok(())
}

#[test]
fn settings_that_cannot_be_read_are_no_clean_bill() -> Done {
    if !needs() {
        return Ok(());
    }
    let scene = Scene::set()?;
    for (mount, as_whom, why) in [
        (
            "mount -t proc -o subset=pid proc /proc",
            "",
            "/proc/sys/net is not there",
        ),
        (
            "mount -t tmpfs -o mode=0700 none /proc/sys",
            NOBODY,
            "no right to read /proc/sys/net/",
        ),
    ] {
        let told = scene.told(&private(mount, as_whom))?;
        let gap = told.unknown_of("sysctl-stale 20 settings of namespace host");
        assert!(gap.contains(why), "{gap}");
        assert_eq!(told.sockets.len(), 7);
    }
    Ok(())
}

#[test]
fn a_stale_name_of_a_namespace_hides_nothing() -> Done {
    if !needs() {
        return Ok(());
    }
    // The plain file is what is left of a name where its mount is not seen.
    let stale = "mount -t tmpfs none /run; mkdir /run/netns; touch /run/netns/stale";
    let told = Scene::set()?.told(&private(stale, ""))?;
    let hidden = |one: &&String| one.contains("other network namespace");
    assert_eq!(told.partial.iter().find(hidden), None);
    Ok(())
}

/// A line of shell that forbids system calls: number, errno, and what the first
/// argument must be for that, if it matters.
fn forbidden(calls: &[(u32, u32, Option<u32>)]) -> String {
    let mut filter = String::from("i(0x20,0,0,0)");
    for (number, errno, argument) in calls {
        let answer = format!("i(6,0,0,{})", 0x0005_0000 | errno);
        filter += &match argument {
            None => format!("+i(0x15,0,1,{number})+{answer}"),
            // Past the load and back to the number if it is another argument.
            Some(argument) => format!(
                "+i(0x15,0,4,{number})+i(0x20,0,0,16)+i(0x15,0,1,{argument})+{answer}+i(0x20,0,0,0)"
            ),
        };
    }
    filter += "+i(6,0,0,0x7fff0000)";
    // PR_SET_NO_NEW_PRIVS, then PR_SET_SECCOMP with a filter.
    let python = format!(
        "import ctypes,os,struct,sys\n\
         i=lambda c,t,f,k:struct.pack(\"HBBI\",c,t,f,k)\n\
         p={filter}\n\
         b=ctypes.create_string_buffer(p,len(p))\n\
         f=struct.pack(\"HP\",len(p)//8,ctypes.addressof(b))\n\
         l=ctypes.CDLL(None,use_errno=True)\n\
         assert l.prctl(38,1,0,0,0)==0\n\
         assert l.prctl(22,2,ctypes.create_string_buffer(f,len(f)),0,0)==0\n\
         os.execv(sys.argv[1],sys.argv[1:])"
    );
    format!("exec python3 -c '{python}' \"$@\"")
}

fn can_forbid() -> bool {
    let known = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));
    needs() && known && Need::program("python3", "apt-get install python3")
}

/// `socket` in the table of system calls of this machine.
const SOCKET: u32 = if cfg!(target_arch = "x86_64") {
    41
} else {
    198
};
const PIDFD_GETFD: u32 = 438;
const AF_NETLINK: u32 = 16;

#[test]
fn without_netlink_nothing_is_seen_and_the_policy_is_named() -> Done {
    if !can_forbid() {
        return Ok(());
    }
    let eperm = forbidden(&[(SOCKET, 1, Some(AF_NETLINK))]);
    let told = Scene::set()?.told(&eperm)?;
    let error = told.error.as_deref().expect("an error");
    assert!(
        error.starts_with("list this host's TCP sockets: "),
        "{error}"
    );
    assert!(
        error.contains("seccomp or LSM policy forbids netlink"),
        "{error}"
    );
    Ok(())
}

#[test]
fn a_kernel_without_pidfd_getfd_still_shows_all_but_exact_settings() -> Done {
    if !can_forbid() {
        return Ok(());
    }
    let scene = Scene::set()?;
    // Sockets of no table, so that there is something to look at.
    let odd = Fixture::start(&scene.ns, ["odd-sockets"])?;
    let mut elsewhere = Elsewhere::new(&scene.ns)?;
    elsewhere.pids = vec![scene.server.pid(), odd.pid()];
    let enosys = forbidden(&[(PIDFD_GETFD, 38, None)]);
    let told = elsewhere.told(&enosys);
    assert_eq!(told.error, None);
    // The listener and three connections of the server's.
    assert_eq!(told.sockets.len(), 4);
    let why = "owners 1 keepalive this kernel has no pidfd_getfd (Linux 5.6 and later)";
    for socket in &told.sockets {
        assert!(socket.ends_with(why), "{socket}");
    }
    let gap = told.unknown_of("dead-held descriptors whose connections no longer exist");
    assert!(gap.contains("this kernel has no pidfd_getfd"), "{gap}");
    assert!(gap.ends_with("Linux 5.6 or later"), "{gap}");

    // Forbidden rather than missing: then it is a matter of rights.
    let eperm = forbidden(&[(PIDFD_GETFD, 1, None)]);
    let told = elsewhere.told(&eperm);
    let gap = told.unknown_of("dead-held descriptors whose connections no longer exist");
    assert!(
        gap.ends_with("run as root or grant CAP_SYS_PTRACE"),
        "{gap}"
    );
    Ok(())
}

#[test]
fn the_copy_runs_as_whom_it_should() -> Done {
    if !needs() {
        return Ok(());
    }
    // The ground the others stand on.
    let shell = format!("exec {NOBODY} id -u");
    let id = Command::new("sh").args(["-c", &shell]).output()?;
    assert_eq!(String::from_utf8_lossy(&id.stdout).trim(), "65534");
    Ok(())
}
