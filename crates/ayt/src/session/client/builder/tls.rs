//! Setting up TLS.

use std::sync::Arc;

use super::super::secure::Tls;
use super::{BadClient, Builder};
use crate::tls::for_client;
use crate::tls::rustls::ClientConfig;
use crate::tls::rustls::pki_types::ServerName;

impl Builder {
    /// Speaks TLS over every connection, those of a [`connector`](Self::connector) too.
    /// The server's certificate must be of the host in the
    /// [`address`](Self::address) that was connected to, unless
    /// [`server_name`](Self::server_name) says another. The handshake has the
    /// [registration deadline](Self::registration_deadline) together with the
    /// registration.
    ///
    /// The configuration is used with ALPN `ayt/1`, and without early data and TLS
    /// resumption: [`ayt::tls`](crate::tls) says why.
    ///
    /// **A failure that stays** until a person does something, such as a certificate
    /// that has expired ([`Failure::is_lasting`](crate::tls::Failure::is_lasting)), is
    /// told as [`Event::Lost`](super::super::Event::Lost) with its remedy, and the next
    /// attempt comes after the longest wait: the cap of the [pace](Self::pace), and the
    /// random time beyond it. It does not end the client: a server's certificate is
    /// renewed in the end, and a device in a faraway place must find back by itself.
    /// Where a person waits, see [`tls_failure_stops`](Self::tls_failure_stops).
    pub fn tls(mut self, config: Arc<ClientConfig>) -> Self {
        self.tls = Some(config);
        self
    }

    /// The name or IP address that the server's certificate must be of, and that is
    /// sent to it (SNI): for a [`connector`](Self::connector), or an address that is
    /// not the server's name. Default: the host of the address.
    pub fn server_name(mut self, name: ServerName<'static>) -> Self {
        self.server_name = Some(name);
        self
    }

    /// A failure of TLS that stays ends the client, with
    /// [`Stopped::Tls`](super::super::Stopped::Tls): for programs whose user is there to
    /// see it. Default: it tries again after its longest wait.
    pub fn tls_failure_stops(mut self) -> Self {
        self.tls_failure_stops = true;
        self
    }

    pub(super) fn make_tls(&self) -> Result<Option<Tls>, BadClient> {
        let Some(config) = &self.tls else {
            return Ok(None);
        };
        let names = match &self.server_name {
            Some(name) => vec![name.clone()],
            None if self.connector.is_some() => {
                return Err(BadClient::ServerName(String::new()));
            }
            None => self
                .addresses
                .iter()
                .map(|a| name_in(a))
                .collect::<Result<_, _>>()?,
        };
        let connector = for_client(config)?.into();
        Ok(Some(Tls::new(connector, names, self.tls_failure_stops)))
    }
}

/// The host of `host:port`.
fn name_in(address: &str) -> Result<ServerName<'static>, BadClient> {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    ServerName::try_from(bare.unwrap_or(host).to_owned())
        .map_err(|_| BadClient::ServerName(host.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_the_host_of_the_address() {
        for (address, name) in [
            ("hub.example:7117", Some("hub.example")),
            ("192.0.2.1:7", Some("192.0.2.1")),
            ("[2001:db8::1]:7", Some("2001:db8::1")),
            ("[fe80::1%eth0]:7", None),
            ("no name:7", None),
        ] {
            let found = name_in(address).ok();
            let expected = name.map(|name| ServerName::try_from(name).unwrap());
            assert_eq!(found, expected, "{address}");
        }
    }
}
