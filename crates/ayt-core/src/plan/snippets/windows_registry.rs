//! Windows' registry: `KeepAliveTime` and `KeepAliveInterval` of Tcpip\\Parameters, in ms, for
//! every socket that switches keepalive on and sets no times itself.

use super::{Snippet, ms, ten_probes};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "windows-registry",
    what: "a file for Windows' registry",
    file: "keepalive.reg",
    comment: ";",
    first: "Windows Registry Editor Version 5.00\n",
    os: Os::Windows { build: 19_045 },
    sets: ten_probes,
    notes: &[
        "Milliseconds, in hexadecimal. Import it: reg import keepalive.reg, then restart Windows.",
        "Verify it: reg query HKLM\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters /v KeepAliveTime",
        "The count is 10, so the interval is a tenth of the time for probing; there is no user timeout here.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    let asked = &ten_probes(asked);
    format!(
        "[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters]\n\
         \"KeepAliveTime\"=dword:{:08x}\n\"KeepAliveInterval\"=dword:{:08x}\n",
        ms(asked.idle),
        ms(asked.interval)
    )
}
