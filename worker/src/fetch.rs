//! The bundle of an experiment, fetched over HTTP: every file held against the manifest, nothing that does not fit it.

use aiv1_client::{Client, Error as ClientError};
use aiv1_lab::Error;
use aiv1_model::{ExperimentId, Manifest};
use aiv1_store::ObjectKind;
use std::path::Path;
use std::{fs, io};

/// Most files of a bundle.
const MAX_FILES: usize = 2_000;
/// Bytes of the disk that are left free.
const KEEP_FREE: u64 = 1 << 30;

/// Why a bundle could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// This machine is in the way: its disk is full, or a folder cannot be written.
    #[error(transparent)]
    Lab(#[from] Error),
    /// The lab that it is fetched from is in the way, or what it sends is no bundle.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Writes the files into `folder` and, once all of them are there, the manifest. `say` is told what is fetched.
pub async fn fetch_bundle(
    client: &Client,
    id: &ExperimentId,
    folder: &Path,
    say: &(dyn Fn(&str) + Sync),
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
}
