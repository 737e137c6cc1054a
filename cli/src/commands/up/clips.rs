//! The clips of a lab: named on the command line the first time, known to the catalog from then on.

use super::UpError;
use aiv1_lab::Error;
use aiv1_model::api::ClipEntry;
use aiv1_store::{BlobKey, Blobs, Catalog, ObjectKind};
use aiv1_video::Clip;

/// Puts the files among the objects and the clips into the open set.
pub(super) async fn register(
    catalog: &dyn Catalog,
    blobs: &dyn Blobs,
    clips: &[Clip],
) -> Result<(), UpError> {
    for clip in clips {
        let entry = ClipEntry { info: clip.info.clone(), set: ClipEntry::OPEN.to_owned() };
        let key = BlobKey::object(ObjectKind::Clip, entry.file());
        if blobs.head(&key).await?.is_none() {
            blobs.put_file(&key, clip.path()).await?;
        }
        catalog.put_clip(&entry).await?;
    }
    Ok(())
}

/// The open set; a lab without one has nothing to measure on.
pub(super) async fn open_set(catalog: &dyn Catalog) -> Result<Vec<ClipEntry>, UpError> {
    let mut clips = catalog.clips().await?;
    clips.retain(|clip| clip.set == ClipEntry::OPEN);
    if clips.is_empty() {
        let bound = "at least one: name a video with --clip FILE the first time".to_owned();
        let error = Error::Request { what: "number of clips in this lab", value: "0".to_owned(), bound };
        return Err(error.into());
    }
    Ok(clips)
}
