//! Texts that people write beside what they ask: bounded, and plain enough for every place where they are shown.

use aiv1_model::Action;
use aiv1_web::Problem;

/// Refuses a text that is too long, or that a feed cannot hold.
pub(crate) fn check(field: &str, text: &str, most: usize) -> Result<(), Problem> {
    if text.len() > most {
        let bytes = text.len();
        return Err(Problem::Refused(format!("{field} has {bytes} bytes, but must have at most {most}")));
    }
    // Feeds are XML, in which these cannot be written at all.
    let unwritable = |character: &char| match character {
        '\n' | '\t' | '\r' => false,
        '\u{fffe}' | '\u{ffff}' => true,
        other => other.is_control(),
    };
    match text.chars().find(unwritable) {
        Some(character) => Err(Problem::Refused(format!(
            "{field} has the control character {character:?}, but must be plain text"
        ))),
        None => Ok(()),
    }
}

/// The same for what an operator says, who must say something.
pub(crate) fn check_said(field: &str, text: &str) -> Result<(), Problem> {
    if text.trim().is_empty() {
        let most = Action::MAX_TEXT_BYTES;
        return Err(Problem::Refused(format!("{field} is blank, but must have 1 to {most} bytes")));
    }
    check(field, text, Action::MAX_TEXT_BYTES)
}
