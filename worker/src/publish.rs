//! Bringing a bundle to the store: what is missing there is sent, in the order in which the server asks for it.

use crate::metrics::Metrics;
use aiv1_client::{Client, Error, Retry};
use aiv1_model::api::{Holder, UploadsRequest};
use aiv1_model::{BundleRef, Digest, ExperimentId, Manifest, ManifestEntry};
use std::path::Path;

/// How often links are asked for without a single file getting through with them; one that has expired is replaced.
const ROUNDS: usize = 3;

/// A bundle on this side.
pub(crate) struct Bundle<'a> {
    folder: &'a Path,
    manifest: Manifest,
    itself: ManifestEntry,
    record: Digest,
}

/// What a bundle of the lab's own is not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    #[error("the bundle's manifest cannot be read")]
    Read(#[source] std::io::Error),
    #[error("the bundle's manifest is none")]
    Manifest(#[source] serde_json::Error),
    #[error("the bundle has no record")]
    NoRecord,
}

impl<'a> Bundle<'a> {
    /// Reads the manifest of the bundle in `folder`.
    pub(crate) async fn open(folder: &'a Path) -> Result<Self, BundleError> {
        let text = tokio::fs::read(folder.join(Manifest::FILE)).await.map_err(BundleError::Read)?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(BundleError::Manifest)?;
        let record = manifest.files.iter().find(|entry| entry.path == aiv1_lab::RECORD);
        let record = record.ok_or(BundleError::NoRecord)?.sha256;
        let (path, bytes, sha256) = (Manifest::FILE.to_owned(), text.len() as u64, Digest::of(&text));
        Ok(Self { folder, manifest, itself: ManifestEntry { path, bytes, sha256 }, record })
    }

    /// What the catalog is told of it.
    pub(crate) fn reference(&self) -> BundleRef {
        BundleRef { manifest: self.itself.sha256, record: self.record, bytes: self.manifest.bytes() }
    }

    /// Sends what the server lacks. A file that did not get through, or whose answer was lost, is not sent again here:
    /// whoever repeats this asks anew what is missing, so that nothing is sent that is stored.
    pub(crate) async fn upload(
        &self,
        client: &Client,
        id: &ExperimentId,
        holder: &Holder,
        metrics: &Metrics,
    ) -> Result<(), Error> {
        let request = UploadsRequest { holder: holder.clone(), manifest: self.manifest.clone() };
        let mut round = 0;
        loop {
            let mut sent = 0;
            match self.upload_missing(client, id, &request, metrics, &mut sent).await {
                // A link that was refused may have expired while others were used: ask for new ones. A slow line gets
                // there, as long as each round brings something over.
                Err(error) if error.is_unauthorized() => {
                    round = if sent > 0 { 1 } else { round + 1 };
                    if round == ROUNDS {
                        return Err(error);
                    }
                }
                ended => return ended,
            }
        }
    }

    async fn upload_missing(
        &self,
        client: &Client,
        id: &ExperimentId,
        request: &UploadsRequest,
        metrics: &Metrics,
        sent: &mut usize,
    ) -> Result<(), Error> {
        let once = client.clone().with_retry(Retry::NEVER);
        for upload in client.uploads(id, request).await?.uploads {
            let mut ours = self.manifest.files.iter().chain([&self.itself]);
            // Nothing but the bundle leaves this machine, whatever the server asks for.
            let Some(entry) = ours.find(|entry| entry.path == upload.path) else {
                let path: String = upload.path.chars().take(100).collect();
                let (what, reason) =
                    ("the list of uploads".to_owned(), format!("{path:?} is not in the bundle"));
                return Err(Error::Damaged { what, reason });
            };
            once.upload(&upload, &self.folder.join(&entry.path)).await?;
            metrics.uploaded(entry.bytes);
            *sent += 1;
        }
        Ok(())
    }
}
