//! Bundles: what re-derives an experiment, as a folder or as one `.tar` file.
//!
//! Every byte is covered: the manifest names each file with size and digest, is itself only valid in its one canonical
//! form, and a `.tar` is only valid if packing the same files again gives the same bytes. So one flipped bit anywhere
//! is an error that names the file. Layout:
//!
//! ```text
//! manifest.json            every other file: path, size, SHA-256
//! record.json              the record (docs/record.schema.json)
//! codec/NAME.rs            the source as submitted
//! codec/encoder.wasm       codec/decoder.wasm
//! streams/CLIP/qNN.aiv1    what the encoder wrote, one per clip and quality index
//! anchors/CLIP/NAME-NN.*   what the anchors wrote
//! clips/CLIP-NAME          the source files, where they were small enough to carry
//! ```

use crate::Home;
use crate::error::Error;
use crate::run_directory::RunDirectory;
use aiv1_archive::Packer;
use aiv1_model::{Digest, Hasher, Manifest, ManifestEntry, RECORD_VERSION, Record};
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Name of the record's file.
pub const RECORD: &str = "record.json";
/// Most bytes a manifest may have.
const MAX_MANIFEST: u64 = 16 << 20;
/// Most bytes a record may have: per-frame series of a long clip make it large.
const MAX_RECORD: u64 = 1 << 30;

/// A bundle whose files are all there and all as its manifest says.
#[derive(Debug)]
pub struct Bundle {
    root: PathBuf,
    manifest: Manifest,
    record: Record,
    _unpacked: Option<RunDirectory>,
}

impl Bundle {
    /// Opens a folder, or unpacks a `.tar` file into the caches, and checks every byte of it.
    pub fn open(path: &Path, home: &Home) -> Result<Self, Error> {
        if path.is_dir() {
            return Self::open_folder(path.to_owned(), None);
        }
        let unpacked = home.scratch()?;
        let folder = unpacked.join("bundle");
        fs::create_dir(&folder).map_err(Error::file("create", &folder))?;
        unpack(path, &folder)?;
        let bundle = Self::open_folder(folder, Some(unpacked))?;
        let packed = digest_of_file(path)?;
        let mut again = Hasher::new();
        bundle.pack(&mut again).map_err(Error::file("pack again", path))?;
        if again.finish() == packed {
            Ok(bundle)
        } else {
            Err(Error::bundle(
                path,
                "its files are whole, but the archive around them is not as `aiv1 export` packs it",
            ))
        }
    }

    fn open_folder(root: PathBuf, unpacked: Option<RunDirectory>) -> Result<Self, Error> {
        let manifest = read_manifest(&root)?;
        check_files(&root, &manifest)?;
        let record = read_record(&root.join(RECORD))?;
        Ok(Self { root, manifest, record, _unpacked: unpacked })
    }

    /// Its record.
    #[must_use]
    pub const fn record(&self) -> &Record {
        &self.record
    }

    /// Its manifest.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The file at a path of the record; only paths that the manifest lists lead anywhere.
    pub fn file(&self, path: &str) -> Result<PathBuf, Error> {
        if self.manifest.files.iter().any(|entry| entry.path == path) {
            Ok(self.root.join(path))
        } else {
            Err(Error::bundle(
                &self.root,
                format!("the record names {path:?}, which the manifest does not list"),
            ))
        }
    }

    /// Writes it as one `.tar` file: the same bundle always gives the same bytes.
    pub fn export(&self, to: &Path) -> Result<(), Error> {
        let folder = to.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // As readable as any file of this user's: temporary files are private by default.
        let permissions = fs::Permissions::from_mode(0o666);
        let file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder);
        let mut file = file.map_err(Error::file("create a file in", folder))?;
        self.pack(BufWriter::new(file.as_file_mut())).map_err(Error::file("write", to))?;
        file.as_file().sync_all().map_err(Error::file("write", to))?;
        file.persist(to).map_err(|error| error.error).map_err(Error::file("write", to))?;
        Ok(())
    }

    fn pack(&self, writer: impl Write) -> io::Result<()> {
        let mut packer = Packer::new(writer);
        let names = std::iter::once(Manifest::FILE)
            .chain(self.manifest.files.iter().map(|entry| entry.path.as_str()));
        for name in names {
            let file = File::open(self.root.join(name))?;
            packer.add(name, file.metadata()?.len(), BufReader::new(file))?;
        }
        packer.finish().map(drop)
    }
}

