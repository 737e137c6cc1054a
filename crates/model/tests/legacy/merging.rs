//! Several items of one id, and the objects of its bucket, become one record.

use super::record;
use aiv1_model::LegacyExperiment;
use aiv1_model::legacy::{ArtefactKind, LegacyArtefact, LegacyObject, LegacyStatus};
use proptest::prelude::*;
use serde_json::json;

#[test]
fn a_run_that_ended_goes_before_its_beginning_and_takes_its_texts() {
    let begun = record(&json!({
        "experiment_id": "exp_iter3_1760806591", "timestamp": 1_760_806_999, "status": "in_progress",
        "iteration": 3, "hypothesis": "A DCT may do.", "video_url": "https://b.s3.amazonaws.com/videos/x/reconstructed.mp4?X=1",
    }));
    let ended = record(&json!({
        "experiment_id": "exp_iter3_1760806591", "timestamp": 1_760_806_591, "status": "success",
        "metrics": { "psnr_db": 22.5 },
    }));
    for merged in [begun.clone().merge(ended.clone()), ended.clone().merge(begun.clone())] {
        assert_eq!((merged.status, merged.recorded_at), (LegacyStatus::Successful, ended.recorded_at));
        assert_eq!(merged.claims, ended.claims);
        assert_eq!((merged.iteration, merged.hypothesis.as_deref()), (Some(3), Some("A DCT may do.")));
        assert_eq!(merged.artefacts.len(), 1);
        for part in [&begun, &ended] {
            assert_eq!(merged.clone().merge(part.clone()), merged, "again changes nothing");
            assert_eq!(part.clone().merge(merged.clone()), merged);
        }
    }
}

fn any_record() -> impl Strategy<Value = LegacyExperiment> {
    let text = || proptest::option::of("[ab]");
    let status = prop::sample::select(vec!["success", "failed", "running", "strange"]);
    let metrics = prop::sample::select(vec![
        json!({}),
        json!({ "psnr_db": 20 }),
        json!({ "psnr_db": 21 }),
        json!({ "psnr_db": 21, "ssim": 0.5, "bitrate_mbps": 0 }),
    ]);
    let keys = prop::collection::vec("[a-e]", 0..3);
    (status, (1..4_u32, 1..3_u32), metrics, (text(), text(), text()), keys).prop_map(
        |(status, (time, reader), metrics, texts, keys)| {
            let mut one = record(&json!({
                "experiment_id": "exp_iter1_1", "timestamp": time, "status": status, "metrics": metrics,
                "phase": texts.0, "hypothesis": texts.1, "error": texts.2,
            }));
            one.reader = reader;
            let artefact = |key| LegacyArtefact { kind: ArtefactKind::Video, key, bytes: None };
            one.with_artefacts(keys.into_iter().map(artefact))
        },
    )
}

proptest! {
    #[test]
    fn neither_order_nor_grouping_nor_repetition_changes_what_comes_out(a in any_record(), b in any_record(), c in any_record()) {
        let both = a.clone().merge(b.clone());
        prop_assert_eq!(&both, &b.clone().merge(a.clone()));
        prop_assert_eq!(&a, &a.clone().merge(a.clone()));
        prop_assert_eq!(&both, &both.clone().merge(b.clone()));
        prop_assert_eq!(both.merge(c.clone()), a.merge(b.merge(c)));
    }

    #[test]
    fn importing_the_same_items_again_changes_nothing(items in prop::collection::vec(any_record(), 1..6)) {
        let merged = items.iter().cloned().reduce(LegacyExperiment::merge).unwrap();
        let again = items.into_iter().fold(merged.clone(), LegacyExperiment::merge);
        prop_assert_eq!(again, merged);
    }
}

#[test]
fn two_items_of_equal_weight_make_the_same_record_whichever_comes_first() {
    let row = read(include_str!("items/table-item-g1-timed-out.json"));
    let post_mortem = read(include_str!("items/g1-postmortem-proc_exp_1760684130.json"));
    let merged = row.clone().merge(post_mortem.clone());
    assert_eq!(merged, post_mortem.clone().merge(row.clone()));
    // Phase and reason are of one item; what was left out of either is told.
    assert_eq!((&merged.phase, &merged.failure), (&row.phase, &row.failure));
    assert_eq!(merged.notes, post_mortem.notes);
}

