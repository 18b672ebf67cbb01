//! A host that loses its power and comes back with the same addresses.

use std::io::Write;
use std::process::Command;
use std::time::Duration;

use ayt_lab::{Direction, Side};
use rustix::io::Errno;

use super::bed::{Bed, Done, PATIENCE, death};

#[test]
fn the_fresh_kernel_resets_what_it_does_not_know() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    for six in [false, true] {
        let mut pair = bed.connect(six)?;
        pair.talk()?;
        let before = bed.b.inode();
        let reboot = bed.b.reboot()?;
        assert_ne!(bed.b.inode(), before);
        assert!(reboot.up_at >= reboot.silenced_at);
        // Of the old kernel nothing got out: no FIN, no RST, no data.
        drop(pair.server);
        pair.client.write_all(b"are you there?")?;
        let (error, _) = death(&pair.client);
        assert_eq!(error, Some(Errno::CONNRESET.raw_os_error()), "IPv6: {six}");
        let from_b: Vec<_> = bed.wire.log(|log| {
            let late = log
                .records()
                .filter(|record| record.at > reboot.silenced_at);
            let from_b = late.filter(|record| record.direction == Direction::BtoA);
            from_b.cloned().collect()
        });
        let flags: Vec<String> = from_b
            .iter()
            .map(|record| record.tcp().unwrap().flags.to_string())
            .collect();
        assert_eq!(flags, ["R"], "{from_b:?}");
    }
    // The same addresses serve again.
    bed.connect(false)?.talk()?;
    Ok(())
}

#[test]
fn programs_of_the_old_kernel_are_gone_and_their_peers_hear_nothing() -> Done {
    let Some(bed) = Bed::new()? else {
        return Ok(());
    };
    let mut command = Command::new("sleep");
    command.arg("1000");
    let sleeper = bed.b.spawn(command)?;
    let mut pair = bed.connect(false)?;
    pair.talk()?;
    bed.all_acknowledged();
    let mark = bed.wire.mark();
    bed.b.reboot()?;
    assert!(sleeper.wait(Duration::ZERO)?.is_some());
    drop(pair.server);
    let silence = bed.wire.log(|log| log.since(mark).count());
    assert_eq!(silence, 0);
    // A device of the same name and addresses is there.
    let listener = bed
        .b
        .enter(|| std::net::TcpListener::bind((bed.wire.v4(Side::B), 0)))??;
    let address = listener.local_addr()?;
    bed.a
        .enter(|| std::net::TcpStream::connect_timeout(&address, PATIENCE))??;
    Ok(())
}
