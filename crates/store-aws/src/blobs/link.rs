//! Links: signed with our credentials, for one method, one object, its headers, and a time.

use super::{S3Blobs, checksum};
use crate::sdk::failed;
use aiv1_model::Digest;
use aiv1_store::{BlobKey, Error, Link, LinkOptions, UploadLink};
use aws_sdk_s3::presigning::PresigningConfig;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

const SIGN: &str = "sign a link";

impl S3Blobs {
    pub(super) async fn sign_get(&self, key: &BlobKey, options: &LinkOptions) -> Result<Link, Error> {
        let (terms, expires_at) = self.terms(options.lifetime)?;
        let name = options.file_name().map(|name| format!("attachment; filename=\"{name}\""));
        let get = self.client.get_object().bucket(&self.bucket).key(key.path());
        let get = get.set_response_content_disposition(name);
        let signed = get.presigned(terms).await.map_err(failed(SIGN))?;
        Ok(Link { url: signed.uri().to_owned(), expires_at })
    }

    pub(super) async fn sign_put(
        &self,
        key: &BlobKey,
        bytes: u64,
        sha256: &Digest,
        lifetime: SignedDuration,
    ) -> Result<UploadLink, Error> {
        key.check_digest(sha256)?;
        let (terms, expires_at) = self.terms(lifetime)?;
        let put = self.client.put_object().bucket(&self.bucket).key(key.path());
        let put = put.content_type(key.content_type()).cache_control(key.cache_control());
        let put = put.content_length(bytes.cast_signed()).checksum_sha256(checksum(sha256));
        let signed = put.presigned(terms).await.map_err(failed(SIGN))?;
        // Signed as well, but every client sends its body's length by itself.
        let headers = signed.headers().filter(|(name, _)| !name.eq_ignore_ascii_case("content-length"));
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Ok(UploadLink { url: signed.uri().to_owned(), headers, expires_at })
    }

    /// From this second on; S3 takes at most a week, and the SDK refuses more.
    fn terms(&self, lifetime: SignedDuration) -> Result<(PresigningConfig, Timestamp), Error> {
        let seconds = u64::try_from(lifetime.as_secs()).ok().filter(|seconds| *seconds > 0);
        let seconds = seconds.ok_or_else(|| {
            Error::backend(SIGN)(format!("{lifetime:#} is no lifetime, at least a second is"))
        })?;
        let begin = Timestamp::from_second(self.clock.now().as_second()).map_err(Error::backend(SIGN))?;
        let terms = PresigningConfig::builder().start_time(begin.into());
        let terms = terms.expires_in(Duration::from_secs(seconds)).build().map_err(Error::backend(SIGN))?;
        let end = begin.checked_add(Duration::from_secs(seconds)).map_err(Error::backend(SIGN))?;
        Ok((terms, end))
    }
}
