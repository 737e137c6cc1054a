//! What operators do: cancel, rerun, pause, resume.

use aiv1_model::Experiment;
use aiv1_presign::ExperimentPath;
use aiv1_store::LoopState;
use aiv1_web::{Administers, Allowed, Json, Path, Problem, Services};
use axum::extract::State;

pub(crate) async fn cancel(
    State(services): State<Services>,
    _: Allowed<Administers>,
    Path(of): Path<ExperimentPath>,
) -> Result<Json<Experiment>, Problem> {
    Ok(Json(services.catalog.cancel(&of.id).await?))
}

pub(crate) async fn rerun(
    State(services): State<Services>,
    _: Allowed<Administers>,
    Path(of): Path<ExperimentPath>,
) -> Result<Json<Experiment>, Problem> {
    Ok(Json(services.catalog.rerun(&of.id).await?))
}

pub(crate) async fn pause(
    State(services): State<Services>,
    _: Allowed<Administers>,
) -> Result<Json<LoopState>, Problem> {
    set_paused(&services, true).await
}

pub(crate) async fn resume(
    State(services): State<Services>,
    _: Allowed<Administers>,
) -> Result<Json<LoopState>, Problem> {
    set_paused(&services, false).await
}

async fn set_paused(services: &Services, paused: bool) -> Result<Json<LoopState>, Problem> {
    services.catalog.set_paused(paused).await?;
    Ok(Json(services.catalog.loop_state().await?))
}
