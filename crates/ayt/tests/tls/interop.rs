//! With other programs: openssl, and the device in plain Python.

use std::collections::VecDeque;
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use ayt::session::server::{Server, Session};
use ayt_testbed::Need;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::authority::Authority;
use super::cut::Dice;
use super::*;

/// Files of one test; gone with it.
struct Files(PathBuf);

impl Files {
    fn new(name: &str) -> Self {
        let folder =
            Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn with(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
        path
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn openssl_shakes_hands() {
    if !Need::program("openssl", "install the package openssl") {
        return;
    }
    let authority = Authority::new();
    let files = Files::new("openssl");
    let roots = files.with("roots.pem", &authority.pem());
    let builder = Server::builder().keys(keys()).tls(authority.server());
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    let port = server.local_addr().unwrap().port();
    for (arguments, taken) in [
        (&["-tls1_3", "-alpn", "ayt/1"][..], true),
        (&["-tls1_2", "-alpn", "ayt/1"], true),
        (&["-alpn", "http/1.1"], false),
        (&["-tls1_3", "-verify_hostname", "other"], false),
    ] {
        let mut openssl = Command::new("openssl");
        openssl
            .args(["s_client", "-connect", &format!("127.0.0.1:{port}")])
            .args(["-servername", "localhost", "-verify_return_error"])
            .arg("-CAfile")
            .arg(&roots)
            .args(arguments)
            .stdin(Stdio::null());
        let output = tokio::task::spawn_blocking(move || openssl.output());
        let output = output.await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let complained = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.success(),
            taken,
            "{arguments:?}: {said}{complained}"
        );
        if taken {
            assert!(said.contains("ALPN protocol: ayt/1"), "{said}");
            assert!(said.contains("Verify return code: 0 (ok)"), "{said}");
            assert!(
                !said.contains("Post-Handshake New Session Ticket"),
                "{said}"
            );
        }
    }
    until(|| server.stats().now.unregistered == 0).await;
}

/// Carries bytes to the server; each connection only so many, in one direction.
async fn cutting(
    listener: TcpListener,
    server: std::net::SocketAddr,
    mut cuts: VecDeque<[usize; 2]>,
) {
    while let Ok((near, _)) = listener.accept().await {
        let Ok(far) = TcpStream::connect(server).await else {
            return;
        };
        let [up, down] = cuts.pop_front().unwrap_or([usize::MAX; 2]);
        tokio::spawn(async move {
            let (near_reads, near_writes) = near.into_split();
            let (far_reads, far_writes) = far.into_split();
            // Whichever direction ends first takes both with it.
            tokio::select! {
                () = carry(near_reads, far_writes, up) => {}
                () = carry(far_reads, near_writes, down) => {}
            }
        });
    }
}

async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut left: usize) {
    let mut bytes = vec![0; 16 * 1024];
    while left > 0 {
        let most = left.min(bytes.len());
        let n = match from.read(&mut bytes[..most]).await {
            Ok(0) => {
                // One direction may end and the other not.
                let _ = to.shutdown().await;
                return std::future::pending().await;
            }
            Ok(n) => n,
            Err(_) => return,
        };
        if to.write_all(&bytes[..n]).await.is_err() {
            return;
        }
        left -= n;
    }
}

/// A program that ends with its test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ended_already = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Everything a program says.
async fn all_of(mut pipe: impl Read + Send + 'static) -> String {
    let read = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        pipe.read_to_string(&mut text).map(|_| text)
    });
    read.await.unwrap().unwrap()
}

async fn echoes(session: Session, count: u64) {
    let (sender, mut receiver) = session.split();
    for n in 1..=count {
        let came = receiver.recv().await.expect("the session is over");
        assert_eq!(came, n.to_string(), "each once and in order");
        sender.send(format!("echo {n}")).await.unwrap();
    }
    receiver.done();
    // The device ends the session once all is acknowledged.
    assert_eq!(receiver.recv().await, None);
    drop(sender);
}

#[tokio::test]
async fn the_python_device_resumes_over_tls_after_seeded_cuts() {
    const COUNT: u64 = 400;
    const CUTS: usize = 20;
    if !Need::program("python3", "install the package python3") {
        return;
    }
    let authority = Authority::new();
    let files = Files::new("python");
    let roots = files.with("roots.pem", &authority.pem());
    let hex: String = KEY.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = files.with("key", &hex);
    let builder = Server::builder().keys(keys()).tls(authority.server());
    let server = builder.bind("127.0.0.1:0").await.unwrap();
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = front.local_addr().unwrap().port();
    let mut dice = Dice(7);
    let cuts = (0..CUTS).map(|_| {
        let mut bytes = [usize::MAX; 2];
        bytes[dice.roll(2)] = dice.roll(6_000);
        bytes
    });
    let proxy = tokio::spawn(cutting(front, server.local_addr().unwrap(), cuts.collect()));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/device.py");
    let mut device = Command::new("python3")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg(script)
        .args([
            "--server",
            &format!("localhost:{port}"),
            "--identity",
            "device",
        ])
        .arg("--key-file")
        .arg(key)
        .arg("--tls")
        .arg("--ca")
        .arg(roots)
        .args(["--count", &COUNT.to_string(), "--every", "0.005"])
        .args(["--base", "0.01", "--cap", "0.05"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(Killed)
        .unwrap();
    let heard = tokio::spawn(all_of(device.0.stdout.take().unwrap()));
    let told = tokio::spawn(all_of(device.0.stderr.take().unwrap()));
    let served = async { echoes(server.accept().await.unwrap(), COUNT).await };
    if tokio::time::timeout(S(120), served).await.is_err() {
        // Its readers wait for it.
        drop(device);
        panic!("the transfer was not over in time: {}", told.await.unwrap());
    }
    let (heard, told) = (heard.await.unwrap(), told.await.unwrap());
    let status = device.0.wait().unwrap();
    proxy.abort();
    assert!(status.success(), "{told}");
    let expected: Vec<String> = (1..=COUNT).map(|n| format!("echo {n}")).collect();
    assert_eq!(heard.lines().collect::<Vec<_>>(), expected, "{told}");
    let resumed = told
        .lines()
        .filter(|line| line.starts_with("resumed"))
        .count();
    assert!(resumed > 2, "{told}");
    assert!(server.stats().resumed > 2);
    for lost in ["arrived ", "lost ", "unsure "] {
        assert!(!told.lines().any(|line| line.starts_with(lost)), "{told}");
    }
}
