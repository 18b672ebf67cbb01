//! What can go wrong with TLS, and what to do about it.

use std::fmt;
use std::io;
use std::sync::Arc;

use super::rustls::{AlertDescription, CertificateError, Error as Rustls, InvalidMessage};

/// What went wrong with TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Failure {
    /// The peer's certificate was issued by nobody whom this side trusts.
    Issuer,
    /// The peer's certificate is of another name.
    Name,
    /// The peer's certificate has expired, as this side's clock says.
    Expired,
    /// The peer's certificate begins to be valid later, as this side's clock says.
    NotYetValid,
    /// The peer's certificate was revoked.
    Revoked,
    /// Something else is wrong with the peer's certificate.
    Certificate,
    /// The peer has sent no certificate.
    NoCertificate,
    /// The peer does not take this side's certificate, or misses it.
    Rejected,
    /// Both sides have no version or cipher in common.
    NothingInCommon,
    /// The peer offers other protocols by ALPN than this one.
    OtherProtocol,
    /// What came is no TLS.
    NotTls,
    /// The handshake was not over in time.
    TooLate,
    /// The connection failed or ended.
    Transport,
    /// The peer broke the rules of TLS, or what came was changed on its way.
    Broken,
}

impl Failure {
    /// Every failure.
    pub const ALL: [Self; 14] = [
        Self::Issuer,
        Self::Name,
        Self::Expired,
        Self::NotYetValid,
        Self::Revoked,
        Self::Certificate,
        Self::NoCertificate,
        Self::Rejected,
        Self::NothingInCommon,
        Self::OtherProtocol,
        Self::NotTls,
        Self::TooLate,
        Self::Transport,
        Self::Broken,
    ];

    /// It stays until a person does something, on this side or the other: trying again
    /// soon does not help.
    #[must_use]
    pub const fn is_lasting(self) -> bool {
        !matches!(self, Self::TooLate | Self::Transport | Self::Broken)
    }

    /// The word for machines, as in metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Issuer => "issuer",
            Self::Name => "name",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Revoked => "revoked",
            Self::Certificate => "certificate",
            Self::NoCertificate => "no_certificate",
            Self::Rejected => "rejected",
            Self::NothingInCommon => "nothing_in_common",
            Self::OtherProtocol => "other_protocol",
            Self::NotTls => "not_tls",
            Self::TooLate => "too_late",
            Self::Transport => "transport",
            Self::Broken => "broken",
        }
    }

    pub(crate) const fn sentence(self) -> &'static str {
        match self {
            Self::Issuer => "the peer's certificate was issued by nobody trusted here",
            Self::Name => "the peer's certificate is of another name",
            Self::Expired => "the peer's certificate has expired",
            Self::NotYetValid => "the peer's certificate is not valid yet",
            Self::Revoked => "the peer's certificate was revoked",
            Self::Certificate => "the peer's certificate cannot be used",
            Self::NoCertificate => "the peer sent no certificate",
            Self::Rejected => "the peer does not take this side's certificate",
            Self::NothingInCommon => "both sides have no TLS version or cipher in common",
            Self::OtherProtocol => "the peer wants another protocol than ayt/1 (ALPN)",
            Self::NotTls => "what came from the peer is no TLS",
            Self::TooLate => "the TLS handshake was not over in time",
            Self::Transport => "the connection failed in the TLS handshake",
            Self::Broken => "the peer broke the rules of TLS",
        }
    }

    /// What to do about it; empty where that is to try again.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Issuer => "add the certificate of the authority that issued it to the roots",
            Self::Name => {
                "connect by a name that is in the certificate, or say which is (`server_name`)"
            }
            Self::Expired => "renew it; or is this side's clock wrong?",
            Self::NotYetValid => "is one of the clocks wrong?",
            Self::Revoked => "give the peer a new one",
            Self::Certificate => "give the peer another one",
            Self::NoCertificate => "give the peer one (`with_client_auth_cert`)",
            Self::Rejected => {
                "has it expired, does the peer trust its issuer, and was one sent at all \
                 (`with_client_auth_cert`)?"
            }
            Self::NothingInCommon => {
                "does one side need the feature `tls12` of rustls, or an update?"
            }
            Self::OtherProtocol => "is the address and port that of an ayt/1 server?",
            Self::NotTls => "let both sides do TLS, or neither; is the port right?",
            Self::TooLate | Self::Transport | Self::Broken => "",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A failure of TLS, and what was said about it. [`fmt::Display`] gives a sentence with
/// the remedy.
#[derive(Debug, Clone)]
pub struct TlsError {
    failure: Failure,
    source: Option<Arc<io::Error>>,
}

impl TlsError {
    /// What an error of a handshake says.
    pub(crate) fn of(error: io::Error) -> Self {
        Self {
            failure: rustls_in(&error).map_or(Failure::Transport, judge),
            source: Some(Arc::new(error)),
        }
    }

