//! PowerShell for the same values as the registry file.

use super::{Snippet, ms, ten_probes};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "powershell",
    what: "PowerShell, for Windows' registry",
    file: "keepalive.ps1",
    comment: "#",
    first: "",
    os: Os::Windows { build: 19_045 },
    sets: ten_probes,
    notes: &[
        "Milliseconds. Run it as administrator, then restart Windows. Only sockets that switch keepalive on and set no times themselves follow.",
        "The count is 10, so the interval is a tenth of the time for probing; there is no user timeout here.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    let asked = &ten_probes(asked);
    let set = |name: &str, value: u128| {
        format!(
            "New-ItemProperty -Path $path -Name {name} -PropertyType DWord -Value {value} \
             -Force | Out-Null\n"
        )
    };
    format!(
        "$path = 'HKLM:\\SYSTEM\\CurrentControlSet\\Services\\Tcpip\\Parameters'\n{}{}\
         Get-ItemProperty -Path $path | Select-Object KeepAliveTime, KeepAliveInterval\n",
        set("KeepAliveTime", ms(asked.idle)),
        set("KeepAliveInterval", ms(asked.interval))
    )
}
