//! The forms that times, statuses, maps and exports come in.

use super::record;
use aiv1_model::legacy::{
    CompressionUnit, LegacyError, LegacyGeneration, LegacyIdError, LegacyStatus, items, plain, read,
};
use serde_json::{Value, json};

#[test]
fn a_time_is_a_number_a_text_of_one_or_an_iso_time_with_or_without_a_zone() {
    let at = |timestamp: Value| {
        record(&json!({ "experiment_id": "exp_1760577415", "timestamp": timestamp })).recorded_at.to_string()
    };
    for (timestamp, expected) in [
        (json!(1_760_577_415), "2025-10-16T01:16:55Z"),
        (json!(1_760_577_415.25), "2025-10-16T01:16:55.25Z"),
        (json!("1760577415"), "2025-10-16T01:16:55Z"),
        (json!(1_760_577_415_000_i64), "2025-10-16T01:16:55Z"),
        (json!("2025-10-16T01:16:55.525533"), "2025-10-16T01:16:55.525533Z"),
        (json!("2025-10-16T01:16:55.525533999Z"), "2025-10-16T01:16:55.525533Z"),
        (json!("2025-10-16T03:16:55+02:00"), "2025-10-16T01:16:55Z"),
        // What is none falls back to the id, too.
        (json!("yesterday"), "2025-10-16T01:16:55Z"),
        (json!(-5), "2025-10-16T01:16:55Z"),
        (json!(1e300), "2025-10-16T01:16:55Z"),
        (json!("NaN"), "2025-10-16T01:16:55Z"),
        (Value::Null, "2025-10-16T01:16:55Z"),
    ] {
        assert_eq!(at(timestamp.clone()), expected, "{timestamp}");
    }
    let iso = record(&json!({ "experiment_id": "x", "timestamp_iso": "2025-10-17T06:55:30Z" }));
    assert_eq!(iso.recorded_at.to_string(), "2025-10-17T06:55:30Z");
}

#[test]
fn what_has_no_id_or_no_time_is_refused_by_name() {
    let refused = |item: Value| read(item).unwrap_err();
    assert_eq!(refused(json!([1])), LegacyError::NotAMap);
    assert_eq!(refused(json!({ "timestamp": 1_760_577_415 })), LegacyError::NoId);
    assert_eq!(refused(json!({ "experiment_id": 7 })), LegacyError::NoId);
    for wrong in ["", "..", "a/b", "exp 1", "<script>", &"x".repeat(129)] {
        let error = refused(json!({ "experiment_id": wrong, "timestamp": 1 }));
        assert!(matches!(error, LegacyError::Id(LegacyIdError::Form(_))), "{wrong:?}: {error:?}");
    }
    let ours = refused(json!({ "experiment_id": "exp_0123456789abcdef", "timestamp": 1 }));
    assert!(matches!(ours, LegacyError::Id(LegacyIdError::Ours(_))), "{ours:?}");
    let timeless = refused(json!({ "experiment_id": "some-run", "status": "completed" }));
    assert_eq!(timeless.to_string(), "some-run says no time that can be read, and neither does its id");
}

#[test]
fn ids_tell_the_generation_and_otherwise_the_form_does() {
    for (id, generation) in [
        ("real_exp_1760577415", LegacyGeneration::G0),
        ("proc_exp_1760684130", LegacyGeneration::G1),
        ("gpu_exp_1760684130", LegacyGeneration::G2a),
        ("exp_1760684130", LegacyGeneration::G2b),
        ("simple_gpu_1760684130", LegacyGeneration::G2b),
        ("exp_iter12_1760806591", LegacyGeneration::G3),
        ("experiment-7", LegacyGeneration::Unknown),
    ] {
        assert_eq!(LegacyGeneration::of(id), generation, "{id}");
    }
    let of =
        |field: &str| record(&json!({ "experiment_id": "x", "timestamp": 1, field: { "a": 1 } })).generation;
    assert_eq!(of("metrics"), LegacyGeneration::G3);
    assert_eq!(of("result"), LegacyGeneration::G2b);
    assert_eq!(of("gpu_results"), LegacyGeneration::G2a);
}

