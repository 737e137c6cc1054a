//! An experiment of a running lab, fetched over HTTP: every file of its bundle, each held against the manifest.

use aiv1_client::{Client, Error as ClientError};
use aiv1_lab::{Error, Home, RunDirectory};
use aiv1_model::{ExperimentId, Manifest};
use aiv1_store::ObjectKind;
use aiv1_worker::process;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// Most files of a bundle.
const MAX_FILES: usize = 2_000;
/// Bytes of the disk that are left free.
const KEEP_FREE: u64 = 1 << 30;

/// A bundle that was fetched; its folder is gone once this is dropped.
pub(crate) struct Fetched {
    directory: RunDirectory,
}

impl Fetched {
    /// The bundle's folder.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join("bundle")
    }
}

/// Why a bundle could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Lab(#[from] Error),
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Whether an argument is an address rather than a path.
pub(crate) fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Fetches the bundle of the experiment whose page or API address this is.
pub(crate) fn fetch(address: &str, home: &Home, say: &dyn Fn(&str)) -> Result<Fetched, FetchError> {
    let (base, id) = split(address)?;
    let directory = home.scratch()?;
    let fetched = Fetched { directory };
    let folder = fetched.path();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::file("start threads for", &folder))?;
    runtime.block_on(async {
        let client = Client::new(&base, None)?;
        tokio::select! {
            done = bring(&client, &id, &folder, say) => done.map_err(|error| whose(error, address))?,
            stopped = stopped() => return Err(stopped.map_or_else(Error::file("listen to signals for", &folder), |()| Error::Cancelled).into()),
        }
        Ok(fetched)
    })
}

/// Writes the files and, once all of them are there, the manifest.
async fn bring(
    client: &Client,
    id: &ExperimentId,
    folder: &Path,
    say: &dyn Fn(&str),
) -> Result<(), FetchError> {
    let (text, manifest) = client.manifest(id).await?;
    fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
    let bytes = check(&manifest)?;
    check_room(folder, bytes)?;
    let mebibytes = bytes as f64 / f64::from(1 << 20);
    say(&format!("fetching {id}: {} files, {mebibytes:.1} MiB", manifest.files.len()));
    for entry in &manifest.files {
        let to = folder.join(&entry.path);
        if let Some(parent) = to.parent() {
            fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
        }
        client.file(id, entry, &to).await?;
    }
    let to = folder.join(Manifest::FILE);
    Ok(fs::write(&to, &text).map_err(Error::file("write", &to))?)
}

/// The bytes of all files of a manifest, if it may be a bundle's. Nothing is fetched before: a lab may be anybody's.
fn check(manifest: &Manifest) -> Result<u64, ClientError> {
    let refused = |reason| ClientError::Damaged { what: "the manifest".to_owned(), reason };
    let files = manifest.files.len();
    if files > MAX_FILES {
        return Err(refused(format!("it has {files} files, but may have at most {MAX_FILES}")));
    }
    let mut bytes = 0_u64;
    for entry in &manifest.files {
        let path: String = entry.path.chars().take(100).collect();
        let kind = ObjectKind::of_bundle_path(&entry.path).filter(|_| entry.has_plain_path());
        let most = kind.ok_or_else(|| refused(format!("{path:?} is no path of a bundle")))?.max_bytes();
        if entry.bytes > most {
            let reason = format!("{path:?} has {} bytes, but may have at most {most}", entry.bytes);
            return Err(refused(reason));
        }
        bytes = bytes.saturating_add(entry.bytes);
    }
    Ok(bytes)
}

/// A bundle must not fill the disk.
fn check_room(folder: &Path, bytes: u64) -> Result<(), Error> {
    let failed = Error::file("fetch the bundle into", folder);
    let volume = match rustix::fs::statvfs(folder) {
        Ok(volume) => volume,
        Err(error) => return Err(failed(error.into())),
    };
    let free = volume.f_bavail.saturating_mul(volume.f_frsize);
    if bytes.saturating_add(KEEP_FREE) <= free {
        return Ok(());
    }
    let reason = format!("it has {bytes} bytes, {free} are free, and {KEEP_FREE} of them are to stay free");
    Err(failed(io::Error::new(io::ErrorKind::StorageFull, reason)))
}

