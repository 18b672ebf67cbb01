//! A certificate authority of our own.

use std::sync::Arc;

use ayt::tls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use ayt::tls::rustls::server::WebPkiClientVerifier;
use ayt::tls::rustls::server::danger::ClientCertVerifier;
use ayt::tls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

pub(crate) struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key.
pub(crate) struct Pair {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) key: PrivateKeyDer<'static>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::called("tests")
    }

    pub(crate) fn called(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        let issuer = Issuer::new(params, key);
        Self {
            certificate,
            issuer,
        }
    }

    /// Of one name, with what `change` makes of it.
    pub(crate) fn made(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) -> Pair {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair {
            certificate: certificate.der().clone(),
            key: PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
        }
    }

    pub(crate) fn of(&self, name: &str) -> Pair {
        self.made(name, |_| {})
    }

    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        Arc::new(roots)
    }

    /// A server with this certificate that asks clients for none.
    pub(crate) fn server_with(&self, pair: Pair) -> ServerConfig {
        ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![pair.certificate], pair.key)
            .unwrap()
    }

    /// The same, of `localhost`.
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::new(self.server_with(self.of("localhost")))
    }

    /// A server of `localhost` that wants certificates of clients.
    pub(crate) fn asking(&self, verifier: Arc<dyn ClientCertVerifier>) -> Arc<ServerConfig> {
        let Pair { certificate, key } = self.of("localhost");
        let config = ServerConfig::builder()
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![certificate], key)
            .unwrap();
        Arc::new(config)
    }

    /// It takes those of this authority, and needs one.
    pub(crate) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        WebPkiClientVerifier::builder(self.roots()).build().unwrap()
    }

    /// A client that trusts this authority.
    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        let config = ClientConfig::builder()
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        Arc::new(config)
    }

    /// The same, with a certificate of its own.
    pub(crate) fn client_with(&self, pair: Pair) -> Arc<ClientConfig> {
        let config = ClientConfig::builder()
            .with_root_certificates(self.roots())
            .with_client_auth_cert(vec![pair.certificate], pair.key)
            .unwrap();
        Arc::new(config)
    }

    /// Its certificate as a file has it (RFC 7468).
    pub(crate) fn pem(&self) -> String {
        let body = base64(&self.certificate);
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(64)
            .map(|line| std::str::from_utf8(line).unwrap())
            .collect();
        let lines = lines.join("\n");
        format!("-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n")
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = (0..3).fold(0u32, |bits, at| {
            bits << 8 | u32::from(three.get(at).copied().unwrap_or(0))
        });
        for digit in 0..4 {
            text.push(if digit <= three.len() {
                char::from(DIGITS[(bits >> (18 - 6 * digit) & 63) as usize])
            } else {
                '='
            });
        }
    }
    text
}

#[test]
fn base64_is_that_of_the_rfc() {
    // RFC 4648, 10.
    for (bytes, text) in [
        ("", ""),
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foobar", "Zm9vYmFy"),
    ] {
        assert_eq!(base64(bytes.as_bytes()), text);
    }
}

#[test]
fn an_identity_is_a_name_in_the_certificate_byte_for_byte() {
    let authority = Authority::new();
    let pair = authority.made("meter-17.example", |params| {
        let uri = "urn:dev:mac:0024befffe804ff1".try_into().unwrap();
        params.subject_alt_names.push(rcgen::SanType::URI(uri));
        params.distinguished_name.push(DnType::CommonName, "common");
    });
    let wild = authority.of("*.example");
    for (pair, identity, is) in [
        (&pair, "meter-17.example", true),
        (&pair, "urn:dev:mac:0024befffe804ff1", true),
        (&pair, "Meter-17.example", false),
        (&pair, "meter-17.example.", false),
        (&pair, "meter-17", false),
        (&pair, "common", false),
        (&wild, "meter-17.example", false),
    ] {
        let named = ayt::tls::named(&pair.certificate, identity.as_bytes());
        assert_eq!(named, is, "{identity}");
    }
    assert!(!ayt::tls::named(b"no certificate", b"device"));
}
