//! What the lab asks of the kernel: namespaces of its own, veth pairs, packets.

mod child;
mod ethtool;
mod host;
mod port;
mod prompt;
mod ring;
mod route;
mod userns;
mod waiting;

pub use child::{Exit, die_with_parent};
pub use ethtool::offload_off;
pub use host::{HostInit, become_host};
pub use port::{Arrival, PacketPort};
pub use prompt::be_prompt;
pub use route::RouteSocket;
pub use userns::{Obstacles, enter_user_namespace, have_lab_rights, thread_count};
pub use waiting::{Bell, Woken, limit_descriptors, monotonic, wait};