#[test]
fn a_status_is_mapped_and_its_word_kept() {
    let of = |word: Value| {
        let record = record(&json!({ "experiment_id": "x", "timestamp": 1, "status": word }));
        (record.status, record.status_word)
    };
    for (word, status) in [
        ("completed", LegacyStatus::Successful),
        ("success", LegacyStatus::Successful),
        ("timed_out", LegacyStatus::Failed),
        ("waiting_for_gpu", LegacyStatus::Stale),
        ("partial_success", LegacyStatus::Other),
        ("who knows", LegacyStatus::Other),
    ] {
        assert_eq!(of(json!(word)), (status, Some(word.to_owned())));
    }
    assert_eq!(of(Value::Null), (LegacyStatus::Other, None));
    // A success whose result failed is none.
    let failed = record(&json!({
        "experiment_id": "exp_1", "timestamp": 1, "status": "completed",
        "result": "{\"status\":\"failed\",\"error\":\"decoder crashed\"}",
    }));
    assert_eq!((failed.status, failed.failure.as_deref()), (LegacyStatus::Failed, Some("decoder crashed")));
    assert_eq!(failed.notes, ["it says \"completed\", but what it holds says \"failed\""]);
    // Another part that says nothing of it hides no failure.
    let failed = record(&json!({
        "experiment_id": "gpu_exp_1", "timestamp": 1, "status": "completed",
        "experiments": [{ "experiment_type": "gpu_neural_codec", "metrics": { "bitrate_mbps": 2.5 } }],
        "gpu_results": { "status": "failed", "error": "out of memory" },
    }));
    assert_eq!((failed.status, failed.failure.as_deref()), (LegacyStatus::Failed, Some("out of memory")));
    let failed = record(&json!({
        "experiment_id": "exp_1", "timestamp": 1, "status": "completed",
        "result": { "status": "completed", "execution_success": { "encoding": true, "decoding": false } },
    }));
    assert_eq!((failed.status, failed.status_word.as_deref()), (LegacyStatus::Failed, Some("completed")));
    assert_eq!(failed.notes, ["it says \"completed\", but that decoding did not succeed"]);
}

#[test]
fn a_map_may_be_text_and_text_that_is_malformed_is_noted() {
    let native = json!({ "status": "completed", "metrics": { "bitrate_mbps": 2.5, "psnr_db": "31.5" } });
    for field in ["result", "gpu_results"] {
        for value in [native.clone(), Value::String(native.to_string())] {
            let record = record(&json!({ "experiment_id": "gpu_exp_1", "timestamp": 1, field: value }));
            assert_eq!(
                (record.claims.bitrate_mbps, record.claims.psnr_db),
                (Some(2.5), Some(31.5)),
                "{field}"
            );
            assert_eq!(record.notes, [""; 0]);
        }
    }
    let broken = json!({ "experiment_id": "exp_1", "timestamp": 1, "experiments": "[{\"status\":", "result": "7", "metrics": 3 });
    let broken = record(&broken);
    assert!(broken.claims.is_empty());
    assert_eq!(broken.notes.len(), 3, "{:?}", broken.notes);
    assert!(broken.notes[0].starts_with("experiments is not well-formed JSON (EOF"), "{:?}", broken.notes);
}

#[test]
fn python_s_nan_and_infinity_are_absent_and_the_rest_of_the_text_is_read() {
    let text = r#"[{"experiment_type":"real_procedural_generation","approach":"NaN \" Infinity","real_metrics":{"bitrate_mbps":2.5,"psnr_db":Infinity,"ssim":NaN}}]"#;
    let record = record(&json!({ "experiment_id": "proc_exp_1", "timestamp": 1, "experiments": text }));
    assert_eq!(record.claims.bitrate_mbps, Some(2.5));
    assert_eq!((record.claims.psnr_db, record.claims.ssim), (None, None));
    assert_eq!(record.approach.as_deref(), Some("NaN \" Infinity"));
}

