//! The loop over a real catalog: a worker that answers from a formula stands where codecs would be measured.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use aiv1_model::api::{ClipEntry, WorkerInfo};
use aiv1_model::{
    Action, Arm, BundleRef, ClipClass, ClipInfo, CodecInfo, ColorInfo, Declaration, Digest, Experiment,
    Failure, Fault, FrameRate, JournalEntry, Limits, Machine, Metric, ModuleInfo, Note, Origin,
    ParameterValue, Parameters, Phase, QualityTools, RECORD_VERSION, Record, SetComparison, Settings,
    SourceFile, Spread, Status, VideoFormat,
};
use aiv1_orchestrator::{
    Budget, Config, History, MAX_HISTORY, Orchestrator, Outcome, Question, Space, StartingCodec, Step,
    Stopped,
};
use aiv1_store::{
    BlobKey, Blobs, Catalog, ClaimedWork, Clock, Ended, Entry, ManualClock, NewExperiment, ObjectKind, Query,
};
use aiv1_store_embedded::EmbeddedStore;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

mod designs;
mod promotion;

const ANCHOR: &str = "x265-medium";

/// What a formula says of a configuration: a BD-rate against [`ANCHOR`], or nothing, and then the codec failed.
type Formula = dyn Fn(&Parameters) -> Option<f64> + Sync;

struct Lab {
    store: EmbeddedStore,
    clock: Arc<ManualClock>,
    /// What the figures against the other anchor are, by those against [`ANCHOR`].
    other: fn(f64) -> f64,
}

/// The strongest anchor is the other one, and its figures say something else: they must not be taken.
fn misleading(bd_rate: f64) -> f64 {
    50.0 - bd_rate.abs() / 100.0
}

impl Lab {
    fn open(folder: &Path) -> Self {
        // A Saturday, at noon.
        Self::open_at(folder, Arc::new(ManualClock::at("2026-11-21T12:00:00Z".parse().unwrap())))
    }

    fn open_at(folder: &Path, clock: Arc<ManualClock>) -> Self {
        let store = EmbeddedStore::open(folder, Arc::clone(&clock) as Arc<dyn Clock>).unwrap();
        Self { store, clock, other: misleading }
    }

    async fn with_clip(folder: &Path) -> Self {
        let lab = Self::open(folder);
        lab.catalog().put_clip(&clip(b"clip", "open")).await.unwrap();
        lab
    }

    fn catalog(&self) -> Arc<dyn Catalog> {
        self.store.catalog()
    }

    fn blobs(&self) -> Arc<dyn Blobs> {
        self.store.blobs("http://127.0.0.1")
    }

    fn orchestrator(&self, codecs: &[StartingCodec], config: Config) -> Orchestrator {
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        Orchestrator::new(self.catalog(), self.blobs(), clock, codecs.to_vec(), config).unwrap()
    }

    async fn claim(&self) -> Option<ClaimedWork> {
        self.clock.advance(SignedDuration::from_secs(1));
        let worker =
            WorkerInfo { name: "formula".to_owned(), version: "1".to_owned(), machine: None, threads: 1 };
        self.catalog().claim(&worker).await.unwrap()
    }

    /// Runs the experiment that has waited longest.
    async fn work(&self, formula: &Formula) {
        let claimed = self.claim().await.unwrap();
        let ended = published(&claimed.experiment, formula, self.other);
        self.catalog().end(&claimed.experiment.id, &claimed.holder, &ended).await.unwrap();
    }

    /// Steps until there is nothing more to do, working off the queue in between; at most `experiments` of them.
    async fn run(&self, orchestrator: &mut Orchestrator, formula: &Formula, experiments: usize) -> Step {
        let mut made = 0;
        loop {
            match orchestrator.step().await.unwrap() {
                Step::Submitted(_) => {
                    made += 1;
                    if made == experiments {
                        return Step::Enough;
                    }
                }
                Step::Enough => self.work(formula).await,
                step => return step,
            }
        }
    }

