//! Chooses the locks. The features of `ayt` are all off here, and no typing errors.

fn main() {
    #[expect(clippy::disallowed_macros, reason = "how a build script speaks")]
    for directive in [
        "cargo::rustc-cfg=ayt_explore",
        "cargo::rustc-check-cfg=cfg(feature, values(any()))",
        "cargo::rerun-if-changed=build.rs",
    ] {
        println!("{directive}");
    }
}
