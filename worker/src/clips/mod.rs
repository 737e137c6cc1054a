//! Clips on disk, by the SHA-256 of their files: fetched once however many runs wait, checked before use, least recently
//! used out first.
//!
//! A file that is in use is locked (shared), so that neither this process nor another with the same folder takes it away;
//! a file on its way is locked as well, so that a sweep can tell it from what a killed process left. Two processes that
//! want the same clip at the same moment both fetch it: the second rename puts the same bytes in place.

mod error;
mod shelf;
#[cfg(test)]
mod tests;

pub use error::ClipError;

use aiv1_client::Client;
use aiv1_model::api::{ClaimedClip, ClipEntry};
use aiv1_model::{ClipClass, Digest};
use aiv1_video::{Clip, ClipOptions, Ffmpeg};
use shelf::{Pinned, Shelf, Stamp};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// How much of the disk clips may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most bytes of all clips together.
    pub bytes: u64,
    /// Bytes of the disk that are left free.
    pub keep_free: u64,
}

/// What a folder of clips holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Clips.
    pub(crate) count: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Bytes free on the disk.
    pub(crate) free: u64,
}

/// Most clips whose identity is remembered; past it all are identified again.
const MAX_IDENTIFIED: usize = 1024;

/// A folder of clips. Cheap to clone; clones share what they know.
#[derive(Clone, Debug)]
pub struct ClipCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    shelf: Shelf,
    known: Mutex<Known>,
    /// Held while room is made, so that two downloads do not count on the same room.
    room: tokio::sync::Mutex<()>,
}

/// What this process knows of the files; a file that changed since is another.
#[derive(Debug, Default)]
struct Known {
    fetching: HashMap<Digest, Weak<tokio::sync::Mutex<()>>>,
    checked: HashMap<Digest, Stamp>,
    identified: HashMap<(Digest, Option<u64>), (Stamp, Clip)>,
    /// Bytes that downloads under way will take.
    arriving: u64,
}

/// A clip that is there and stays there while this lives.
#[derive(Debug)]
pub struct CachedClip {
    /// The clip, named as the lab names it.
    pub clip: Clip,
    /// It had to be fetched.
    pub fetched: bool,
    _pinned: Pinned,
}

/// A file that is there and stays there while this lives.
#[derive(Debug)]
pub(crate) struct CachedFile {
    pub(crate) path: PathBuf,
    pub(crate) fetched: bool,
    pinned: Pinned,
}

impl ClipCache {
    /// Uses `folder`, making it if need be; what killed downloads left there is removed.
    pub fn open(folder: &Path, bounds: Bounds) -> Result<Self, ClipError> {
        let shelf = Shelf::open(folder, bounds)?;
        Ok(Self(Arc::new(Inner { shelf, known: Mutex::default(), room: tokio::sync::Mutex::default() })))
    }

    /// The clip that claimed work names: its file from here or from its link, opened, and only if its frames are those
    /// that the name stands for.
    pub async fn clip(
        &self,
        client: &Client,
        ffmpeg: &Ffmpeg,
        claimed: &ClaimedClip,
    ) -> Result<CachedClip, ClipError> {
        let entry = &claimed.clip;
        let CachedFile { path, fetched, pinned } =
            self.file(client, &entry.file(), entry.file_bytes(), &claimed.url).await?;
        let (cache, ffmpeg, entry) = (self.clone(), ffmpeg.clone(), entry.clone());
        // Reading a whole clip blocks; it goes on in its own thread even if nobody waits any more.
        blocking(move || {
            let clip = cache.identify(&ffmpeg, &entry, &path, pinned.stamp)?;
            Ok(CachedClip { clip, fetched, _pinned: pinned })
        })
        .await
    }

    /// How much of the disk clips may take.
    pub(crate) fn bounds(&self) -> Bounds {
        self.0.shelf.bounds()
    }

    /// What is kept now.
    pub(crate) async fn usage(&self) -> Result<Usage, ClipError> {
        let cache = self.clone();
        blocking(move || cache.0.shelf.usage()).await
    }

    /// Whether there is room to work at all: as much of the disk is free as is to stay free, if need be after removing
    /// clips that nobody uses.
    pub(crate) async fn check_room(&self) -> Result<(), ClipError> {
        self.make_room(0).await.map(drop)
    }

