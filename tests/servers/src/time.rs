//! Another time for a process than the machine's: libfaketime, which stands between it and the system's clock.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};
use tempfile::TempDir;

/// The time of a process, in a file that the library reads whenever the process asks for the time.
#[derive(Debug)]
pub(crate) struct Time(TempDir);

impl Time {
    /// It stands at `now`.
    pub(crate) fn at(now: SystemTime) -> Self {
        let time = Self(tempfile::tempdir().unwrap());
        Self::set(Some(&time), now);
        time
    }

    /// Moves it, if there is one to be moved.
    pub(crate) fn set(time: Option<&Self>, now: SystemTime) {
        let Self(folder) = time.expect("a server whose clock is the machine's: start it by start_at");
        let since = now.duration_since(UNIX_EPOCH).unwrap();
        // In one step: the process may be reading it.
        let mut file = tempfile::NamedTempFile::new_in(folder).unwrap();
        writeln!(file, "{}.{:06}", since.as_secs(), since.subsec_micros()).unwrap();
        file.persist(folder.path().join("now")).unwrap();
    }

    /// What makes a process follow it.
    pub(crate) fn variables(&self) -> [(&'static str, PathBuf); 6] {
        [
            ("LD_PRELOAD", library()),
            ("FAKETIME_TIMESTAMP_FILE", self.0.path().join("now")),
            ("FAKETIME_FMT", "%s".into()),
            ("FAKETIME_NO_CACHE", "1".into()),
            // Timeouts run on, and files keep their dates.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".into()),
            ("NO_FAKE_STAT", "1".into()),
        ]
    }
}

/// Where Debian puts it on this machine's architecture.
fn library() -> PathBuf {
    let path = format!("/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1", std::env::consts::ARCH);
    assert!(Path::new(&path).exists(), "{path} is not there: run `make setup`");
    path.into()
}
