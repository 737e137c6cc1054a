//! [`Prompt`]: what is true, what is asked, and what the contract is, in words. The same brief makes the same bytes.

mod facts;

use super::brief::{Brief, Try, TryOutcome};
use super::fence::{fenced, line};
use aiv1_model::Submission;
use std::fmt::Write as _;

/// Who it is that is asked, and what it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// The task, the form of the reply, the contract: the same for every brief.
    pub system: String,
    /// The facts of this one.
    pub user: String,
}

/// How a codec is written, as people read it.
const CONTRACT: &str = include_str!("../../../docs/CODEC-ABI.md");
/// What a codec may lean on, as it is compiled.
const KIT: [&str; 2] = [
    include_str!("../../../codecs/kit/src/pictures.rs"),
    include_str!("../../../codecs/kit/src/parameters.rs"),
];

/// The task and the form of the reply.
const TASK: &str = include_str!("prompt/task.md");

/// Most characters that are told of why an earlier proposal was made, and of why it failed.
const EARLIER_CHARACTERS: usize = 400;
/// Tries that are told of, the last ones.
const TRIES: usize = 4;
/// Most bytes of a change that came to nothing; only the last one is shown.
const CHANGE_BYTES: usize = 24 << 10;
/// Most bytes of one piece of evidence.
const EVIDENCE_BYTES: usize = 6 << 10;
/// Pieces of evidence of one try.
const EVIDENCE: usize = 4;
/// Most bytes of a sentence of somebody else's.
const SENTENCE_BYTES: usize = 4 << 10;

impl Prompt {
    /// The prompt for `brief`.
    #[must_use]
    pub fn of(brief: &Brief) -> Self {
        let mut system = format!("{TASK}\n# How a codec is written\n\n{CONTRACT}\n# The guest kit\n\n");
        for part in KIT {
            // Its tests say nothing that a codec could use.
            let used = part.split("#[cfg(test)]").next().unwrap_or_default().trim_end();
            let _ = write!(system, "```rust\n{used}\n```\n\n");
        }
        let mut user = String::new();
        facts::input(&mut user, brief);
        parent(&mut user, brief);
        champion(&mut user, brief);
        earlier(&mut user, brief);
        tries(&mut user, brief);
        let _ = write!(
            user,
            "# What is asked\n\nOne change to {} that lowers its BD-rate against {}. Answer in the sections that were \
             described.\n",
            line(&brief.parent.name, 40),
            line(&brief.reference, 40)
        );
        Self { system, user }
    }
}

fn parent(out: &mut String, brief: &Brief) {
    let parent = &brief.parent;
    let _ = writeln!(out, "# The parent: {} ({})\n", line(&parent.name, 40), parent.id);
    facts::findings(out, brief, parent.findings.as_ref());
    facts::parameters(out, &parent.parameters);
    facts::curves(out, "What it measured", &parent.curves);
    out.push_str("Its source, the text that EDITS apply to:\n\n");
    fenced(out, "source of the parent", &parent.source, Submission::MAX_SOURCE_BYTES as usize);
    out.push('\n');
}

fn champion(out: &mut String, brief: &Brief) {
    let Some(champion) = &brief.champion else {
        out.push_str("The parent is the best so far.\n\n");
        return;
    };
    let _ = writeln!(out, "# The best so far: {} ({})\n", line(&champion.name, 40), champion.id);
    facts::findings(out, brief, Some(&champion.findings));
    out.push_str("Why it was tried, in its designer's words:\n\n");
    fenced(out, "rationale", &champion.rationale, SENTENCE_BYTES);
    out.push('\n');
}

fn earlier(out: &mut String, brief: &Brief) {
    if brief.earlier.is_empty() {
        return;
    }
    out.push_str("# Your last proposals\n\n");
    for one in &brief.earlier {
        let of = if one.same_parent { "of this parent" } else { "of another parent" };
        let _ = write!(out, "- No. {}, {}, {of}: ", one.number, line(&one.name, 40));
        let _ = match (one.bd_rate, &one.failure) {
            (Some(bd_rate), _) => write!(out, "BD-rate {bd_rate:+.2} %"),
            (None, Some(failure)) => write!(out, "failed: {}", line(failure, EARLIER_CHARACTERS)),
            (None, None) => write!(out, "no result"),
        };
        if let Some(expected) = one.expected {
            let _ = write!(out, ", you had expected {expected:+.2} %");
        }
        out.push('\n');
        fenced(out, "rationale", &line(&one.rationale, EARLIER_CHARACTERS), SENTENCE_BYTES);
    }
    out.push('\n');
}

fn tries(out: &mut String, brief: &Brief) {
    let tries = &brief.tries;
    if tries.is_empty() {
        return;
    }
    let first = tries.len().saturating_sub(TRIES);
    let _ = writeln!(out, "# Your earlier tries at this change\n\nNone of {} was measured.", tries.len());
    if first > 0 {
        let _ = writeln!(out, "Only the last {TRIES} are told here.");
    }
    for (number, one) in (1..).zip(tries).skip(first) {
        let _ = writeln!(out, "\n## Try {number}\n");
        outcome(out, one);
        if let Some(change) = one.change.as_deref().filter(|_| number == tries.len()) {
            out.push_str("What you wrote then; EDITS apply to the parent again, not to this:\n\n");
            fenced(out, "change", change, CHANGE_BYTES);
        }
    }
    out.push('\n');
}

fn outcome(out: &mut String, one: &Try) {
    match &one.outcome {
        TryOutcome::Unusable(problem) => {
            let _ = writeln!(out, "The reply could not be used: {problem}.");
        }
        TryOutcome::Refused(why) => {
            let _ = writeln!(out, "It was refused before it was measured: {}.", line(why, 500));
        }
        TryOutcome::Failed { failure, evidence } => {
            let kind = line(&failure.kind, 60);
            let _ = writeln!(
                out,
                "It failed in {}, by the fault of the {}: {kind}.",
                failure.phase, failure.fault
            );
            fenced(out, "message", &failure.message, SENTENCE_BYTES);
            for piece in evidence.iter().take(EVIDENCE) {
                fenced(out, &line(&piece.name, 60), &piece.text, EVIDENCE_BYTES);
            }
            if let Some(left @ 1..) = evidence.len().checked_sub(EVIDENCE) {
                let _ = writeln!(out, "[{left} more pieces of evidence left out]");
            }
        }
    }
}

#[cfg(test)]
mod tests;
