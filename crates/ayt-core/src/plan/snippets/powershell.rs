//! PowerShell for the same values as the registry file.

use super::{Snippet, ms};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "powershell",
    what: "PowerShell, for Windows' registry",
    file: "keepalive.ps1",
    comment: "#",
    first: "",
    os: Os::Windows { build: 19_045 },
    sets,
    notes: &[
        "Milliseconds. Run it as administrator, then restart Windows. Only sockets that switch keepalive on and set no times themselves follow.",
        "The count is 10, and there is no user timeout here.",
    ],
    body,
};

/// Windows keeps its own count.
fn sets(asked: &Effective) -> Effective {
    Effective {
        count: 10,
        user_timeout: None,
        ..*asked
    }
}

fn body(asked: &Effective) -> String {
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
