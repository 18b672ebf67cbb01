//! /proc/PID/cgroup: systemd unit, container and pod out of the path.

use ayt_core::facts::Unit;

/// Reads /proc/PID/cgroup. Knows the paths of systemd, Docker, Podman,
/// containerd, CRI-O and the kubelet (cgroupfs and systemd drivers).
#[must_use]
pub fn unit(text: &str) -> Unit {
    // cgroup v2 has the one line `0::PATH`; with v1 any controller's path does.
    let path = text
        .lines()
        .find_map(|line| line.strip_prefix("0::"))
        .filter(|path| *path != "/")
        .or_else(|| text.lines().find_map(|line| line.splitn(3, ':').nth(2)))
        .unwrap_or_default();
    let mut unit = Unit::default();
    for part in path.split('/') {
        if let Some(pod) = pod(part) {
            unit.pod = Some(pod);
        } else if let Some(container) = container(part) {
            unit.container = Some(container);
        } else if is_service(part) {
            unit.systemd = Some(part.to_owned());
        }
    }
    unit
}

fn is_service(part: &str) -> bool {
    part.ends_with(".service") || (part.ends_with(".scope") && !part.starts_with("init"))
}

/// `pod1234-…` or `kubepods-besteffort-pod1234_….slice`.
fn pod(part: &str) -> Option<String> {
    let uid = match part.strip_suffix(".slice") {
        Some(slice) => slice.rsplit_once("-pod")?.1,
        None => part.strip_prefix("pod")?,
    };
    let uid = uid.replace('_', "-");
    let hex_or_dash = |c: char| c.is_ascii_hexdigit() || c == '-';
    (uid.len() >= 32 && uid.chars().all(hex_or_dash)).then_some(uid)
}

/// A 64-digit id, bare or as `docker-ID.scope`, `cri-containerd-ID.scope`, ….
fn container(part: &str) -> Option<String> {
    let bare = part.strip_suffix(".scope").unwrap_or(part);
    let id = bare.rsplit_once('-').map_or(bare, |(_, id)| id);
    (id.len() == 64 && id.chars().all(|c| c.is_ascii_hexdigit())).then(|| id[..12].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (Option<String>, Option<String>, Option<String>) {
        let unit = unit(text);
        (unit.systemd, unit.container, unit.pod)
    }

    #[test]
    fn knows_the_common_paths() {
        let id = "ab".repeat(32);
        let short = Some("abababababab".to_owned());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            parts("0::/system.slice/nginx.service\n"),
            (some("nginx.service"), None, None)
        );
        assert_eq!(
            parts(&format!("0::/system.slice/docker-{id}.scope\n")),
            (None, short.clone(), None)
        );
        assert_eq!(
            parts(&format!("12:cpu:/docker/{id}\n")),
            (None, short.clone(), None)
        );
        assert_eq!(
            parts(&format!(
                "0::/kubepods.slice/kubepods-besteffort.slice/\
                 kubepods-besteffort-pod01234567_89ab_cdef_0123_456789abcdef.slice/\
                 cri-containerd-{id}.scope\n"
            )),
            (
                None,
                short.clone(),
                some("01234567-89ab-cdef-0123-456789abcdef")
            )
        );
        assert_eq!(
            parts(&format!(
                "0::/kubepods/burstable/pod01234567-89ab-cdef-0123-456789abcdef/{id}\n"
            )),
            (None, short, some("01234567-89ab-cdef-0123-456789abcdef"))
        );
        assert_eq!(parts("0::/\n"), (None, None, None));
        assert_eq!(parts(""), (None, None, None));
    }
}
