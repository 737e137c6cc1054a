//! Addresses of the earlier system that people have kept.

use crate::address::Question;
use aiv1_model::{ExperimentId, LegacyId};
use aiv1_web::Problem;
use axum::extract::Query as Asked;
use axum::response::Redirect;

/// `GET /dashboard`, which answered JSON where it was asked for a `type`.
pub(crate) async fn dashboard(Asked(pairs): Asked<Vec<(String, String)>>) -> Result<Redirect, Problem> {
    let question = Question::new(pairs)?;
    let id = question.get("id").unwrap_or_default();
    let path = match question.get("type") {
        Some("experiments") => "/api/experiments".to_owned(),
        Some("experiment") => match (ExperimentId::try_from(id.to_owned()), id.parse::<LegacyId>()) {
            (Ok(id), _) => format!("/api/experiments/{id}"),
            (_, Ok(id)) => format!("/api/legacy/{id}"),
            _ => return Err(Problem::Invalid("id must be that of an experiment".to_owned())),
        },
        _ => "/".to_owned(),
    };
    Ok(Redirect::permanent(&path))
}
