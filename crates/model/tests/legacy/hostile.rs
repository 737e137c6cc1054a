//! Whatever is handed in, the reader answers, within its bounds.

use super::record;
use aiv1_model::LegacyExperiment;
use aiv1_model::legacy::{items, read};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Names that the reader looks for, so that what is drawn gets past its first questions.
const NAMES: [&str; 24] = [
    "experiment_id",
    "timestamp",
    "status",
    "experiments",
    "real_metrics",
    "metrics",
    "comparison",
    "result",
    "gpu_results",
    "artifacts",
    "video_url",
    "decoder_s3_key",
    "bitrate_mbps",
    "psnr_db",
    "compression_ratio",
    "experiment_type",
    "evolution",
    "improvement",
    "human_intervention_reasons",
    "iteration",
    "error",
    "S",
    "M",
    "L",
];

fn any_json() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        any::<String>(),
        prop::sample::select(vec![
            "exp_iter1_1760806591",
            "1760806591",
            "-1e999",
            "[NaN",
            "{\"a\":Infinity}",
            "https://"
        ])
        .prop_map(str::to_owned),
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<f64>().prop_map(|number| json!(number)),
        any::<i64>().prop_map(|number| json!(number)),
        text.prop_map(Value::String),
    ];
    let name =
        prop_oneof![4 => prop::sample::select(NAMES.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::Array),
            prop::collection::vec((name.clone(), inner.clone()), 0..8)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            // The same once more, as text.
            inner.prop_map(|value| Value::String(value.to_string())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_json_makes_the_reader_panic_or_leave_its_bounds(document in any_json(), with_id in any::<bool>()) {
        for mut item in items(document) {
            if with_id && let Value::Object(fields) = &mut item {
                fields.insert("experiment_id".to_owned(), json!("exp_iter1_1760806591"));
                fields.insert("timestamp".to_owned(), json!(1_760_806_591));
            }
            let Ok(record) = read(item) else { continue };
            let texts = [&record.failure, &record.approach, &record.hypothesis, &record.reasoning, &record.improvement];
            for text in texts.into_iter().flatten() {
                prop_assert!(text.len() <= LegacyExperiment::MAX_TEXT_BYTES);
            }
            for word in [&record.status_word, &record.phase, &record.claims.tier].into_iter().flatten() {
                prop_assert!(word.len() <= LegacyExperiment::MAX_WORD_BYTES);
            }
            prop_assert!(record.notes.len() <= LegacyExperiment::MAX_NOTES);
            prop_assert!(record.artefacts.len() <= LegacyExperiment::MAX_ARTEFACTS);
            let written = serde_json::to_string(&record).unwrap();
            prop_assert_eq!(serde_json::from_str::<LegacyExperiment>(&written).unwrap(), record);
        }
    }
}

#[test]
fn long_texts_are_cut_at_a_whole_letter_and_signatures_are_not_kept() {
    let item = json!({
        "experiment_id": "x", "timestamp": 1, "status": "failed", "hypothesis": "é".repeat(10_000),
        "error": "GET https://b.s3.amazonaws.com/k?X-Amz-Signature=secret failed, see \"HTTPS://h/p?token=secret\"",
        "approach": format!("{}?secret", "http://".repeat(1_000_000)),
    });
    let record = record(&item);
    let hypothesis = record.hypothesis.unwrap();
    assert!(hypothesis.len() <= LegacyExperiment::MAX_TEXT_BYTES && hypothesis.ends_with("é…"));
    let approach = record.approach.unwrap();
    assert!(approach.len() <= LegacyExperiment::MAX_TEXT_BYTES && !approach.contains("secret"));
    let failure = record.failure.unwrap();
    assert_eq!(failure, "GET https://b.s3.amazonaws.com/k failed, see \"HTTPS://h/p\"");
}

#[test]
fn a_text_that_nests_beyond_what_json_readers_take_is_noted() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let record = record(&json!({ "experiment_id": "x", "timestamp": 1, "experiments": deep }));
    assert!(record.notes[0].contains("recursion limit"), "{:?}", record.notes);
}
