//! Chooses the locks; says which features `ayt` has, all of them off here.

fn main() {
    let features = [
        "axum", "bb8", "deadpool", "hyper", "reqwest", "tls", "tonic", "tracing",
    ];
    let known = features.map(|name| format!("{name:?}")).join(", ");
    let directives = [
        format!("cargo::rustc-check-cfg=cfg(feature, values({known}))"),
        "cargo::rustc-cfg=ayt_explore".to_owned(),
        "cargo::rerun-if-changed=build.rs".to_owned(),
    ];
    #[expect(clippy::disallowed_macros, reason = "how a build script speaks")]
    for directive in directives {
        println!("{directive}");
    }
}
