//! An archive from the objects that its manifest names: the very bytes that `aiv1 export` writes.

use crate::pipe::{self, Pipe};
use crate::rebuilder::{Rebuilder, until};
use crate::scratch::Directory;
use crate::{Error, Rebuilt};
use aiv1_archive::Packer;
use aiv1_model::{Digest, ExperimentId, Hasher, Manifest, ManifestEntry};
use aiv1_store::{BlobKey, ObjectKind, Rebuild};
use bytes::Bytes;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Makes the archive; in `directory` there is one file of the bundle at a time.
pub(crate) async fn rebuild(
    rebuilder: &Rebuilder,
    target: &Rebuild,
    id: &ExperimentId,
    directory: &Directory,
    stop: &CancellationToken,
) -> Result<Rebuilt, Error> {
    let prepare = async {
        let bundle = rebuilder.experiment(id).await?.bundle.ok_or_else(|| Error::NoBundle(id.clone()))?;
        read_manifest(rebuilder, bundle.manifest).await
    };
    let (manifest, text) = until(stop, prepare).await?;
    let part = directory.join("part");
    let made = pipe::put(rebuilder, target, stop, |pipe| async move {
        let begin = move || {
            let mut packer = Packer::new(pipe);
            // Only the pipe's other end can refuse it, and says why.
            packer.add(Manifest::FILE, text.len() as u64, &text[..]).map_err(|_| Error::Stopped)?;
            Ok(packer)
        };
        let mut packer = rebuilder.blocking(begin).await?;
        for entry in manifest.files {
            let kind = ObjectKind::of_bundle_path(&entry.path).filter(|_| entry.has_plain_path());
            let kind = kind.ok_or_else(|| {
                Error::damaged("manifest.json", format!("{:.100?} is no path that a bundle has", entry.path))
            })?;
            let key = BlobKey::object(kind, entry.sha256);
            rebuilder.fetch(&key, entry.bytes, &part).await?;
            let part = part.clone();
            let add = move || {
                add(&mut packer, &entry, &key, &part)?;
                Ok(packer)
            };
            packer = rebuilder.blocking(add).await?;
        }
        rebuilder.blocking(move || packer.finish().map(drop).map_err(|_| Error::Stopped)).await?;
        // Nothing of an archive is known last.
        Ok((Bytes::new(), ()))
    });
    let (bytes, ()) = made.await?;
    Ok(Rebuilt { bytes, frames: None })
}

async fn read_manifest(rebuilder: &Rebuilder, sha256: Digest) -> Result<(Manifest, Vec<u8>), Error> {
    let key = BlobKey::object(ObjectKind::Manifest, sha256);
    let text = rebuilder.blobs.get(&key, ObjectKind::Manifest.max_bytes()).await?;
    let text = text.ok_or_else(|| Error::Missing(key.to_string()))?;
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|error| Error::damaged(&key, error.to_string()))?;
    // One manifest has one text: whoever unpacks the archive checks the same.
    if Digest::of(&text) != sha256 || manifest.canonical_text() != *text {
        return Err(Error::damaged(&key, "it is not the manifest that was published"));
    }
    Ok((manifest, text.to_vec()))
}

/// Adds a file and removes it; its digest is taken as it is read.
fn add(packer: &mut Packer<Pipe>, entry: &ManifestEntry, key: &BlobKey, part: &Path) -> Result<(), Error> {
    let file = File::open(part).map_err(Error::file("read", part))?;
    let mut content = Hashing { file, hasher: Hasher::new() };
    packer.add(&entry.path, entry.bytes, &mut content).map_err(Error::file("pack", part))?;
    let found = content.hasher.finish();
    if found != entry.sha256 {
        return Err(Error::damaged(key, format!("its SHA-256 is {found}")));
    }
    fs::remove_file(part).map_err(Error::file("remove", part))
}

struct Hashing {
    file: File,
    hasher: Hasher,
}

impl Read for Hashing {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}
