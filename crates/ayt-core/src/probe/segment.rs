//! TCP segments as the raw engine sends and sees them, without addresses.

/// Flags of a TCP segment (RFC 9293 3.1), as the byte on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(pub u8);

impl Flags {
    /// The sender is done.
    pub const FIN: Self = Self(0x01);
    /// A connection is opened.
    pub const SYN: Self = Self(0x02);
    /// The connection is refused or forgotten.
    pub const RST: Self = Self(0x04);
    /// The acknowledgement number means something.
    pub const ACK: Self = Self(0x10);

    /// All of these flags are set.
    #[must_use]
    pub const fn has(self, wanted: Self) -> bool {
        self.0 & wanted.0 == wanted.0
    }

    /// With these flags as well.
    #[must_use]
    pub const fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }
}

/// The values of a timestamps option (RFC 7323 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timestamps {
    /// The sender's clock (TSval).
    pub value: u32,
    /// The last of the receiver's that the sender has seen (TSecr).
    pub echo: u32,
}

/// What a segment says, and how its packet asks to be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Segment {
    /// Its flags.
    pub flags: Flags,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Window as on the wire, not scaled.
    pub window: u16,
    /// The timestamps option, where there is one.
    pub timestamps: Option<Timestamps>,
    /// Bytes of data. An ask has none, except to try how big a packet gets through.
    pub payload: u32,
    /// Type of service, or traffic class: DSCP and ECN bits.
    pub traffic_class: u8,
    /// IPv6 flow label; 0 over IPv4. Balancers and routers with several paths
    /// may go by it.
    pub flow_label: u32,
}