    /// All experiments, in order.
    async fn experiments(&self) -> Vec<Experiment> {
        let mut all = Vec::new();
        let mut query = Query { order: aiv1_store::Order::Oldest, limit: 200, ..Query::default() };
        loop {
            let page = self.catalog().list(&query).await.unwrap();
            for summary in &page.experiments {
                all.push(self.catalog().experiment(&summary.id).await.unwrap().unwrap());
            }
            query.cursor = page.next;
            if query.cursor.is_none() {
                return all;
            }
        }
    }

    async fn best(&self, anchor: &str) -> f64 {
        let experiments = self.experiments().await;
        let found = experiments.iter().filter_map(|experiment| experiment.findings.as_ref()?.against(anchor));
        found.map(|saving| saving.bd_rate).fold(f64::INFINITY, f64::min)
    }
}

fn clip(content: &[u8], set: &str) -> ClipEntry {
    let id = Digest::of(content);
    let format = VideoFormat {
        width: 64,
        height: 64,
        frame_rate: FrameRate { numerator: 30, denominator: 1 },
        color: ColorInfo::UNSPECIFIED,
    };
    let source = SourceFile { name: "clip.y4m".to_owned(), sha256: id, bytes: 1, bundled: None };
    let (name, class, conversions) = ("clip".to_owned(), ClipClass::Pristine, Vec::new());
    let info = ClipInfo { id, name, format, frames: 32, frame_limit: None, class, source, conversions };
    ClipEntry { info, set: set.to_owned() }
}

fn published(experiment: &Experiment, formula: &Formula, other: fn(f64) -> f64) -> Ended {
    let submission = &experiment.submission;
    let objective = formula(&submission.parameters);
    let now = Timestamp::UNIX_EPOCH;
    let spread = |mean| Spread { mean, median: mean, min: mean, max: mean, clips: 1 };
    let savings = objective.map(|mean| [(ANCHOR, mean), ("svt-av1-8", other(mean))]);
    let compared = |(anchor, mean): (&str, f64)| {
        [Metric::PsnrY, Metric::PsnrYuv].map(|metric| SetComparison {
            anchor: anchor.to_owned(),
            metric,
            bd_rate: Some(spread(mean)),
            refused: 0,
        })
    };
    let failure = objective.is_none().then(|| Failure {
        fault: Fault::Candidate,
        phase: Phase::Execution,
        kind: "trap".to_owned(),
        message: "<b>it trapped</b>".to_owned(),
        clip: None,
        quality_index: None,
        evidence: Vec::new(),
    });
    let record = Record {
        version: RECORD_VERSION,
        id: experiment.id.clone(),
        status: if objective.is_some() { Status::Successful } else { Status::Failed },
        started_at: now,
        ended_at: Some(now),
        codec: CodecInfo {
            name: submission.codec.clone(),
            source_sha256: submission.source,
            source_bytes: 1,
            kit_sha256: submission.source,
            toolchain: None,
            toolchain_sha256: None,
            encoder: Some(module(b"encoder")),
            decoder: Some(module(b"decoder")),
            declaration: None,
        },
        asked: submission.parameters.clone(),
        parameters: submission.parameters.clone(),
        settings: submission.settings.clone(),
        clips: Vec::new(),
        phases: Vec::new(),
        points: Vec::new(),
        anchors: Vec::new(),
        comparisons: Vec::new(),
        set: savings.into_iter().flatten().flat_map(compared).collect(),
        tools: QualityTools { psnr: "p".to_owned(), ssim: "s".to_owned(), vmaf: None },
        machine: Machine { cpu: None, threads: 1, lab: "1".to_owned(), ffmpeg: None },
        failure,
    };
    let bundle = Digest::of(experiment.id.as_str().as_bytes());
    let bundle = BundleRef { manifest: bundle, record: bundle, bytes: 1 };
    Ended::Published { record: Box::new(record), bundle }
}

fn module(content: &[u8]) -> ModuleInfo {
    ModuleInfo { sha256: Digest::of(content), bytes: 7, gzip_bytes: 7 }
}

fn settings() -> Settings {
    Settings {
        gop_frames: 32,
        quality_indices: vec![16, 24, 32, 40],
        anchors: vec!["svt-av1-8".to_owned(), ANCHOR.to_owned()],
        limits: Limits::default(),
    }
}

