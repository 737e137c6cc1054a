//! Files, from and to disk in pieces: what arrives is only there once its size and digest are right.

use crate::http::send;
use crate::{Client, Error};
use aiv1_model::api::Upload;
use aiv1_model::{Digest, ExperimentId, Hasher, ManifestEntry};
use reqwest::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use std::path::Path;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::ReaderStream;

/// A file may take a minute, and this much longer for each byte: 128 KiB/s is the slowest line that is served. So a
/// server that lets it trickle holds nobody for ever.
const FILE: Duration = Duration::from_mins(1);
const BYTES_A_SECOND: u64 = 128 << 10;

impl Client {
    /// Writes a file of an experiment's bundle to `to`.
    pub async fn file(&self, id: &ExperimentId, entry: &ManifestEntry, to: &Path) -> Result<(), Error> {
        if !entry.has_plain_path() {
            let path: String = entry.path.chars().take(100).collect();
            return Err(Error::damaged("the manifest", format!("{path:?} is no path of a bundle")));
        }
        let path: Vec<&str> =
            ["experiments", id.as_str(), "files"].into_iter().chain(entry.path.split('/')).collect();
        let url = self.api(&path)?;
        self.retry.run(|| self.fetch(url.clone(), entry.bytes, &entry.sha256, to)).await
    }

    /// Writes what is at a link to `to`: exactly `bytes` bytes with the digest `sha256`, or nothing.
    pub async fn download(&self, link: &str, bytes: u64, sha256: &Digest, to: &Path) -> Result<(), Error> {
        let url = self.link(link)?;
        self.retry.run(|| self.fetch(url.clone(), bytes, sha256, to)).await
    }

    /// Sends a file to where the server wants it.
    pub async fn upload(&self, upload: &Upload, file: &Path) -> Result<(), Error> {
        let url = self.link(&upload.url)?;
        let headers = headers(upload)?;
        let once = || async {
            let opened = File::open(file).await.map_err(Error::file("open", file))?;
            let bytes = opened.metadata().await.map_err(Error::file("read the size of", file))?.len();
            let mut headers = headers.clone();
            headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes));
            let body = reqwest::Body::wrap_stream(ReaderStream::with_capacity(opened, 1 << 16));
            let time = time_for(bytes);
            let request = self.http.put(url.clone()).headers(headers).timeout(time).body(body);
            send("upload a file", request).await.map(drop)
        };
        self.retry.run(once).await
    }

    async fn fetch(&self, url: reqwest::Url, bytes: u64, sha256: &Digest, to: &Path) -> Result<(), Error> {
        let time = time_for(bytes);
        let late = |_| {
            let source = format!("its {bytes} bytes did not come within {} s", time.as_secs());
            Err(Error::Network { action: "read a file", source: source.into() })
        };
        let fetched = self.fetch_into(url, bytes, sha256, to);
        let fetched = tokio::time::timeout(time, fetched).await.unwrap_or_else(late);
        if fetched.is_err() {
            // What is not whole is not there; a file that was never made is none to remove.
            let _ = tokio::fs::remove_file(to).await;
        }
        fetched
    }

    async fn fetch_into(
        &self,
        url: reqwest::Url,
        bytes: u64,
        sha256: &Digest,
        to: &Path,
    ) -> Result<(), Error> {
        let late = |_| Error::Network { action: "read a file", source: "nothing came for a minute".into() };
        let response = tokio::time::timeout(Self::stall(), send("ask for a file", self.http.get(url)));
        let mut response = response.await.map_err(late)??;
        let name = || to.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let size = |found: u64| Error::damaged(name(), format!("it has {found} bytes, not {bytes}"));
        let mut file = File::create(to).await.map_err(Error::file("create", to))?;
        let (mut hasher, mut received) = (Hasher::new(), 0);
        loop {
            let chunk = tokio::time::timeout(Self::stall(), response.chunk()).await.map_err(late)?;
            let Some(chunk) = chunk.map_err(Error::network("read a file"))? else { break };
            received += chunk.len() as u64;
            if received > bytes {
                return Err(Error::damaged(name(), format!("it has more than {bytes} bytes")));
            }
            hasher.update(&chunk);
            file.write_all(&chunk).await.map_err(Error::file("write", to))?;
        }
        if received != bytes {
            return Err(size(received));
        }
        let found = hasher.finish();
        if found != *sha256 {
            return Err(Error::damaged(name(), format!("its SHA-256 is {found}, not {sha256}")));
        }
        file.sync_all().await.map_err(Error::file("write", to))
    }
}

/// Time for a file of so many bytes.
const fn time_for(bytes: u64) -> Duration {
    FILE.saturating_add(Duration::from_secs(bytes / BYTES_A_SECOND))
}

/// The headers that the server wants with an upload.
fn headers(upload: &Upload) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in &upload.headers {
        let pair = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()));
        let (Ok(name), Ok(value)) = pair else {
            return Err(Error::damaged("an upload link", "one of its headers is none"));
        };
        headers.insert(name, value);
    }
    Ok(headers)
}
