//! What a worker is told: every variable, with its meaning and default, in one place.

use crate::parameters::Told;
use crate::{Bounds, Error};
use aiv1_client::TokenSource;
use aiv1_lab::Home;
use aiv1_model::api::WorkerInfo;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

pub use crate::process::LOG;
pub use aiv1_store_aws::config::PARAMETERS;

/// Address of the lab: `https://HOST` or `http://HOST:PORT`. Required, here or as the SSM parameter `worker/url` below
/// [`PARAMETERS`].
pub const URL: &str = "AIV1_URL";
/// Token with the worker's scope; in its stead the SSM parameter `tokens/worker`, which is read again when a token is
/// refused, so that it can be replaced while workers run.
pub const TOKEN: &str = "AIV1_TOKEN";
/// Name, unique among living workers: two of one name take each other's work. Default: that of the machine and the
/// process's number; on EC2 the instance's id is a good one.
pub const NAME: &str = "AIV1_WORKER_NAME";
/// Folder for runs and clips; default: `worker` in the cache folder.
pub const FOLDER: &str = "AIV1_WORKER_FOLDER";
/// Most bytes of clips kept; default: 20 GiB.
pub const CLIP_BYTES: &str = "AIV1_WORKER_CLIP_BYTES";
/// Bytes of the disk that are left free; default: 1 GiB.
pub const FREE_BYTES: &str = "AIV1_WORKER_FREE_BYTES";
/// Address for `/health` and `/metrics`; default: none is served.
pub const LISTEN: &str = "AIV1_WORKER_LISTEN";
/// Threads to encode and decode with; default: as many as the machine has.
pub const THREADS: &str = "AIV1_WORKER_THREADS";

/// How many published experiments the lab's workers derive again on one day, all together, as far as this one knows; 0: it
/// derives none. Default: 4.
pub const AUDITS: &str = "AIV1_WORKER_AUDITS";

/// [`AUDITS`], unless it is set.
pub const USUAL_AUDITS: u32 = 4;

/// Every variable that a worker reads, beside those of the lab it runs.
pub const VARIABLES: [&str; 11] =
    [URL, TOKEN, PARAMETERS, NAME, FOLDER, CLIP_BYTES, FREE_BYTES, LISTEN, THREADS, AUDITS, LOG];

/// What a worker is told.
#[derive(Clone)]
pub struct Config {
    /// Address of the lab.
    pub url: String,
    /// Token with the worker's scope.
    pub token: Option<String>,
    /// Where the token is read again once it is refused.
    pub token_source: Option<Arc<dyn TokenSource>>,
    /// Name, unique among living workers.
    pub name: String,
    /// Folder for runs; several workers may share it.
    pub folder: PathBuf,
    /// Address for `/health` and `/metrics`.
    pub listen: Option<SocketAddr>,
    /// Experiments that the lab's workers derive again on one day.
    pub audits_a_day: u32,
}

/// What the process around a worker is told.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Folder for clips; workers of one process share the cache in it.
    pub clips: PathBuf,
    /// How much of the disk the clips may take.
    pub bounds: Bounds,
    /// Threads to encode and decode with.
    pub threads: NonZeroUsize,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = formatter.debug_struct("Config");
        debug.field("url", &self.url).field("name", &self.name).field("folder", &self.folder);
        debug.field("listen", &self.listen).finish_non_exhaustive()
    }
}

