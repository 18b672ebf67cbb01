//! The one part of the report that touches files.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::{Report, html};
use crate::clock;
use crate::error::LabError;
use crate::packet::Side;
use crate::pcap::{self, Vantage};

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub page: PathBuf,
    /// One capture of each run, in their order, where they were wanted.
    pub pcaps: Vec<PathBuf>,
}

const PAGE: &str = "index.html";
/// Characters of a run's name in that of its file.
const NAME: usize = 60;

/// Writes the page as `index.html`, and where [`Report::pcap`] says so the captures
/// beside it. The folder is made where it is missing. Files of these names are replaced,
/// each at once and whole; a link in their place is replaced too, never followed, so that
/// nothing is written outside the folder.
///
/// # Errors
/// When the system refuses; it says what was to be written.
pub fn write(dir: &Path, report: &Report) -> Result<Written, LabError> {
    let pcaps = if report.pcap {
        write_pcaps(dir, report)?
    } else {
        Vec::new()
    };
    make_folder(dir)?;
    let page = dir.join(PAGE);
    put(dir, &page, |file| file.write_all(html(report).as_bytes()))?;
    Ok(Written { page, pcaps })
}

/// Writes the captures alone, as the wire saw them.
///
/// # Errors
/// As [`write()`].
pub fn write_pcaps(dir: &Path, report: &Report) -> Result<Vec<PathBuf>, LabError> {
    make_folder(dir)?;
    let mut paths = Vec::with_capacity(report.runs.len());
    for (index, run) in report.runs.iter().enumerate() {
        let path = dir.join(pcap_name(index, &run.name));
        let hosts = Side::BOTH.map(|side| run.host(side));
        put(dir, &path, |file| {
            let wall = clock::wall_origin();
            pcap::write_records(&run.records, Vantage::Wire, hosts, wall, file).map(drop)
        })?;
        paths.push(path);
    }
    Ok(paths)
}

/// The name of a run's capture: its number, and of its name what is harmless anywhere.
pub(super) fn pcap_name(index: usize, name: &str) -> String {
    let mut out = format!("{:03}", index + 1);
    let mut gap = true;
    for character in name.chars() {
        if out.len() >= NAME {
            break;
        }
        if character.is_ascii_alphanumeric() {
            if gap {
                out.push('-');
            }
            out.push(character.to_ascii_lowercase());
        }
        gap = !character.is_ascii_alphanumeric();
    }
    out + ".pcapng"
}

/// Makes the folder where it is missing, so that it is known before what is to be written
/// there takes its time.
///
/// # Errors
/// As [`write()`].
pub fn make_folder(dir: &Path) -> Result<(), LabError> {
    fs::create_dir_all(dir).map_err(|error| refused("make the folder", dir, &error))
}

fn put(
    dir: &Path,
    path: &Path,
    content: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), LabError> {
    let write = || {
        let mut file = builder().tempfile_in(dir)?;
        let mut buffered = BufWriter::new(file.as_file_mut());
        content(&mut buffered)?;
        buffered.flush()?;
        drop(buffered);
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|error: io::Error| refused("write", path, &error))
}

/// Of files that others may read as the umask says, where there is one.
fn builder() -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".ayt-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

fn refused(what: &str, path: &Path, error: &io::Error) -> LabError {
    let remedy = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "name a folder that you may write to"
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room on the disk",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "name a folder; a file is in its place"
        }
        _ => "name another folder",
    };
    let cause = format!("cannot {what}: {error}");
    LabError::other(path.display().to_string(), cause, Some(remedy))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_harmless_and_still_read() {
        assert_eq!(
            pcap_name(0, "cable-pulled, 1/1/2"),
            "001-cable-pulled-1-1-2.pcapng"
        );
        assert_eq!(pcap_name(9, "../../etc/passwd"), "010-etc-passwd.pcapng");
        assert_eq!(pcap_name(1_233, "\0.."), "1234.pcapng");
    }

    proptest! {
        #[test]
        fn any_name_is_one_of_a_file_in_the_folder(index in 0usize..5_000, name in any::<String>()) {
            let name = pcap_name(index, &name);
            let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
            prop_assert!(name.chars().all(fine), "{}", name);
            prop_assert!(name.starts_with(|c: char| c.is_ascii_digit()));
            prop_assert_eq!(name.matches('.').count(), 1);
            prop_assert!(name.len() <= NAME + 10);
        }
    }

    #[test]
    fn a_page_and_its_captures_are_in_the_folder() {
        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("new/folder");
        let mut report = sample::report();
        report.runs[1].name = "../../../outside".into();
        let written = write(&dir, &report).unwrap();
        assert_eq!(written.page, dir.join("index.html"));
        assert_eq!(fs::read_to_string(&written.page).unwrap(), html(&report));
        let mut names: Vec<_> = fs::read_dir(&dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "001-cable-pulled-keepalive.pcapng",
                "002-outside.pcapng",
                "003-cable-pulled-none.pcapng",
                "index.html"
            ]
        );
        for name in &names[..3] {
            assert!(html(&report).contains(&format!("href=\"{name}\"")));
        }
        for path in &written.pcaps {
            let bytes = fs::read(path).unwrap();
            assert_eq!(bytes[..4], [0x0a, 0x0d, 0x0d, 0x0a]);
        }
        assert_eq!(fs::read_dir(outer.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_link_in_its_place_is_replaced_and_not_followed() {
        let outer = tempfile::tempdir().unwrap();
        let dir = outer.path().join("report");
        let outside = outer.path().join("precious");
        fs::create_dir(&dir).unwrap();
        fs::write(&outside, "precious").unwrap();
        std::os::unix::fs::symlink(&outside, dir.join(PAGE)).unwrap();
        let mut report = sample::report();
        report.pcap = false;
        let written = write(&dir, &report).unwrap();
        assert_eq!(fs::read_to_string(outside).unwrap(), "precious");
        assert!(fs::symlink_metadata(&written.page).unwrap().is_file());
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1, "only the page");
    }

    #[test]
    fn a_file_in_the_place_of_the_folder_is_an_error_with_a_remedy() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = write(file.path(), &sample::report()).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("cannot make the folder"), "{text}");
        assert!(error.remedy().is_some());
    }
}