fn config(seed: u64) -> Config {
    Config { seed, ..Config::new(settings()) }
}

fn codec(name: &str, parameters: &serde_json::Value) -> StartingCodec {
    let declaration = serde_json::json!({"abi": 1, "about": "a test", "parameters": parameters});
    let declaration: Declaration = serde_json::from_value(declaration).unwrap();
    StartingCodec { name: name.to_owned(), source: format!("// the source of {name}"), declaration }
}

/// Numbers of every kind, a flag and a choice.
fn bowl_codec() -> StartingCodec {
    let float = |name: &str, min: f64, max: f64, default: f64| serde_json::json!({"name": name, "help": "h", "type": "float", "min": min, "max": max, "default": default});
    codec(
        "bowl",
        &serde_json::json!([
            float("steep", 0.0, 2.0, 1.0),
            float("shallow", 0.0, 2.0, 1.0),
            float("scale", 0.1, 10.0, 1.0),
            {"name": "depth", "help": "h", "type": "int", "min": 1, "max": 32, "default": 16},
            {"name": "filter", "help": "h", "type": "flag", "default": false},
            {"name": "kind", "help": "h", "type": "choice", "options": ["dct", "dst", "none"], "default": 2},
        ]),
    )
}

/// Few enough configurations to be walked to their end.
fn finite_codec() -> StartingCodec {
    codec(
        "finite",
        &serde_json::json!([
            {"name": "level", "help": "h", "type": "int", "min": 0, "max": 3, "default": 0},
            {"name": "filter", "help": "h", "type": "flag", "default": false},
            {"name": "kind", "help": "h", "type": "choice", "options": ["dct", "dst", "none"], "default": 0},
        ]),
    )
}

fn number(parameters: &Parameters, name: &str) -> f64 {
    match parameters[name] {
        ParameterValue::Float(value) => value,
        ParameterValue::Int(value) => f64::from(value),
        _ => panic!("{name} is no number"),
    }
}

/// Ill-conditioned, with its optimum away from the defaults; fails where `steep` is nearly 0.
fn bowl(parameters: &Parameters) -> Option<f64> {
    let value = |name| number(parameters, name);
    if value("steep") < 0.1 {
        return None;
    }
    let kind = match &parameters["kind"] {
        ParameterValue::Choice(name) if name == "dct" => 0.0,
        _ => 2.0,
    };
    let filter = if parameters["filter"] == ParameterValue::Flag(true) { 0.0 } else { 2.0 };
    let steep = 40.0 * (value("steep") - 0.6).powi(2);
    let shallow = 1.5 * (value("shallow") - 1.4).powi(2);
    let scale = 6.0 * (value("scale") / 2.0).log10().powi(2);
    let depth = 1.5 * (value("depth") / 8.0).log2().powi(2);
    Some(-15.0 + steep + shallow + scale + depth + kind + filter)
}

#[tokio::test]
async fn it_begins_with_every_codec_as_it_is_and_then_deals_out_turns_three_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let plain = codec("plain", &serde_json::json!([]));
    let codecs = [bowl_codec(), finite_codec(), plain];
    let mut orchestrator = lab.orchestrator(&codecs, config(1));
    lab.run(&mut orchestrator, &bowl_or_level, 27).await;

    let experiments = lab.experiments().await;
    let begun: Vec<_> =
        experiments[..3].iter().map(|it| (it.submission.codec.as_str(), it.origin.arm)).collect();
    assert_eq!(begun, [("bowl", Arm::Start), ("finite", Arm::Start), ("plain", Arm::Start)]);
    for (experiment, codec) in experiments.iter().zip(&codecs) {
        assert_eq!(experiment.submission.parameters, codec.declaration.resolve(&Parameters::new()).unwrap());
        let key = BlobKey::object(ObjectKind::Source, experiment.submission.source);
        assert_eq!(lab.blobs().get(&key, 1000).await.unwrap().unwrap(), codec.source.as_bytes());
    }
    let arms = |arm| experiments[3..].iter().filter(|it| it.origin.arm == arm).count();
    assert_eq!((arms(Arm::Search), arms(Arm::Random), arms(Arm::Start)), (18, 6, 0));
    for experiment in &experiments {
        let given = codecs.iter().find(|codec| codec.name == experiment.submission.codec).unwrap();
        let full = given.declaration.resolve(&experiment.submission.parameters).unwrap();
        assert_eq!(full, experiment.submission.parameters, "every parameter is named");
        assert!(experiment.origin.rationale.contains(&given.name), "{}", experiment.origin.rationale);
        experiment.submission.check().unwrap();
    }
    // The better codec has more turns, and the other is not given up.
    let of = |name| experiments[3..].iter().filter(|it| it.submission.codec == name).count();
    assert!(of("bowl") > of("finite") && of("finite") > 0, "{} and {}", of("bowl"), of("finite"));
    assert_eq!(lab.catalog().loop_state().await.unwrap().iterations, 27);
}

