//! [`Blobs`] on a directory.

use crate::files::{Draft, Files, Incoming};
use crate::links::{Grant, Secret};
use aiv1_model::Digest;
use aiv1_store::{
    Blob, BlobInfo, BlobKey, Blobs, Clock, Error, Link, LinkOptions, Rebuild, Upload, UploadLink,
};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;

/// The objects of one folder.
#[derive(Clone, Debug)]
pub(crate) struct EmbeddedBlobs {
    pub(crate) files: Arc<Files>,
    pub(crate) secret: Arc<Secret>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) base_url: String,
}

impl EmbeddedBlobs {
    /// Does `job` off the async threads.
    async fn blocking<T: Send + 'static>(
        &self,
        action: &'static str,
        job: impl FnOnce(&Files, Timestamp) -> Result<T, Failed> + Send + 'static,
    ) -> Result<T, Error> {
        let (files, now) = (Arc::clone(&self.files), self.clock.now());
        let done =
            tokio::task::spawn_blocking(move || job(&files, now)).await.map_err(Error::backend(action))?;
        done.map_err(|failed| match failed {
            Failed::Io(error) => Error::backend(action)(error),
            Failed::Store(error) => error,
        })
    }

    /// A moment `lifetime` from now, to the whole second that a link can say.
    fn end(&self, lifetime: SignedDuration) -> Timestamp {
        let end = self.clock.now().checked_add(lifetime).unwrap_or(Timestamp::MAX);
        Timestamp::from_second(end.as_second()).unwrap_or(end)
    }

    fn url(&self, key: &BlobKey, grant: &Grant, expires_at: Timestamp) -> String {
        format!("{}{}", self.base_url, self.secret.sign(key, grant, expires_at))
    }
}

/// Why a job on files stopped.
enum Failed {
    Io(io::Error),
    Store(Error),
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[async_trait]
impl Blobs for EmbeddedBlobs {
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), Error> {
        let key = key.clone();
        self.blocking("put an object", move |files, now| {
            let mut incoming = files.begin()?;
            incoming.write(&bytes)?;
            finish(files, incoming, &key, now)
        })
        .await
    }

    async fn begin(&self, target: &Rebuild) -> Result<Box<dyn Upload>, Error> {
        let spool = self.blocking("begin an object", |files, _| Ok(files.draft()?)).await?;
        Ok(Box::new(EmbeddedUpload { blobs: self.clone(), key: target.key(), spool: Arc::new(spool) }))
    }

    async fn put_file(&self, key: &BlobKey, path: &Path) -> Result<(), Error> {
        let (key, path) = (key.clone(), path.to_owned());
        self.blocking("put a file as an object", move |files, now| {
            let mut incoming = files.begin()?;
            incoming.copy(&mut File::open(path)?)?;
            finish(files, incoming, &key, now)
        })
        .await
    }

    async fn get(&self, key: &BlobKey, most: u64) -> Result<Option<Blob>, Error> {
        let key = key.clone();
        self.blocking("read an object", move |files, now| {
            let Some((file, info)) = files.read(&key, now)? else { return Ok(None) };
            bounded(&key, info, most)?;
            let mut bytes = Vec::with_capacity(info.bytes as usize);
            file.take(most).read_to_end(&mut bytes)?;
            Ok(Some(bytes.into()))
        })
        .await
    }

    async fn download(&self, key: &BlobKey, to: &Path, most: u64) -> Result<Option<u64>, Error> {
        let (key, to) = (key.clone(), to.to_owned());
        self.blocking("copy an object into a file", move |files, now| {
            let Some((mut file, info)) = files.read(&key, now)? else { return Ok(None) };
            bounded(&key, info, most)?;
            Ok(Some(io::copy(&mut file, &mut File::create(&to)?)?))
        })
        .await
    }

    async fn head(&self, key: &BlobKey) -> Result<Option<BlobInfo>, Error> {
        let key = key.clone();
        self.blocking("look for an object", move |files, now| Ok(files.info(&key, now)?)).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), Error> {
        let key = key.clone();
        self.blocking("remove an object", move |files, _| Ok(files.remove(&key)?)).await
    }

    async fn link(&self, key: &BlobKey, options: &LinkOptions) -> Result<Link, Error> {
        let expires_at = self.end(options.lifetime);
        let grant = Grant::Get { attachment: options.file_name() };
        Ok(Link { url: self.url(key, &grant, expires_at), expires_at })
    }

    async fn upload_link(
        &self,
        key: &BlobKey,
        bytes: u64,
        sha256: &Digest,
        lifetime: SignedDuration,
    ) -> Result<UploadLink, Error> {
        key.check_digest(sha256)?;
        let expires_at = self.end(lifetime);
        let url = self.url(key, &Grant::Put { bytes, sha256: *sha256 }, expires_at);
        Ok(UploadLink {
            url,
            headers: vec![("content-type".to_owned(), key.content_type().to_owned())],
            expires_at,
        })
    }

    async fn ping(&self) -> Result<(), Error> {
        self.blocking("reach its folder", move |files, _| Ok(files.check()?)).await
    }
}

fn finish(files: &Files, incoming: Incoming, key: &BlobKey, now: Timestamp) -> Result<(), Failed> {
    let (draft, digest) = incoming.finish();
    key.check_digest(&digest).map_err(Failed::Store)?;
    Ok(files.finish(draft, key, now)?)
}

/// An object on its way: what is appended lies in a file of its own until its beginning is known.
#[derive(Debug)]
struct EmbeddedUpload {
    blobs: EmbeddedBlobs,
    key: BlobKey,
    spool: Arc<Draft>,
}

#[async_trait]
impl Upload for EmbeddedUpload {
    async fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        let spool = Arc::clone(&self.spool);
        self.blobs.blocking("append to an object", move |_, _| Ok(spool.file().write_all(&bytes)?)).await
    }

    async fn finish(self: Box<Self>, head: Bytes) -> Result<u64, Error> {
        let Self { blobs, key, spool } = *self;
        let whole = move |files: &Files, now: Timestamp| {
            let draft = files.draft()?;
            draft.file().write_all(&head)?;
            spool.file().seek(SeekFrom::Start(0))?;
            // The kernel copies, or shares the blocks where the file system can.
            let bytes = head.len() as u64 + io::copy(&mut spool.file(), &mut draft.file())?;
            files.finish(draft, &key, now)?;
            Ok(bytes)
        };
        blobs.blocking("finish an object", whole).await
    }

    async fn abort(self: Box<Self>) -> Result<(), Error> {
        // Dropping removes the spool.
        let Self { blobs, spool, .. } = *self;
        let remove = move |_: &Files, _| {
            drop(spool);
            Ok(())
        };
        blobs.blocking("give an object up", remove).await
    }
}

fn bounded(key: &BlobKey, info: BlobInfo, most: u64) -> Result<(), Failed> {
    if info.bytes > most {
        return Err(Failed::Store(Error::TooLarge { key: key.path(), bytes: info.bytes, most }));
    }
    Ok(())
}
