//! [`Blobs`] in S3: one bucket, the paths of [`BlobKey`].
//!
//! Whatever is sent carries its SHA-256, which S3 checks before it keeps anything. Whatever is read is checked against its
//! announced length, and what is named by its digest against that; the checksums that S3 keeps are not asked for, since
//! those of objects sent in parts are of the parts. An object below `reconstructed/` is absent once its week is over,
//! although the bucket's lifecycle rule, which runs once a day, may remove it hours later.
//!
//! A link dies with the credentials that signed it: a Lambda's last for hours, so links are made for minutes.
//!
//! Roles need `s3:ListBucket` on the bucket: without it, S3 answers 403 for what is not there. Whether the bucket itself is
//! there, only [`Blobs::ping`] and reading tell: to a HEAD in a bucket that is not, S3 answers like to one of an object
//! that is not.

mod link;
mod multipart;
mod upload;

use crate::sdk::failed;
use crate::time::TimeOf;
use aiv1_model::{Digest, Hasher};
use aiv1_store::{
    Blob, BlobInfo, BlobKey, Blobs, Clock, Error, Link, LinkOptions, RETENTION, Rebuild, Upload, UploadLink,
};
use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::ResponseChecksumValidation;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
use aws_sdk_s3::operation::head_object::HeadObjectError;
use aws_sdk_s3::primitives::{ByteStream, ByteStreamError, DateTime};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use jiff::{SignedDuration, Timestamp};
use multipart::Multipart;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::NamedTempFile;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

/// The actions that a role needs on the bucket (`ListBucket`) and its objects.
pub const BUCKET_CALLS: [&str; 5] =
    ["AbortMultipartUpload", "DeleteObject", "GetObject", "ListBucket", "PutObject"];

/// How often a body is asked for that breaks off on its way; the SDK tries again only until a body begins.
const READS: u32 = 3;
const READ: &str = "read an object";
const READ_FILE: &str = "read a file to put";
const WRITE_FILE: &str = "write an object into a file";
/// A file from this size on is sent in parts.
const IN_PARTS_FROM: u64 = 32 << 20;
/// How long one try to send that much may take, over somebody's home line, too.
const SENDING: Duration = Duration::from_mins(2);

/// The objects of one bucket.
#[derive(Clone, Debug)]
pub(crate) struct S3Blobs {
    client: Client,
    bucket: String,
    clock: Arc<dyn Clock>,
}

impl S3Blobs {
    /// Requests and links are signed at `clock`'s time.
    pub(crate) fn new(client: &Client, bucket: String, clock: Arc<dyn Clock>) -> Self {
        let config = client.config().to_builder().time_source(TimeOf(Arc::clone(&clock)));
        let config = config.response_checksum_validation(ResponseChecksumValidation::WhenRequired);
        Self { client: Client::from_conf(config.build()), bucket, clock }
    }

    /// What an answer says of an object; `None` for one whose time is over.
    fn info(
        &self,
        key: &BlobKey,
        bytes: Option<i64>,
        at: Option<&DateTime>,
    ) -> Result<Option<BlobInfo>, Error> {
        let damaged = |reason: &str| Error::Damaged { what: key.path(), reason: reason.to_owned() };
        let bytes = bytes.and_then(|bytes| u64::try_from(bytes).ok());
        let bytes = bytes.ok_or_else(|| damaged("S3 does not say its size"))?;
        let stored_at = at.and_then(|at| Timestamp::new(at.secs(), 0).ok());
        let stored_at = stored_at.ok_or_else(|| damaged("S3 does not say since when it is there"))?;
        let expires_at = key.expires().then(|| stored_at.checked_add(RETENTION).unwrap_or(Timestamp::MAX));
        let over = expires_at.is_some_and(|end| end <= self.clock.now());
        Ok((!over).then_some(BlobInfo { bytes, stored_at, expires_at }))
    }

    /// Begins to read an object of at most `most` bytes.
    async fn read(&self, key: &BlobKey, most: u64) -> Result<Option<(u64, ByteStream)>, Error> {
        let answer = self.client.get_object().bucket(&self.bucket).key(key.path()).send().await;
        let object: GetObjectOutput = match answer {
            Ok(object) => object,
            Err(error) if error.as_service_error().is_some_and(GetObjectError::is_no_such_key) => {
                return Ok(None);
            }
            Err(error) => return Err(failed(READ)(error)),
        };
        let Some(info) = self.info(key, object.content_length, object.last_modified.as_ref())? else {
            return Ok(None);
        };
        if info.bytes > most {
            return Err(Error::TooLarge { key: key.path(), bytes: info.bytes, most });
        }
        Ok(Some((info.bytes, object.body)))
    }

    async fn read_whole(&self, key: &BlobKey, most: u64) -> Result<Option<Blob>, Error> {
        let Some((bytes, mut body)) = self.read(key, most).await? else { return Ok(None) };
        let mut whole = BytesMut::with_capacity(bytes as usize);
        while let Some(piece) = body.next().await {
            whole.extend_from_slice(&piece.map_err(Error::backend(READ))?);
        }
        check_length(bytes, whole.len() as u64)?;
        if named_by_digest(key) {
            key.check_digest(&Digest::of(&whole))?;
        }
        Ok(Some(whole.freeze()))
    }

