//! C# on Windows: `Socket.IOControl(IOControlCode.KeepAliveValues, …)`, which takes the 12
//! bytes of `tcp_keepalive`; it works on .NET Framework, .NET and Mono alike. Newer .NET
//! also has `SocketOptionName.TcpKeepAliveTime` and its like, in seconds.

use super::cpp::vals_of;
use super::{Snippet, ms, ten_probes};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "csharp",
    what: "C# on Windows",
    file: "Keepalive.cs",
    comment: "//",
    first: "",
    os: Os::Windows { build: 19_045 },
    sets: ten_probes,
    notes: &[
        "Three 32-bit numbers, little-endian: on/off, time in ms, interval in ms; 12 bytes.",
        "The count is the system's, 10 on Windows, so the interval is a tenth of the time for probing; and there is no user timeout: .NET Core 3 and later can set the count with SocketOptionName.TcpKeepAliveRetryCount.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    let asked = &ten_probes(asked);
    let bytes = vals_of(asked).map(|byte| format!("0x{byte:02X}"));
    let row = |from: usize| bytes[from..from + 4].join(", ");
    format!(
        r#"using System.Net.Sockets;

public static class Keepalive
{{
    public static void On(Socket socket)
    {{
        byte[] values =
        {{
            {}, // on
            {}, // {} ms
            {}, // {} ms
        }};
        socket.IOControl(IOControlCode.KeepAliveValues, values, null);
    }}
}}
"#,
        row(0),
        row(4),
        ms(asked.idle),
        row(8),
        ms(asked.interval)
    )
}
