//! What operators do: to an experiment, and to the loop. Each is a line of the journal.

use crate::texts;
use aiv1_model::{Action, Experiment, JournalEntry, Note};
use aiv1_presign::ExperimentPath;
use aiv1_store::LoopState;
use aiv1_web::{Administers, Allowed, Json, Path, Problem, Services};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Deserialize;

/// Why a result is taken back.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Because {
    /// The reason, which everyone can read; 1 to 2048 bytes.
    reason: String,
}

impl Because {
    fn checked(self) -> Result<String, Problem> {
        texts::check_said("reason", &self.reason)?;
        Ok(self.reason)
    }
}

/// What a person did about an experiment that waited for one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Seen {
    /// What was done, which everyone can read; 1 to 2048 bytes.
    note: String,
}

pub(crate) async fn cancel(
    State(services): State<Services>,
    _: Allowed<Administers>,
    Path(of): Path<ExperimentPath>,
) -> Result<Json<Experiment>, Problem> {
    act(&services, &of, &Action::Cancelled).await
}

pub(crate) async fn rerun(
    State(services): State<Services>,
    _: Allowed<Administers>,
    Path(of): Path<ExperimentPath>,
) -> Result<Json<Experiment>, Problem> {
    act(&services, &of, &Action::Rerun).await
}

pub(crate) async fn resolve(
    State(services): State<Services>,
    _: Allowed<Administers>,
    Path(of): Path<ExperimentPath>,
    Json(Seen { note }): Json<Seen>,
) -> Result<Json<Experiment>, Problem> {
    texts::check_said("note", &note)?;
    act(&services, &of, &Action::Resolved { note }).await
}

pub(crate) async fn retract(
    State(services): State<Services>,
    _: Allowed<Administers>,
    Path(of): Path<ExperimentPath>,
    Json(because): Json<Because>,
) -> Result<Json<Experiment>, Problem> {
    act(&services, &of, &Action::Retracted { reason: because.checked()? }).await
}

pub(crate) async fn purge(
    State(services): State<Services>,
    _: Allowed<Administers>,
    Path(of): Path<ExperimentPath>,
    Json(because): Json<Because>,
) -> Result<Json<Experiment>, Problem> {
    act(&services, &of, &Action::Purged { reason: because.checked()? }).await
}

pub(crate) async fn pause(
    State(services): State<Services>,
    _: Allowed<Administers>,
) -> Result<Json<LoopState>, Problem> {
    note(&services, &Note::Paused).await
}

pub(crate) async fn resume(
    State(services): State<Services>,
    _: Allowed<Administers>,
) -> Result<Json<LoopState>, Problem> {
    note(&services, &Note::Resumed).await
}

pub(crate) async fn stop(
    State(services): State<Services>,
    _: Allowed<Administers>,
) -> Result<Json<LoopState>, Problem> {
    note(&services, &Note::Stopped).await
}

async fn act(services: &Services, of: &ExperimentPath, action: &Action) -> Result<Json<Experiment>, Problem> {
    Ok(Json(services.catalog.act(&of.id, JournalEntry::OPERATOR, action).await?))
}

async fn note(services: &Services, note: &Note) -> Result<Json<LoopState>, Problem> {
    Ok(Json(services.catalog.note(JournalEntry::OPERATOR, note).await?))
}
