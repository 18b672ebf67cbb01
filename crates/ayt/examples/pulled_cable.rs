//! A cable is pulled: who notices, and when?
//!
//! Run it, on Linux, as root (it makes two hosts of its own out of network
//! namespaces, and nothing of it is left afterwards):
//!
//! ```sh
//! cargo run -p ayt --example pulled_cable
//! ```
//!
//! What to see: one server reads from three clients, each on its own socket. Two
//! sockets have keepalive, each with its own settings, and the third has none. Then
//! the cable is pulled: both ends still have their link, and nothing arrives any more.
//!
//! - Each armed socket finds it in its own time, which `ayt::keepalive` has told
//!   beforehand as [earliest, latest]. Settings of one socket concern no other.
//! - The blocked read ends with ETIMEDOUT, once; the read after it gives 0, as if the
//!   peer had closed. Who looks at the second answer only, takes a death for a goodbye.
//! - The socket without keepalive never finds it: its read waits, and its kernel still
//!   calls it ESTABLISHED.
#![allow(
    clippy::print_stdout,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "an example talks to its reader, and this one measures real time"
)]

#[cfg(unix)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    show::run()
}

#[cfg(not(unix))]
fn main() {
    println!("This example needs Linux: it makes network namespaces.");
}

#[cfg(unix)]
mod show {
    use std::error::Error;
    use std::io::{self, ErrorKind, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::thread;
    use std::time::{Duration, Instant};

    use ayt::keepalive::{self, Kernel, Policy};
    use ayt_testbed::{Ns, Side, Veth};

    /// Each client and the settings of the server's socket for it.
    const CLIENTS: [(&str, Option<&str>); 3] =
        [("A", Some("1/1/2")), ("B", Some("2/1/3")), ("C", None)];

    /// How long the unarmed one is waited for: longer than the others need.
    const PATIENCE: Duration = Duration::from_secs(8);

    struct Connection {
        name: &'static str,
        /// When a death is found, in words.
        planned: String,
        client: TcpStream,
        server: TcpStream,
        /// When the last byte was read.
        since: Instant,
    }

    pub(super) fn run() -> Result<(), Box<dyn Error>> {
        let hosts = Ns::new().and_then(|server| Ok((server, Ns::new()?)));
        let (server, far) = hosts.map_err(|error| {
            format!(
                "no network namespaces: {error:#}\nRun it on Linux as root (or with CAP_SYS_ADMIN \
                 and CAP_NET_ADMIN), with iproute2 installed."
            )
        })?;
        let cable = Veth::join(&server, &far)?;
        let listener = server.run(|| TcpListener::bind((cable.v4(Side::A), 0)))?;
        let mut connections = Vec::new();
        for (name, settings) in CLIENTS {
            connections.push(connect(name, settings, &listener, &far)?);
        }
        for connection in &connections {
            println!(
                "client {} is missed, if it vanishes: {}",
                connection.name, connection.planned
            );
        }

        cable.cable_pulled()?;
        println!("the cable is pulled; the server reads");
        thread::scope(|scope| {
            let readers: Vec<_> = connections
                .iter()
                .map(|connection| scope.spawn(|| read(connection)))
                .collect();
            for reader in readers {
                reader.join().map_err(|_| "a reader panicked")??;
            }
            Ok::<(), Box<dyn Error>>(())
        })?;
        let states = server.tcp()?;
        for connection in &connections {
            let ends = (
                connection.server.local_addr()?,
                connection.client.local_addr()?,
            );
            let row = states.iter().find(|row| (row.local, row.remote) == ends);
            let state = row.map_or("gone".to_owned(), |row| format!("{:?}", row.state));
            println!("client {} in the server's kernel: {state}", connection.name);
        }
        Ok(())
    }

    fn connect(
        name: &'static str,
        settings: Option<&str>,
        listener: &TcpListener,
        far: &Ns,
    ) -> Result<Connection, Box<dyn Error>> {
        let address = listener.local_addr()?;
        let mut client = far.run(|| TcpStream::connect(address))?;
        let (mut server, _) = listener.accept()?;
        let planned = match settings {
            Some(settings) => {
                let policy: Policy = settings.parse()?;
                let applied = keepalive::apply(&server, &policy)?;
                let detection = applied.detection(&Kernel::default());
                format!("after {}, by keepalive {settings}", detection.idle)
            }
            None => "never, without keepalive".to_owned(),
        };
        server.set_read_timeout(Some(PATIENCE))?;
        client.write_all(b"I am here")?;
        server.read_exact(&mut [0; 9])?;
        Ok(Connection {
            name,
            planned,
            client,
            server,
            since: Instant::now(),
        })
    }

    /// What the blocked read gives, and the one after it.
    fn read(connection: &Connection) -> io::Result<()> {
        let Connection { name, since, .. } = connection;
        let mut stream = &connection.server;
        let first = stream.read(&mut [0; 64]);
        let after = since.elapsed().as_secs_f64();
        match first {
            Err(error) if error.kind() == ErrorKind::TimedOut => {
                let second = stream.read(&mut [0; 64])?;
                println!("client {name} missed after {after:.2}s: ETIMEDOUT, and then {second}");
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                println!("client {name} not missed after {after:.2}s: the read still waits");
                Ok(())
            }
            Err(error) => Err(error),
            Ok(bytes) => Err(io::Error::other(format!("read {bytes} bytes from nowhere"))),
        }
    }
}
