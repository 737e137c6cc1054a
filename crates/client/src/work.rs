//! What workers say: claims, heartbeats, phases, uploads, results. A 409 on claimed work is [`Error::Lost`].

use crate::client::{CALL, MAX_ANSWER};
use crate::http::{json, or_lost};
use crate::{Client, Error, Retry};
use aiv1_model::ExperimentId;
use aiv1_model::api::{
    Audit, AuditReport, AuditRequest, Beat, Claim, ClaimRequest, Heartbeat, PhaseReport, ResultReport,
    UploadsAnswer, UploadsRequest,
};
use bytes::Bytes;
use reqwest::{Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::time::Duration;

impl Client {
    /// Claims work; `None` if there was none within `wait_seconds`. Never said twice: the first may have been heard.
    pub async fn claim(&self, claim: &ClaimRequest) -> Result<Option<Claim>, Error> {
        let time = CALL + Duration::from_secs(claim.wait_seconds);
        let text = text("the claim", claim)?;
        let response =
            self.post("claim work", &["work", "claim"], &text, |request| request.timeout(time)).await?;
        claimed("the claimed work", response).await
    }

    /// Keeps claimed work. One try within `time`: whoever keeps a lease knows when to try again.
    pub async fn heartbeat(
        &self,
        id: &ExperimentId,
        beat: &Heartbeat,
        time: Duration,
    ) -> Result<Beat, Error> {
        let response = self.report(id, "heartbeat", text("the heartbeat", beat)?, Retry::NEVER, time).await?;
        json("the answer to a heartbeat", response, MAX_ANSWER).await
    }

    /// Tells of a phase that ended.
    pub async fn phase(&self, id: &ExperimentId, report: &PhaseReport) -> Result<(), Error> {
        self.report(id, "phase", text("the phase", report)?, self.retry, CALL).await.map(drop)
    }

    /// Asks where to put the files of a bundle.
    pub async fn uploads(&self, id: &ExperimentId, request: &UploadsRequest) -> Result<UploadsAnswer, Error> {
        let response = self.report(id, "uploads", text("the manifest", request)?, self.retry, CALL).await?;
        json("the upload links", response, MAX_ANSWER).await
    }

    /// Tells how the work ended.
    pub async fn result(&self, id: &ExperimentId, report: &ResultReport) -> Result<(), Error> {
        self.report(id, "result", text("the result", report)?, self.retry, CALL).await.map(drop)
    }

    /// Asks for a published experiment to derive again; `None` if there is none for this worker now.
    pub async fn claim_audit(&self, request: &AuditRequest) -> Result<Option<Audit>, Error> {
        let text = text("the request for an audit", request)?;
        let response = self.post("ask for an audit", &["audits", "claim"], &text, |request| request).await?;
        claimed("the audit", response).await
    }

    /// Tells what came of deriving an experiment again. Said once: each time is a line of the journal.
    pub async fn report_audit(&self, id: &ExperimentId, report: &AuditReport) -> Result<(), Error> {
        let text = text("the report of an audit", report)?;
        self.post("report an audit", &["audits", id.as_str()], &text, |request| request).await.map(drop)
    }

    async fn report(
        &self,
        id: &ExperimentId,
        what: &'static str,
        body: Bytes,
        retry: Retry,
        time: Duration,
    ) -> Result<Response, Error> {
        let once = || async {
            let path = ["work", id.as_str(), what];
            let sent = self.post("report to the server", &path, &body, |request| request.timeout(time));
            sent.await.map_err(or_lost)
        };
        retry.run(once).await
    }
}

/// What was claimed; `None` where there is nothing.
async fn claimed<T: DeserializeOwned>(what: &'static str, response: Response) -> Result<Option<T>, Error> {
    if response.status() == StatusCode::NO_CONTENT {
        return Ok(None);
    }
    json(what, response, MAX_ANSWER).await.map(Some)
}

fn text(what: &'static str, value: &impl Serialize) -> Result<Bytes, Error> {
    serde_json::to_vec(value).map(Bytes::from).map_err(|error| Error::damaged(what, error.to_string()))
}
