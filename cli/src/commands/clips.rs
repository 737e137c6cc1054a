//! The clips of a lab: named on the command line the first time, known to the catalog from then on. And `aiv1 add-clip`,
//! which names them to a lab that runs elsewhere.

use super::operate::{self, OperateError};
use super::{Context, open_clips};
use crate::arguments::AddClip;
use crate::exit::printable;
use crate::store;
use crate::table::Table;
use aiv1_lab::Error;
use aiv1_model::api::ClipEntry;
use aiv1_store::{BlobKey, Blobs, Catalog, ObjectKind};
use aiv1_video::{Clip, Ffmpeg};
use aiv1_worker::process;
use std::path::Path;

/// Puts the files among the objects and the clips into a set. A file that is there already is put again: it was
/// just read whole, so this costs little, and it mends one that the disk has damaged.
///
/// A clip never changes between the held-out set and another: what designers have seen results of is held out no more,
/// and what is held out would be spent.
pub(super) async fn register<E>(
    catalog: &dyn Catalog,
    blobs: &dyn Blobs,
    clips: &[Clip],
    set: &str,
) -> Result<Vec<ClipEntry>, E>
where
    E: From<Error> + From<aiv1_store::Error>,
{
    let known = if clips.is_empty() { Vec::new() } else { catalog.clips().await? };
    for clip in clips {
        let before = known.iter().find(|entry| entry.info.id == clip.info.id && entry.set != set);
        if let Some(before) = before.filter(|entry| [set, &entry.set].contains(&ClipEntry::HELD_OUT)) {
            let value = format!("{}, which is in the set {}", clip.info.name, before.set);
            let bound = format!("a clip that is new to this lab, to be added to the set {set}");
            return Err(Error::Request { what: "clip", value, bound }.into());
        }
    }
    let mut entries = Vec::with_capacity(clips.len());
    for clip in clips {
        let entry = ClipEntry { info: clip.info.clone(), set: set.to_owned() };
        let key = BlobKey::object(ObjectKind::Clip, entry.file());
        blobs.put_file(&key, clip.path()).await?;
        catalog.put_clip(&entry).await?;
        entries.push(entry);
    }
    Ok(entries)
}

/// Adds clips to the store that is chosen.
pub(crate) fn add(context: &Context, arguments: &AddClip) -> Result<(), OperateError> {
    // Decoding a clip takes minutes: what is wrong with the store is told before.
    let chosen = store::chosen(arguments.data.as_deref())?;
    let ffmpeg = Ffmpeg::find().map_err(Error::from)?;
    let progress = context.progress();
    let opened = open_clips(&ffmpeg, &arguments.clips, &arguments.options, &progress)?;
    drop(progress);
    let runtime = operate::runtime()?;
    let added = runtime.block_on(async {
        let shutdown = process::shutdown();
        let shutdown = shutdown.map_err(Error::file("listen to signals for", Path::new("the upload")))?;
        let store = store::open_or_make(chosen).await?;
        tokio::select! {
            added = register::<OperateError>(&*store.catalog, &*store.blobs, &opened, &arguments.set) => added,
            () = shutdown.cancelled() => Err(OperateError::from(Error::Cancelled)),
        }
    });
    runtime.shutdown_background();
    let added = added?;
    let mut table = Table::new(&["clip", "set", "picture", "frames", "bytes", "id"]);
    for entry in &added {
        let info = &entry.info;
        table.row(vec![
            printable(&info.name),
            entry.set.clone(),
            format!("{}x{}", info.format.width, info.format.height),
            info.frames.to_string(),
            entry.file_bytes().to_string(),
            info.id.to_string(),
        ]);
    }
    Ok(context.result(&added, &table.lines())?)
}

/// The open set; a lab without one has nothing to measure on.
pub(super) async fn open_set<E>(catalog: &dyn Catalog) -> Result<Vec<ClipEntry>, E>
where
    E: From<Error> + From<aiv1_store::Error>,
{
    let mut clips = catalog.clips().await?;
    clips.retain(|clip| clip.set == ClipEntry::OPEN);
    if clips.is_empty() {
        let bound =
            "at least one: name a video with `aiv1 up --clip FILE` or `aiv1 add-clip FILE`".to_owned();
        let error = Error::Request { what: "number of clips in this lab", value: "0".to_owned(), bound };
        return Err(error.into());
    }
    Ok(clips)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_store::SystemClock;
    use aiv1_store_embedded::EmbeddedStore;
    use aiv1_video::ClipOptions;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_clip_that_the_disk_has_damaged_is_mended_when_it_is_named_again_and_what_was_open_is_never_held_out()
     {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("clip.y4m");
        let mut video = b"YUV4MPEG2 W32 H32 F10:1 Ip C420mpeg2\n".to_vec();
        for luma in 0..4 {
            video.extend(b"FRAME\n");
            video.extend([luma * 16; 32 * 32 * 3 / 2]);
        }
        std::fs::write(&file, &video).unwrap();
        let clip = Clip::open(&Ffmpeg::find().unwrap(), &file, &ClipOptions::default()).unwrap();
        let store = EmbeddedStore::open(folder.path(), Arc::new(SystemClock)).unwrap();
        let (catalog, blobs) = (store.catalog(), store.blobs(""));
        let named = async |set: &str| {
            register::<OperateError>(&*catalog, &*blobs, std::slice::from_ref(&clip), set).await
        };
        named(ClipEntry::OPEN).await.unwrap();
        let entry = open_set::<OperateError>(&*catalog).await.unwrap().remove(0);
        let key = BlobKey::object(ObjectKind::Clip, entry.file());
        std::fs::write(folder.path().join("blobs").join(key.path()), b"damaged").unwrap();
        named(ClipEntry::OPEN).await.unwrap();
        assert_eq!(blobs.get(&key, 1 << 20).await.unwrap().unwrap(), video);
        let refused = named(ClipEntry::HELD_OUT).await.unwrap_err().to_string();
        assert!(refused.contains("clip, which is in the set open"), "{refused}");
        named("mine").await.unwrap();
    }
}
