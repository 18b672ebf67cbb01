//! Java: `jdk.net.ExtendedSocketOptions`, since Java 11, in seconds; Linux and macOS,
//! Windows since Java 21.

use super::{Snippet, s, without_user_timeout};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "java",
    what: "Java 11 and later",
    file: "Keepalive.java",
    comment: "//",
    first: "",
    os: Os::Linux,
    sets: without_user_timeout,
    notes: &[
        "Seconds. The JDK has no user timeout: data in flight is up to the system. Works on SocketChannel, too: it has the same setOption.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    format!(
        r#"import java.io.IOException;
import java.net.Socket;
import java.net.StandardSocketOptions;
import jdk.net.ExtendedSocketOptions;

public final class Keepalive {{
    private Keepalive() {{}}

    public static void on(Socket socket) throws IOException {{
        socket.setOption(StandardSocketOptions.SO_KEEPALIVE, true);
        socket.setOption(ExtendedSocketOptions.TCP_KEEPIDLE, {});
        socket.setOption(ExtendedSocketOptions.TCP_KEEPINTERVAL, {});
        socket.setOption(ExtendedSocketOptions.TCP_KEEPCOUNT, {});
    }}
}}
"#,
        s(asked.idle),
        s(asked.interval),
        asked.count
    )
}
