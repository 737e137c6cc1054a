//! What stood in for a measurement is absent, and said to be; what was legal stays.

use super::record;
use aiv1_model::LegacyExperiment;
use aiv1_model::legacy::LegacyClaims;
use serde_json::{Value, json};

fn with(metrics: &Value, comparison: &Value) -> LegacyExperiment {
    let element = json!({
        "experiment_type": "real_procedural_generation", "real_metrics": metrics, "comparison": comparison,
    });
    record(&json!({ "experiment_id": "proc_exp_1", "timestamp": 1, "experiments": [element] }))
}

#[test]
fn the_half_megabit_at_45_decibels_was_never_measured() {
    let record = with(
        &json!({ "bitrate_mbps": 0.5, "psnr_db": 45.0 }),
        &json!({ "reduction_percent": 90.0, "target_achieved": true }),
    );
    assert_eq!(record.claims, LegacyClaims::default(), "{:?}", record.notes);
    let record =
        with(&json!({ "bitrate_mbps": 0.5, "psnr_db": 21.0 }), &json!({ "reduction_percent": 95.0 }));
    assert_eq!(record.claims.bitrate_mbps, Some(0.5), "another one may have been");
}

#[test]
fn thirty_decibels_are_dropped_only_together_with_their_ssim() {
    let record = with(&json!({ "bitrate_mbps": 2.0, "psnr_db": 30.0, "ssim": 0.85 }), &json!({}));
    assert_eq!(
        (record.claims.psnr_db, record.claims.ssim, record.claims.bitrate_mbps),
        (None, None, Some(2.0))
    );
    let record = with(&json!({ "psnr_db": 30.0, "ssim": 0.9 }), &json!({}));
    assert_eq!((record.claims.psnr_db, record.claims.ssim), (Some(30.0), Some(0.9)));
}

#[test]
fn a_reduction_without_a_bitrate_was_computed_from_one_that_was_made_up() {
    let record = with(
        &json!({}),
        &json!({ "reduction_percent": -50.0, "target_achieved": false, "hevc_baseline_mbps": 10.0 }),
    );
    assert!(record.claims.is_empty(), "{:?}", record.claims);
    let record = with(&json!({ "bitrate_mbps": 15.0 }), &json!({ "reduction_percent": -50.0 }));
    assert_eq!(record.claims.reduction_percent, Some(-50.0), "a negative one is legal");
}

#[test]
fn quality_cannot_be_verified_where_there_is_none() {
    let record = with(&json!({ "bitrate_mbps": 7.0, "psnr_db": 0.0, "quality_verified": true }), &json!({}));
    assert_eq!((record.claims.psnr_db, record.claims.quality_verified), (None, None));
    assert!(record.notes.iter().any(|note| note.contains("verified")), "{:?}", record.notes);
    // The item's own flag goes before the one that was always set.
    let element = json!({
        "experiment_type": "real_procedural_generation",
        "real_metrics": { "psnr_db": 25.0, "quality_verified": true },
    });
    let item = json!({ "experiment_id": "proc_exp_1", "timestamp": 1, "quality_verified": false, "experiments": [element] });
    assert_eq!(super::record(&item).claims.quality_verified, Some(false));
}

#[test]
fn what_a_figure_cannot_be_is_dropped_by_name() {
    let record = with(
        &json!({ "bitrate_mbps": -1.0, "psnr_db": 1e6, "ssim": "excellent", "compressed_size_bytes": -7 }),
        &json!({}),
    );
    assert!(record.claims.is_empty());
    assert_eq!(record.notes[0], "bitrate_mbps is -1, which is not within 0 to 1000000: dropped");
    assert!(record.notes.contains(&"ssim is not a number: dropped".to_owned()), "{:?}", record.notes);
}

#[test]
fn figures_of_two_runs_are_not_mixed() {
    let record = record(&json!({
        "experiment_id": "gpu_exp_1", "timestamp": 1, "metrics": { "psnr_db": 44.0 },
        "experiments": [
            { "experiment_type": "llm_generated_code", "evolution": { "metrics": { "ssim": 0.99 } } },
            { "experiment_type": "gpu_neural_codec", "metrics": { "bitrate_mbps": 3.0 }, "target_achieved": false },
        ],
    }));
    let expected =
        LegacyClaims { bitrate_mbps: Some(3.0), target_achieved: Some(false), ..LegacyClaims::default() };
    assert_eq!(record.claims, expected);
}
