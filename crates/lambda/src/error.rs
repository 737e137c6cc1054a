//! What keeps a function from starting, or from answering.

use std::error::Error as StdError;

/// Any error, as handlers give it.
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Why a function did not start, or refused an event.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A variable is missing or makes no sense.
    #[error("{variable} is {value}, but must be {bound}")]
    Variable {
        /// Which.
        variable: &'static str,
        /// What it says.
        value: String,
        /// What it must be.
        bound: &'static str,
    },
    /// The store's own configuration.
    #[error("the store is not configured")]
    Store(#[source] BoxError),
    /// A parameter is missing, cannot be read or makes no sense.
    #[error("the parameter {name} cannot be used")]
    Parameter {
        /// Which.
        name: String,
        /// Why.
        source: BoxError,
    },
    /// An event that is no request.
    #[error("this function answers HTTP requests (API Gateway payload 2.0), but was sent {0}")]
    Foreign(String),
    /// The system did not do something.
    #[error("cannot {action}")]
    System {
        /// What.
        action: &'static str,
        /// What it said.
        source: BoxError,
    },
    /// What the function itself needs to begin.
    #[error("the function does not begin")]
    Begin(#[source] BoxError),
}
