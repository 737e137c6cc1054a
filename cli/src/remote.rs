//! An experiment of a running lab, by the address of its page: fetched into a folder of its own.

use aiv1_client::{Client, Error as ClientError};
use aiv1_lab::{Error, Home, RunDirectory};
use aiv1_model::ExperimentId;
use aiv1_worker::{FetchError, fetch_bundle, process};
use std::io;
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

/// Whether an argument is an address rather than a path.
pub(crate) fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Fetches the bundle of the experiment whose page or API address this is.
pub(crate) fn fetch(address: &str, home: &Home, say: &(dyn Fn(&str) + Sync)) -> Result<Fetched, FetchError> {
    let (base, id) = split(address)?;
    let directory = home.scratch()?;
    let fetched = Fetched { directory };
    let folder = fetched.path();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(Error::file("start threads for", &folder))?;
    runtime.block_on(async {
        let client = Client::new(&base, None)?;
        tokio::select! {
            done = fetch_bundle(&client, &id, &folder, say) => done.map_err(|error| whose(error, address))?,
            stopped = stopped() => return Err(stopped.map_or_else(Error::file("listen to signals for", &folder), |()| Error::Cancelled).into()),
        }
        Ok(fetched)
    })
}

/// What a lab says and does not keep is told like a bundle that is none, not as something missing on this machine.
fn whose(error: FetchError, address: &str) -> FetchError {
    match error {
        FetchError::Client(error @ (ClientError::Damaged { .. } | ClientError::TooLarge { .. })) => {
            Error::Bundle { path: address.into(), reason: error.to_string() }.into()
        }
        other => other,
    }
}

/// Returns at the first Ctrl-C or SIGTERM; the second ends the process, as everywhere.
async fn stopped() -> io::Result<()> {
    process::shutdown()?.cancelled_owned().await;
    Ok(())
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
