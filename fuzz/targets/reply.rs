//! Replies of a language model: the parser on arbitrary text, and on good replies with pieces exchanged. What it lets through
//! keeps the promises that pages and the evaluator rely on.
#![no_main]

use aiv1_model::{Origin, Submission};
use aiv1_orchestrator::llm::parse;
use libfuzzer_sys::fuzz_target;

const PARENT: &str = "pub const ABOUT: &str = \"parent\";\nfn step() -> u8 { 1 }\n\n\nfn other() {}\n";

fn is_plain(text: &str) -> bool {
    text.chars().all(|character| !character.is_control() || matches!(character, '\n' | '\t'))
}

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    match parse(&text, PARENT, "x265-medium") {
        Ok(reply) => {
            assert!(!reply.rationale.is_empty() && reply.rationale.len() <= Origin::MAX_RATIONALE_BYTES);
            assert!(is_plain(&reply.rationale) && is_plain(&reply.source) && !reply.rationale.contains("</"));
            assert!(reply.source.len() as u64 <= Submission::MAX_SOURCE_BYTES && reply.source != PARENT);
            assert!((1..=40).contains(&reply.name.len()) && reply.prediction.bd_rate.is_finite());
        }
        Err(problem) => {
            let said = problem.to_string();
            assert!(is_plain(&said) && !said.contains('\n') && said.len() < 2_000, "{said}");
        }
    }
});
