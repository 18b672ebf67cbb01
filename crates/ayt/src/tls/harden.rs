//! What sessions change in a configuration; see [the module](super).

use std::sync::Arc;

use super::rustls::client::Resumption;
use super::rustls::server::{NoServerSessionStorage, ProducesTickets};
use super::rustls::{ClientConfig, ServerConfig};
use super::{ALPN, BadAlpn};

/// A copy that takes neither early data nor a resumed handshake.
pub(crate) fn for_server(config: &ServerConfig) -> Result<Arc<ServerConfig>, BadAlpn> {
    let mut config = config.clone();
    config.alpn_protocols = alpn(&config.alpn_protocols)?;
    config.max_early_data_size = 0;
    config.send_half_rtt_data = false;
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::new(NoTickets);
    Ok(Arc::new(config))
}

/// A copy that sends no early data and resumes nothing.
pub(crate) fn for_client(config: &ClientConfig) -> Result<Arc<ClientConfig>, BadAlpn> {
    let mut config = config.clone();
    config.alpn_protocols = alpn(&config.alpn_protocols)?;
    config.enable_early_data = false;
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// This protocol alone: what else a program offers elsewhere would not be served here.
fn alpn(own: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, BadAlpn> {
    if own.is_empty() || own.iter().any(|name| name == ALPN) {
        Ok(vec![ALPN.to_vec()])
    } else {
        Err(BadAlpn)
    }
}

/// Takes no ticket, not even one that the program's own configuration gave.
#[derive(Debug)]
struct NoTickets;

impl ProducesTickets for NoTickets {
    fn enabled(&self) -> bool {
        false
    }

    fn lifetime(&self) -> u32 {
        0
    }

    fn encrypt(&self, _plain: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decrypt(&self, _cipher: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_names_must_have_this_protocols_in_it() {
        let list = |names: &[&str]| -> Vec<Vec<u8>> {
            names.iter().map(|name| name.as_bytes().to_vec()).collect()
        };
        assert_eq!(alpn(&[]), Ok(list(&["ayt/1"])));
        assert_eq!(alpn(&list(&["h2", "ayt/1"])), Ok(list(&["ayt/1"])));
        assert_eq!(alpn(&list(&["h2"])), Err(BadAlpn));
    }
}