/// Writes the record and the manifest into `folder`, which holds all other files, and makes it durable.
pub(crate) fn seal(folder: &Path, record: &Record) -> Result<(), Error> {
    let path = folder.join(RECORD);
    write_durably(&path, &record_text(record))?;
    let mut files = Vec::new();
    collect(folder, "", &mut files)?;
    files.sort();
    let manifest = Manifest { format: Manifest::FORMAT.to_owned(), files };
    write_durably(&folder.join(Manifest::FILE), &manifest.canonical_text())?;
    sync_tree(folder)
}

/// Moves a sealed bundle to where it is published; one that stands there is replaced in one step.
pub(crate) fn publish(folder: &Path, to: &Path) -> Result<(), Error> {
    let rename = |flags| rustix::fs::renameat_with(CWD, folder, CWD, to, flags);
    let renamed = match rename(RenameFlags::NOREPLACE) {
        Err(Errno::EXIST) => rename(RenameFlags::EXCHANGE),
        other => other,
    };
    renamed.map_err(|error| Error::file("publish the bundle as", to)(error.into()))?;
    let parent = to.parent().unwrap_or(to);
    File::open(parent).and_then(|folder| folder.sync_all()).map_err(Error::file("sync", parent))
}

/// SHA-256 of a file, read in pieces.
pub(crate) fn digest_of_file(path: &Path) -> Result<Digest, Error> {
    File::open(path).and_then(Digest::of_reader).map_err(Error::file("read", path))
}

/// Canonical text of a record: compact JSON in the order of its fields, and a newline.
fn record_text(record: &Record) -> Vec<u8> {
    canonical(serde_json::to_vec(record))
}

fn canonical(json: serde_json::Result<Vec<u8>>) -> Vec<u8> {
    let mut json =
        json.expect("model types have no map with keys that are not text and no failing serialiser");
    json.push(b'\n');
    json
}

fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(Error::file("write", path))
}

fn sync_tree(folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))? {
        let path = entry.map_err(Error::file("read", folder))?.path();
        if path.is_dir() {
            sync_tree(&path)?;
        } else {
            File::open(&path).and_then(|file| file.sync_all()).map_err(Error::file("sync", &path))?;
        }
    }
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::file("sync", folder))
}

fn collect(folder: &Path, prefix: &str, files: &mut Vec<ManifestEntry>) -> Result<(), Error> {
    for entry in fs::read_dir(folder).map_err(Error::file("read", folder))? {
        let entry = entry.map_err(Error::file("read", folder))?;
        let path = entry.path();
        let name = entry.file_name().into_string().unwrap_or_default();
        let relative = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        let kind = entry.file_type().map_err(Error::file("read", &path))?;
        if kind.is_dir() {
            collect(&path, &relative, files)?;
        } else if !kind.is_file() || !is_plain(&relative) {
            return Err(Error::bundle(&path, "only plain files with plain names belong into a bundle"));
        } else if relative != Manifest::FILE {
            let bytes = entry.metadata().map_err(Error::file("read", &path))?.len();
            files.push(ManifestEntry { path: relative, bytes, sha256: digest_of_file(&path)? });
        }
    }
    Ok(())
}

/// Whether a path may stand in a bundle: relative, `/` between parts, nothing that means something to a shell.
fn is_plain(path: &str) -> bool {
    let plain = |part: &str| {
        !part.is_empty()
            && part != "."
            && part != ".."
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    };
    path.len() <= 100 && path.split('/').all(plain)
}

