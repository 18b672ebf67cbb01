//! Languages: a program of each connects, calls what was emitted, and waits.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ayt_testbed::{Need, Ns};

use super::common::run;
use super::{Running, emitted, expect_sockets, listener};

/// A language: where the emitted text goes, and the program around it.
struct Language {
    target: &'static str,
    file: &'static str,
    main: (&'static str, &'static str),
    /// Commands that build it, run in its folder.
    build: &'static [&'static [&'static str]],
    /// The program; the port follows.
    run: &'static [&'static str],
}

#[track_caller]
fn works(language: &Language) {
    let (text, promised) = emitted(language.target);
    let ns = Ns::current().expect("the host");
    let (_listener, address) = listener(&ns, 0);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path();
    fs::write(path.join(language.file), text).expect("writing");
    fs::write(path.join(language.main.0), language.main.1).expect("writing");
    for build in language.build {
        run(&mut command(path, build)).exits(0);
    }
    let mut program = command(path, language.run);
    let _running = Running::start(&ns, program.arg(address.port().to_string()));
    let filter = format!("--peer {address} --state ESTABLISHED");
    expect_sockets(&ns, &filter, 1, &promised);
}

fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .current_dir(folder)
        // Go keeps caches in the home folder, and asks the network for nothing here.
        .env("GOCACHE", folder.join("cache"))
        .env("GO111MODULE", "off")
        .env("GOFLAGS", "");
    command
}

#[test]
fn c() {
    if !Need::program("gcc", "apt-get install gcc libc6-dev") {
        return;
    }
    works(&Language {
        target: "c",
        file: "keepalive.c",
        main: (
            "main.c",
            r#"#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <netinet/in.h>
int keepalive_on(int fd);
int main(int argc, char **argv)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[argc - 1]))};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) || keepalive_on(fd))
        return perror("keepalive_on"), 1;
    return getchar() == 0;
}
"#,
        ),
        build: &[&[
            "gcc",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-o",
            "main",
            "main.c",
            "keepalive.c",
        ]],
        run: &["./main"],
    });
}

#[test]
fn go() {
    if !Need::program("go", "apt-get install golang-go") {
        return;
    }
    works(&Language {
        target: "go",
        file: "keepalive.go",
        main: (
            "main.go",
            r#"package main

import (
	"net"
	"os"
)

func main() {
	conn, err := net.Dial("tcp", "127.0.0.1:"+os.Args[1])
	if err == nil {
		err = KeepaliveOn(conn.(*net.TCPConn))
	}
	if err != nil {
		panic(err)
	}
	os.Stdin.Read(make([]byte, 1))
}
"#,
        ),
        build: &[&["go", "build", "-o", "main", "keepalive.go", "main.go"]],
        run: &["./main"],
    });
}

#[test]
fn java() {
    if !Need::program("javac", "apt-get install default-jdk-headless") {
        return;
    }
    works(&Language {
        target: "java",
        file: "Keepalive.java",
        main: (
            "Main.java",
            r#"import java.net.Socket;

public class Main {
    public static void main(String[] arguments) throws Exception {
        Socket socket = new Socket("127.0.0.1", Integer.parseInt(arguments[0]));
        Keepalive.on(socket);
        System.in.read();
    }
}
"#,
        ),
        build: &[&["javac", "Keepalive.java", "Main.java"]],
        run: &["java", "-cp", ".", "Main"],
    });
}

#[test]
fn python() {
    if !Need::program("python3", "apt-get install python3") {
        return;
    }
    works(&Language {
        target: "python",
        file: "keepalive.py",
        main: (
            "main.py",
            r#"import socket
import sys

from keepalive import keepalive_on

sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
keepalive_on(sock)
sys.stdin.read()
"#,
        ),
        build: &[],
        run: &["python3", "main.py"],
    });
}

#[test]
fn node() {
    if !Need::program("node", "apt-get install nodejs") {
        return;
    }
    works(&Language {
        target: "node",
        file: "keepalive.js",
        main: (
            "main.js",
            r#"const { keepaliveOn } = require('./keepalive.js');
const socket = require('net').connect(Number(process.argv[2]), '127.0.0.1', () => {
  keepaliveOn(socket);
});
process.stdin.resume();
"#,
        ),
        build: &[],
        run: &["node", "main.js"],
    });
}

/// Mono on Linux hands the same 12 bytes to its own runtime, which sets the two times;
/// the count is then that of this system, 9, not that of Windows.
#[test]
fn csharp() {
    if !Need::program("mcs", "apt-get install mono-mcs") {
        return;
    }
    let (text, promised) = emitted("csharp");
    let ns = Ns::current().expect("the host");
    let (_listener, address) = listener(&ns, 0);
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("Keepalive.cs"), text).expect("writing");
    let main = r#"using System;
using System.Net.Sockets;

public static class Program
{
    public static void Main(string[] arguments)
    {
        var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        client.Connect("127.0.0.1", int.Parse(arguments[0]));
        Keepalive.On(client);
        Console.Read();
    }
}
"#;
    fs::write(folder.path().join("Main.cs"), main).expect("writing");
    run(&mut command(
        folder.path(),
        &["mcs", "-out:main.exe", "Keepalive.cs", "Main.cs"],
    ))
    .exits(0);
    let mut program = command(folder.path(), &["mono", "main.exe"]);
    let _running = Running::start(&ns, program.arg(address.port().to_string()));
    let filter = format!("--peer {address} --state ESTABLISHED");
    // In whole seconds here.
    let interval = Duration::from_secs(promised.interval().as_secs() + 1);
    let here = ayt_core::keepalive::Policy::new(promised.idle(), interval, 9);
    expect_sockets(&ns, &filter, 1, &here.expect("settings"));
}
