//! Kubernetes: sysctls of a pod's network namespace. The three are safe sysctls, which any pod
//! may set, since Kubernetes 1.29; before that the node's kubelet must allow them
//! (--allowed-unsafe-sysctls).

use super::{Snippet, s, without_user_timeout};
use crate::keepalive::{Effective, Os};

pub(super) const SNIPPET: Snippet = Snippet {
    id: "kubernetes",
    what: "a Kubernetes pod",
    file: "pod.yaml",
    comment: "#",
    first: "",
    os: Os::Linux,
    sets: without_user_timeout,
    notes: &[
        "Safe sysctls since Kubernetes 1.29. They hold for sockets in the pod that switch keepalive on and set no times themselves; the user timeout has no sysctl.",
    ],
    body,
};

fn body(asked: &Effective) -> String {
    let sysctl = |name: &str, value: u64| {
        format!("      - name: net.ipv4.tcp_keepalive_{name}\n        value: \"{value}\"\n")
    };
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: with-keepalive\nspec:\n  \
         securityContext:\n    sysctls:\n{}{}{}  containers:\n    - name: app\n      image: app\n",
        sysctl("time", s(asked.idle)),
        sysctl("intvl", s(asked.interval)),
        sysctl("probes", asked.count.into())
    )
}
