//! Canaries in a worker's report: what the API must refuse, and what a model's candidate is held against.

use super::work::{Change, altered, refused};
use crate::open;
use crate::support::{Bundle, SOURCE, Site, WORKER, record, submission, worker};
use aiv1_experiment_api::BAR_MARGIN;
use aiv1_model::api::{Claim, ClaimRequest};
use aiv1_model::{
    Arm, CANARIES, Canary, CaughtBy, Decibels, Digest, Experiment, Findings, Metric, Origin, Status,
};
use aiv1_store::{NewExperiment, ObjectKind};

#[tokio::test]
async fn every_canary_in_a_report_is_refused_by_the_field_that_lies() {
    for canary in CANARIES.iter().filter(|canary| canary.caught_by == CaughtBy::Report) {
        let changed = |change: Change| refused(move |record| altered(record, change), None);
        let (said, answer) = match canary.name {
            "nan_rate" => {
                ("record.json is no record", refused(|record| with_rate(record, "NaN"), None).await)
            }
            "infinite_rate" => {
                ("record.json is no record", refused(|record| with_rate(record, "1e999"), None).await)
            }
            "forged_metrics" => (
                "record.points[1].quality.psnr_y",
                changed(|it| it.points[1].quality.psnr_y = Decibels::Finite(60.0)).await,
            ),
            "forged_hashes" => (
                "the record names \"streams/",
                changed(|it| it.points[1].stream.sha256 = Digest::of(b"another stream")).await,
            ),
            other => panic!("no report with the canary {other}"),
        };
        assert_eq!(canary.expected, Canary::REPORT_REFUSED);
        assert!(answer.contains(said), "{}: {answer}", canary.name);
    }
}

/// A record whose text has something else for the rate of a point.
fn with_rate(record: aiv1_model::Record, rate: &str) -> Bundle {
    let mut files = Bundle::of(record.clone()).files;
    files.retain(|(path, _)| path != "manifest.json");
    let text = files.iter_mut().find(|(path, _)| path == "record.json").map(|(_, bytes)| bytes).unwrap();
    let honest = format!("\"bitrate\":{}", serde_json::to_string(&record.points[1].bitrate).unwrap());
    let forged =
        String::from_utf8(text.clone()).unwrap().replacen(&honest, &format!("\"bitrate\":{rate}"), 1);
    assert_ne!(forged.as_bytes(), text.as_slice());
    *text = forged.into_bytes();
    Bundle::sealed(record, files)
}

/// Queues the `n`th question as a proposal of `arm`.
async fn queue(site: &Site, n: i32, arm: Arm, parent: Option<&Experiment>) {
    site.put(ObjectKind::Source, SOURCE.as_bytes()).await;
    let mut origin = Origin::new(arm, "");
    origin.parent = parent.map(|parent| parent.id.clone());
    let new = NewExperiment { submission: submission(n), origin, idempotency_key: None };
    site.services.catalog.submit(&new).await.unwrap();
}

/// Queues the `n`th question as a proposal of `arm`, and claims it as a worker does.
async fn claimed(site: &Site, n: i32, arm: Arm, parent: Option<&Experiment>) -> Claim {
    queue(site, n, arm, parent).await;
    let answer =
        site.post("/api/work/claim", WORKER, &ClaimRequest { worker: worker(), wait_seconds: 0 }).await;
    let claim: Claim = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(claim.id, submission(n).id());
    // The worker has its hands free again.
    site.services.catalog.act(&claim.id, "tests", &aiv1_model::Action::Cancelled).await.unwrap();
    claim
}

#[tokio::test]
async fn a_model_s_candidate_is_held_against_champion_and_parent_and_no_other_is() {
    let site = open().await;
    let alone = claimed(&site, 1, Arm::Llm, None).await;
    assert_eq!((alone.bar, alone.duplicate_of.len()), (None, 0), "there is nothing yet to be held against");
    let (champion, bundle) = site.publish(&submission(2), Status::Successful).await;
    let (failed, _) = site.publish(&submission(3), Status::Failed).await;

    let candidate = claimed(&site, 4, Arm::Llm, Some(&failed)).await;
    let stated = bundle.record.comparisons[0].bd_rate.pchip.unwrap();
    let bar = candidate.bar.unwrap();
    assert_eq!((bar.anchor.as_str(), bar.bd_rate_at_most), ("x265-medium", stated + BAR_MARGIN));
    let known = candidate.duplicate_of;
    assert_eq!(known.len(), 1, "what failed has nothing to be the same as");
    assert_eq!((&known[0].experiment, known[0].streams.len()), (&champion.id, 4));
    assert_eq!(known[0].streams[0], bundle.record.points[0].stream.sha256);

    let searched = claimed(&site, 5, Arm::Search, Some(&champion)).await;
    assert_eq!((searched.bar, searched.duplicate_of.len()), (None, 0));
}

#[tokio::test]
async fn what_a_model_wrote_before_is_not_measured_again_though_it_was_neither_best_nor_parent() {
    let site = open().await;
    let (champion, _) = site.publish(&submission(1), Status::Successful).await;
    queue(&site, 2, Arm::Llm, Some(&champion)).await;
    let (sibling, _) = site.work(Status::Successful).await;
    queue(&site, 3, Arm::Llm, Some(&champion)).await;
    let (retracted, _) = site.work(Status::Successful).await;
    let taken_back = aiv1_model::Action::Retracted { reason: "for the test".to_owned() };
    site.services.catalog.act(&retracted.id, "tests", &taken_back).await.unwrap();
    let candidate = claimed(&site, 4, Arm::Llm, Some(&champion)).await;
    let known: Vec<_> = candidate.duplicate_of.iter().map(|known| &known.experiment).collect();
    assert_eq!(known, [&champion.id, &sibling.id]);
}

#[test]
fn a_headline_is_the_least_favourable_of_luma_and_chroma_and_none_while_either_is_refused() {
    let mut record = record(&submission(1), Status::Successful);
    let honest = Findings::of(&record).headline.unwrap();
    let at = record.set.iter().position(|set| set.metric == Metric::PsnrYuv).unwrap();
    record.set[at].bd_rate.as_mut().unwrap().mean = honest.bd_rate + 80.0;
    let worse = Findings::of(&record).headline.unwrap();
    assert_eq!((worse.metric, worse.bd_rate), (Metric::PsnrYuv, honest.bd_rate + 80.0));
    (record.set[at].bd_rate, record.set[at].refused) = (None, 1);
    assert_eq!(Findings::of(&record).headline, None);
    record.set.remove(at);
    assert_eq!(
        Findings::of(&record).headline.unwrap().metric,
        Metric::PsnrY,
        "what was not compared is not missed"
    );
}