    async fn read_into(&self, key: &BlobKey, to: &Path, most: u64) -> Result<Option<u64>, Error> {
        let Some((bytes, mut body)) = self.read(key, most).await? else { return Ok(None) };
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Under the name itself, only whole.
        let draft = NamedTempFile::new_in(folder).map_err(Error::backend(WRITE_FILE))?;
        let mut file = tokio::fs::File::from_std(draft.reopen().map_err(Error::backend(WRITE_FILE))?);
        let mut hasher = named_by_digest(key).then(Hasher::new);
        while let Some(piece) = body.next().await {
            let piece = piece.map_err(Error::backend(READ))?;
            if let Some(hasher) = &mut hasher {
                hasher.update(&piece);
            }
            file.write_all(&piece).await.map_err(Error::backend(WRITE_FILE))?;
        }
        file.flush().await.map_err(Error::backend(WRITE_FILE))?;
        check_length(bytes, file.stream_position().await.map_err(Error::backend(WRITE_FILE))?)?;
        if let Some(hasher) = hasher {
            key.check_digest(&hasher.finish())?;
        }
        draft.persist(to).map_err(Error::backend(WRITE_FILE))?;
        Ok(Some(bytes))
    }

    async fn send(&self, key: &BlobKey, digest: &Digest, bytes: u64, body: ByteStream) -> Result<(), Error> {
        let put = self.client.put_object().bucket(&self.bucket).key(key.path());
        let put = put.content_type(key.content_type()).cache_control(key.cache_control());
        let put = put.checksum_sha256(checksum(digest)).content_length(bytes.cast_signed());
        let put = put.body(body).customize().config_override(patient());
        put.send().await.map(drop).map_err(failed("put an object"))
    }
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), Error> {
        let digest = Digest::of(&bytes);
        key.check_digest(&digest)?;
        self.send(key, &digest, bytes.len() as u64, bytes.into()).await
    }

    async fn begin(&self, target: &Rebuild) -> Result<Box<dyn Upload>, Error> {
        Ok(Box::new(upload::S3Upload::new(self.clone(), target.key())))
    }

    async fn put_file(&self, key: &BlobKey, path: &Path) -> Result<(), Error> {
        let bytes = tokio::fs::metadata(path).await.map_err(Error::backend(READ_FILE))?.len();
        if bytes >= IN_PARTS_FROM {
            return Multipart::put_file(self, key, path, bytes).await;
        }
        let file = path.to_owned();
        let digest = tokio::task::spawn_blocking(move || Digest::of_reader(std::fs::File::open(file)?)).await;
        let digest = digest.map_err(Error::backend(READ_FILE))?.map_err(Error::backend(READ_FILE))?;
        key.check_digest(&digest)?;
        let body = ByteStream::from_path(path).await.map_err(Error::backend(READ_FILE))?;
        self.send(key, &digest, bytes, body).await
    }

    async fn get(&self, key: &BlobKey, most: u64) -> Result<Option<Blob>, Error> {
        again(|| self.read_whole(key, most)).await
    }

    async fn download(&self, key: &BlobKey, to: &Path, most: u64) -> Result<Option<u64>, Error> {
        again(|| self.read_into(key, to, most)).await
    }

    async fn head(&self, key: &BlobKey) -> Result<Option<BlobInfo>, Error> {
        match self.client.head_object().bucket(&self.bucket).key(key.path()).send().await {
            Ok(object) => self.info(key, object.content_length, object.last_modified.as_ref()),
            Err(error) if error.as_service_error().is_some_and(HeadObjectError::is_not_found) => Ok(None),
            Err(error) => Err(failed("look for an object")(error)),
        }
    }

    async fn delete(&self, key: &BlobKey) -> Result<(), Error> {
        let deleted = self.client.delete_object().bucket(&self.bucket).key(key.path()).send().await;
        deleted.map(drop).map_err(failed("remove an object"))
    }

    async fn link(&self, key: &BlobKey, options: &LinkOptions) -> Result<Link, Error> {
        self.sign_get(key, options).await
    }

    async fn upload_link(
        &self,
        key: &BlobKey,
        bytes: u64,
        sha256: &Digest,
        lifetime: SignedDuration,
    ) -> Result<UploadLink, Error> {
        self.sign_put(key, bytes, sha256, lifetime).await
    }

    async fn ping(&self) -> Result<(), Error> {
        let answer = self.client.head_bucket().bucket(&self.bucket).send().await;
        answer.map(drop).map_err(failed("reach its bucket"))
    }
}

/// Reads again what broke off; what S3 refused, or the SDK has tried often enough, is not asked again.
async fn again<T, Read: Future<Output = Result<T, Error>>>(read: impl Fn() -> Read) -> Result<T, Error> {
    for _ in 1..READS {
        match read().await {
            Err(Error::Backend { source, .. }) if broke_off(source.as_ref()) => {
                tracing::warn!(
                    error = &*source as &dyn std::error::Error,
                    "an object broke off on its way: read again"
                );
            }
            read => return read,
        }
    }
    read().await
}

fn broke_off(source: &(dyn std::error::Error + Send + Sync + 'static)) -> bool {
    let short = |error: &io::Error| error.kind() == io::ErrorKind::UnexpectedEof;
    source.is::<ByteStreamError>() || source.downcast_ref().is_some_and(short)
}

fn check_length(announced: u64, read: u64) -> Result<(), Error> {
    if announced == read {
        return Ok(());
    }
    let reason = format!("{read} of {announced} bytes arrived");
    Err(Error::backend(READ)(io::Error::new(io::ErrorKind::UnexpectedEof, reason)))
}

/// What can be made again is named by what it is made of.
const fn named_by_digest(key: &BlobKey) -> bool {
    matches!(key, BlobKey::Object { .. })
}

/// The timeouts of a request with a large body: the SDK counts sending it as waiting for its answer.
fn patient() -> aws_sdk_s3::config::Builder {
    let timeouts = TimeoutConfig::builder().read_timeout(SENDING).build();
    aws_sdk_s3::config::Builder::new().timeout_config(timeouts)
}

/// A digest as S3 writes it.
fn checksum(digest: &Digest) -> String {
    STANDARD.encode(digest.as_bytes())
}
