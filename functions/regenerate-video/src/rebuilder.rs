//! [`Rebuilder`]: makes one preview or archive again and puts it where it was.

use crate::scratch::Directory;
use crate::{Compiler, Error, bundle, video};
use aiv1_model::{Digest, Experiment, ExperimentId, Hasher};
use aiv1_store::{BlobKey, Blobs, Catalog, Rebuild};
use std::fs::File;
use std::io::{self, Read as _};
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What rebuilds: the store, a compiler, a scratch folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rebuilder {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) compiler: Arc<dyn Compiler>,
    pub(crate) threads: NonZeroUsize,
    scratch: PathBuf,
}

/// What was rebuilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rebuilt {
    /// Size of the object.
    pub bytes: u64,
    /// Frames of the video, where it is one that was made now; an object that was there is left as it is.
    pub frames: Option<u64>,
}

impl Rebuilder {
    /// Uses `scratch`, which is made when it is needed; what killed jobs left there is removed then.
    #[must_use]
    pub fn new(
        catalog: Arc<dyn Catalog>,
        blobs: Arc<dyn Blobs>,
        compiler: impl Compiler + 'static,
        scratch: PathBuf,
        threads: NonZeroUsize,
    ) -> Self {
        Self { catalog, blobs, compiler: Arc::new(compiler), threads, scratch }
    }

    /// Makes it, unless it is there.
    pub async fn rebuild(&self, target: &Rebuild) -> Result<Rebuilt, Error> {
        self.rebuild_until(target, &CancellationToken::new()).await
    }

    /// The same, given up once `stop` is cancelled.
    pub(crate) async fn rebuild_until(
        &self,
        target: &Rebuild,
        stop: &CancellationToken,
    ) -> Result<Rebuilt, Error> {
        if let Some(there) = self.blobs.head(&target.key()).await? {
            return Ok(Rebuilt { bytes: there.bytes, frames: None });
        }
        let directory = Directory::create(&self.scratch).map_err(Error::file("use", &self.scratch))?;
        let made = tokio::select! {
            made = async {
                match target {
                    Rebuild::Video { experiment, clip, quality_index } => {
                        video::rebuild(self, experiment, clip, *quality_index, &directory, stop).await
                    }
                    Rebuild::Bundle { experiment } => bundle::rebuild(self, experiment, &directory).await,
                }
            } => made,
            () = stop.cancelled() => Err(Error::Stopped),
        };
        let (file, frames) = made?;
        let bytes = file.metadata().map_err(Error::file("read the size of", &file))?.len();
        self.blobs.put_file(&target.key(), &file).await?;
        Ok(Rebuilt { bytes, frames })
    }

    pub(crate) async fn experiment(&self, id: &ExperimentId) -> Result<Experiment, Error> {
        let experiment = self.catalog.experiment(id).await?;
        experiment.ok_or_else(|| aiv1_store::Error::NoExperiment(id.clone()).into())
    }

    /// Brings an object to `to`: exactly `bytes` bytes. Its digest is for the reader to check, who reads it anyway.
    pub(crate) async fn fetch(&self, key: &BlobKey, bytes: u64, to: &Path) -> Result<(), Error> {
        match self.blobs.download(key, to, bytes).await? {
            Some(found) if found == bytes => Ok(()),
            Some(found) => Err(Error::damaged(key, format!("it has {found} bytes, not {bytes}"))),
            None => Err(Error::Missing(key.to_string())),
        }
    }
}

/// Work that blocks, off the threads that answer.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::Ended(error.to_string()))?
}

/// Refuses a file that does not have this digest.
pub(crate) fn check_digest(path: &Path, key: &BlobKey, wanted: &Digest) -> Result<(), Error> {
    let digest = || {
        let (mut file, mut hasher, mut buffer) = (File::open(path)?, Hasher::new(), vec![0; 1 << 17]);
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok::<_, io::Error>(hasher.finish()),
                read => hasher.update(&buffer[..read]),
            }
        }
    };
    let found = digest().map_err(Error::file("read", path))?;
    if found == *wanted { Ok(()) } else { Err(Error::damaged(key, format!("its SHA-256 is {found}"))) }
}
