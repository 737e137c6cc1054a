//! Hostile codecs: each fails by its own fault, with its kind, and the codecs after it still run.

use aiv1_tests::{json, made_clip, run, said, workspace};
use std::collections::BTreeMap;
use std::fs;

/// Every source of `codecs/hostile` with the kind of its failure, or `None` where it does no harm and is measured.
const EXPECTED: &[(&str, Option<&str>)] = &[
    ("abort_decode", Some("trap")),
    ("allocation_bomb", Some("memory")),
    ("black", None),
    ("carries_video", Some("module_size")),
    ("clock", Some("trap")),
    ("const_loop", Some("compile_limit")),
    ("declares_nonsense", Some("declaration")),
    ("deep_recursion", Some("trap")),
    ("empty_output", None),
    ("environment", Some("source_refused")),
    ("garbage", None),
    ("giant_generics", Some("compile_limit")),
    ("giant_static", Some("compile_error")),
    ("heap_address", None),
    ("huge_output", Some("output_size")),
    ("imports", Some("source_refused")),
    ("include_by_macro", Some("source_refused")),
    ("include_secret", Some("source_refused")),
    ("loop_decode", Some("fuel")),
    ("loop_encode", Some("fuel")),
    ("macro_bomb", Some("compile_limit")),
    ("macro_recursion", Some("compile_limit")),
    ("module_escape", Some("compile_error")),
    ("panic_decode", Some("trap")),
    ("panic_encode", Some("trap")),
    ("remembers", None),
    ("unsafe_code", Some("source_refused")),
    ("wrong_lengths", Some("trap")),
];

#[test]
fn every_hostile_codec_fails_as_expected_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let clip = made_clip(folder.path(), "clip.mp4", "64x64", 5, &[]);
    let hostile = workspace().join("codecs/hostile");
    let there: Vec<String> = fs::read_dir(&hostile)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    let expected: BTreeMap<&str, Option<&str>> = EXPECTED.iter().copied().collect();
    for name in &there {
        assert!(expected.contains_key(name.as_str()), "codecs/hostile/{name}.rs is not in the table above");
    }
    let mut sources: Vec<String> =
        expected.keys().map(|name| hostile.join(format!("{name}.rs")).to_str().unwrap().to_owned()).collect();
    sources.push(workspace().join("codecs/raw.rs").to_str().unwrap().to_owned());
    let (clip, out) = (clip.to_str().unwrap(), folder.path().to_str().unwrap());
    let mut arguments = vec!["--json", "run", "--anchors", "none", "--clip", clip, "--out", out];
    arguments.extend(sources.iter().map(String::as_str));
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    let published = json(&output);
    let published = published.as_array().unwrap();
    assert_eq!(published.len(), sources.len(), "each has its record");
    for ((name, kind), one) in expected.iter().zip(published) {
        let failure = &one["record"]["failure"];
        println!("{name}: {} {}", failure["kind"], failure["message"]);
        match kind {
            None => assert_eq!(one["record"]["status"], "successful", "{name}: {failure}"),
            Some(kind) => {
                assert_eq!(failure["kind"], *kind, "{name}: {failure}");
                assert_eq!(failure["fault"], "candidate", "{name}");
            }
        }
        assert!(fs::metadata(one["bundle"].as_str().unwrap()).unwrap().is_dir(), "{name} has its bundle");
    }
    assert_eq!(
        published.last().unwrap()["record"]["status"],
        "successful",
        "the codec after them is measured"
    );
}
