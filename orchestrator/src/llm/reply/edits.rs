//! Edits: pieces of the parent's source, each found once and replaced. A large codec is changed by a short reply.

use super::ReplyProblem;
use aiv1_model::Submission;

const SEARCH: &str = "<<<<<<< SEARCH";
const MIDDLE: &str = "=======";
const REPLACE: &str = ">>>>>>> REPLACE";

/// Most edits of one reply.
const MAX_EDITS: usize = 64;

/// Whole lines to be found, and those to be put in their place.
#[derive(Debug, Default)]
struct Edit {
    search: String,
    replace: String,
}

/// The parent's source after `edits`, in their order.
pub(super) fn apply(parent: &str, edits: &str) -> Result<String, ReplyProblem> {
    // Lines are looked for with the break before them, so that none is found in the middle of another.
    let mut text = format!("\n{}", parent.replace("\r\n", "\n"));
    if !text.ends_with('\n') {
        text.push('\n');
    }
    for (number, edit) in (1..).zip(read(edits)?) {
        let search = format!("\n{}", edit.search);
        let at = text.find(&search).ok_or(ReplyProblem::EditNotFound { number })?;
        if text[at + 1..].contains(&search) {
            return Err(ReplyProblem::EditAmbiguous { number });
        }
        text.replace_range(at + 1..at + search.len(), &edit.replace);
        let bytes = text.len() - 1;
        if bytes as u64 > Submission::MAX_SOURCE_BYTES {
            return Err(ReplyProblem::SourceTooLarge { bytes, most: Submission::MAX_SOURCE_BYTES });
        }
    }
    text.remove(0);
    Ok(text)
}

fn read(text: &str) -> Result<Vec<Edit>, ReplyProblem> {
    enum Within {
        Nothing,
        Search(Edit),
        Replace(Edit),
    }
    let wrong = |reason| ReplyProblem::Edits { reason };
    let (mut edits, mut within) = (Vec::new(), Within::Nothing);
    for line in text.split_inclusive('\n') {
        within = match (within, line.trim_end()) {
            (Within::Nothing, SEARCH) => Within::Search(Edit::default()),
            (Within::Nothing, "") => Within::Nothing,
            (Within::Nothing, _) => return Err(wrong("there is text outside of SEARCH and REPLACE")),
            (Within::Search(edit), MIDDLE) if edit.search.trim().is_empty() => {
                return Err(wrong("a SEARCH has no text"));
            }
            (Within::Search(edit), MIDDLE) => Within::Replace(edit),
            (Within::Replace(edit), REPLACE) => {
                edits.push(edit);
                Within::Nothing
            }
            (_, SEARCH | MIDDLE | REPLACE) => {
                return Err(wrong(
                    "the lines SEARCH, =======, REPLACE do not follow each other in this order",
                ));
            }
            (Within::Search(mut edit), _) => {
                edit.search.push_str(line);
                Within::Search(edit)
            }
            (Within::Replace(mut edit), _) => {
                edit.replace.push_str(line);
                Within::Replace(edit)
            }
        };
    }
    match within {
        Within::Nothing if edits.is_empty() => Err(wrong("there are none")),
        Within::Nothing if edits.len() > MAX_EDITS => Err(wrong("there are more than 64")),
        Within::Nothing => Ok(edits),
        Within::Search(_) | Within::Replace(_) => Err(wrong("the last one has no end")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(search: &str, replace: &str) -> String {
        format!("{SEARCH}\n{search}{MIDDLE}\n{replace}{REPLACE}\n")
    }

    #[test]
    fn pieces_are_replaced_in_their_order() {
        let edits = edit("one\n", "1\n") + "\n" + &edit("1\ntwo\n", "1\n2\n") + &edit("three\n", "");
        assert_eq!(apply("one\r\ntwo\r\nthree", &edits).unwrap(), "1\n2\n");
    }

    #[test]
    fn a_piece_must_be_there_exactly_once_as_whole_lines() {
        let at = |parent, search| apply(parent, &edit(search, "x\n")).unwrap_err();
        assert_eq!(at("one\n", "on\n"), ReplyProblem::EditNotFound { number: 1 });
        assert_eq!(at("none\n", "one\n"), ReplyProblem::EditNotFound { number: 1 });
        assert_eq!(at("a\na\n", "a\n"), ReplyProblem::EditAmbiguous { number: 1 });
    }

    #[test]
    fn what_is_not_an_edit_is_refused_with_the_reason() {
        for (text, reason) in [
            ("", "none"),
            ("words\n", "outside"),
            (&edit("", "x\n"), "no text"),
            ("<<<<<<< SEARCH\none\n", "no end"),
            ("<<<<<<< SEARCH\none\n>>>>>>> REPLACE\n", "order"),
            (&edit("one\n", "1\n").repeat(65), "64"),
        ] {
            let problem = apply("one\n", text).unwrap_err();
            assert!(
                matches!(problem, ReplyProblem::Edits { reason: said } if said.contains(reason)),
                "{problem}"
            );
        }
    }

    #[test]
    fn a_source_that_grows_past_its_bound_is_refused() {
        let large = "x".repeat(Submission::MAX_SOURCE_BYTES as usize) + "\n";
        let problem = apply("one\n", &edit("one\n", &large)).unwrap_err();
        assert!(matches!(problem, ReplyProblem::SourceTooLarge { .. }), "{problem}");
    }
}
