//! Who a certificate is of.

use webpki::EndEntityCert;

use super::rustls::pki_types::CertificateDer;

/// Whether a certificate (DER) is of this identity: for
/// [`ServerBuilder::certificates`](crate::session::server::ServerBuilder::certificates).
///
/// It is where the identity is, byte for byte, one of the certificate's alternative names
/// of the kinds DNS name and URI (RFC 5280, 4.2.1.6), such as `meter-17.example` or
/// `urn:dev:mac:0024befffe804ff1` (RFC 9039). A wildcard names nobody but itself, and the
/// subject's common name says nothing (RFC 6125, 6.4.4). The certificate must have been
/// verified already.
#[must_use]
pub fn named(certificate: &[u8], identity: &[u8]) -> bool {
    let der = CertificateDer::from_slice(certificate);
    EndEntityCert::try_from(&der).is_ok_and(|certificate| {
        let mut names = certificate
            .valid_dns_names()
            .chain(certificate.valid_uri_names());
        names.any(|name| name.as_bytes() == identity)
    })
}