/// What a lab says and does not keep is told like a bundle that is none, not as something missing on this machine.
fn whose(error: FetchError, address: &str) -> FetchError {
    match error {
        FetchError::Client(error @ (ClientError::Damaged { .. } | ClientError::TooLarge { .. })) => {
            Error::Bundle { path: address.into(), reason: error.to_string() }.into()
        }
        other => other,
    }
}

/// Returns at the first Ctrl-C or SIGTERM; the second ends the process, as everywhere.
async fn stopped() -> io::Result<()> {
    process::shutdown()?.cancelled_owned().await;
    Ok(())
}

/// The lab's address and the experiment's id out of `BASE/blog/ID` or `BASE/api/experiments/ID`.
fn split(address: &str) -> Result<(String, ExperimentId), Error> {
    let plain = address.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let wrong = || Error::Request {
        what: "address of an experiment",
        value: address.chars().take(200).collect(),
        bound: "http(s)://HOST/blog/ID or http(s)://HOST/api/experiments/ID".to_owned(),
    };
    let (rest, id) = plain.rsplit_once('/').ok_or_else(wrong)?;
    let base =
        rest.strip_suffix("/blog").or_else(|| rest.strip_suffix("/api/experiments")).ok_or_else(wrong)?;
    let id = ExperimentId::try_from(id.to_owned()).map_err(|_| wrong())?;
    Ok((base.to_owned(), id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::{Digest, ManifestEntry};

    #[test]
    fn a_hostile_manifest_is_refused_before_anything_is_fetched() {
        let manifest = |files: &[(&str, u64)]| {
            let entry = |(path, bytes): &(&str, u64)| ManifestEntry {
                path: (*path).to_owned(),
                bytes: *bytes,
                sha256: Digest::of(b""),
            };
            let files = files.iter().map(entry).collect();
            Manifest { format: Manifest::FORMAT.to_owned(), files }
        };
        let sound = manifest(&[("record.json", 1000), ("streams/a_24.aiv1", 5 << 30)]);
        assert_eq!(check(&sound).unwrap(), (5 << 30) + 1000);
        let full = check_room(Path::new("/"), u64::MAX).unwrap_err();
        assert!(aiv1_lab::chain(&full).contains("of them are to stay free"), "{full}");
        for path in
            ["/etc/passwd", "../record.json", "streams/../../x.aiv1", "codec/.bashrc", "", "a\u{1b}[2J"]
        {
            let error = check(&manifest(&[(path, 1)])).unwrap_err().to_string();
            assert!(error.contains("is no path of a bundle") && !error.contains('\u{1b}'), "{error}");
        }
        let huge = check(&manifest(&[("streams/a.aiv1", u64::MAX), ("streams/b.aiv1", u64::MAX)]));
        assert!(huge.unwrap_err().to_string().contains("may have at most 5368709120"));
        let many = vec![("record.json", 1); MAX_FILES + 1];
        assert!(check(&manifest(&many)).unwrap_err().to_string().contains("at most 2000"));
    }

    #[test]
    fn the_page_and_the_api_address_name_the_same_experiment() {
        for address in [
            "http://127.0.0.1:8437/blog/exp_0123456789abcdef",
            "http://127.0.0.1:8437/blog/exp_0123456789abcdef/?video=1#points",
            "http://127.0.0.1:8437/api/experiments/exp_0123456789abcdef",
        ] {
            let (base, id) = split(address).unwrap();
            assert_eq!((base.as_str(), id.as_str()), ("http://127.0.0.1:8437", "exp_0123456789abcdef"));
        }
        for wrong in
            ["http://host/", "http://host/blog/exp_1", "http://host/exp_0123456789abcdef", "https://"]
        {
            assert!(split(wrong).is_err(), "{wrong}");
        }
    }
}
