//! What is answered where no route answers, or where what it answers cannot be sent.

use crate::gateway::MAX_ANSWER_BYTES;
use aiv1_web::Problem;
use axum::response::{IntoResponse, Response};

/// Why there is another answer, told to the client as a problem document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Instead {
    /// The request is none: what is wrong with it.
    Refused(&'static str),
    /// Whether the token holds cannot be said.
    NoTokens,
    /// Lambda would end the process before the answer is made.
    Late,
    /// The answer is larger than Lambda takes.
    TooLarge {
        /// Whether the client takes it compressed.
        takes_gzip: bool,
    },
    /// It failed while it was made: how.
    Failed(String),
}

impl IntoResponse for Instead {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::Refused(what) => Problem::Invalid(what.to_owned()),
            Self::NoTokens => Problem::Unavailable("tokens cannot be checked just now; try again".to_owned()),
            Self::Late => Problem::Unavailable("this could not be answered in time; try again".to_owned()),
            // What is too large as it is may fit compressed; otherwise it is on us.
            Self::TooLarge { takes_gzip: false } => Problem::NotAcceptable(format!(
                "an answer may have at most {MAX_ANSWER_BYTES} bytes here, and this one has more: ask with Accept-Encoding: gzip"
            )),
            Self::TooLarge { takes_gzip: true } => Problem::internal(format!(
                "an answer may have at most {MAX_ANSWER_BYTES} bytes, and this one has more though it may be compressed"
            )),
            Self::Failed(how) => Problem::internal(how),
        };
        problem.into_response()
    }
}
