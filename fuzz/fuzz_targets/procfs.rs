//! The text of /proc files.
#![no_main]

use ayt_sys::procfs;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some(inode) = procfs::socket_inode(data) {
        let link = format!("socket:[{inode}]");
        assert_eq!(procfs::socket_inode(link.as_bytes()), Some(inode));
    }
    let _ = procfs::namespace_inode(data);
    let _ = procfs::decimal(data);
    let text = String::from_utf8_lossy(data);
    if let Some(stat) = procfs::stat(&text) {
        assert!(text.contains(&stat.command));
    }
    let _ = procfs::open_files_limit(&text);
    let _ = procfs::call(&text);
    let _ = procfs::counters(&text);
    let _ = procfs::socket_counts(&text);
    let _ = (procfs::raw_call(&text), procfs::last_ran(&text));
    let _ = (procfs::epoll(&text, 16), procfs::mappings(&text));
    let _ = (procfs::poll_set(data), procfs::mutex_holder(data));
    let _ = procfs::select_set(data, 1024, 1);
    let unit = procfs::unit(&text);
    assert!(unit.container.is_none_or(|id| id.len() == 12));
});
