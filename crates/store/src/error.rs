//! What can go wrong with a store.

use aiv1_model::ExperimentId;

/// Why the store did not do what was asked. Absence is no error: it is `None`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such experiment.
    #[error("there is no experiment {0}")]
    NoExperiment(ExperimentId),
    /// The experiment is not in a state in which this can be done.
    #[error("experiment {id} is {state}: it cannot be {action}")]
    State {
        /// Which.
        id: ExperimentId,
        /// Where it stands.
        state: String,
        /// What was asked.
        action: &'static str,
    },
    /// The reporter no longer holds the work: it was taken over after its lease lapsed, ended or cancelled.
    #[error(
        "attempt {attempt} of {id} is not held by {worker}: the work was given to another, ended or cancelled"
    )]
    Lost {
        /// Which experiment.
        id: ExperimentId,
        /// The attempt that was named.
        attempt: u32,
        /// Who named it.
        worker: String,
    },
    /// An idempotency key was used before, for something else.
    #[error("idempotency key {key:?} was used for experiment {first}")]
    KeyReused {
        /// The key.
        key: String,
        /// What it was used for.
        first: ExperimentId,
    },
    /// Too much is waiting already: to be asked again later.
    #[error("{waiting} rebuilds are waiting, at most {most} may; ask again later")]
    Busy {
        /// How many are waiting.
        waiting: u64,
        /// The bound.
        most: u64,
    },
    /// Others changed the same thing first, again and again: to be asked again later.
    #[error("the store could not {action}: others were first {times} times; ask again later")]
    Contended {
        /// What was tried.
        action: &'static str,
        /// How often.
        times: u32,
    },
    /// An object is larger than the reader admits.
    #[error("{key} has {bytes} bytes, at most {most} are read")]
    TooLarge {
        /// Which.
        key: String,
        /// Its size.
        bytes: u64,
        /// The bound.
        most: u64,
    },
    /// A stored thing does not read as what it is.
    #[error("{what} is damaged: {reason}")]
    Damaged {
        /// What.
        what: String,
        /// Why.
        reason: String,
    },
    /// A cursor that this store did not make.
    #[error("cursor {0:?} is not one of this list")]
    Cursor(String),
    /// The backend failed.
    #[error("the store cannot {action}")]
    Backend {
        /// What was tried.
        action: &'static str,
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// For `map_err`: the backend failed while doing `action`.
    pub fn backend<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
        action: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Backend { action, source: source.into() }
    }
}
