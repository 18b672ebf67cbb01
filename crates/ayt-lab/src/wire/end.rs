//! One end of a wire: a veth pair whose near half is a host's device and whose far
//! half the wire reads and writes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ayt_sys::lab::{PacketPort, RouteSocket, offload_off};
use ayt_sys::wire::route::{Link, VethEnd};
use ayt_sys::{Netns, SysError};

use super::{Port, Shared};
use crate::clock;
use crate::error::LabError;
use crate::host::Addresses;
use crate::packet::Side;
use crate::sync::lock;

/// The usual size of a packet on Ethernet.
const MTU: u32 = 1500;

/// The name of a wire's device in a host.
pub(super) fn device_name(number: u8) -> String {
    format!("wire{number}")
}

#[derive(Debug)]
pub(super) struct End {
    on: String,
    number: u8,
    addresses: Addresses,
    ns: Arc<Netns>,
    shared: Arc<Shared>,
    plugged: Mutex<Option<Plugged>>,
}

#[derive(Debug)]
struct Plugged {
    /// To the wire's own namespace.
    route: RouteSocket,
    far: u32,
    /// To the host's namespace.
    inside: RouteSocket,
    near: u32,
    has_v6: bool,
}

impl End {
    pub(super) fn new(
        on: String,
        number: u8,
        addresses: Addresses,
        ns: Arc<Netns>,
        shared: Arc<Shared>,
    ) -> Self {
        Self {
            on,
            number,
            addresses,
            ns,
            shared,
            plugged: Mutex::default(),
        }
    }

    pub(super) fn has_v6(&self) -> bool {
        lock(&self.plugged)
            .as_ref()
            .is_some_and(|plugged| plugged.has_v6)
    }

    /// Removes the pair: both hosts and the wire are rid of it at once.
    pub(super) fn remove(&self) {
        if let Some(mut plugged) = lock(&self.plugged).take() {
            // It goes with its namespace anyway.
            let _ = plugged.route.delete(plugged.far);
        }
    }

    pub(super) fn set_carrier(&self, up: bool) -> Result<Duration, LabError> {
        let mut plugged = lock(&self.plugged);
        let plugged = plugged.as_mut().ok_or_else(|| {
            LabError::other(&self.on, format!("{:?} is not joined", self.side()), None)
        })?;
        let far = plugged.far;
        plugged
            .route
            .set_up(far, up)
            .map_err(|error| self.error(error))?;
        Ok(clock::now())
    }

    /// The kernel makes a link ready a moment after both ends are up; what is sent
    /// before that is lost.
    pub(super) fn wait_for_carrier(&self, patience: Duration) -> Result<(), LabError> {
        let end = clock::now() + patience;
        let mut plugged = lock(&self.plugged);
        let Some(plugged) = plugged.as_mut() else {
            return Ok(());
        };
        loop {
            let far = plugged.route.links().map_err(|error| self.error(error))?;
            let near = plugged.inside.links().map_err(|error| self.error(error))?;
            let sends = |links: &[Link], index| {
                let link = links.iter().find(|link| link.index == index);
                link.is_some_and(|link| link.up && link.carrier != Some(false) && link.sends)
            };
            if sends(&far, plugged.far) && sends(&near, plugged.near) {
                return Ok(());
            }
            if clock::now() > end {
                let cause = format!("the link of {:?} does not come up", self.side());
                return Err(LabError::other(&self.on, cause, None));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    const fn side(&self) -> Side {
        self.addresses.side
    }

    fn error(&self, error: SysError) -> LabError {
        LabError::kernel(&self.on, error)
    }

    fn make(&self, host: &Netns) -> Result<(Plugged, PacketPort), SysError> {
        let near_name = device_name(self.number);
        let far_name = format!("far{}", self.side().index());
        let mac = |last: u8| [0x02, 0x61, 0x79, 0x74, self.number, last];
        let (near_mac, far_mac) = (mac(self.side().index() as u8), mac(0xff));
        let near = VethEnd {
            name: &near_name,
            mac: near_mac,
            index: 0,
        };
        let far = VethEnd {
            name: &far_name,
            mac: far_mac,
            // No host has so many devices: never the number of the near half.
            index: 0x10_0000 + self.side().index() as u32,
        };
        let mut route = RouteSocket::open(&self.ns)?;
        let index = route.new_veth(&far, &near, host, MTU)?;
        for (ns, name) in [(&*self.ns, &far_name), (host, &near_name)] {
            offload_off(ns, name)?;
        }
        let port = PacketPort::open(&self.ns, index, near_mac)?;
        let mut inside = RouteSocket::open(host)?;
        let device = inside.index_of(&near_name)?;
        let (four, prefix) = self.addresses.four;
        inside.add_address(device, four, prefix)?;
        route.up_without_arp(index)?;
        inside.up_without_arp(device)?;
        let (six, prefix) = self.addresses.six;
        let has_v6 = match inside.add_address(device, six, prefix) {
            Ok(()) => true,
            // No IPv6 in this kernel, or switched off.
            Err(error) if matches!(error.errno(), Some(97 | 95 | 13 | 1)) => false,
            Err(error) => return Err(error),
        };
        let plugged = Plugged {
            route,
            far: index,
            inside,
            near: device,
            has_v6,
        };
        Ok((plugged, port))
    }
}

impl Port for End {
    fn unplug(&self) -> Result<Duration, LabError> {
        let side = self.side();
        let at = self.shared.controls.port(&self.shared.bell, side, None)?;
        self.remove();
        Ok(at)
    }

    fn plug(&self, host: &Netns) -> Result<Duration, LabError> {
        let (plugged, port) = self.make(host).map_err(|error| self.error(error))?;
        *lock(&self.plugged) = Some(plugged);
        let side = self.side();
        let at = self
            .shared
            .controls
            .port(&self.shared.bell, side, Some(port))?;
        self.wait_for_carrier(super::PATIENCE)?;
        Ok(at)
    }
}
