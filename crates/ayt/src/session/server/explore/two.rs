//! Two servers that share a store.

use std::sync::Arc;
use std::time::Duration;

use ayt_core::session::frame::Reason;

use super::program::{Does, serve, serve_and_tell};
use super::{device, first_of, is_settled, server_of, shutdown};
use crate::explore::{block_on, explore};
use crate::session::store::Memory;

#[test]
fn of_two_servers_one_has_the_session_in_the_end() {
    explore(250, || {
        let store = Arc::new(Memory::new());
        let servers = [(); 2].map(|()| server_of(store.clone(), 60));
        let taken = Arc::default();
        let programs = servers
            .each_ref()
            .map(|server| serve_and_tell(server, Does::Nothing, &taken));
        let [a, b] = &servers;
        let mut devices = vec![device(a, 0..2), device(b, 10..12), device(a, 20..22)];
        block_on(async {
            let mut left = Vec::new();
            // All but one are told, wherever they are.
            while devices.len() > 1 {
                let device = first_of(&mut devices).await.expect("nobody is refused");
                let reason = device.end.as_ref().and_then(|end| end.reason);
                assert!(
                    matches!(reason, Some(Reason::Superseded) | None),
                    "{device:?}"
                );
                left.push(device);
            }
            // The one that stays is heard.
            let gone = left.iter().map(|left| left.first).sum::<u64>();
            taken.has(30 - gone + 1).await;
            for server in &servers {
                server.shutdown(Duration::ZERO).await;
            }
            let last = first_of(&mut devices).await.expect("nobody is refused");
            let reason = last.end.as_ref().and_then(|end| end.reason);
            assert_eq!(reason, Some(Reason::ShuttingDown), "{last:?}");
            left.push(last);
            let mut epochs = Vec::new();
            for (server, program) in servers.iter().zip(programs) {
                let stories = program.await.unwrap();
                epochs.extend(stories.iter().flat_map(|story| story.epochs.clone()));
                let here = |left: &super::Left| epochs.contains(&left.epoch);
                let (of_it, others): (Vec<_>, Vec<_>) = left.into_iter().partition(here);
                is_settled(server, &stories, &of_it);
                left = others;
            }
            assert!(left.is_empty(), "{left:?}");
            assert!(store.is_empty(), "{store:?}");
        });
    });
}

#[test]
fn a_server_that_shuts_down_amid_it_all_leaves_no_record() {
    explore(400, || {
        let store = Arc::new(Memory::new());
        let servers = [(); 2].map(|()| server_of(store.clone(), 20));
        let programs = servers
            .each_ref()
            .map(|server| serve(server, Does::Nothing));
        let devices = servers.each_ref().map(|server| device(server, 0..1));
        let closing = servers.each_ref().map(shutdown);
        block_on(async {
            for device in devices {
                device.await.unwrap();
            }
            for task in closing {
                task.await.unwrap();
            }
            for program in programs {
                program.await.unwrap();
            }
            assert!(store.is_empty(), "{store:?}");
        });
    });
}
