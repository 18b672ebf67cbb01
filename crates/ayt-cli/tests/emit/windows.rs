//! Windows: the program is compiled for it and run under wine, whose sockets are this
//! kernel's; the registry file is imported and read back.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use ayt_core::keepalive::Policy;
use ayt_testbed::{Need, Ns};
use tempfile::TempDir;

use super::common::run;
use super::{Running, emitted, expect_sockets, listener};

const WINE: &str = "/usr/lib/wine/wine64";
const WINESERVER: &str = "/usr/lib/wine/wineserver64";
const COMPILER: &str = "x86_64-w64-mingw32-g++";

/// A Windows of its own, ended with this value.
struct Wine(TempDir);

impl Wine {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("WINEPREFIX", self.0.path().join("prefix"))
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree=;mshtml=;winemenubuilder.exe=")
            .env_remove("DISPLAY")
            .stdin(Stdio::null());
        command
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        // Ends the processes of our prefix, no others, and waits for them.
        for option in ["-k", "-w"] {
            let _ended_already = self.command(WINESERVER).arg(option).status();
        }
    }
}

/// wine's sockets are Linux': it sets the two times; the count stays this system's, and
/// what it lacks (TCP_KEEPCNT, TCP_MAXRT) the program is told by `false`.
#[test]
fn cpp() {
    let compiler = Need::program(COMPILER, "apt-get install g++-mingw-w64-x86-64-win32");
    if !compiler || !Need::program(WINE, "apt-get install wine64") {
        return;
    }
    let (text, promised) = emitted("cpp");
    let wine = Wine::new();
    let folder = wine.0.path();
    fs::write(folder.join("keepalive.cpp"), text).expect("writing");
    let main = r#"#include "keepalive.cpp"
#include <stdio.h>
#include <stdlib.h>

int main(int, char **arguments)
{
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data);
    SOCKET client = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(static_cast<u_short>(atoi(arguments[1])));
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(client, reinterpret_cast<sockaddr *>(&to), sizeof to) != 0)
        return 1;
    const bool all = keepalive_on(client);
    printf("%d %d\n", all, all ? 0 : WSAGetLastError());
    fflush(stdout);
    Sleep(INFINITE);
}
"#;
    fs::write(folder.join("main.cpp"), main).expect("writing");
    let mut compile = Command::new(COMPILER);
    compile.args([
        "-Wall", "-Wextra", "-Werror", "-static", "-o", "main.exe", "main.cpp",
    ]);
    run(compile.arg("-lws2_32").current_dir(folder)).exits(0);
    let ns = Ns::current().expect("the host");
    let (_listener, address) = listener(&ns, 0);
    let mut program = wine.command(WINE);
    program
        .arg("main.exe")
        .arg(address.port().to_string())
        .current_dir(folder);
    let _running = Running::start(&ns, &mut program);
    let here = Policy::new(promised.idle(), promised.interval(), 9).expect("settings");
    let filter = format!("--peer {address} --state ESTABLISHED");
    expect_sockets(&ns, &filter, 1, &here);
}

#[test]
fn windows_registry() {
    if !Need::program(WINE, "apt-get install wine64") {
        return;
    }
    let (text, promised) = emitted("windows-registry");
    let wine = Wine::new();
    fs::write(
        wine.0.path().join("keepalive.reg"),
        text.replace('\n', "\r\n"),
    )
    .expect("writing");
    let import = ["reg", "import", "keepalive.reg"];
    run(wine
        .command(WINE)
        .args(import)
        .current_dir(Path::new(wine.0.path())))
    .exits(0);
    for (name, time) in [
        ("KeepAliveTime", promised.idle()),
        ("KeepAliveInterval", promised.interval()),
    ] {
        let path = r"HKLM\SYSTEM\CurrentControlSet\Services\Tcpip\Parameters";
        let told = run(wine.command(WINE).args(["reg", "query", path, "/v", name])).exits(0);
        let value = format!("0x{:x}", time.as_millis());
        let mut words = told.stdout.split_whitespace();
        assert!(
            words.any(|word| word == value),
            "{name} {value}: {}",
            told.stdout
        );
    }
}
