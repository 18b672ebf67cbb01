//! What a test needs of the machine, and what it says when that is missing.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::Ns;

/// Guards at the head of a test. Each returns whether to go on; when something
/// is missing it prints `not run: ...` with the remedy, or panics with it where
/// the variable `CI` is set, because there a green test that did not run is a lie.
///
/// ```no_run
/// if !ayt_testbed::Need::root() { return; }
/// ```
#[derive(Debug)]
pub enum Need {}

impl Need {
    /// The right to make network namespaces.
    #[must_use]
    pub fn root() -> bool {
        static ABLE: OnceLock<Result<(), String>> = OnceLock::new();
        let able = ABLE.get_or_init(|| Ns::new().map(drop).map_err(|error| format!("{error:#}")));
        Self::met(
            able.as_ref().err().map(String::as_str),
            "run the tests as root (CAP_SYS_ADMIN and CAP_NET_ADMIN), with iproute2 installed",
        )
    }

    /// [`Need::root`], and a usable /dev/net/tun for a [`Wire`](crate::Wire).
    #[must_use]
    pub fn tun() -> bool {
        let open = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/net/tun");
        let missing = open.err().map(|error| format!("/dev/net/tun: {error}"));
        Self::root()
            && Self::met(
                missing.as_deref(),
                "run as root and give the container the device /dev/net/tun",
            )
    }

    /// A program in PATH (or the usual sbin folders); `remedy` says how to get it.
    #[must_use]
    pub fn program(name: &str, remedy: &str) -> bool {
        let missing = find_program(name)
            .is_none()
            .then(|| format!("no program {name}"));
        Self::met(missing.as_deref(), remedy)
    }

    fn met(missing: Option<&str>, remedy: &str) -> bool {
        let Some(missing) = missing else { return true };
        let running_in_ci = env::var_os("CI").is_some_and(|value| !value.is_empty());
        assert!(!running_in_ci, "{missing}; remedy: {remedy}");
        // Past the harness's capture, so that it is seen on success too.
        let _ = writeln!(io::stderr(), "not run: {missing}; remedy: {remedy}");
        false
    }
}

/// The full path of a program. Daemons live in sbin folders, which an ordinary
/// user's PATH may not name.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}
