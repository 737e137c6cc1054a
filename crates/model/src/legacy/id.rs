//! Ids of the earlier system's records.

use crate::ExperimentId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An id of the earlier system: `real_exp_1760577415`, `exp_iter3_1760806591`. Never one of an [`ExperimentId`]'s form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct LegacyId(String);

/// Text that is not an id of the earlier system.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LegacyIdError {
    /// It is empty, too long, or has a character that ids do not have.
    #[error("{0:?} is not an id of the earlier system: 1 to {most} of [A-Za-z0-9._-] are", most = LegacyId::MAX_BYTES)]
    Form(String),
    /// It is an id of this laboratory.
    #[error("{0:?} is an id of this laboratory, not of the earlier system")]
    Ours(String),
}

impl LegacyId {
    /// Most bytes of an id.
    pub const MAX_BYTES: usize = 128;

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for LegacyId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.pad(&self.0)
    }
}

impl TryFrom<String> for LegacyId {
    type Error = LegacyIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
        // "." and ".." are no names but steps in an address.
        let sound = (1..=Self::MAX_BYTES).contains(&text.len())
            && text.bytes().all(plain)
            && text.bytes().any(|byte| byte != b'.');
        if !sound {
            return Err(LegacyIdError::Form(text.chars().take(Self::MAX_BYTES).collect()));
        }
        if ExperimentId::try_from(text.clone()).is_ok() {
            return Err(LegacyIdError::Ours(text));
        }
        Ok(Self(text))
    }
}

impl std::str::FromStr for LegacyId {
    type Err = LegacyIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl From<LegacyId> for String {
    fn from(id: LegacyId) -> Self {
        id.0
    }
}
