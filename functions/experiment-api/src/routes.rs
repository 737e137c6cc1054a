//! The table of routes, with what the document says of each.

use crate::answers::{CompareAnswer, LegacyList, LoopAnswer};
use crate::{
    catalog, claim, compare, document, experiments, journal, legacy, operate, points, report, submit,
};
use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use aide::transform::TransformOperation;
use aiv1_model::api::{Beat, Claim, ClipEntry, ExperimentAnswer, ExperimentList, WorkerStatus};
use aiv1_model::{Experiment, LegacyExperiment};
use aiv1_store::{Codec, JournalPage, LoopState};
use aiv1_web::{Json, Services};

type Operation<'t> = TransformOperation<'t>;

/// The routes with their documentation.
pub fn api() -> ApiRouter<Services> {
    experiments().merge(lab()).merge(for_operators()).merge(for_workers())
}

fn experiments() -> ApiRouter<Services> {
    ApiRouter::new()
        .api_route(
            "/api/experiments",
            get_with(experiments::list, |it| {
                read(it, "experiments", "listExperiments", "Counts by status, and a page of experiments")
                    .response::<200, Json<ExperimentList>>()
            })
            .post_with(submit::post, |it| {
                about(it, "experiments", "submitExperiment", "Submits an experiment")
                    .description(
                        "The same question always has the same id, and is measured once. Scope: submit.",
                    )
                    .response_with::<201, Json<ExperimentAnswer>, _>(|it| it.description("It is queued"))
                    .response_with::<200, Json<ExperimentAnswer>, _>(|it| {
                        it.description("The same was asked before")
                    })
            }),
        )
        .api_route(
            "/api/experiments/{id}",
            get_with(experiments::get, |it| {
                read(it, "experiments", "getExperiment", "An experiment with its record")
                    .response::<200, Json<ExperimentAnswer>>()
            }),
        )
        .api_route(
            "/api/experiments/{id}/points.csv",
            get_with(points::get, |it| {
                read(
                    it,
                    "experiments",
                    "getPoints",
                    "Every rate point of the codec and of the anchors, as CSV",
                )
                .response_with::<200, String, _>(|mut it| {
                    let content = std::mem::take(&mut it.inner().content);
                    it.inner().content =
                        content.into_iter().map(|(_, body)| ("text/csv".to_owned(), body)).collect();
                    it.description("RFC 4180, a header line first")
                })
            }),
        )
        .api_route(
            "/api/compare",
            get_with(compare::get, |it| {
                read(it, "experiments", "compareExperiments", "Rate points and savings of 2 to 8 experiments")
                    .response::<200, Json<CompareAnswer>>()
            }),
        )
}

fn lab() -> ApiRouter<Services> {
    ApiRouter::new()
        .api_route(
            "/api/clips",
            get_with(catalog::clips, |it| {
                read(it, "lab", "listClips", "What is measured").response::<200, Json<Vec<ClipEntry>>>()
            }),
        )
        .api_route(
            "/api/codecs",
            get_with(catalog::codecs, |it| {
                read(it, "lab", "listCodecs", "What is measured with").response::<200, Json<Vec<Codec>>>()
            }),
        )
        .api_route(
            "/api/codecs/{hash}",
            get_with(catalog::codec, |it| {
                read(it, "lab", "getCodec", "One codec").response::<200, Json<Codec>>()
            }),
        )
        .api_route(
            "/api/workers",
            get_with(catalog::workers, |it| {
                read(it, "lab", "listWorkers", "Who measures: workers heard of in the last day")
                    .response::<200, Json<Vec<WorkerStatus>>>()
            }),
        )
        .api_route(
            "/api/loop",
            get_with(catalog::search, |it| {
                read(it, "lab", "getLoop", "Where the search stands, and what it improved")
                    .response::<200, Json<LoopAnswer>>()
            }),
        )
        .api_route(
            "/api/journal",
            get_with(journal::list, |it| {
                read(it, "lab", "listJournal", "What was done to experiments and to the lab, latest first")
                    .response::<200, Json<JournalPage>>()
            }),
        )
        .api_route(
            "/api/legacy",
            get_with(legacy::list, |it| {
                read(it, "legacy", "listLegacy", "A page of the earlier system's records")
                    .response::<200, Json<LegacyList>>()
            }),
        )
        .api_route(
            "/api/legacy/{id}",
            get_with(legacy::get, |it| {
                read(it, "legacy", "getLegacy", "One record of the earlier system")
                    .response::<200, Json<LegacyExperiment>>()
            }),
        )
        .api_route(
            "/api/openapi.json",
            get_with(document::get, |it| {
                read(it, "lab", "getDocument", "This document").response::<200, Json<serde_json::Value>>()
            }),
        )
}