fn read(text: &str) -> LegacyExperiment {
    record(&serde_json::from_str(text).unwrap())
}

#[test]
fn what_a_newer_reader_drops_does_not_come_back_from_what_an_older_one_read() {
    let artefact = LegacyArtefact { kind: ArtefactKind::Video, key: "videos/x".to_owned(), bytes: Some(1) };
    let older = record(&json!({
        "experiment_id": "exp_iter1_1", "timestamp": 1, "hypothesis": "It may do.", "metrics": { "psnr_db": 31 },
    }));
    let older = older.with_artefacts([artefact.clone()]);
    let mut newer = record(&json!({ "experiment_id": "exp_iter1_1", "timestamp": 1 }));
    newer.reader += 1;
    let expected = newer.clone().with_artefacts([artefact]);
    assert_eq!(older.clone().merge(newer.clone()), expected);
    assert_eq!(newer.merge(older), expected);
}

#[test]
fn a_key_says_whose_object_it_is() {
    let of = |key: &str| {
        let object = LegacyObject::of(key, Some(7))?;
        assert_eq!((object.artefact.key.as_str(), object.artefact.bytes), (key, Some(7)));
        Some((object.artefact.kind, object.ids.iter().map(ToString::to_string).collect::<Vec<_>>()))
    };
    let one = |kind, id: &str| Some((kind, vec![id.to_owned()]));
    let two = |kind, id: &str, other: &str| Some((kind, vec![id.to_owned(), other.to_owned()]));
    assert_eq!(
        of("videos/exp_iter3_1760806591/reconstructed.mp4"),
        two(ArtefactKind::Video, "exp_iter3_1760806591", "exp_iter3")
    );
    assert_eq!(of("encoders/run/encoder.py"), one(ArtefactKind::Encoder, "run"));
    assert_eq!(
        of("decoders/proc_exp_1760710000_decoder.py"),
        two(ArtefactKind::Decoder, "proc_exp_1760710000", "proc_exp")
    );
    assert_eq!(
        of("reconstructed/exp_1760758391_1760758400.mp4"),
        two(ArtefactKind::Video, "exp_1760758391_1760758400", "exp_1760758391")
    );
    for none in [
        "reference/source.mp4",
        "deploy/v3.tar.gz",
        "reconstructed/",
        "reconstructed/a b.mp4",
        "videos//reconstructed.mp4",
        "reconstructed/x.avi",
        "",
        "results/real_experiment_1760577552.json",
    ] {
        assert_eq!(of(none), None, "{none}");
    }
}

#[test]
fn links_of_every_form_become_keys_and_a_listing_adds_the_size() {
    let key = |url: &str| {
        let item = json!({ "experiment_id": "x", "timestamp": 1, "decoder_s3_key": url });
        record(&item).artefacts.first().map(|artefact| artefact.key.clone())
    };
    for url in [
        "decoders/x/decoder.py",
        "/decoders/x/decoder.py",
        "https://bucket.s3.eu-west-1.amazonaws.com/decoders/x/decoder.py?X-Amz-Signature=abc&X-Amz-Expires=604800",
        "https://s3.eu-west-1.amazonaws.com/bucket/decoders/x/decoder.py?X-Amz-Signature=abc",
        "https://s3-eu-west-1.amazonaws.com/bucket/decoders/x/decoder.py",
        "s3://bucket/decoders/x/decoder.py",
    ] {
        assert_eq!(key(url).as_deref(), Some("decoders/x/decoder.py"), "{url}");
    }
    for none in [
        "",
        "https://bucket.s3.amazonaws.com",
        "https://bucket.s3.amazonaws.com/?X-Amz-Signature=abc",
        "a\u{1b}[2J",
    ] {
        assert_eq!(key(none), None, "{none:?}");
    }
    let listed = LegacyObject::of("decoders/x/decoder.py", Some(7)).unwrap().artefact;
    let known =
        record(&json!({ "experiment_id": "x", "timestamp": 1, "decoder_s3_key": "decoders/x/decoder.py" }));
    let with = known.with_artefacts([listed.clone()]);
    assert_eq!(with.artefacts, [listed]);
}
