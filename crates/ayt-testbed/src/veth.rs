//! Two namespaces joined by the kernel alone, for bulk: no packet is looked at.

use anyhow::Result;
use std::net::IpAddr;

use crate::{Ns, Side, Subnet};

/// A veth pair. Neighbour entries are permanent, so that silence stays silence
/// and the kernel never answers it with a local "no route to host".
#[derive(Debug)]
pub struct Veth {
    ends: [Ns; 2],
    subnet: Subnet,
}

impl Veth {
    /// Joins two namespaces.
    ///
    /// # Errors
    /// Without the right, or without iproute2 or the kernel's veth.
    pub fn join(a: &Ns, b: &Ns) -> Result<Self> {
        let subnet = Subnet::unique();
        let veth = Self {
            ends: [a.clone(), b.clone()],
            subnet,
        };
        let name = veth.device();
        a.ip(&format!(
            "link add {name} address {} type veth peer name {name} address {} netns {}",
            veth.mac(Side::A),
            veth.mac(Side::B),
            b.path().display(),
        ))?;
        for side in [Side::A, Side::B] {
            veth.ends[side.index()].ip_batch(&format!(
                "link set {name} addrgenmode none\n\
                 addr add {}/{} dev {name}\n\
                 link set {name} up\n\
                 addr add {}/{} dev {name} nodad\n",
                subnet.v4(side),
                Subnet::V4_PREFIX,
                subnet.v6(side),
                Subnet::V6_PREFIX,
            ))?;
            veth.address_frames(side, veth.mac(side.other()))?;
        }
        Ok(veth)
    }

    /// The name of the device, the same in both namespaces.
    #[must_use]
    pub fn device(&self) -> String {
        format!("veth{}", self.subnet.number())
    }

    /// The IPv4 address of a side.
    #[must_use]
    pub fn v4(&self, side: Side) -> IpAddr {
        self.subnet.v4(side).into()
    }

    /// The IPv6 address of a side.
    #[must_use]
    pub fn v6(&self, side: Side) -> IpAddr {
        self.subnet.v6(side).into()
    }

    /// Silence both ways, with both links still up: every frame goes to a
    /// hardware address that nobody has, and the far kernel ignores it.
    ///
    /// # Errors
    /// When iproute2 fails.
    pub fn cable_pulled(&self) -> Result<()> {
        [Side::A, Side::B]
            .into_iter()
            .try_for_each(|side| self.silence(side))
    }

    /// What `side` sends is lost silently; the other way still works.
    ///
    /// # Errors
    /// When iproute2 fails.
    pub fn silence(&self, side: Side) -> Result<()> {
        self.address_frames(side, "02:00:00:00:de:ad".to_owned())
    }

    /// Puts the cable back.
    ///
    /// # Errors
    /// When iproute2 fails.
    pub fn heal(&self) -> Result<()> {
        let heal = |side: Side| self.address_frames(side, self.mac(side.other()));
        [Side::A, Side::B].into_iter().try_for_each(heal)
    }

    fn mac(&self, side: Side) -> String {
        let [a, b, c, d] = self.subnet.number().to_be_bytes();
        format!(
            "02:{a:02x}:{b:02x}:{c:02x}:{d:02x}:{:02x}",
            side.index() + 1
        )
    }

    /// Where `side` sends its frames for the other side.
    fn address_frames(&self, side: Side, mac: String) -> Result<()> {
        let name = self.device();
        let far = side.other();
        self.ends[side.index()].ip_batch(&format!(
            "neigh replace {} lladdr {mac} dev {name} nud permanent\n\
             neigh replace {} lladdr {mac} dev {name} nud permanent\n",
            self.subnet.v4(far),
            self.subnet.v6(far),
        ))?;
        Ok(())
    }
}

impl Drop for Veth {
    fn drop(&mut self) {
        // Deleting one end deletes both. It may be gone with its namespace.
        let _ = self.ends[0].ip(&format!("link delete {}", self.device()));
    }
}