fn bowl_or_level(parameters: &Parameters) -> Option<f64> {
    match parameters.get("level") {
        Some(ParameterValue::Int(level)) => Some(f64::from(*level)),
        _ if parameters.is_empty() => Some(300.0),
        _ => bowl(parameters),
    }
}

#[tokio::test]
async fn the_search_beats_the_control_arm_with_as_many_evaluations() {
    let mut bests = Vec::new();
    for seed in 0..10 {
        let mut pair = Vec::new();
        for (search_share, random_share) in [(1, 0), (0, 1)] {
            let folder = tempfile::tempdir().unwrap();
            let lab = Lab::with_clip(folder.path()).await;
            let mut orchestrator =
                lab.orchestrator(&[bowl_codec()], Config { search_share, random_share, ..config(seed) });
            lab.run(&mut orchestrator, &bowl, 40).await;
            while lab.catalog().counts().await.unwrap().queued > 0 {
                lab.work(&bowl).await;
            }
            assert_eq!(lab.catalog().counts().await.unwrap().total, 40);
            pair.push(lab.best(ANCHOR).await);
        }
        bests.push((pair[0], pair[1]));
    }
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        f64::midpoint(values[4], values[5])
    };
    let won = bests.iter().filter(|(search, random)| search < random).count();
    let (search, random) =
        (median(bests.iter().map(|it| it.0).collect()), median(bests.iter().map(|it| it.1).collect()));
    // By a sign test, 9 of 10 is what chance gives once in 93.
    assert!(
        won >= 9 && search < random - 1.0,
        "won {won} of 10, {search:.2} against {random:.2}: {bests:.2?}"
    );
}

#[tokio::test]
async fn stopped_anywhere_and_started_again_it_goes_on_as_if_it_had_not_been() {
    let asked = |experiments: Vec<Experiment>| -> Vec<_> {
        experiments.into_iter().map(|it| (it.id, it.submission, it.origin)).collect()
    };
    let codecs = [bowl_codec(), finite_codec()];
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    lab.run(&mut lab.orchestrator(&codecs, config(5)), &bowl_or_level, 40).await;
    let straight = asked(lab.experiments().await);

    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::clone(&Lab::with_clip(folder.path()).await.clock);
    for pieces in [1, 2, 9, 13, 15] {
        let lab = Lab::open_at(folder.path(), Arc::clone(&clock));
        lab.run(&mut lab.orchestrator(&codecs, config(5)), &bowl_or_level, pieces).await;
    }
    assert_eq!(asked(Lab::open(folder.path()).experiments().await), straight);

    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    lab.run(&mut lab.orchestrator(&codecs, config(6)), &bowl_or_level, 40).await;
    assert_ne!(asked(lab.experiments().await), straight, "another seed goes another way");
}