    /// The file with this digest: from here, or else from `url`.
    pub(crate) async fn file(
        &self,
        client: &Client,
        sha256: &Digest,
        bytes: u64,
        url: &str,
    ) -> Result<CachedFile, ClipError> {
        let key = self.key(*sha256);
        let _alone = key.lock().await;
        let (cache, digest) = (self.clone(), *sha256);
        let found = blocking(move || cache.find(&digest, bytes)).await?;
        if let Some(pinned) = found {
            return Ok(CachedFile { path: self.0.shelf.path(sha256), fetched: false, pinned });
        }
        let _arriving = self.make_room(bytes).await?;
        let part = self.0.shelf.part()?;
        client.download(url, bytes, sha256, part.path()).await.map_err(ClipError::Download)?;
        let pinned = self.0.shelf.place(part, sha256)?;
        self.known().checked.insert(*sha256, pinned.stamp);
        Ok(CachedFile { path: self.0.shelf.path(sha256), fetched: true, pinned })
    }

    /// The file, if it is there and whole. A damaged one is removed, to be fetched again.
    fn find(&self, sha256: &Digest, bytes: u64) -> Result<Option<Pinned>, ClipError> {
        let shelf = &self.0.shelf;
        let Some(pinned) = shelf.pin(sha256)? else { return Ok(None) };
        let checked = self.known().checked.get(sha256) == Some(&pinned.stamp);
        let whole = pinned.stamp.bytes == bytes && (checked || shelf.digest(sha256)? == *sha256);
        if !whole {
            tracing::warn!(clip = %sha256, "a cached clip is damaged; it is fetched again");
            shelf.remove(sha256)?;
            return Ok(None);
        }
        self.known().checked.insert(*sha256, pinned.stamp);
        pinned.used_now();
        Ok(Some(pinned))
    }

    fn identify(
        &self,
        ffmpeg: &Ffmpeg,
        entry: &ClipEntry,
        path: &Path,
        stamp: Stamp,
    ) -> Result<Clip, ClipError> {
        let key = (entry.file(), entry.info.frame_limit);
        let known = self.known().identified.get(&key).filter(|(known, _)| *known == stamp).cloned();
        let mut clip = if let Some((_, clip)) = known {
            clip
        } else {
            let options = ClipOptions { frame_limit: entry.info.frame_limit, class: ClipClass::Nonpristine };
            let clip = Clip::open(ffmpeg, path, &options).map_err(ClipError::Open)?;
            let mut known = self.known();
            if known.identified.len() >= MAX_IDENTIFIED {
                known.identified.clear();
            }
            known.identified.insert(key, (stamp, clip.clone()));
            clip
        };
        if clip.info.id != entry.info.id {
            return Err(ClipError::Identity { claimed: entry.info.id, found: clip.info.id });
        }
        // Here the file is called by its digest; the record calls it as its owner did.
        clip.info.name.clone_from(&entry.info.name);
        clip.info.source.name.clone_from(&entry.info.source.name);
        clip.info.class = entry.info.class;
        Ok(clip)
    }

    /// Makes room for `bytes`, which count as taken while what is returned lives.
    async fn make_room(&self, bytes: u64) -> Result<Arriving, ClipError> {
        let _alone = self.0.room.lock().await;
        let (cache, arriving) = (self.clone(), self.known().arriving);
        blocking(move || cache.0.shelf.make_room(bytes, arriving)).await?;
        self.known().arriving += bytes;
        Ok(Arriving { cache: self.clone(), bytes })
    }

    fn key(&self, sha256: Digest) -> Arc<tokio::sync::Mutex<()>> {
        let mut known = self.known();
        known.fetching.retain(|_, key| key.strong_count() > 0);
        if let Some(key) = known.fetching.get(&sha256).and_then(Weak::upgrade) {
            return key;
        }
        let key = Arc::default();
        known.fetching.insert(sha256, Arc::downgrade(&key));
        key
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Arriving {
    cache: ClipCache,
    bytes: u64,
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.cache.known().arriving -= self.bytes;
    }
}

/// Work that blocks, off the threads that answer.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ClipError> + Send + 'static,
) -> Result<T, ClipError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(ClipError::Ended(error.to_string())),
    }
}
