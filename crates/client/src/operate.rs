//! What operators do, with a token of the scope that administers; and the journal that says what was done.
//!
//! None of it is said twice by itself: a second cancellation would be told that there is nothing to cancel, as if the first
//! had failed.

use crate::client::MAX_ANSWER;
use crate::http::{json, send};
use crate::{Client, Error};
use aiv1_model::{Experiment, ExperimentId};
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What is done to an experiment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Order {
    /// Taken from the queue or from its worker.
    Cancel,
    /// Queued again after it ended.
    Rerun,
    /// A person has seen to what waited for one.
    Resolve {
        /// What was done.
        note: String,
    },
    /// Its result no longer stands.
    Retract {
        /// Why.
        reason: String,
    },
    /// What came of it is removed for good.
    Purge {
        /// Why.
        reason: String,
    },
}

impl Order {
    const fn verb(&self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Rerun => "rerun",
            Self::Resolve { .. } => "resolve",
            Self::Retract { .. } => "retract",
            Self::Purge { .. } => "purge",
        }
    }
}

/// Where the loop is steered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// It proposes nothing until it is resumed.
    Pause,
    /// It goes on.
    Resume,
    /// Every loop that runs ends.
    Stop,
}

impl Course {
    const fn verb(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
        }
    }
}

impl Client {
    /// Does something to an experiment; how it stands then.
    pub async fn order(&self, id: &ExperimentId, order: &Order) -> Result<Experiment, Error> {
        let said =
            serde_json::to_vec(order).map_err(|error| Error::damaged("the order", error.to_string()))?;
        let path = ["experiments", id.as_str(), order.verb()];
        let response = self.post("give the order", &path, &Bytes::from(said), |request| request).await?;
        json("the answer to the order", response, MAX_ANSWER).await
    }

    /// Steers the loop; where it stands then, read as what the caller takes it for.
    pub async fn steer<T: DeserializeOwned>(&self, course: Course) -> Result<T, Error> {
        let nothing = Bytes::from_static(b"null");
        let path = ["loop", course.verb()];
        let response = self.post("steer the loop", &path, &nothing, |request| request).await?;
        json("the loop's state", response, MAX_ANSWER).await
    }

    /// A page of the journal, latest line first, read as what the caller takes it for.
    pub async fn journal<T: DeserializeOwned>(&self, cursor: Option<&str>, limit: u32) -> Result<T, Error> {
        let once = || async {
            let mut url = self.api(&["journal"])?;
            url.query_pairs_mut().append_pair("limit", &limit.to_string());
            url.query_pairs_mut().extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
            json("the journal", send("ask for the journal", self.read(url)).await?, MAX_ANSWER).await
        };
        self.retry.run(once).await
    }
}