#[tokio::test]
async fn two_loops_on_one_catalog_ask_nothing_twice_and_hardly_more_than_one() {
    let codecs = [bowl_codec(), finite_codec()];
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let (mut one, mut two) = (lab.orchestrator(&codecs, config(5)), lab.orchestrator(&codecs, config(5)));
    let ahead = config(5).ahead;
    for _ in 0..12 {
        while {
            let (one, two) = tokio::join!(one.step(), two.step());
            [one.unwrap(), two.unwrap()].iter().any(|step| matches!(step, Step::Submitted(_)))
        } {}
        let waiting = lab.catalog().counts().await.unwrap().queued;
        assert!((ahead..=ahead + 1).contains(&waiting), "{waiting} wait");
        lab.work(&bowl_or_level).await;
    }
    let asked: Vec<_> = lab.experiments().await.into_iter().map(|it| it.submission).collect();
    for (number, submission) in asked.iter().enumerate() {
        assert!(!asked[..number].contains(submission), "{submission:?} was asked twice");
    }
    assert_eq!(lab.catalog().loop_state().await.unwrap().iterations, asked.len() as u64);
}

#[tokio::test]
async fn a_finite_space_is_walked_to_its_end_and_nothing_is_asked_twice() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let mut orchestrator = lab.orchestrator(&[finite_codec()], config(2));
    assert_eq!(lab.run(&mut orchestrator, &bowl_or_level, 100).await, Step::Exhausted);
    assert_eq!(orchestrator.step().await.unwrap(), Step::Exhausted);
    let distinct = |experiments: &[Experiment]| -> usize {
        experiments.iter().map(|it| format!("{:?}", it.submission)).collect::<BTreeSet<_>>().len()
    };
    let experiments = lab.experiments().await;
    assert_eq!((experiments.len(), distinct(&experiments)), (24, 24));
    assert_eq!(lab.catalog().loop_state().await.unwrap().iterations, 24);

    // With another clip it is another question.
    lab.catalog().put_clip(&clip(b"held out", "mine")).await.unwrap();
    assert_eq!(orchestrator.step().await.unwrap(), Step::Exhausted);
    lab.catalog().put_clip(&clip(b"another", "open")).await.unwrap();
    assert_eq!(lab.run(&mut orchestrator, &bowl_or_level, 100).await, Step::Exhausted);
    let experiments = lab.experiments().await;
    assert_eq!((experiments.len(), distinct(&experiments)), (48, 48));
    assert!(
        experiments[24..]
            .iter()
            .all(|it| it.submission.clips == [Digest::of(b"clip"), Digest::of(b"another")])
    );
    assert_eq!(experiments[24].origin.arm, Arm::Start);
}

#[tokio::test]
async fn failures_do_not_stop_it_and_what_others_broke_is_not_held_against_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let mut orchestrator = lab.orchestrator(&[bowl_codec()], config(3));
    assert_eq!(lab.run(&mut orchestrator, &|_| None, 30).await, Step::Enough);
    let counts = lab.catalog().counts().await.unwrap();
    assert_eq!((counts.failed, counts.queued, counts.total), (28, 2, 30));

    // A machine that gives way takes the next one with it, for good; the one after is cancelled.
    while let Some(claimed) = lab.claim().await {
        let id = &claimed.experiment.id;
        if claimed.experiment.number == 30 {
            lab.catalog().act(id, JournalEntry::OPERATOR, &Action::Cancelled).await.unwrap();
            continue;
        }
        let (fault, phase) = (Fault::Infrastructure, Phase::Execution);
        let failure = Failure {
            fault,
            phase,
            kind: "disk".to_owned(),
            message: "full".to_owned(),
            clip: None,
            quality_index: None,
            evidence: Vec::new(),
        };
        let ended = Ended::Infrastructure(Box::new(failure));
        lab.catalog().end(id, &claimed.holder, &ended).await.unwrap();
    }
    lab.run(&mut orchestrator, &bowl, 4).await;
    let question = question_of(&bowl_codec());
    let history = History::read(&*lab.catalog(), &question).await.unwrap();
    let outcomes: Vec<Outcome> = history.evaluations().iter().map(|evaluation| evaluation.outcome).collect();
    assert_eq!(outcomes[..28], [Outcome::Bad; 28]);
    assert_eq!(outcomes[28..30], [Outcome::Void; 2]);
    assert!(outcomes[30..].iter().any(|outcome| matches!(outcome, Outcome::Measured(_))), "{outcomes:?}");
    assert_eq!(outcomes.last(), Some(&Outcome::Pending));
    // Asked under other settings it is another question, with no history.
    let other = Question { settings: Settings { gop_frames: 16, ..settings() }, ..question };
    assert_eq!(History::read(&*lab.catalog(), &other).await.unwrap(), History::default());
}

