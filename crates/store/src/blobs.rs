//! [`Blobs`]: objects by key, and expiring links to them.

use crate::{BlobKey, Error, Rebuild};
use aiv1_model::Digest;
use async_trait::async_trait;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use std::fmt::Debug;
use std::path::Path;

/// What is known of an object without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobInfo {
    /// Its size.
    pub bytes: u64,
    /// When it was put.
    pub stored_at: Timestamp,
    /// When its lifecycle ends, if it does.
    pub expires_at: Option<Timestamp>,
}

/// An object, read.
pub type Blob = Bytes;

/// How a link is to behave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkOptions {
    /// How long it holds; 15 to 60 minutes are usual.
    pub lifetime: SignedDuration,
    /// Save it under this name instead of showing it.
    pub attachment: Option<String>,
}

impl LinkOptions {
    const MAX_NAME: usize = 150;

    /// The name to save under, made plain so that nothing of it can leave its header or the folder: what is not of
    /// `[A-Za-z0-9._-]` becomes `_`, and no name begins with a dot.
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        let plain = |letter: char| {
            if letter.is_ascii_alphanumeric() || "._-".contains(letter) { letter } else { '_' }
        };
        let name: String = self.attachment.as_deref()?.chars().map(plain).take(Self::MAX_NAME).collect();
        let name = name.trim_start_matches('.');
        Some(if name.is_empty() { "download".to_owned() } else { name.to_owned() })
    }
}

/// A link that expires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where.
    pub url: String,
    /// Until when.
    pub expires_at: Timestamp,
}

/// A link to put one object with: bound to its key, size, type and digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UploadLink {
    /// Where to send a `PUT`.
    pub url: String,
    /// Headers that must be sent with it.
    pub headers: Vec<(String, String)>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// An object on its way, whose beginning is known last: an MP4's index comes before its samples, and is complete only
/// after them. Dropped before its end, it leaves nothing that can be read.
#[async_trait]
pub trait Upload: Debug + Send {
    /// Adds bytes after those added before; any number. Keeps at most some 16 MiB and these in memory.
    async fn append(&mut self, bytes: Bytes) -> Result<(), Error>;

    /// Puts `head` before everything that was added, and the whole under its key in one step; its size.
    async fn finish(self: Box<Self>, head: Bytes) -> Result<u64, Error>;

    /// Gives it up, and removes what was stored of it.
    async fn abort(self: Box<Self>) -> Result<(), Error>;
}

/// Objects by key. An object whose lifecycle has ended is absent, whether or not it has been swept yet.
#[async_trait]
pub trait Blobs: Debug + Send + Sync {
    /// Puts an object; one that is there is replaced in one step. An [`BlobKey::Object`] whose bytes do not have the
    /// key's digest is refused ([`Error::Damaged`]).
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), Error>;

    /// Begins an object that is written piece by piece; only what can be made again is, as its key names no digest. What
    /// is there under the key stays until the new object is finished; that is dated by its first piece at the earliest.
    async fn begin(&self, target: &Rebuild) -> Result<Box<dyn Upload>, Error>;

    /// Puts a file's bytes, without reading them into memory.
    async fn put_file(&self, key: &BlobKey, path: &Path) -> Result<(), Error>;

    /// Reads an object of at most `most` bytes; a larger one is [`Error::TooLarge`].
    async fn get(&self, key: &BlobKey, most: u64) -> Result<Option<Blob>, Error>;

    /// Writes an object of at most `most` bytes into the file `to`; its size, or `None` if there is none.
    async fn download(&self, key: &BlobKey, to: &Path, most: u64) -> Result<Option<u64>, Error>;

    /// What is known of an object.
    async fn head(&self, key: &BlobKey) -> Result<Option<BlobInfo>, Error>;

    /// Removes an object; one that is not there is no error.
    async fn delete(&self, key: &BlobKey) -> Result<(), Error>;

    /// Makes a link to read an object with; does not look whether it is there.
    async fn link(&self, key: &BlobKey, options: &LinkOptions) -> Result<Link, Error>;

    /// Makes a link to put exactly `bytes` bytes with the digest `sha256`.
    async fn upload_link(
        &self,
        key: &BlobKey,
        bytes: u64,
        sha256: &Digest,
        lifetime: SignedDuration,
    ) -> Result<UploadLink, Error>;

    /// Whether the store answers.
    async fn ping(&self) -> Result<(), Error>;
}