    /// The same of an error after the handshake, if it is one of TLS: what a server
    /// thinks of its client's certificate comes only then (TLS 1.3).
    pub(crate) fn within(error: io::Error) -> Result<Self, io::Error> {
        match rustls_in(&error).map(judge) {
            Some(failure) => Ok(Self {
                failure,
                source: Some(Arc::new(error)),
            }),
            None => Err(error),
        }
    }

    pub(crate) const fn too_late() -> Self {
        Self {
            failure: Failure::TooLate,
            source: None,
        }
    }

    /// What was said about it; may be empty.
    pub(crate) fn detail(&self) -> String {
        self.source.as_deref().map_or_else(String::new, printable)
    }

    /// What went wrong.
    #[must_use]
    pub const fn failure(&self) -> Failure {
        self.failure
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.failure.sentence())?;
        if let Some(source) = &self.source {
            write!(f, " ({})", printable(source))?;
        }
        match self.failure.remedy() {
            "" => Ok(()),
            remedy => write!(f, ": {remedy}"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        let source: &io::Error = self.source.as_ref()?;
        Some(source)
    }
}

/// Names out of the peer's certificate may be in it.
fn printable(error: &io::Error) -> String {
    let text = error.to_string();
    text.replace(char::is_control, "\u{fffd}")
}

fn rustls_in(error: &io::Error) -> Option<&Rustls> {
    error.get_ref()?.downcast_ref()
}

fn judge(error: &Rustls) -> Failure {
    match error {
        Rustls::InvalidCertificate(error) => certificate(error),
        Rustls::NoCertificatesPresented => Failure::NoCertificate,
        Rustls::PeerIncompatible(_) => Failure::NothingInCommon,
        Rustls::NoApplicationProtocol => Failure::OtherProtocol,
        Rustls::InvalidMessage(InvalidMessage::InvalidContentType) => Failure::NotTls,
        Rustls::AlertReceived(alert) => told(*alert),
        _ => Failure::Broken,
    }
}

fn certificate(error: &CertificateError) -> Failure {
    match error {
        // An issuer of the same name with another key signs what does not verify.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Failure::Issuer,
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Failure::Name
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => Failure::Expired,
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            Failure::NotYetValid
        }
        CertificateError::Revoked => Failure::Revoked,
        _ => Failure::Certificate,
    }
}

/// What the peer says before it closes.
const fn told(alert: AlertDescription) -> Failure {
    use AlertDescription as Alert;
    match alert {
        Alert::NoCertificate
        | Alert::BadCertificate
        | Alert::UnsupportedCertificate
        | Alert::CertificateRevoked
        | Alert::CertificateExpired
        | Alert::CertificateUnknown
        | Alert::UnknownCA
        | Alert::AccessDenied
        | Alert::CertificateRequired
        // A signature that did not verify (RFC 8446, 6.2).
        | Alert::DecryptError => Failure::Rejected,
        Alert::HandshakeFailure | Alert::ProtocolVersion | Alert::InsufficientSecurity => {
            Failure::NothingInCommon
        }
        Alert::UnrecognisedName => Failure::Name,
        Alert::NoApplicationProtocol => Failure::OtherProtocol,
        _ => Failure::Broken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(error: Rustls) -> TlsError {
        TlsError::of(io::Error::new(io::ErrorKind::InvalidData, error))
    }

    #[test]
    fn each_failure_is_told_from_the_others() {
        for (error, failure) in [
            (CertificateError::UnknownIssuer.into(), Failure::Issuer),
            (CertificateError::NotValidForName.into(), Failure::Name),
            (CertificateError::Expired.into(), Failure::Expired),
            (CertificateError::NotValidYet.into(), Failure::NotYetValid),
            (CertificateError::Revoked.into(), Failure::Revoked),
            (CertificateError::BadSignature.into(), Failure::Issuer),
            (CertificateError::BadEncoding.into(), Failure::Certificate),
            (Rustls::NoCertificatesPresented, Failure::NoCertificate),
            (
                Rustls::AlertReceived(AlertDescription::UnknownCA),
                Failure::Rejected,
            ),
            (
                Rustls::AlertReceived(AlertDescription::ProtocolVersion),
                Failure::NothingInCommon,
            ),
            (Rustls::NoApplicationProtocol, Failure::OtherProtocol),
            (InvalidMessage::InvalidContentType.into(), Failure::NotTls),
            (Rustls::DecryptError, Failure::Broken),
        ] {
            let error = of(error);
            assert_eq!(error.failure(), failure);
            let lasting = failure.is_lasting();
            assert_eq!(lasting, !failure.remedy().is_empty());
            assert!(error.to_string().ends_with(failure.remedy()), "{error}");
        }
        let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(TlsError::of(reset()).failure(), Failure::Transport);
        assert!(TlsError::within(reset()).is_err());
    }

    #[test]
    fn every_failure_has_a_name_of_its_own() {
        for (index, failure) in Failure::ALL.iter().enumerate() {
            let same = Failure::ALL.iter().filter(|f| f.name() == failure.name());
            assert_eq!(same.count(), 1, "{failure}");
            assert_eq!(*failure as usize, index);
        }
    }
}