#[test]
fn a_reason_or_an_improvement_is_a_text_or_a_map() {
    let with = |reasons: Value| {
        let item = json!({ "experiment_id": "x", "timestamp": 1, "status": "failed", "human_intervention_reasons": reasons });
        record(&item).failure
    };
    assert_eq!(with(json!(["Stuck"])).as_deref(), Some("Stuck"));
    assert_eq!(with(json!([{ "phase": "design", "reason": "No code" }])).as_deref(), Some("No code"));
    assert_eq!(with(json!([{ "phase": "validation", "last_failure": "eval" }])).as_deref(), Some("eval"));
    assert_eq!(with(json!([])), None);
    let improved = |evolution: Value| {
        record(&json!({ "experiment_id": "x", "timestamp": 1, "code_evolution": evolution })).improvement
    };
    assert_eq!(improved(json!("{\"improvement\":\"12% smaller\"}")).as_deref(), Some("12% smaller"));
    let map = json!({ "improvement": { "bitrate": -1.5 } });
    assert_eq!(improved(map).as_deref(), Some("{\"bitrate\":-1.5}"));
}

#[test]
fn a_ratio_is_read_in_the_unit_of_its_generation() {
    let of = |id: &str, ratio: f64| {
        record(&json!({ "experiment_id": id, "timestamp": 1, "metrics": { "compression_ratio": ratio } }))
            .claims
            .compression
    };
    let times = of("exp_iter1_1", 4.0).unwrap();
    assert_eq!((times.ratio, times.unit), (Some(4.0), CompressionUnit::Times));
    let saved = of("exp_1", 75.0).unwrap();
    assert_eq!((saved.ratio, saved.unit), (Some(4.0), CompressionUnit::PercentSaved));
    // Larger than its source: negative savings are what they are.
    assert_eq!(of("exp_1", -100.0).unwrap().ratio, Some(0.5));
    assert_eq!(of("exp_1", 100.0), None, "nothing has no size");
    let unknown = of("gpu_exp_1", 4.0).unwrap();
    assert_eq!((unknown.ratio, unknown.written, unknown.unit), (None, 4.0, CompressionUnit::Unknown));
}

#[test]
fn typed_items_read_as_plain_ones_do() {
    let typed = json!({
        "experiment_id": { "S": "exp_iter3_1760806591" }, "timestamp": { "N": "1760806591" },
        "iteration": { "N": "3" }, "status": { "S": "success" }, "error": { "NULL": true },
        "metrics": { "M": { "psnr_db": { "N": "22.5" }, "bitrate_mbps": { "N": "554.9" } } },
        "human_intervention_reasons": { "L": [{ "S": "a" }, { "M": { "reason": { "S": "b" } } }] },
        "needs_human": { "BOOL": false }, "tags": { "SS": ["x"] }, "sizes": { "NS": ["1", "2.5"] },
    });
    let untyped = json!({
        "experiment_id": "exp_iter3_1760806591", "timestamp": 1_760_806_591, "iteration": 3, "status": "success",
        "error": null, "metrics": { "psnr_db": 22.5, "bitrate_mbps": 554.9 },
        "human_intervention_reasons": ["a", { "reason": "b" }],
        "needs_human": false, "tags": ["x"], "sizes": [1, 2.5],
    });
    assert_eq!(plain(typed.clone()), untyped);
    assert_eq!(plain(untyped.clone()), untyped, "a plain one stays");
    assert_eq!(record(&typed), record(&untyped));
}

#[test]
fn a_document_is_a_scan_s_answer_an_export_s_line_a_list_or_one_item() {
    let item = json!({ "experiment_id": "x" });
    for document in [
        json!({ "Items": [item, item], "Count": 2, "ScannedCount": 2, "ConsumedCapacity": null }),
        json!([item, item]),
    ] {
        assert_eq!(items(document), [item.clone(), item.clone()]);
    }
    for document in [json!({ "Item": item }), item.clone()] {
        assert_eq!(items(document), std::slice::from_ref(&item));
    }
}
