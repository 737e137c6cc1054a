//! An experiment of a running lab, fetched over HTTP: every file of its bundle, each held against the manifest.

use aiv1_client::{Client, Error as ClientError};
use aiv1_lab::{Error, Home, RunDirectory};
use aiv1_model::{ExperimentId, Manifest};
use std::fs;
use std::path::PathBuf;

/// A bundle that was fetched; its folder is gone once this is dropped.
pub(crate) struct Fetched {
    directory: RunDirectory,
}

impl Fetched {
    /// The bundle's folder.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join("bundle")
    }
}

/// Why a bundle could not be fetched.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Lab(#[from] Error),
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Whether an argument is an address rather than a path.
pub(crate) fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Fetches the bundle of the experiment whose page or API address this is.
pub(crate) fn fetch(address: &str, home: &Home, say: &dyn Fn(&str)) -> Result<Fetched, FetchError> {
    let (base, id) = split(address)?;
    let directory = home.scratch()?;
    let fetched = Fetched { directory };
    let folder = fetched.path();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::file("start threads for", &folder))?;
    runtime.block_on(async {
        let client = Client::new(&base, None)?;
        let (text, manifest) = client.manifest(&id).await?;
        let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
        say(&format!(
            "fetching {id}: {} files, {:.1} MiB",
            manifest.files.len(),
            bytes as f64 / f64::from(1 << 20)
        ));
        fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
        for entry in &manifest.files {
            // The client refuses paths that lead anywhere else.
            let to = folder.join(&entry.path);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).map_err(Error::file("create", parent))?;
            }
            client.file(&id, entry, &to).await?;
        }
        let to = folder.join(Manifest::FILE);
        fs::write(&to, &text).map_err(Error::file("write", &to))?;
        Ok(fetched)
    })
}

/// The lab's address and the experiment's id out of `BASE/blog/ID` or `BASE/api/experiments/ID`.
fn split(address: &str) -> Result<(String, ExperimentId), Error> {
    let plain = address.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let wrong = || Error::Request {
        what: "address of an experiment",
        value: address.chars().take(200).collect(),
        bound: "http(s)://HOST/blog/ID or http(s)://HOST/api/experiments/ID".to_owned(),
    };
    let (rest, id) = plain.rsplit_once('/').ok_or_else(wrong)?;
    let base =
        rest.strip_suffix("/blog").or_else(|| rest.strip_suffix("/api/experiments")).ok_or_else(wrong)?;
    let id = ExperimentId::try_from(id.to_owned()).map_err(|_| wrong())?;
    Ok((base.to_owned(), id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_the_api_address_name_the_same_experiment() {
        for address in [
            "http://127.0.0.1:8437/blog/exp_0123456789abcdef",
            "http://127.0.0.1:8437/blog/exp_0123456789abcdef/?video=1#points",
            "http://127.0.0.1:8437/api/experiments/exp_0123456789abcdef",
        ] {
            let (base, id) = split(address).unwrap();
            assert_eq!((base.as_str(), id.as_str()), ("http://127.0.0.1:8437", "exp_0123456789abcdef"));
        }
        for wrong in
            ["http://host/", "http://host/blog/exp_1", "http://host/exp_0123456789abcdef", "https://"]
        {
            assert!(split(wrong).is_err(), "{wrong}");
        }
    }
}