fn read_manifest(root: &Path) -> Result<Manifest, Error> {
    let path = root.join(Manifest::FILE);
    let text = read_bounded(&path, MAX_MANIFEST)?;
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| Error::bundle(&path, format!("not a manifest: {error}")))?;
    if manifest.format != Manifest::FORMAT {
        let reason = format!("format {:?} is unknown, {:?} is read here", manifest.format, Manifest::FORMAT);
        return Err(Error::bundle(&path, reason));
    }
    if manifest.canonical_text() != text {
        return Err(Error::bundle(
            &path,
            "it was changed: its text is not the canonical one of what it says",
        ));
    }
    if let Some(entry) = manifest.files.iter().find(|entry| !is_plain(&entry.path)) {
        return Err(Error::bundle(&path, format!("{:?} is no path that may stand in a bundle", entry.path)));
    }
    Ok(manifest)
}

fn check_files(root: &Path, manifest: &Manifest) -> Result<(), Error> {
    let mut there = Vec::new();
    collect(root, "", &mut there)?;
    there.sort();
    let listed: BTreeSet<&str> = manifest.files.iter().map(|entry| entry.path.as_str()).collect();
    if let Some(extra) = there.iter().find(|entry| !listed.contains(entry.path.as_str())) {
        return Err(Error::bundle(&root.join(&extra.path), "the manifest does not list this file"));
    }
    for entry in &manifest.files {
        let path = root.join(&entry.path);
        let Some(found) = there.iter().find(|found| found.path == entry.path) else {
            return Err(Error::bundle(&path, "the manifest lists this file, but it is not there"));
        };
        if found != entry {
            let reason = format!(
                "the manifest says {} bytes with SHA-256 {}, the file has {} with {}",
                entry.bytes, entry.sha256, found.bytes, found.sha256
            );
            return Err(Error::bundle(&path, reason));
        }
    }
    Ok(())
}

fn read_record(path: &Path) -> Result<Record, Error> {
    let text = read_bounded(path, MAX_RECORD)?;
    let wrong = |reason: String| Error::bundle(path, reason);
    let value: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| wrong(format!("not a record: {error}")))?;
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if version != Some(u64::from(RECORD_VERSION)) {
        return Err(wrong(format!("record version {version:?} is unknown, {RECORD_VERSION} is read here")));
    }
    let record: Record =
        serde_json::from_slice(&text).map_err(|error| wrong(format!("not a record: {error}")))?;
    if record_text(&record) != text {
        return Err(wrong("its text is not the canonical one of what it says".into()));
    }
    Ok(record)
}

/// Copies, telling a broken archive from a full disk.
fn copy(from: &mut impl Read, to: &mut File, archive: &Path, path: &Path) -> Result<(), Error> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(&buffer[..count]).map_err(Error::file("write", path))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::bundle(archive, format!("not a bundle: {error}"))),
        }
    }
}

fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(Error::file("read", path))?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(Error::file("read", path))?;
    if bytes.len() as u64 > most {
        return Err(Error::bundle(path, format!("it is longer than the {most} bytes that are read")));
    }
    Ok(bytes)
}

fn unpack(archive: &Path, to: &Path) -> Result<(), Error> {
    let wrong = |error: io::Error| Error::bundle(archive, format!("not a bundle: {error}"));
    let file = File::open(archive).map_err(Error::file("read", archive))?;
    let most = file.metadata().map_err(Error::file("read", archive))?.len();
    let mut reader = tar::Archive::new(BufReader::new(file));
    for entry in reader.entries().map_err(wrong)? {
        let mut entry = entry.map_err(wrong)?;
        let name = entry.path().map_err(wrong)?.to_string_lossy().into_owned();
        if !entry.header().entry_type().is_file() || !is_plain(&name) || entry.size() > most {
            return Err(Error::bundle(archive, format!("entry {name:?} may not stand in a bundle")));
        }
        let path = to.join(&name);
        let folder = path.parent().unwrap_or(to);
        fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        let mut out = File::create_new(&path).map_err(Error::file("create", &path))?;
        copy(&mut entry, &mut out, archive, &path)?;
    }
    Ok(())
}
