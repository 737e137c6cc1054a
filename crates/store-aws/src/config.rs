//! Which table, bucket and queue: every variable with its meaning, in one place.

use std::ffi::OsString;

/// The table. Required.
pub const TABLE: &str = "AIV1_TABLE";
/// The bucket. Required.
pub const BUCKET: &str = "AIV1_BUCKET";
/// URL of the queue that rebuilds are announced on; without it, consumers find them in the table alone.
pub const REBUILD_QUEUE: &str = "AIV1_REBUILD_QUEUE";
/// Prefix of the SSM parameters, `/aiv1/prod`.
pub const PARAMETERS: &str = "AIV1_PARAMETERS";

/// Every variable that this crate reads, beside those of the AWS SDK itself.
pub const VARIABLES: [&str; 4] = [TABLE, BUCKET, REBUILD_QUEUE, PARAMETERS];

/// Where the lab is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The table.
    pub table: String,
    /// The bucket.
    pub bucket: String,
    /// URL of the queue that rebuilds are announced on.
    pub rebuild_queue: Option<String>,
    /// Prefix of the SSM parameters, without a slash at its end.
    pub parameters: Option<String>,
}

/// A variable that is missing or makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// It must be set.
    #[error("{name} is not set, but the store on AWS needs it")]
    Missing {
        /// Its name.
        name: &'static str,
    },
    /// It must be something else.
    #[error("{name} is {value:?}, but must be {bound}")]
    Wrong {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        bound: &'static str,
    },
}

impl Config {
    /// Reads the variables.
    pub fn from_environment() -> Result<Self, ConfigError> {
        Self::read(std::env::var_os::<&str>)
    }

    fn read(look_up: impl Fn(&'static str) -> Option<OsString>) -> Result<Self, ConfigError> {
        let given = |name| match look_up(name).filter(|value| !value.is_empty()).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(text)),
            Some(Err(value)) => Err(wrong(name, value.to_string_lossy(), "text in UTF-8")),
        };
        let required = |name| given(name)?.ok_or(ConfigError::Missing { name });
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let table = required(TABLE)?;
        if !(3..=255).contains(&table.len()) || !table.chars().all(plain) {
            return Err(wrong(TABLE, table, "3 to 255 of [A-Za-z0-9._-]"));
        }
        let bucket = required(BUCKET)?;
        if !(3..=63).contains(&bucket.len()) || !bucket.chars().all(plain) {
            return Err(wrong(BUCKET, bucket, "3 to 63 of [A-Za-z0-9._-]"));
        }
        let rebuild_queue = given(REBUILD_QUEUE)?;
        if let Some(url) =
            rebuild_queue.as_ref().filter(|url| !url.starts_with("https://") && !url.starts_with("http://"))
        {
            return Err(wrong(REBUILD_QUEUE, url, "the URL of a queue"));
        }
        let parameters = given(PARAMETERS)?;
        if let Some(prefix) =
            parameters.as_ref().filter(|prefix| !prefix.starts_with('/') || prefix.ends_with('/'))
        {
            return Err(wrong(
                PARAMETERS,
                prefix,
                "a path that begins with a slash and does not end with one",
            ));
        }
        Ok(Self { table, bucket, rebuild_queue, parameters })
    }
}

fn wrong(name: &'static str, value: impl Into<String>, bound: &'static str) -> ConfigError {
    ConfigError::Wrong { name, value: value.into(), bound }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&'static str, &str)]) -> Result<Config, ConfigError> {
        let look_up =
            |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        Config::read(look_up)
    }

    #[test]
    fn a_table_and_a_bucket_are_enough() {
        let config = read(&[(TABLE, "lab"), (BUCKET, "lab-objects"), (PARAMETERS, "")]).unwrap();
        assert_eq!((config.table.as_str(), config.bucket.as_str()), ("lab", "lab-objects"));
        assert_eq!((config.rebuild_queue, config.parameters), (None, None));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named_with_its_value() {
        let told = |variables: &[_]| read(variables).unwrap_err().to_string();
        assert_eq!(told(&[(BUCKET, "lab")]), "AIV1_TABLE is not set, but the store on AWS needs it");
        assert_eq!(
            told(&[(TABLE, ""), (BUCKET, "lab")]),
            "AIV1_TABLE is not set, but the store on AWS needs it"
        );
        let both = [(TABLE, "lab"), (BUCKET, "lab")];
        for (wrong, bound) in [
            ((TABLE, "a/b"), "AIV1_TABLE is \"a/b\", but must be 3 to 255 of [A-Za-z0-9._-]"),
            (
                (REBUILD_QUEUE, "rebuilds"),
                "AIV1_REBUILD_QUEUE is \"rebuilds\", but must be the URL of a queue",
            ),
            (
                (PARAMETERS, "aiv1"),
                "AIV1_PARAMETERS is \"aiv1\", but must be a path that begins with a slash and does not end with one",
            ),
        ] {
            assert_eq!(told(&[[wrong].as_slice(), &both].concat()), bound);
        }
    }
}