#[tokio::test]
async fn a_codec_that_never_gives_a_result_loses_its_turns_to_one_that_does() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let mut orchestrator = lab.orchestrator(&[bowl_codec(), finite_codec()], config(5));
    let only_bowl = |parameters: &Parameters| match parameters.get("level") {
        Some(_) => None,
        None => bowl(parameters),
    };
    lab.run(&mut orchestrator, &only_bowl, 80).await;
    let experiments = lab.experiments().await;
    let turns: Vec<u64> = experiments
        .iter()
        .filter(|experiment| experiment.submission.codec == "finite")
        .map(|experiment| experiment.number)
        .collect();
    // Eight that came to nothing, and what was queued before the last of them had.
    assert!((8..=10).contains(&turns.len()) && turns[turns.len() - 1] < 60, "{turns:?}");
}

#[tokio::test]
async fn an_operator_pauses_it_and_lets_it_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let mut orchestrator = lab.orchestrator(&[bowl_codec()], config(4));
    lab.run(&mut orchestrator, &bowl, 5).await;
    lab.catalog().note(JournalEntry::OPERATOR, &Note::Paused).await.unwrap();
    while lab.claim().await.is_some() {}
    assert_eq!(orchestrator.step().await.unwrap(), Step::Paused);
    assert_eq!(lab.orchestrator(&[bowl_codec()], config(4)).step().await.unwrap(), Step::Paused);
    lab.catalog().note(JournalEntry::OPERATOR, &Note::Resumed).await.unwrap();
    assert!(matches!(orchestrator.step().await.unwrap(), Step::Submitted(_) | Step::Enough));
}

#[tokio::test]
async fn an_operator_ends_the_loops_that_run_and_none_that_starts_later() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let (mut one, paused) =
        (lab.orchestrator(&[bowl_codec()], config(4)), lab.orchestrator(&[bowl_codec()], config(4)));
    assert!(matches!(one.step().await.unwrap(), Step::Submitted(_)));
    lab.clock.advance(SignedDuration::from_secs(1));
    lab.catalog().note(JournalEntry::OPERATOR, &Note::Paused).await.unwrap();
    lab.catalog().note(JournalEntry::OPERATOR, &Note::Stopped).await.unwrap();
    assert_eq!(one.step().await.unwrap(), Step::Stopped);
    assert_eq!(paused.run(CancellationToken::new()).await, Stopped::Operator);
    lab.catalog().note(JournalEntry::OPERATOR, &Note::Resumed).await.unwrap();
    let mut later = lab.orchestrator(&[bowl_codec()], config(4));
    assert!(matches!(later.step().await.unwrap(), Step::Submitted(_) | Step::Enough));
}

#[tokio::test]
async fn budgets_hold_per_run_and_per_day_whoever_runs() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let run = Budget { per_run: Some(3), per_day: None };
    let mut orchestrator = lab.orchestrator(&[bowl_codec()], Config { budget: run, ..config(1) });
    assert_eq!(lab.run(&mut orchestrator, &bowl, 100).await, Step::RunBudgetUsed);
    assert_eq!(lab.catalog().counts().await.unwrap().total, 3);

    let day = Config { budget: Budget { per_run: None, per_day: Some(7) }, ..config(1) };
    let mut orchestrator = lab.orchestrator(&[bowl_codec()], day.clone());
    assert_eq!(lab.run(&mut orchestrator, &bowl, 100).await, Step::DayBudgetUsed);
    assert_eq!(lab.catalog().counts().await.unwrap().total, 7);
    let mut restarted = lab.orchestrator(&[bowl_codec()], day);
    assert_eq!(lab.run(&mut restarted, &bowl, 100).await, Step::DayBudgetUsed);
    lab.clock.advance(SignedDuration::from_hours(12));
    assert_eq!(lab.run(&mut orchestrator, &bowl, 100).await, Step::DayBudgetUsed);
    assert_eq!(lab.catalog().counts().await.unwrap().total, 14);
}

