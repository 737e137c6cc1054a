use super::*;
use aiv1_model::ParameterValue;

const PARENT: &str = "pub const ABOUT: &str = \"parent\";\nfn step() -> u8 { 1 }\n";

/// A reply with these sections, each a heading and its text.
fn reply(sections: &[(&str, &str)]) -> String {
    let written = sections.iter().map(|(heading, text)| format!("### {heading}\n{text}\n"));
    written.collect::<Vec<_>>().concat()
}

const RATIONALE: (&str, &str) = ("RATIONALE", "A finer step: rate < quality here.");
const PREDICTION: (&str, &str) = ("PREDICTION", r#"{"bd_rate": -3.5, "decode_fuel_per_pixel": 210}"#);
const NAME: (&str, &str) = ("NAME", "finer-step");
const SOURCE: (&str, &str) = ("SOURCE", "```rust\nfn step() -> u8 { 2 }\n```");

/// The problem of a reply in which one section is another.
fn with(changed: (&str, &str)) -> ReplyProblem {
    let sections = [RATIONALE, PREDICTION, NAME, SOURCE];
    let sections = sections.map(|section| if section.0 == changed.0 { changed } else { section });
    parse(&reply(&sections), PARENT, "x265-medium").unwrap_err()
}

#[test]
fn a_reply_of_every_section_is_read() {
    let parameters = ("PARAMETERS", "```json\n{\"radius\": 8, \"mode\": \"fast\", \"on\": true}\n```");
    let text = reply(&[RATIONALE, PREDICTION, NAME, parameters, SOURCE]);
    let read = parse(&format!("Certainly!\n\n{text}"), PARENT, "x265-medium").unwrap();
    assert_eq!(read.rationale, "A finer step: rate < quality here.");
    assert_eq!(read.name, "finer-step");
    assert_eq!(read.source, "fn step() -> u8 { 2 }\n");
    assert_eq!(read.parameters["radius"], ParameterValue::Int(8));
    let expected =
        Prediction { anchor: "x265-medium".to_owned(), bd_rate: -3.5, decode_fuel_per_pixel: Some(210.0) };
    assert_eq!(read.prediction, expected);
    assert_eq!(parse(&text.replace('\n', "\r\n"), PARENT, "x265-medium").unwrap(), read);
}

#[test]
fn edits_change_the_parent_in_place() {
    let edits =
        "```\n<<<<<<< SEARCH\nfn step() -> u8 { 1 }\n=======\nfn step() -> u8 { 3 }\n>>>>>>> REPLACE\n```";
    let read = parse(&reply(&[RATIONALE, PREDICTION, NAME, ("EDITS", edits)]), PARENT, "x").unwrap();
    assert_eq!(read.source, PARENT.replace("{ 1 }", "{ 3 }"));
    assert!(read.change.starts_with("<<<<<<< SEARCH"), "what is fed back is what was written");
}

#[test]
fn headings_and_fences_inside_the_source_are_source() {
    let source = "````rust\n/*\n### NAME\n```\nother\n```\n*/\nfn step() -> u8 { 2 }\n````";
    let read = parse(&reply(&[RATIONALE, PREDICTION, NAME, ("SOURCE", source)]), PARENT, "x").unwrap();
    assert_eq!((read.name.as_str(), read.source.lines().count()), ("finer-step", 7));
}

#[test]
fn empty_truncated_and_unchanged_code_are_told_apart() {
    assert_eq!(parse(" \n", PARENT, "x"), Err(ReplyProblem::Empty));
    assert_eq!(with(("SOURCE", "```rust\n// nothing\n```")), ReplyProblem::Empty);
    assert_eq!(with(("SOURCE", "```rust\nfn step() -> u8 {")), ReplyProblem::Truncated);
    let unchanged = format!("```rust\n// Better now.\n{}\n```", PARENT.replace(' ', "  "));
    assert_eq!(with(("SOURCE", &unchanged)), ReplyProblem::Unchanged);
}

#[test]
fn a_section_that_is_missing_doubled_or_not_one_block_is_named() {
    let missing = parse(&reply(&[RATIONALE, NAME, SOURCE]), PARENT, "x").unwrap_err();
    assert_eq!(missing, ReplyProblem::Missing { section: "PREDICTION" });
    assert_eq!(with(("RATIONALE", " ")), ReplyProblem::Missing { section: "RATIONALE" });
    let prose = parse("I would rather not say.", PARENT, "x").unwrap_err();
    assert_eq!(prose, ReplyProblem::Missing { section: "RATIONALE" });
    let twice = parse(&reply(&[RATIONALE, NAME, NAME]), PARENT, "x").unwrap_err();
    assert_eq!(twice, ReplyProblem::Twice { section: "NAME" });
    let both = [RATIONALE, PREDICTION, NAME, SOURCE, ("EDITS", "```\n```")];
    assert_eq!(parse(&reply(&both), PARENT, "x"), Err(ReplyProblem::Both));
    assert_eq!(with(("SOURCE", "fn a() {}")), ReplyProblem::Blocks { section: "SOURCE", blocks: 0 });
    let two = "```\nfn a() {}\n```\n```\nfn b() {}\n```";
    assert_eq!(with(("SOURCE", two)), ReplyProblem::Blocks { section: "SOURCE", blocks: 2 });
}

#[test]
fn a_prediction_is_a_number_that_a_measurement_could_come_to() {
    for text in ["", "none", "{}", r#"{"bd_rate": null}"#, r#"{"bd_rate": NaN}"#, r#"{"bd_rate": 1e999}"#] {
        let problem = with(("PREDICTION", text));
        assert!(matches!(problem, ReplyProblem::Json { section: "PREDICTION", .. }), "{text}: {problem}");
    }
    for text in [r#"{"bd_rate": -101}"#, r#"{"bd_rate": 0, "decode_fuel_per_pixel": -1}"#] {
        let problem = with(("PREDICTION", text));
        assert!(matches!(problem, ReplyProblem::PredictionOutOfRange { .. }), "{text}: {problem}");
    }
    let long = format!("{{\"bd_rate\": 1{}}}", " ".repeat(MAX_JSON));
    assert!(matches!(with(("PREDICTION", &long)), ReplyProblem::Json { .. }));
}

#[test]
fn a_name_is_one() {
    for name in ["", "two words", "<b>", "../up", &"n".repeat(41)] {
        assert!(matches!(with(("NAME", name)), ReplyProblem::Name { .. }), "{name}");
    }
}

#[test]
fn markup_terminal_escapes_and_control_characters_are_refused_each_by_its_name() {
    for markup in ["<script>alert(1)</script>", "see <a href=x>", "x</b>", "<!-- -->", "<?php", "<é"] {
        assert_eq!(with(("RATIONALE", markup)), ReplyProblem::Markup { section: "RATIONALE" }, "{markup}");
    }
    for escape in ["\u{1b}[2J", "\u{9b}31m", "\u{1b}]0;title\u{7}"] {
        let expected = ReplyProblem::TerminalEscape { section: "RATIONALE", line: 2 };
        assert_eq!(with(("RATIONALE", &format!("fine\n{escape}"))), expected);
    }
    for character in ['\0', '\u{8}', '\u{7f}', '\u{202e}', '\u{200b}', '\u{feff}'] {
        let problem = with(("RATIONALE", &format!("fine{character}")));
        let expected =
            ReplyProblem::ControlCharacter { section: "RATIONALE", line: 1, character: character.into() };
        assert_eq!(problem, expected);
    }
    let source = with(("SOURCE", "```rust\nfn a() {}\n// \u{202e}\n```"));
    assert_eq!(source, ReplyProblem::ControlCharacter { section: "SOURCE", line: 2, character: 0x202e });
}

#[test]
fn what_is_too_long_is_cut_or_refused_with_the_bound() {
    let large = format!("```rust\nfn a() {{}} {}\n```", " ".repeat(256 << 10));
    assert!(matches!(with(("SOURCE", &large)), ReplyProblem::SourceTooLarge { most: 262_144, .. }));
    let wordy = "ä".repeat(Origin::MAX_RATIONALE_BYTES);
    let text = reply(&[("RATIONALE", &wordy), PREDICTION, NAME, SOURCE]);
    let read = parse(&text, PARENT, "x").unwrap();
    assert!(read.rationale.len() <= Origin::MAX_RATIONALE_BYTES && read.rationale.ends_with(" […]"));
}

#[test]
fn a_problem_repeats_hostile_words_on_one_bounded_line() {
    let problem = with(("NAME", &format!("a\u{1b}[2J\n{}", "x".repeat(5_000))));
    let said = problem.to_string();
    assert!(said.len() < 400 && !said.contains('\u{1b}') && !said.contains('\n'), "{said}");
}
