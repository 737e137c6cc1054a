//! [`ReplyProblem`]: what was wrong with a reply, as feedback.

use super::super::fence::line;
use std::fmt::{self, Formatter};

/// Why a reply cannot be used. The text is what the model is told next.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyProblem {
    /// Nothing was said, or there is no code in what was.
    #[error("the reply was empty, or its source had no code")]
    Empty,
    /// The model, or a filter behind it, declined.
    #[error(
        "the reply was a refusal; the task is to change the source of a video codec that runs in a sandbox"
    )]
    Refused,
    /// It ended for a reason that is not known here.
    #[error("the reply stopped for the reason {}, and not because it was complete", Quoted(reason))]
    Stopped {
        /// The reason, as the provider gave it.
        reason: String,
    },
    /// It was cut off.
    #[error(
        "the reply was cut off before it was complete: write less, with EDITS in place of a whole SOURCE"
    )]
    Truncated,
    /// A section is not there.
    #[error("the section {section} is missing or empty")]
    Missing {
        /// Which.
        section: &'static str,
    },
    /// A section is there twice.
    #[error("the section {section} is there more than once")]
    Twice {
        /// Which.
        section: &'static str,
    },
    /// Source and edits.
    #[error("there is a SOURCE and there are EDITS: give one of them")]
    Both,
    /// A section that must have exactly one fenced block has another number.
    #[error(
        "the section {section} has {blocks} fenced blocks, and must have exactly one; a source with lines of three \
         backticks needs a fence of four"
    )]
    Blocks {
        /// Which.
        section: &'static str,
        /// How many.
        blocks: usize,
    },
    /// JSON that is none, or not what was asked for.
    #[error("the section {section} is not the JSON that was asked for: {}", Quoted(reason))]
    Json {
        /// Which.
        section: &'static str,
        /// Why not.
        reason: String,
    },
    /// A number that no measurement can come to.
    #[error("the prediction's {what} is {value}, but must be {low} to {high}")]
    PredictionOutOfRange {
        /// Which number.
        what: &'static str,
        /// What it is.
        value: String,
        /// The least it may be.
        low: f64,
        /// The most.
        high: f64,
    },
    /// No name for a codec.
    #[error("the name is {}, but must be 1 to 40 of [A-Za-z0-9_-]", Quoted(name))]
    Name {
        /// What it is, or its beginning.
        name: String,
    },
    /// A control character, or one that is not seen.
    #[error("line {line} of the section {section} has the character U+{character:04X}, which is refused")]
    ControlCharacter {
        /// Where.
        section: &'static str,
        /// Where in it, from 1.
        line: usize,
        /// Which.
        character: u32,
    },
    /// A sequence that steers terminals.
    #[error("line {line} of the section {section} has a terminal escape, which is refused")]
    TerminalEscape {
        /// Where.
        section: &'static str,
        /// Where in it, from 1.
        line: usize,
    },
    /// Markup in plain text.
    #[error("the section {section} has markup: it is plain text, without `<` directly before a letter")]
    Markup {
        /// Where.
        section: &'static str,
    },
    /// Too much source.
    #[error("the source has {bytes} bytes, but may have {most} at most")]
    SourceTooLarge {
        /// Its size.
        bytes: usize,
        /// The bound.
        most: u64,
    },
    /// The parent's source again.
    #[error("the source is the parent's, but for blanks and comments: change what it does")]
    Unchanged,
    /// Edits that cannot be read.
    #[error("the edits cannot be read: {reason}")]
    Edits {
        /// Why not.
        reason: &'static str,
    },
    /// What is to be replaced is not there.
    #[error("edit {number}: its SEARCH text is not in the source; copy whole lines exactly, blanks included")]
    EditNotFound {
        /// Which, from 1.
        number: usize,
    },
    /// What is to be replaced is there more than once.
    #[error(
        "edit {number}: its SEARCH text is in the source more than once; add lines around it until it is not"
    )]
    EditAmbiguous {
        /// Which, from 1.
        number: usize,
    },
}

impl ReplyProblem {
    /// A stable word for programs.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "reply_empty",
            Self::Refused => "reply_refused",
            Self::Stopped { .. } => "reply_stopped",
            Self::Truncated => "reply_truncated",
            Self::Missing { .. } | Self::Twice { .. } | Self::Both | Self::Blocks { .. } => "reply_form",
            Self::Json { .. } => "reply_json",
            Self::PredictionOutOfRange { .. } => "reply_prediction",
            Self::Name { .. } => "reply_name",
            Self::ControlCharacter { .. } => "reply_control_character",
            Self::TerminalEscape { .. } => "reply_terminal_escape",
            Self::Markup { .. } => "reply_markup",
            Self::SourceTooLarge { .. } => "reply_too_large",
            Self::Unchanged => "reply_unchanged",
            Self::Edits { .. } | Self::EditNotFound { .. } | Self::EditAmbiguous { .. } => "reply_edits",
        }
    }
}

/// Words of the model or its provider: on one line, bounded, in quotes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", line(self.0, 200))
    }
}
