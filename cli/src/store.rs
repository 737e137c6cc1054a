//! The store that a command works on: a lab's folder, or AWS. It is chosen by name, never by what happens to be set.

use crate::exit;
use aiv1_store::{Blobs, Catalog, Clock, SystemClock};
use aiv1_store_aws::{AwsStore, Clients};
use aiv1_store_embedded::EmbeddedStore;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Which store: `embedded`, whose folder `--data` names, or `aws`, whose table and bucket `AIV1_TABLE` and `AIV1_BUCKET`
/// name. `--data` alone means `embedded`.
pub(crate) const STORE: &str = "AIV1_STORE";

/// A store, open.
#[derive(Debug)]
pub(crate) struct OpenStore {
    /// Experiments, work, clips.
    pub(crate) catalog: Arc<dyn Catalog>,
    /// Objects.
    pub(crate) blobs: Arc<dyn Blobs>,
    /// Time.
    pub(crate) clock: Arc<dyn Clock>,
    /// Where it is, for people.
    pub(crate) place: String,
    /// The rest of what AWS has for a lab; absent on one machine.
    pub(crate) aws: Option<Aws>,
}

/// What a lab on AWS is reached with.
#[derive(Debug)]
pub(crate) struct Aws {
    pub(crate) clients: Clients,
    pub(crate) config: aiv1_store_aws::Config,
}

/// Why there is no store to work on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// None was chosen, or none that there is.
    #[error("{what} is {value}, but must be {bound}")]
    Choice {
        /// What chooses.
        what: &'static str,
        /// What it says.
        value: String,
        /// What it may say.
        bound: &'static str,
    },
    /// The folder does not open.
    #[error(transparent)]
    Embedded(#[from] aiv1_store_embedded::OpenError),
    /// The variables for AWS make no sense.
    #[error(transparent)]
    Aws(#[from] aiv1_store_aws::config::ConfigError),
}

impl StoreError {
    /// Tells it, and picks the exit code.
    pub(crate) fn report(&self) -> ExitCode {
        let code = exit::report_other(self);
        if matches!(self, Self::Embedded(_)) { code } else { ExitCode::from(exit::USAGE) }
    }
}

/// What was chosen.
#[derive(Debug, PartialEq, Eq)]
enum Choice {
    Embedded(PathBuf),
    Aws,
}

/// A store that is named as it should be, to be opened later.
#[derive(Debug)]
pub(crate) enum Chosen {
    Embedded(PathBuf),
    Aws(aiv1_store_aws::Config),
}

/// Opens the store that `--data` or [`STORE`] chooses.
pub(crate) async fn open(data: Option<&Path>) -> Result<OpenStore, StoreError> {
    let chosen = chosen(data)?;
    if let Chosen::Embedded(folder) = &chosen
        && !EmbeddedStore::is_in(folder)
    {
        return Err(StoreError::Choice {
            what: "--data",
            value: folder.display().to_string(),
            bound: "the folder of a lab: `aiv1 up` and `aiv1 add-clip` make one",
        });
    }
    open_or_make(chosen).await
}

/// What `--data` or [`STORE`] chooses.
pub(crate) fn chosen(data: Option<&Path>) -> Result<Chosen, StoreError> {
    let store = std::env::var_os(STORE).map(|value| value.to_string_lossy().into_owned());
    Ok(match choose(data, store.as_deref())? {
        Choice::Embedded(folder) => Chosen::Embedded(folder),
        Choice::Aws => Chosen::Aws(aiv1_store_aws::Config::from_environment()?),
    })
}

/// Opens the store, and makes its folder where there is none. A folder is not locked: a lab may be up in it meanwhile.
pub(crate) async fn open_or_make(chosen: Chosen) -> Result<OpenStore, StoreError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    match chosen {
        Chosen::Embedded(folder) => {
            let store = EmbeddedStore::open(&folder, clock.clone())?;
            let (catalog, blobs, place) = (store.catalog(), store.blobs(""), folder.display().to_string());
            Ok(OpenStore { catalog, blobs, clock, place, aws: None })
        }
        Chosen::Aws(config) => {
            let clients = Clients::from_environment().await;
            let store = AwsStore::open(&clients, &config, clock.clone());
            let place = format!("table {} and bucket {}", config.table, config.bucket);
            let (catalog, blobs, aws) = (store.catalog(), store.blobs(), Some(Aws { clients, config }));
            Ok(OpenStore { catalog, blobs, clock, place, aws })
        }
    }
}

fn choose(data: Option<&Path>, store: Option<&str>) -> Result<Choice, StoreError> {
    let wrong = |what, value: &str, bound| Err(StoreError::Choice { what, value: value.to_owned(), bound });
    match (store.filter(|store| !store.is_empty()), data) {
        (None | Some("embedded"), Some(folder)) => Ok(Choice::Embedded(folder.to_owned())),
        (Some("aws"), None) => Ok(Choice::Aws),
        (Some("aws"), Some(_)) => wrong("--data", "given", "left out: AIV1_STORE says aws"),
        (Some("embedded"), None) => {
            wrong("--data", "not given", "the folder of a lab: AIV1_STORE says embedded")
        }
        (Some(other), _) => wrong(STORE, &format!("{other:.100?}"), "embedded or aws"),
        (None, None) => wrong("the store", "not chosen", "the folder of a lab, by --data, or AIV1_STORE=aws"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_chosen_by_name_and_by_nothing_else() {
        let folder = Path::new("lab");
        let embedded = Choice::Embedded(folder.to_owned());
        assert_eq!(choose(Some(folder), None).unwrap(), embedded);
        assert_eq!(choose(Some(folder), Some("embedded")).unwrap(), embedded);
        assert_eq!(choose(None, Some("aws")).unwrap(), Choice::Aws);
        let refused = |data, store| choose(data, store).unwrap_err().to_string();
        let none = "the store is not chosen, but must be the folder of a lab, by --data, or AIV1_STORE=aws";
        assert_eq!(refused(None, None), none);
        assert_eq!(refused(None, Some("")), none);
        assert_eq!(refused(None, Some("sqlite")), r#"AIV1_STORE is "sqlite", but must be embedded or aws"#);
        assert!(refused(Some(folder), Some("aws")).contains("AIV1_STORE says aws"));
        assert!(refused(None, Some("embedded")).starts_with("--data is not given"));
    }

    #[tokio::test]
    async fn a_folder_that_is_no_lab_is_refused_and_not_made() {
        let folder = tempfile::tempdir().unwrap();
        let mistyped = folder.path().join("mistyped");
        let error = open(Some(&mistyped)).await.unwrap_err().to_string();
        assert!(
            error.ends_with("but must be the folder of a lab: `aiv1 up` and `aiv1 add-clip` make one"),
            "{error}"
        );
        assert!(!mistyped.exists());
        open_or_make(chosen(Some(&mistyped)).unwrap()).await.unwrap();
        open(Some(&mistyped)).await.unwrap();
    }
}
