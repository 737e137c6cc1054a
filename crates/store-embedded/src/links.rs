//! Signed links: what may be read or put, until when, bound by an HMAC that only this store can make.

use aiv1_model::Digest;
use aiv1_store::BlobKey;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::Timestamp;
use serde::Deserialize;
use sha2::Sha256;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use tempfile::NamedTempFile;

/// The signing key.
pub(crate) struct Secret([u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// What a link allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Grant {
    /// Reading, and saving under a name.
    Get { attachment: Option<String> },
    /// Putting exactly these bytes.
    Put { bytes: u64, sha256: Digest },
}

/// The query of a link.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkQuery {
    expires: i64,
    attachment: Option<String>,
    bytes: Option<u64>,
    sha256: Option<Digest>,
    signature: String,
}

impl Secret {
    /// Reads the key from its file; the first time, one is drawn and kept, readable by its owner alone. The inner error
    /// is the length of a key that is none.
    pub(crate) fn open(path: &Path) -> io::Result<Result<Self, usize>> {
        if !path.try_exists()? {
            let mut key = [0; 32];
            File::open("/dev/urandom")?.read_exact(&mut key)?;
            // Its mode is 0600 from the start.
            let mut file = NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
            file.write_all(&key)?;
            file.as_file().sync_all()?;
            file.persist_noclobber(path).map_err(|error| error.error)?;
        }
        let key = fs::read(path)?;
        let bytes = key.len();
        Ok(key.try_into().map(Self).map_err(|_| bytes))
    }

    /// The path and query of a link.
    pub(crate) fn sign(&self, key: &BlobKey, grant: &Grant, expires: Timestamp) -> String {
        let (path, expires) = (key.path(), expires.as_second());
        let signature = URL_SAFE_NO_PAD.encode(self.mac(key, grant, expires).finalize().into_bytes());
        let what = match grant {
            Grant::Get { attachment: None } => String::new(),
            Grant::Get { attachment: Some(name) } => format!("&attachment={name}"),
            Grant::Put { bytes, sha256 } => format!("&bytes={bytes}&sha256={sha256}"),
        };
        format!("/blobs/{path}?expires={expires}{what}&signature={signature}")
    }

    /// What a link allows, if it is one of ours and has not expired.
    pub(crate) fn check(
        &self,
        key: &BlobKey,
        query: LinkQuery,
        put: bool,
        now: Timestamp,
    ) -> Result<Grant, &'static str> {
        const INVALID: &str = "this link is not valid: its signature does not fit; ask for a fresh one";
        let grant = match (put, query.bytes, query.sha256, query.attachment) {
            (false, None, None, attachment) => Grant::Get { attachment },
            (true, Some(bytes), Some(sha256), None) => Grant::Put { bytes, sha256 },
            _ => return Err(INVALID),
        };
        let signature = URL_SAFE_NO_PAD.decode(&query.signature).map_err(|_| INVALID)?;
        // Compares in constant time.
        self.mac(key, &grant, query.expires).verify_slice(&signature).map_err(|_| INVALID)?;
        if now.as_second() >= query.expires {
            return Err("this link has expired; ask for a fresh one");
        }
        Ok(grant)
    }

    fn mac(&self, key: &BlobKey, grant: &Grant, expires: i64) -> Hmac<Sha256> {
        // A key shorter than the hash's block is filled up with zeros (RFC 2104, section 2).
        let mut block = [0; 64];
        block[..32].copy_from_slice(&self.0);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        // Neither a path nor a name holds a line break, so that no two grants have one text.
        let text = match grant {
            Grant::Get { attachment } => {
                format!("aiv1-link/1\nGET\n{key}\n{expires}\n{}", attachment.as_deref().unwrap_or_default())
            }
            Grant::Put { bytes, sha256 } => {
                format!("aiv1-link/1\nPUT\n{key}\n{expires}\n{bytes}\n{sha256}\n{}", key.content_type())
            }
        };
        mac.update(text.as_bytes());
        mac
    }
}
