//! [`Blobs`]: objects by key, and expiring links to them.

use crate::{BlobKey, Error};
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

/// Objects by key. An object whose lifecycle has ended is absent, whether or not it has been swept yet.
#[async_trait]
pub trait Blobs: Debug + Send + Sync {
    /// Puts an object; one that is there is replaced in one step. An [`BlobKey::Object`] whose bytes do not have the
    /// key's digest is refused ([`Error::Damaged`]).
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), Error>;

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
