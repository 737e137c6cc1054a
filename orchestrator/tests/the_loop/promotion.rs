//! Champions, measured on clips that no designer sees.

use super::*;
use aiv1_model::Prediction;
use aiv1_orchestrator::LOOK_STEP;

/// What is seen on the held-out clip is worse by this much.
const GAP: f64 = 3.0;

fn of_arm(experiments: &[Experiment], arm: Arm) -> Vec<&Experiment> {
    experiments.iter().filter(|experiment| experiment.origin.arm == arm).collect()
}

fn headline(experiment: &Experiment) -> f64 {
    experiment.findings.as_ref().unwrap().headline.as_ref().unwrap().bd_rate
}

async fn lab_with_held_out_clip(folder: &Path) -> Lab {
    let mut lab = Lab::with_clip(folder).await;
    // The other anchor is weaker, so that the headline is the figure that is searched for.
    lab.other = |bd_rate| bd_rate - 5.0;
    lab.catalog().put_clip(&clip(b"unseen", ClipEntry::HELD_OUT)).await.unwrap();
    lab
}

#[tokio::test]
async fn each_new_champion_is_measured_once_on_the_held_out_clips_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let lab = lab_with_held_out_clip(folder.path()).await;
    let mut orchestrator = lab.orchestrator(&[bowl_codec()], config(3));
    lab.run(&mut orchestrator, &bowl, 40).await;
    let experiments = lab.experiments().await;
    let looks = of_arm(&experiments, Arm::HeldOut);
    assert!(looks.len() >= 2, "a search of {} finds more than one champion", experiments.len());
    let mut before = f64::INFINITY;
    for look in &looks {
        let parent = look.origin.parent.as_ref().unwrap();
        let champion = experiments.iter().find(|experiment| experiment.id == *parent).unwrap();
        let asked = &look.submission;
        assert_eq!(
            (asked.source, &asked.parameters),
            (champion.submission.source, &champion.submission.parameters)
        );
        assert_eq!(
            (&asked.settings, &asked.clips),
            (&champion.submission.settings, &vec![Digest::of(b"unseen")])
        );
        assert!(headline(champion) <= before - LOOK_STEP, "{} after {before}", headline(champion));
        before = headline(champion);
        // At that moment nothing that had been measured was better.
        let earlier =
            experiments.iter().filter(|one| one.number < look.number && one.origin.arm != Arm::HeldOut);
        let measured =
            earlier.filter(|one| one.findings.is_some()).map(headline).fold(f64::INFINITY, f64::min);
        assert!(headline(champion) <= measured);
    }
    let asked = |experiment: &&Experiment| experiment.submission.clips == [Digest::of(b"unseen")];
    assert_eq!(experiments.iter().filter(asked).count(), looks.len(), "nobody else asks about that clip");
    assert_eq!(
        lab.catalog().loop_state().await.unwrap().iterations,
        experiments.len() as u64 - looks.len() as u64
    );
}

#[tokio::test]
async fn what_is_seen_on_held_out_clips_changes_nothing_that_is_proposed() {
    let mut proposals = Vec::new();
    for gap in [0.0, GAP, 1000.0] {
        let folder = tempfile::tempdir().unwrap();
        let lab = lab_with_held_out_clip(folder.path()).await;
        let mut orchestrator = lab.orchestrator(&[bowl_codec()], config(5));
        let mut made = 0;
        while made < 30 {
            match orchestrator.step().await.unwrap() {
                Step::Submitted(_) => made += 1,
                Step::Enough => {
                    let claimed = lab.claim().await.unwrap();
                    let seen = claimed.experiment.origin.arm == Arm::HeldOut;
                    let worse = move |parameters: &Parameters| {
                        bowl(parameters).map(|value| if seen { value + gap } else { value })
                    };
                    let ended = published(&claimed.experiment, &worse, lab.other);
                    lab.catalog().end(&claimed.experiment.id, &claimed.holder, &ended).await.unwrap();
                }
                step => panic!("{step:?}"),
            }
        }
        let experiments = lab.experiments().await;
        assert!(!of_arm(&experiments, Arm::HeldOut).is_empty());
        let asked = experiments.into_iter().map(|one| (one.submission, one.origin));
        proposals.push(asked.collect::<Vec<_>>());
    }
    assert!(proposals[0] == proposals[1] && proposals[0] == proposals[2]);
}

#[tokio::test]
async fn held_out_results_are_among_no_best_and_no_milestones() {
    let folder = tempfile::tempdir().unwrap();
    let lab = lab_with_held_out_clip(folder.path()).await;
    let mut orchestrator = lab.orchestrator(&[bowl_codec()], config(3));
    let flattering = |parameters: &Parameters| bowl(parameters).map(|value| value - 50.0);
    lab.run(&mut orchestrator, &flattering, 12).await;
    let experiments = lab.experiments().await;
    let looks: BTreeSet<_> = of_arm(&experiments, Arm::HeldOut).iter().map(|look| look.id.clone()).collect();
    assert!(!looks.is_empty());
    let best = Query { order: aiv1_store::Order::Best, limit: 200, ..Query::default() };
    let best = lab.catalog().list(&best).await.unwrap().experiments;
    assert!(!best.is_empty() && best.iter().all(|summary| !looks.contains(&summary.id)));
    let milestones = lab.catalog().milestones().await.unwrap();
    assert!(!milestones.is_empty() && milestones.iter().all(|one| !looks.contains(&one.experiment)));
}

#[tokio::test]
async fn without_held_out_clips_there_is_no_look() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let mut orchestrator = lab.orchestrator(&[bowl_codec()], config(3));
    lab.run(&mut orchestrator, &bowl, 12).await;
    assert!(of_arm(&lab.experiments().await, Arm::HeldOut).is_empty());
}

#[tokio::test]
async fn the_search_says_beforehand_what_it_expects_and_is_not_far_off_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let mut orchestrator = lab.orchestrator(&[bowl_codec()], config(7));
    lab.run(&mut orchestrator, &bowl, 60).await;
    while lab.catalog().counts().await.unwrap().queued > 0 {
        lab.work(&bowl).await;
    }
    let experiments = lab.experiments().await;
    let searched = of_arm(&experiments, Arm::Search);
    let errors = searched.iter().filter_map(|one| {
        let Prediction { anchor, bd_rate, .. } = one.origin.prediction.as_ref()?;
        let saving = one.findings.as_ref()?.against(anchor)?;
        Some((bd_rate - saving.bd_rate).abs())
    });
    let mut errors: Vec<f64> = errors.collect();
    assert!(errors.len() * 2 > searched.len(), "{} of {} said something", errors.len(), searched.len());
    errors.sort_by(f64::total_cmp);
    assert!(errors[errors.len() / 2] < 5.0, "{errors:.1?}");
    assert!(of_arm(&experiments, Arm::Random).iter().all(|one| one.origin.prediction.is_none()));
}