impl Config {
    /// Reads the variables; what `flags` has under a variable's name goes before it, and either before what SSM has.
    pub async fn from_environment(flags: &[(&'static str, String)]) -> Result<(Self, Surroundings), Error> {
        let flag = |name| flags.iter().rev().find(|(flag, _)| *flag == name).map(|(_, value)| value.into());
        let look_up = |name| flag(name).or_else(|| std::env::var_os(name));
        let given = |name| look_up(name).filter(|value| !value.is_empty());
        let told = match given(PARAMETERS) {
            // Where both are given, nothing hangs on SSM.
            Some(prefix) if given(URL).is_none() || given(TOKEN).is_none() => {
                Told::read(&prefix.to_string_lossy()).await?
            }
            _ => Told::default(),
        };
        Self::read(look_up, told)
    }

    fn read(
        look_up: impl Fn(&'static str) -> Option<OsString>,
        told: Told,
    ) -> Result<(Self, Surroundings), Error> {
        let given = |name| look_up(name).filter(|value| !value.is_empty());
        let text = |name| match given(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(value)) => Err(wrong(name, &value.to_string_lossy(), "text in UTF-8")),
        };
        let bytes = |name, default: u64| match text(name)? {
            None => Ok(default),
            Some(value) => value.parse().map_err(|_| wrong(name, &value, "a number of bytes")),
        };
        let folder = match given(FOLDER) {
            Some(folder) => PathBuf::from(folder),
            None => Home::from_environment()?.root().join("worker"),
        };
        let threads = match text(THREADS)? {
            None => std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            Some(value) => value.parse().map_err(|_| wrong(THREADS, &value, "a number from 1 on"))?,
        };
        let listen = match text(LISTEN)? {
            None => None,
            Some(value) => Some(value.parse().map_err(|_| wrong(LISTEN, &value, "an address with a port"))?),
        };
        let audits_a_day = match text(AUDITS)? {
            None => USUAL_AUDITS,
            Some(value) => value.parse().map_err(|_| wrong(AUDITS, &value, "a number from 0 on"))?,
        };
        let surroundings = Surroundings {
            clips: folder.join("clips"),
            bounds: Bounds { bytes: bytes(CLIP_BYTES, 20 << 30)?, keep_free: bytes(FREE_BYTES, 1 << 30)? },
            threads,
        };
        let (token, token_source) = match text(TOKEN)? {
            None => (told.token, told.source),
            given => (given, None),
        };
        let config = Self {
            url: text(URL)?.or(told.url).ok_or_else(|| wrong(URL, "", "the address of a lab"))?,
            token,
            token_source,
            name: text(NAME)?.unwrap_or_else(default_name),
            folder,
            listen,
            audits_a_day,
        };
        config.check()?;
        Ok((config, surroundings))
    }

    /// Refuses a name that is none.
    pub(crate) fn check(&self) -> Result<(), Error> {
        if self.info(1).has_valid_name() {
            return Ok(());
        }
        Err(wrong(NAME, &self.name, "1 to 64 of [A-Za-z0-9._-]"))
    }

    /// What the worker says of itself.
    pub(crate) fn info(&self, threads: usize) -> WorkerInfo {
        let version = env!("CARGO_PKG_VERSION").to_owned();
        WorkerInfo { name: self.name.clone(), version, machine: machine(), threads }
    }
}

fn wrong(variable: &'static str, value: &str, bound: &'static str) -> Error {
    let value = if value.is_empty() { "not set".to_owned() } else { format!("{value:.200?}") };
    Error::Variable { variable, value, bound }
}

/// The machine, as its system names it.
fn machine() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    let name: String = name.trim().chars().take(64).collect();
    (!name.is_empty()).then_some(name)
}

fn default_name() -> String {
    let plain = |character: &char| character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | '_');
    let machine: String = machine().unwrap_or_default().chars().filter(plain).take(40).collect();
    let machine = if machine.is_empty() { "worker".to_owned() } else { machine };
    format!("{machine}-{}", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&'static str, &str)]) -> Result<(Config, Surroundings), Error> {
        let find = |name| variables.iter().find(|(variable, _)| *variable == name);
        Config::read(|name| find(name).map(|(_, value)| value.into()), Told::default())
    }

    #[test]
    fn an_address_is_all_that_must_be_said() {
        let (config, surroundings) = read(&[(URL, "http://lab.example"), (FOLDER, "/var/lib/aiv1")]).unwrap();
        assert!(config.info(2).has_valid_name(), "{}", config.name);
        assert_eq!((config.token, config.listen), (None, None));
        assert_eq!(surroundings.clips, PathBuf::from("/var/lib/aiv1/clips"));
        assert_eq!(surroundings.bounds, Bounds { bytes: 20 << 30, keep_free: 1 << 30 });
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_bound() {
        let refuse = |name, value| {
            let error = read(&[(FOLDER, "/x"), (name, value), (URL, "http://lab.example")]).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            read(&[(FOLDER, "/x")]).unwrap_err().to_string(),
            "AIV1_URL is not set, but must be the address of a lab"
        );
        assert_eq!(
            refuse(NAME, "a b"),
            r#"AIV1_WORKER_NAME is "a b", but must be 1 to 64 of [A-Za-z0-9._-]"#
        );
        assert_eq!(refuse(THREADS, "0"), r#"AIV1_WORKER_THREADS is "0", but must be a number from 1 on"#);
        assert_eq!(
            refuse(CLIP_BYTES, "20G"),
            r#"AIV1_WORKER_CLIP_BYTES is "20G", but must be a number of bytes"#
        );
        assert_eq!(refuse(AUDITS, "-1"), r#"AIV1_WORKER_AUDITS is "-1", but must be a number from 0 on"#);
        assert_eq!(
            refuse(LISTEN, "9000"),
            r#"AIV1_WORKER_LISTEN is "9000", but must be an address with a port"#
        );
    }

    #[test]
    fn the_token_is_in_no_debug_output() {
        let (config, _) = read(&[(URL, "http://lab.example"), (FOLDER, "/x"), (TOKEN, "a-secret")]).unwrap();
        assert_eq!(config.token.as_deref(), Some("a-secret"));
        assert!(!format!("{config:?}").contains("a-secret"));
    }
}
