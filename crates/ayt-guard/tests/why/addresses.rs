//! Nothing listens here: in another namespace, on another address, nowhere; and
//! what may be asked, and is ambiguous.

use ayt_guard::why::WhyError;
use ayt_testbed::{Fixture, Need, Ns, Side, Veth};

use crate::support::{Done, ask, because, connect, linked, question, says, well};

#[test]
fn it_listens_in_another_namespace() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let (here, there) = (Ns::new()?, Ns::new()?);
    // Somebody must live here, or the namespace is not found.
    let resident = Fixture::start(&here, ["serve"])?;
    let server = Fixture::start(&there, ["serve", "--bind", "0.0.0.0:0"])?;
    let port = server.port();
    let answer = because(&here, &format!(":{port}"), "listens-elsewhere");
    let pid = server.pid();
    says(
        &answer,
        &[
            &format!("Nothing listens on :{port} in network namespace"),
            &format!("ayt-fixture (pid {pid}) does, on 0.0.0.0:{port}, in network namespace"),
            "A client here is refused (RST)",
        ],
    );
    linked(
        &answer,
        "listener:",
        "lies_in",
        &format!("namespace:{}", there.ino()),
    );
    let remedy = answer.explanation.remedy();
    assert!(
        remedy[0].contains(&format!("nsenter -t {pid} -n")),
        "{remedy:?}"
    );
    well(&there, &format!(":{port}"));
    well(&here, &format!(":{}", resident.port()));
    Ok(())
}

#[test]
fn it_listens_on_another_address() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let (here, far) = (Ns::new()?, Ns::new()?);
    let link = Veth::join(&here, &far)?;
    let server = Fixture::start(&here, ["serve", "--bind", "127.0.0.1:7000"])?;
    let other = Fixture::start(&here, ["serve", "--bind", "0.0.0.0:7001"])?;
    // The address is this host's: some connection has it.
    let outside = std::net::SocketAddr::new(link.v4(Side::A), other.port());
    let _client = connect(&far, outside);
    let answer = because(
        &here,
        &format!("{}:7000", outside.ip()),
        "listens-elsewhere",
    );
    says(
        &answer,
        &[
            &format!("Nothing listens on {}:7000", outside.ip()),
            &format!("ayt-fixture (pid {}) does on 127.0.0.1:7000", server.pid()),
        ],
    );
    // By the port alone it is no fault, and by its own address neither.
    let answer = well(&here, ":7000");
    let note = &answer.explanation.notes[0];
    assert!(note.contains("listens on 127.0.0.1 only"), "{note}");
    assert!(well(&here, "127.0.0.1:7000").explanation.notes.is_empty());
    assert!(
        well(&here, &outside.to_string())
            .explanation
            .notes
            .is_empty()
    );
    Ok(())
}

#[test]
fn nothing_listens_anywhere() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let server = Fixture::start(&ns, ["serve"])?;
    let free = ns.free_port([127, 0, 0, 1].into())?;
    let answer = because(&ns, &format!(":{free}"), "listens-elsewhere");
    says(
        &answer,
        &[&format!("Nothing listens on :{free} in any network")],
    );
    well(&ns, &format!(":{}", server.port()));
    Ok(())
}

#[test]
fn what_could_be_several_things_is_listed() -> Done {
    if !Need::root() {
        return Ok(());
    }
    let ns = Ns::new()?;
    let servers = [
        Fixture::start(&ns, ["serve"])?,
        Fixture::start(&ns, ["serve"])?,
    ];
    let error = ask(&question(&ns, "command:ayt-fixture")).expect_err("two programs");
    let WhyError::Unresolved(error) = error else {
        panic!("{error}");
    };
    let text = error.to_string();
    for server in &servers {
        let line = format!(
            "`pid:{0}`, ayt-fixture (pid {0}) on :{1}",
            server.pid(),
            server.port()
        );
        assert!(text.contains(&line), "{text}");
        well(&ns, &format!("pid:{}", server.pid()));
    }
    for (wanted, says) in [
        ("nobody-is-called-so", "no process that holds TCP sockets"),
        (
            "203.0.113.9:1",
            "no connection has 203.0.113.9:1 at either end",
        ),
        ("cookie:ffffffffffff", "there is no connection cookie:"),
        ("10.0.0.1:1,10.0.0.2:2", "it may have ended"),
    ] {
        let error = ask(&question(&ns, wanted)).expect_err(wanted);
        assert!(error.to_string().contains(says), "{error}");
    }
    Ok(())
}
