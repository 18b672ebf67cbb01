//! The client of `examples/device.py` and the tests that come with it.

use std::path::Path;
use std::process::Command;

use ayt_testbed::Need;

#[test]
fn the_python_device_passes_its_own_tests() {
    if !Need::program("python3", "install the package python3") {
        return;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let output = Command::new("python3")
        .args(["-m", "unittest", "examples/test_device.py"])
        // No bytecode beside the sources.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(root)
        .output()
        .expect("python3 starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(!said.contains("Ran 0 tests"), "{said}");
}