#[tokio::test]
async fn running_it_ends_with_its_budget_or_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let budget = Budget { per_run: Some(2), per_day: None };
    let orchestrator = lab.orchestrator(&[bowl_codec()], Config { budget, ..config(1) });
    assert_eq!(orchestrator.run(CancellationToken::new()).await, Stopped::BudgetUsed);
    assert_eq!(lab.catalog().counts().await.unwrap().queued, 2);
    let orchestrator = lab.orchestrator(&[bowl_codec()], config(1));
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(orchestrator.run(shutdown.clone()));
    shutdown.cancel();
    assert_eq!(running.await.unwrap(), Stopped::Asked);
}

#[tokio::test]
async fn it_waits_for_a_clip_and_refuses_what_could_never_be_submitted() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::open(folder.path());
    assert_eq!(lab.orchestrator(&[bowl_codec()], config(1)).step().await.unwrap(), Step::NoClip);

    let refuse = |codecs: Vec<StartingCodec>, config: Config| {
        let clock = Arc::clone(&lab.clock) as Arc<dyn Clock>;
        Orchestrator::new(lab.catalog(), lab.blobs(), clock, codecs, config).unwrap_err().to_string()
    };
    let mut huge = bowl_codec();
    huge.source = "x".repeat(300_000);
    assert!(refuse(vec![huge], config(1)).contains("300000 bytes"));
    let mut named = bowl_codec();
    named.name = "../x".to_owned();
    assert!(refuse(vec![named], config(1)).contains("\"../x\""));
    let elsewhere = Config { reference: Some("x264".to_owned()), ..config(1) };
    assert!(
        refuse(vec![bowl_codec()], elsewhere)
            .contains("\"x264\", but only these are measured: svt-av1-8, x265")
    );
    let none = Config::new(Settings { anchors: vec![], ..settings() });
    assert!(refuse(vec![bowl_codec()], none).contains("no anchor"));
    assert!(refuse(vec![], config(1)).contains("no starting codec"));
}

#[tokio::test]
async fn a_long_history_is_bounded_and_the_best_of_it_is_not_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::with_clip(folder.path()).await;
    let given = bowl_codec();
    let question = question_of(&given);
    let imported = |number: u64, arm, objective| {
        let mut parameters = question.space.defaults();
        parameters.insert("scale".to_owned(), ParameterValue::Float(1.0 + number as f64 / 1000.0));
        let submission = question.submission(parameters);
        let new = NewExperiment { submission, origin: Origin::new(arm, "imported"), idempotency_key: None };
        let mut experiment = Experiment {
            status: Status::Successful,
            ended_at: Some(Timestamp::UNIX_EPOCH),
            attempt: 1,
            ..Entry::submitted(&new, number, Timestamp::UNIX_EPOCH).experiment
        };
        experiment.findings = published(&experiment, &move |_| Some(objective), misleading).findings();
        (experiment, None)
    };
    let mut batch = vec![imported(0, Arm::Search, -30.0)];
    batch.extend((1..=2_200).map(|number| imported(number, Arm::Random, number as f64 / 100.0)));
    assert_eq!(lab.store.import(batch).await.unwrap(), 2_201);
    let history = History::read(&*lab.catalog(), &question).await.unwrap();
    assert_eq!(history.evaluations().len(), MAX_HISTORY + 1);
    assert_eq!(history.best().map(|(best, objective)| (best.number, objective)), Some((1, -30.0)));
    assert!(history.evaluations().is_sorted_by_key(|evaluation| evaluation.number));
}

fn question_of(codec: &StartingCodec) -> Question {
    Question {
        codec: codec.name.clone(),
        source: Digest::of(codec.source.as_bytes()),
        space: Space::of(&codec.declaration),
        clips: vec![Digest::of(b"clip")],
        settings: settings(),
        reference: ANCHOR.to_owned(),
    }
}
