//! What goes wrong around a rebuild: a store that refuses writes, a compiler that takes as long as it is let.

use crate::support::Stored;
use aiv1_decoder::{Error as DecoderError, Module, ModuleCompiler};
use aiv1_model::{Digest, Limits};
use aiv1_regenerate_video::Compiler;
use aiv1_store::{Blob, BlobInfo, BlobKey, Blobs, Error, Link, LinkOptions, Rebuild, Upload, UploadLink};
use async_trait::async_trait;
use bytes::Bytes;
use jiff::SignedDuration;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// A store whose disk is full while `full`, and that never answers whoever finishes an object while `silent`.
#[derive(Debug)]
pub(crate) struct Flaky {
    pub(crate) store: Arc<dyn Blobs>,
    pub(crate) full: Arc<AtomicBool>,
    pub(crate) silent: Arc<AtomicBool>,
}

impl Flaky {
    pub(crate) fn new(stored: &Stored) -> Self {
        Self { store: stored.blobs.clone(), full: Arc::default(), silent: Arc::default() }
    }
}

#[derive(Debug)]
struct FlakyUpload {
    upload: Box<dyn Upload>,
    full: Arc<AtomicBool>,
    silent: Arc<AtomicBool>,
}

#[async_trait]
impl Upload for FlakyUpload {
    async fn append(&mut self, bytes: Bytes) -> Result<(), Error> {
        if self.full.load(Ordering::Relaxed) {
            return Err(Error::backend("append to an object")("the disk is full"));
        }
        self.upload.append(bytes).await
    }

    async fn finish(self: Box<Self>, head: Bytes) -> Result<u64, Error> {
        if self.silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.upload.finish(head).await
    }

    async fn abort(self: Box<Self>) -> Result<(), Error> {
        self.upload.abort().await
    }
}

#[async_trait]
impl Blobs for Flaky {
    async fn begin(&self, target: &Rebuild) -> Result<Box<dyn Upload>, Error> {
        let upload = self.store.begin(target).await?;
        let (full, silent) = (Arc::clone(&self.full), Arc::clone(&self.silent));
        Ok(Box::new(FlakyUpload { upload, full, silent }))
    }

    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), Error> {
        self.store.put(key, bytes).await
    }

    async fn put_file(&self, key: &BlobKey, path: &Path) -> Result<(), Error> {
        self.store.put_file(key, path).await
    }

    async fn get(&self, key: &BlobKey, most: u64) -> Result<Option<Blob>, Error> {
        self.store.get(key, most).await
    }

    async fn download(&self, key: &BlobKey, to: &Path, most: u64) -> Result<Option<u64>, Error> {
        self.store.download(key, to, most).await
    }

    async fn head(&self, key: &BlobKey) -> Result<Option<BlobInfo>, Error> {
        self.store.head(key).await
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), Error> {
        self.store.delete(key).await
    }

    async fn link(&self, key: &BlobKey, options: &LinkOptions) -> Result<Link, Error> {
        self.store.link(key, options).await
    }

    async fn upload_link(
        &self,
        key: &BlobKey,
        bytes: u64,
        sha256: &Digest,
        lifetime: SignedDuration,
    ) -> Result<UploadLink, Error> {
        self.store.upload_link(key, bytes, sha256, lifetime).await
    }

    async fn ping(&self) -> Result<(), Error> {
        self.store.ping().await
    }
}

/// Says that it was begun, and compiles once the other end of `until` says or is gone.
#[derive(Debug)]
pub(crate) struct Slow {
    compiler: ModuleCompiler,
    begun: Arc<Notify>,
    until: Mutex<Receiver<()>>,
}

impl Slow {
    pub(crate) fn new(compiler: ModuleCompiler) -> (Self, Arc<Notify>, Sender<()>) {
        let (go, until) = std::sync::mpsc::channel();
        let begun = Arc::new(Notify::new());
        (Self { compiler, begun: Arc::clone(&begun), until: Mutex::new(until) }, begun, go)
    }
}

impl Compiler for Slow {
    fn compile(&self, wasm: &[u8], limits: &Limits) -> Result<Module, DecoderError> {
        self.begun.notify_one();
        let _ = self.until.lock().unwrap().recv();
        Compiler::compile(&self.compiler, wasm, limits)
    }
}