fn for_operators() -> ApiRouter<Services> {
    ApiRouter::new()
        .api_route(
            "/api/experiments/{id}/cancel",
            post_with(operate::cancel, |it| {
                about(it, "operators", "cancelExperiment", "Cancels an experiment that has not ended")
                    .response::<200, Json<Experiment>>()
            }),
        )
        .api_route(
            "/api/experiments/{id}/rerun",
            post_with(operate::rerun, |it| {
                about(it, "operators", "rerunExperiment", "Queues an experiment again that has ended")
                    .response::<200, Json<Experiment>>()
            }),
        )
        .api_route(
            "/api/experiments/{id}/resolve",
            post_with(operate::resolve, |it| {
                about(it, "operators", "resolveExperiment", "A person has seen to what waited for one")
                    .response::<200, Json<Experiment>>()
            }),
        )
        .api_route(
            "/api/experiments/{id}/retract",
            post_with(operate::retract, |it| {
                about(it, "operators", "retractExperiment", "A result no longer stands")
                    .description(
                        "It stays readable, marked wherever its number appears, and leaves every ranking.",
                    )
                    .response::<200, Json<Experiment>>()
            }),
        )
        .api_route(
            "/api/experiments/{id}/purge",
            post_with(operate::purge, |it| {
                about(it, "operators", "purgeExperiment", "Removes for good what came of an experiment")
                    .description(
                        "The question keeps its number, and is not asked again. There is no way back.",
                    )
                    .response::<200, Json<Experiment>>()
            }),
        )
        .api_route(
            "/api/loop/pause",
            post_with(operate::pause, |it| {
                about(it, "operators", "pauseLoop", "Proposes nothing more until it is resumed")
                    .response::<200, Json<LoopState>>()
            }),
        )
        .api_route(
            "/api/loop/resume",
            post_with(operate::resume, |it| {
                about(it, "operators", "resumeLoop", "Goes on proposing").response::<200, Json<LoopState>>()
            }),
        )
        .api_route(
            "/api/loop/stop",
            post_with(operate::stop, |it| {
                about(it, "operators", "stopLoop", "Every loop that runs ends")
                    .description("What is queued is still measured. A loop that starts later is not stopped.")
                    .response::<200, Json<LoopState>>()
            }),
        )
}

fn for_workers() -> ApiRouter<Services> {
    ApiRouter::new()
        .api_route(
            "/api/work/claim",
            post_with(claim::post, |it| {
                about(it, "work", "claimWork", "Claims the longest-waiting experiment")
                    .response::<200, Json<Claim>>()
                    .response_with::<204, (), _>(|it| it.description("There is no work"))
            }),
        )
        .api_route(
            "/api/work/{id}/heartbeat",
            post_with(report::heartbeat, |it| {
                about(it, "work", "beat", "Keeps claimed work; 409 if it is lost")
                    .response::<200, Json<Beat>>()
            }),
        )
        .api_route(
            "/api/work/{id}/phase",
            post_with(report::phase, |it| {
                about(it, "work", "reportPhase", "A phase ended")
                    .response_with::<204, (), _>(|it| it.description("Noted"))
            }),
        )
        .api_route(
            "/api/work/{id}/result",
            post_with(report::result, |it| {
                about(it, "work", "reportResult", "How claimed work ended")
                    .description("Saying the same again is answered as the first time.")
                    .response::<200, Json<Experiment>>()
            }),
        )
}

fn about<'t>(it: Operation<'t>, tag: &str, id: &str, summary: &str) -> Operation<'t> {
    it.id(id).tag(tag).summary(summary)
}

/// What is answered with 304 to who has it already.
fn read<'t>(it: Operation<'t>, tag: &str, id: &str, summary: &str) -> Operation<'t> {
    about(it, tag, id, summary)
        .response_with::<304, (), _>(|it| it.description("Unchanged since the ETag in If-None-Match"))
}
