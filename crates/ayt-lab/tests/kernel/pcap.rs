//! The file is what Wireshark's own reader takes, where it is installed.

use std::fs::File;
use std::process::Command;

use ayt_lab::pcap::{Vantage, write};
use ayt_lab::{Side, clock};
use ayt_testbed::Need;

use super::bed::{Bed, Done};

#[test]
fn tshark_reads_the_file() -> Done {
    if !Need::program("tshark", "install tshark") {
        return Ok(());
    }
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let mut pair = bed.connect(false)?;
    pair.talk()?;
    let port = pair.address()?.port();
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("lab.pcapng");
    for vantage in [
        Vantage::Wire,
        Vantage::Host(Side::A),
        Vantage::Host(Side::B),
    ] {
        let file = File::create(&path)?;
        let names = ["a", "b"];
        let count = bed
            .wire
            .log(|log| write(log, vantage, names, clock::wall_origin(), file))?;
        let output = Command::new("tshark")
            .args(["-r"])
            .arg(&path)
            .args([
                "-o",
                "tcp.check_checksum:TRUE",
                "-o",
                "ip.check_checksum:TRUE",
            ])
            .args([
                "-T",
                "fields",
                "-e",
                "tcp.port",
                "-e",
                "tcp.checksum.status",
            ])
            .args(["-e", "frame.interface_name", "-e", "frame.comment"])
            .output()?;
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout)?;
        assert_eq!(text.lines().count(), count, "{text}");
        assert!(count >= 7);
        for line in text.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            assert!(fields[0].contains(&port.to_string()), "{line}");
            // 1 is good: checksums on the wire are whole.
            assert_eq!(fields[1], "1", "{line}");
            assert!(["a", "b"].contains(&fields[2]), "{line}");
            assert!(fields[3].contains("delivered"), "{line}");
        }
    }
    Ok(())
}
