//! What keeps the loop from starting, or from going on.

use aiv1_model::{ParameterError, SubmissionError};

/// Why the loop cannot do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store failed.
    #[error("the loop cannot reach its catalog")]
    Store(#[from] aiv1_store::Error),
    /// A starting codec declares what does not hold.
    #[error("the starting codec {codec:?} cannot be searched")]
    Declaration {
        /// Which codec.
        codec: String,
        /// What is wrong.
        source: ParameterError,
    },
    /// What would be submitted makes no sense.
    #[error("experiments with the starting codec {codec:?} cannot be submitted")]
    Submission {
        /// Which codec.
        codec: String,
        /// What is wrong.
        source: SubmissionError,
    },
    /// A source is too large.
    #[error("the source of {codec:?} has {bytes} bytes, at most {most} may be submitted")]
    Source {
        /// Which codec.
        codec: String,
        /// Its size.
        bytes: u64,
        /// The bound.
        most: u64,
    },
    /// The reference is not among the anchors.
    #[error("the reference anchor is {name:?}, but only these are measured: {anchors}")]
    Reference {
        /// Its name.
        name: String,
        /// The anchors.
        anchors: String,
    },
    /// Without an anchor there is nothing to be better than.
    #[error("no anchor is measured: the loop needs at least one to compare with")]
    NoAnchor,
    /// There is nothing to search.
    #[error("the loop was given no starting codec")]
    NoCodec,
    /// A share of nothing.
    #[error(
        "the shares of search, random and llm are {search}, {random} and {llm}, but their sum must be 1 to 1000"
    )]
    Shares {
        /// Of the search.
        search: u32,
        /// Of the control arm.
        random: u32,
        /// Of the language model.
        llm: u32,
    },
}
