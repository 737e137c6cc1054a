//! An object sent in parts: nothing is there before all of them are, and the last step makes it so.
//!
//! What is given up is removed at once; what a process that died leaves is removed by the bucket's lifecycle rule
//! (`AbortIncompleteMultipartUpload`).

use super::{READ_FILE, S3Blobs, checksum, patient};
use crate::sdk::failed;
use aiv1_model::{Digest, Hasher};
use aiv1_store::{BlobKey, Error};
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart};
use bytes::{Bytes, BytesMut};
use std::path::Path;
use tokio::io::AsyncReadExt as _;

/// Size of a part; S3 wants 5 MiB or more of each but the last.
pub(super) const PART_BYTES: usize = 8 << 20;
/// S3 numbers parts from 1 to this.
const MAX_PARTS: u64 = 10_000;

const SEND: &str = "send an object in parts";

/// An upload that S3 has begun.
#[derive(Debug)]
pub(super) struct Multipart {
    blobs: S3Blobs,
    key: BlobKey,
    id: String,
    parts: Vec<CompletedPart>,
    bytes: u64,
}

impl Multipart {
    /// Begins one.
    pub(super) async fn begin(blobs: &S3Blobs, key: &BlobKey) -> Result<Self, Error> {
        let create = blobs.client.create_multipart_upload().bucket(&blobs.bucket).key(key.path());
        let create = create.content_type(key.content_type()).cache_control(key.cache_control());
        let begun = create.checksum_algorithm(ChecksumAlgorithm::Sha256).send().await;
        let begun = begun.map_err(failed(SEND))?;
        let id = begun.upload_id.ok_or_else(|| Error::backend(SEND)("S3 gave the upload no id"))?;
        Ok(Self { blobs: blobs.clone(), key: key.clone(), id, parts: Vec::new(), bytes: 0 })
    }

    /// Sends a part; the object is its parts by number, in whatever order they were sent.
    pub(super) async fn part(&mut self, number: i32, bytes: Bytes) -> Result<(), Error> {
        if i64::from(number) > MAX_PARTS.cast_signed() {
            let most = MAX_PARTS * PART_BYTES as u64;
            return Err(Error::TooLarge {
                key: self.key.path(),
                bytes: self.bytes + bytes.len() as u64,
                most,
            });
        }
        let (digest, size) = (checksum(&Digest::of(&bytes)), bytes.len() as u64);
        let (blobs, path) = (&self.blobs, self.key.path());
        let send = blobs.client.upload_part().bucket(&blobs.bucket).key(path).upload_id(&self.id);
        let send = send.part_number(number).checksum_sha256(&digest).body(bytes.into());
        let sent = send.customize().config_override(patient()).send().await.map_err(failed(SEND))?;
        let part = CompletedPart::builder().part_number(number).checksum_sha256(digest);
        self.parts.push(part.set_e_tag(sent.e_tag).build());
        self.bytes += size;
        Ok(())
    }

    /// Makes the parts the object; its size.
    pub(super) async fn complete(mut self) -> Result<u64, Error> {
        self.parts.sort_unstable_by_key(|part| part.part_number);
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.parts.clone())).build();
        let (blobs, path) = (&self.blobs, self.key.path());
        let complete = blobs.client.complete_multipart_upload().bucket(&blobs.bucket).key(path);
        match complete.upload_id(&self.id).multipart_upload(parts).send().await {
            Ok(_) => Ok(self.bytes),
            // The answer to an earlier try was lost: the upload is gone because it has become the object.
            Err(error) if error.code() == Some("NoSuchUpload") && self.is_there().await? => Ok(self.bytes),
            Err(error) => {
                self.give_up().await;
                Err(failed(SEND)(error))
            }
        }
    }

    /// An object is named by its digest or by what it is made of: one with this key and size is this one.
    async fn is_there(&self) -> Result<bool, Error> {
        let found = aiv1_store::Blobs::head(&self.blobs, &self.key).await?;
        Ok(found.is_some_and(|found| found.bytes == self.bytes))
    }

    /// Removes what was sent.
    pub(super) async fn abort(self) -> Result<(), Error> {
        let (blobs, path) = (&self.blobs, self.key.path());
        let abort = blobs.client.abort_multipart_upload().bucket(&blobs.bucket).key(path);
        match abort.upload_id(&self.id).send().await {
            Err(error) if error.code() != Some("NoSuchUpload") => Err(failed("give up an object")(error)),
            _ => Ok(()),
        }
    }

    /// Removes what was sent, after a failure that is told anyway.
    pub(super) async fn give_up(self) {
        let key = self.key.path();
        if let Err(error) = self.abort().await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(key, error, "parts of an object are left to the bucket's lifecycle rule");
        }
    }

    /// Puts a large file: read once, a part at a time, its digest taken on the way.
    pub(super) async fn put_file(
        blobs: &S3Blobs,
        key: &BlobKey,
        path: &Path,
        bytes: u64,
    ) -> Result<(), Error> {
        let mut upload = Self::begin(blobs, key).await?;
        let sent = upload.send_file(path, bytes.div_ceil(MAX_PARTS).max(PART_BYTES as u64)).await;
        match sent.and_then(|digest| key.check_digest(&digest)) {
            Ok(()) => upload.complete().await.map(drop),
            Err(error) => {
                upload.give_up().await;
                Err(error)
            }
        }
    }

    async fn send_file(&mut self, path: &Path, part: u64) -> Result<Digest, Error> {
        let mut file = tokio::fs::File::open(path).await.map_err(Error::backend(READ_FILE))?;
        let mut hasher = Hasher::new();
        for number in 1.. {
            let mut piece = BytesMut::with_capacity(part as usize);
            while (piece.len() as u64) < part {
                let mut rest = (&mut file).take(part - piece.len() as u64);
                if rest.read_buf(&mut piece).await.map_err(Error::backend(READ_FILE))? == 0 {
                    break;
                }
            }
            if piece.is_empty() && number > 1 {
                break;
            }
            hasher.update(&piece);
            self.part(number, piece.freeze()).await?;
        }
        Ok(hasher.finish())
    }
}
