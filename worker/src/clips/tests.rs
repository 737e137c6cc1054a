//! The cache against a real server on this machine.

use super::*;
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::routing::get;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;

const ROOMY: Bounds = Bounds { bytes: 1 << 20, keep_free: 0 };

/// What is served at `/NAME`: a text of `N` bytes for a number, and how often anything was asked for.
async fn served(State(asked): State<Arc<AtomicUsize>>, UrlPath(name): UrlPath<usize>) -> Vec<u8> {
    asked.fetch_add(1, Ordering::Relaxed);
    content(name)
}

fn content(number: usize) -> Vec<u8> {
    vec![b'a' + (number % 26) as u8; number]
}

struct Server {
    client: Client,
    asked: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let asked = Arc::new(AtomicUsize::new(0));
        let router = Router::new().route("/{name}", get(served)).with_state(asked.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(&format!("http://{}", listener.local_addr().unwrap()), None).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { client, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    async fn file(&self, cache: &ClipCache, number: usize) -> Result<CachedFile, ClipError> {
        let sha256 = Digest::of(&content(number));
        cache.file(&self.client, &sha256, number as u64, &format!("/{number}")).await
    }
}

fn cache(bounds: Bounds) -> (TempDir, ClipCache) {
    let folder = tempfile::tempdir().unwrap();
    let cache = ClipCache::open(folder.path(), bounds).unwrap();
    (folder, cache)
}

fn names(folder: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_is_fetched_once_however_many_wait_for_it() {
    let (server, (folder, cache)) = (Arc::new(Server::start().await), cache(ROOMY));
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (server, cache) = (server.clone(), cache.clone());
        waiting.spawn(async move { server.file(&cache, 1000).await.unwrap().fetched });
    }
    let fetched = waiting.join_all().await;
    assert_eq!(fetched.iter().filter(|fetched| **fetched).count(), 1);
    assert_eq!((server.asked(), names(&folder).len()), (1, 1));
    // Another process finds it as well.
    let again = ClipCache::open(folder.path(), ROOMY).unwrap();
    assert!(!server.file(&again, 1000).await.unwrap().fetched);
}

#[tokio::test]
async fn what_does_not_have_the_digest_is_refused_and_leaves_nothing() {
    let (server, (folder, cache)) = (Server::start().await, cache(ROOMY));
    let wanted = Digest::of(b"something else");
    let error = cache.file(&server.client, &wanted, 1000, "/1000").await.unwrap_err();
    assert!(matches!(&error, ClipError::Download(aiv1_client::Error::Damaged { .. })), "{error:?}");
    let longer = cache.file(&server.client, &Digest::of(&content(1000)), 999, "/1000").await.unwrap_err();
    assert!(matches!(&longer, ClipError::Download(aiv1_client::Error::Damaged { .. })), "{longer:?}");
    assert!(names(&folder).is_empty());
}

#[tokio::test]
async fn a_clip_that_was_damaged_on_disk_is_fetched_again() {
    let (server, (_folder, cache)) = (Server::start().await, cache(ROOMY));
    let path = server.file(&cache, 1000).await.unwrap().path;
    let mut damaged = content(1000);
    damaged[500] ^= 1;
    std::fs::write(&path, damaged).unwrap();
    assert!(server.file(&cache, 1000).await.unwrap().fetched);
    assert_eq!(std::fs::read(&path).unwrap(), content(1000));
}

#[tokio::test]
async fn the_least_recently_used_goes_first_and_what_is_in_use_stays() {
    let (server, (folder, cache)) = (Server::start().await, cache(Bounds { bytes: 3000, keep_free: 0 }));
    let first = server.file(&cache, 1001).await.unwrap();
    let second = server.file(&cache, 1002).await.unwrap().path;
    let third = server.file(&cache, 900).await.unwrap().path;
    // Used again, the second is younger than the third.
    server.file(&cache, 1002).await.unwrap();
    server.file(&cache, 901).await.unwrap();
    assert!(first.path.exists(), "it is in use");
    assert!(second.exists() && !third.exists(), "{:?}", names(&folder));
    let full = server.file(&cache, 2500).await.unwrap_err();
    assert_eq!(
        full.to_string(),
        "the clip needs 2500 bytes, but clips in use leave 1999 of the 3000 that the cache may have"
    );
    drop(first);
    server.file(&cache, 2500).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_refused_with_what_is_free_and_what_is_needed() {
    let (server, (folder, cache)) =
        (Server::start().await, cache(Bounds { bytes: 1 << 20, keep_free: u64::MAX }));
    let error = server.file(&cache, 1000).await.unwrap_err();
    let ClipError::Disk { needed: 1000, free, .. } = error else { panic!("{error:?}") };
    assert!(free > 0);
    let error = cache.check_room().await.unwrap_err();
    assert!(matches!(error, ClipError::Disk { needed: 0, .. }), "{error:?}");
    assert_eq!((server.asked(), names(&folder).len()), (0, 0));
}

#[tokio::test]
async fn a_sweep_takes_dead_downloads_and_leaves_living_ones() {
    let (folder, cache) = cache(ROOMY);
    let living = cache.0.shelf.part().unwrap();
    std::fs::write(folder.path().join(".part-dead"), b"half").unwrap();
    ClipCache::open(folder.path(), ROOMY).unwrap();
    assert_eq!(names(&folder), [living.path().file_name().unwrap().to_str().unwrap()]);
}

#[tokio::test]
async fn a_clip_of_other_frames_is_refused_by_both_names() {
    let ffmpeg = Ffmpeg::find().unwrap();
    let made = tempfile::tempdir().unwrap();
    let video = made.path().join("clip.y4m");
    let mut command = std::process::Command::new("ffmpeg");
    command.args([
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=32x32:rate=10",
        "-t",
        "0.5",
        "-pix_fmt",
        "yuv420p",
    ]);
    assert!(command.arg(&video).status().unwrap().success());
    let opened = Clip::open(&ffmpeg, &video, &ClipOptions::default()).unwrap();
    let bytes = std::fs::read(&video).unwrap();
    let (_folder, cache) = cache(ROOMY);
    std::fs::write(cache.0.shelf.path(&Digest::of(&bytes)), &bytes).unwrap();
    let mut info = opened.info.clone();
    info.name = "a name of its own".to_owned();
    let entry = ClipEntry { info, set: ClipEntry::OPEN.to_owned() };
    let mut claimed = ClaimedClip { clip: entry, url: "/never-asked".to_owned() };
    let client = Client::new("http://127.0.0.1:9", None).unwrap();
    let clip = cache.clip(&client, &ffmpeg, &claimed).await.unwrap();
    assert_eq!((clip.clip.info.name.as_str(), clip.fetched), ("a name of its own", false));
    assert_eq!(clip.clip.info.source.name, "clip.y4m");
    let wanted = Digest::of(b"other frames");
    claimed.clip.info.id = wanted;
    let error = cache.clip(&client, &ffmpeg, &claimed).await.unwrap_err().to_string();
    assert_eq!(error, format!("the clip's frames are {}, but {wanted} was asked for", opened.info.id));
}
