//! [`Rebuilder`]: makes one preview or archive again and puts it where it was.

use crate::scratch::{self, Directory};
use crate::{Compiler, Error, bundle, video};
use aiv1_model::{Digest, Experiment, ExperimentId};
use aiv1_store::{BlobKey, Blobs, Catalog, Rebuild};
use std::fs::File;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What rebuilds: the store, a compiler, a scratch folder. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rebuilder {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) compiler: Arc<dyn Compiler>,
    pub(crate) threads: NonZeroUsize,
    scratch: PathBuf,
    /// The threads that make something. One whose job was stopped goes on for a while: it compiles, or decodes a group of
    /// pictures to its end.
    makers: TaskTracker,
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
        let makers = TaskTracker::new();
        // What is tracked may be waited for at any time; more may be tracked all the same.
        makers.close();
        Self { catalog, blobs, compiler: Arc::new(compiler), threads, scratch, makers }
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
        let look = async {
            // What a stopped job left running ends first: memory is counted for one decoder.
            self.idle().await;
            Ok(self.blobs.head(&target.key()).await?)
        };
        if let Some(there) = until(stop, look).await? {
            return Ok(Rebuilt { bytes: there.bytes, frames: None });
        }
        let directory = Directory::create(&self.scratch).map_err(Error::file("use", &self.scratch))?;
        match target {
            Rebuild::Video { experiment, clip, quality_index } => {
                let which = (experiment, clip, *quality_index);
                video::rebuild(self, target, which, &directory, stop).await
            }
            Rebuild::Bundle { experiment } => {
                bundle::rebuild(self, target, experiment, &directory, stop).await
            }
        }
    }

    pub(crate) async fn experiment(&self, id: &ExperimentId) -> Result<Experiment, Error> {
        let experiment = self.catalog.experiment(id).await?;
        experiment.ok_or_else(|| aiv1_store::Error::NoExperiment(id.clone()).into())
    }

    /// Brings an object to `to`: exactly `bytes` bytes, if there is room. Its digest is for the reader to check, who reads
    /// it anyway.
    pub(crate) async fn fetch(&self, key: &BlobKey, bytes: u64, to: &Path) -> Result<(), Error> {
        let free = scratch::free(&self.scratch).map_err(Error::file("see the room of", &self.scratch))?;
        if bytes > free {
            return Err(Error::NoRoom { what: key.to_string(), bytes, free });
        }
        match self.blobs.download(key, to, bytes).await? {
            Some(found) if found == bytes => Ok(()),
            Some(found) => Err(Error::damaged(key, format!("it has {found} bytes, not {bytes}"))),
            None => Err(Error::Missing(key.to_string())),
        }
    }

    /// Work that blocks, off the threads that answer.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.makers.spawn_blocking(work).await.map_err(|error| Error::Ended(error.to_string()))?
    }

    /// Returns once nothing is made any more.
    pub(crate) async fn idle(&self) {
        self.makers.wait().await;
    }
}

/// A step that may be dropped at any time, given up once `stop` is cancelled.
pub(crate) async fn until<T>(
    stop: &CancellationToken,
    step: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    stop.run_until_cancelled(step).await.unwrap_or(Err(Error::Stopped))
}

/// Refuses a file that does not have this digest.
pub(crate) fn check_digest(path: &Path, key: &BlobKey, wanted: &Digest) -> Result<(), Error> {
    let found = File::open(path).and_then(Digest::of_reader).map_err(Error::file("read", path))?;
    if found == *wanted { Ok(()) } else { Err(Error::damaged(key, format!("its SHA-256 is {found}"))) }
}
