//! Names for namespaces that only processes lead to: the container, the pod, or
//! a process in it.

use ayt_core::facts::HostParts;
use ayt_sys::read_process;

/// Replaces the `process:PID` placeholders.
pub(super) fn complete(parts: &mut HostParts) {
    for namespace in &mut parts.namespaces {
        let Some(pid) = namespace
            .name
            .strip_prefix("process:")
            .and_then(|pid| pid.parse().ok())
        else {
            continue;
        };
        let process = parts
            .processes
            .get(&pid)
            .cloned()
            .or_else(|| read_process(pid, None));
        namespace.name = match process {
            None => format!("net:{}", namespace.inode),
            Some(process) => match (&process.unit.container, &process.unit.pod) {
                (Some(container), _) => container.clone(),
                (None, Some(pod)) => pod.clone(),
                (None, None) => format!("{}/{pid}", process.command),
            },
        };
    }
}
