//! What each fixture reads as, whole.

use super::{record, said};
use serde_json::{Value, json};

macro_rules! fixture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("items/", $name, ".json"))).unwrap()
    };
}

#[test]
fn a_result_file_of_the_first_generation_has_a_bitrate_and_no_quality() {
    let expected = json!({
        "id": "real_exp_1760577415", "recorded_at": "2025-10-16T01:16:55.525533Z", "generation": "g0",
        "status": "successful", "status_word": "completed", "reader": 1,
        "claims": {
            "bitrate_mbps": 15.038_184, "reduction_percent": -50.381_839_999_999_99, "baseline_mbps": 10.0,
            "compressed_bytes": 18_797_730, "target_achieved": false,
        },
    });
    assert_eq!(said(&record(&fixture!("g0-real_experiment_1760577552"))), expected);
    assert_eq!(said(&record(&fixture!("table-item-g0-real_exp_1760577415"))), expected);
}

#[test]
fn a_run_without_its_library_failed_and_claims_nothing() {
    for (item, id, at) in [
        (fixture!("g0-real_experiment_1760574743"), "real_exp_1760574743", "2025-10-16T00:32:23.859547Z"),
        (fixture!("g0-real_experiment_1760581427"), "real_exp_1760581427", "2025-10-16T02:23:47.251563Z"),
    ] {
        let expected = json!({
            "id": id, "recorded_at": at, "generation": "g0", "status": "failed", "status_word": "failed",
            "failure": "No module named 'torch'", "reader": 1,
        });
        assert_eq!(said(&record(&item)), expected);
    }
}

#[test]
fn a_log_s_analysis_has_a_hypothesis_and_the_time_of_its_id() {
    let expected = json!({
        "id": "proc_exp_1760700623", "recorded_at": "2025-10-17T11:30:23Z", "generation": "g1",
        "status": "other", "reader": 1,
        "hypothesis": "To achieve 90% compression, we must shift from 'procedural generation' to 'neural-assisted delta com...",
        "notes": ["it says no time that can be read: the one in its id is taken"],
    });
    assert_eq!(said(&record(&fixture!("g1-log-analysis"))), expected);
}

#[test]
fn a_post_mortem_s_zeros_are_no_figures() {
    let expected = json!({
        "id": "proc_exp_1760684130", "recorded_at": "2025-10-17T06:55:30Z", "generation": "g1",
        "status": "failed", "status_word": "timed_out", "phase": "execution", "reader": 1,
        "failure": "Experiment abandoned: Stuck in execution phase (>900s = 15 min)",
        "notes": [
            "a reduction of 0 % without a bitrate it could follow from: dropped",
            "written as 0, which stood for not measured: bitrate",
        ],
    });
    assert_eq!(said(&record(&fixture!("g1-postmortem-proc_exp_1760684130"))), expected);
}

#[test]
fn what_was_still_running_never_ended() {
    let expected = json!({
        "id": "proc_exp_1760700805", "recorded_at": "2025-10-17T11:33:25Z", "generation": "g1",
        "status": "stale", "status_word": "running", "phase": "execution", "reader": 1,
    });
    assert_eq!(said(&record(&fixture!("g1-postmortem-proc_exp_1760700805"))), expected);
    let expected = json!({
        "id": "exp_iter5_1760806800", "recorded_at": "2025-10-18T17:00:00Z", "generation": "g3", "iteration": 5,
        "status": "stale", "status_word": "in_progress", "phase": "Worker Processing", "reader": 1,
    });
    assert_eq!(said(&record(&fixture!("table-item-g3-3-in_progress"))), expected);
}

#[test]
fn experiments_that_are_json_in_a_text_are_read_and_links_become_keys() {
    let expected = json!({
        "id": "proc_exp_1760710000", "recorded_at": "2025-10-17T14:06:40Z", "generation": "g1",
        "status": "successful", "status_word": "completed", "phase": "complete", "reader": 1,
        "claims": {
            "bitrate_mbps": 0.73, "psnr_db": 19.84, "ssim": 0.68, "reduction_percent": 92.7,
            "baseline_mbps": 10.0, "target_achieved": true, "quality_verified": true,
        },
        "artefacts": [
            { "kind": "video", "key": "reconstructed/proc_exp_1760710000.mp4" },
            { "kind": "decoder", "key": "decoders/proc_exp_1760710000_decoder.py" },
        ],
    });
    assert_eq!(said(&record(&fixture!("table-item-g1-proc_exp_1760710000-text-experiments"))), expected);
}

#[test]
fn a_row_that_the_clean_up_replaced_failed_in_the_phase_it_was_stuck_in() {
    let expected = json!({
        "id": "proc_exp_1760684130", "recorded_at": "2025-10-17T06:55:30Z", "generation": "g1",
        "status": "failed", "status_word": "timed_out", "phase": "validation", "reader": 1,
        "failure": "Stuck in validation phase (>3600s = 60 min) with no progress",
    });
    assert_eq!(said(&record(&fixture!("table-item-g1-timed-out"))), expected);
}

#[test]
fn a_percentage_saved_becomes_a_ratio_and_the_invented_quality_goes() {
    let expected = json!({
        "id": "simple_cpu_1760758391", "recorded_at": "2025-10-18T03:33:11Z", "generation": "g2b",
        "status": "successful", "status_word": "completed", "reader": 1,
        "claims": {
            "bitrate_mbps": 0.137 * 1.048_576, "original_bytes": 921_600, "compressed_bytes": 179_526,
            "compression": { "ratio": 5.133_470_225_872_688_5, "written": 80.52, "unit": "percent_saved" },
        },
        "notes": [
            "PSNR of exactly 30 dB and SSIM of exactly 0.85 were written where nothing was measured: dropped",
        ],
    });
    assert_eq!(said(&record(&fixture!("table-item-g2b-simple_cpu-text-result"))), expected);
    let by_size = 921_600.0 / 179_526.0;
    assert!((by_size - 5.1335_f64).abs() < 0.001, "its own sizes say the same: {by_size}");
}

#[test]
fn the_third_version_s_rows_are_read_and_a_failed_one_measured_nothing() {
    let expected = json!({
        "id": "exp_iter3_1760806591", "recorded_at": "2025-10-18T16:56:31Z", "generation": "g3", "iteration": 3,
        "status": "successful", "status_word": "success", "reader": 1,
        "reasoning": "Block DCT with quantisation ...",
        "claims": {
            "bitrate_mbps": 554.9, "psnr_db": 22.5, "ssim": 0.753, "compressed_bytes": 693_625_000,
            "compression": { "ratio": 1.02, "written": 1.02, "unit": "times" },
        },
        "artefacts": [
            { "kind": "video", "key": "videos/exp_iter3_1760806591/reconstructed.mp4" },
            { "kind": "decoder", "key": "decoders/exp_iter3_1760806591/decoder.py" },
        ],
        "notes": ["written as 0, which stood for not measured: original size"],
    });
    assert_eq!(said(&record(&fixture!("table-item-g3-1-success"))), expected);
    let expected = json!({
        "id": "exp_iter4_1760806700", "recorded_at": "2025-10-18T16:58:20Z", "generation": "g3", "iteration": 4,
        "status": "failed", "status_word": "failed", "failure": "Worker timeout", "reader": 1,
        "notes": [
            "written as 0, which stood for not measured: bitrate, PSNR, SSIM, compression ratio, original size, compressed size",
        ],
    });
    assert_eq!(said(&record(&fixture!("table-item-g3-2-failed"))), expected);
}
