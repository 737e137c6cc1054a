//! Audits: now and then, above all while there is no work, a published experiment is derived again from nothing but its bundle,
//! and the lab is told what came of it. What differs is retracted there.

use crate::attempt::Surroundings;
use crate::fetch::fetch_bundle;
use aiv1_client::Error as ClientError;
use aiv1_lab::{Bundle, Error as LabError, RunDirectory, Stoppable, Verdict, VerifyOptions, chain};
use aiv1_model::api::{Audit, AuditReport, AuditRequest, WorkerInfo};
use aiv1_model::{Action, VerifiedOutcome};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A worker without work asks at most so often whether there is something to derive again.
const PAUSE: Duration = Duration::from_mins(5);

/// One that has work all the time puts it off so often: a lab that always proposes more would otherwise never look back.
const BUSY_PAUSE: Duration = Duration::from_hours(1);

/// Longest that one may take: encoding everything again takes about as long as the experiment did.
const LONGEST: Duration = Duration::from_hours(1);

/// Most differences that a report spells out.
const SPELLED_OUT: usize = 5;

/// When to audit.
#[derive(Debug)]
pub(crate) struct Auditor {
    /// Experiments that the lab's workers derive again on one day, all together; 0: none by this one.
    a_day: u32,
    idle_from: Instant,
    busy_from: Instant,
}

impl Auditor {
    pub(crate) fn new(a_day: u32) -> Self {
        let now = Instant::now();
        Self { a_day, idle_from: now, busy_from: now + BUSY_PAUSE }
    }

    /// Whether it is time, for a worker that had no work or comes from it.
    fn is_due(&self, had_work: bool) -> bool {
        let from = if had_work { self.busy_from } else { self.idle_from };
        self.a_day > 0 && Instant::now() >= from
    }

    fn rest(&mut self) {
        let now = Instant::now();
        (self.idle_from, self.busy_from) = (now + PAUSE, now + BUSY_PAUSE);
    }

    /// Audits one experiment, if it is time and the lab has one. Whatever goes wrong leaves the worker as it was.
    pub(crate) async fn look_back(
        &mut self,
        of: &Surroundings,
        info: &WorkerInfo,
        had_work: bool,
        shutdown: &CancellationToken,
    ) {
        if !self.is_due(had_work) {
            return;
        }
        let request = AuditRequest { worker: info.clone(), at_most_a_day: self.a_day };
        let audited = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            audited = audit(of, &request) => audited,
        };
        self.rest();
        match audited {
            Ok(None) => {}
            Ok(Some((audit, outcome))) => {
                tracing::info!(worker = info.name, experiment = %audit.id, ?outcome, "derived again");
            }
            Err(error) => {
                tracing::warn!(worker = info.name, error = chain(&error), "an audit came to nothing");
            }
        }
    }
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
enum AuditError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Fetch(#[from] crate::FetchError),
    #[error(transparent)]
    Clip(#[from] crate::ClipError),
    #[error(transparent)]
    Lab(#[from] LabError),
    #[error("the audit ended early")]
    Panic(#[from] tokio::task::JoinError),
}

/// Tells the thread that derives to stop when nobody waits for it any more.
struct StopOnDrop(Arc<Stoppable>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

async fn audit(
    of: &Surroundings,
    request: &AuditRequest,
) -> Result<Option<(Audit, VerifiedOutcome)>, AuditError> {
    let client = &of.client;
    let Some(audit) = client.claim_audit(request).await? else { return Ok(None) };
    let (outcome, detail) = match tokio::time::timeout(LONGEST, derive(of, &audit)).await {
        Ok(Ok(derived)) => derived,
        Ok(Err(AuditError::Lab(LabError::Cancelled))) => return Err(LabError::Cancelled.into()),
        // Not a word about the experiment, but about this machine and what it was sent; said, so that it is not drawn again
        // and again.
        Ok(Err(error)) => (VerifiedOutcome::Incomplete, chain(&error)),
        Err(_) => (VerifiedOutcome::Incomplete, format!("not done within {} s", LONGEST.as_secs())),
    };
    let detail = detail[..detail.floor_char_boundary(Action::MAX_TEXT_BYTES)].to_owned();
    let (worker, manifest) = (request.worker.name.clone(), audit.manifest);
    client.report_audit(&audit.id, &AuditReport { worker, manifest, outcome, detail }).await?;
    Ok(Some((audit, outcome)))
}

/// Derives the experiment again, down to encoding every stream once more: a worker might have published what another encoder
/// made.
async fn derive(of: &Surroundings, audit: &Audit) -> Result<(VerifiedOutcome, String), AuditError> {
    let Surroundings { client, lab, clips, folder, .. } = of;
    let directory = RunDirectory::create(folder).map_err(LabError::file("use", folder))?;
    let bundle = directory.join("bundle");
    fetch_bundle(client, &audit.id, &bundle, &|_| {}).await?;
    let mut opened = Vec::with_capacity(audit.clips.len());
    for claimed in &audit.clips {
        opened.push(clips.clip(client, &lab.ffmpeg, claimed).await?);
    }
    let (stop, lab) = (Arc::new(Stoppable::default()), lab.clone());
    let _guard = StopOnDrop(stop.clone());
    let derived = tokio::task::spawn_blocking(move || {
        // They stay as long as they are read, and so does the folder.
        let (_directory, opened) = (directory, opened);
        let paths: Vec<PathBuf> = opened.iter().map(|cached| cached.clip.path().to_owned()).collect();
        let bundle = Bundle::open(&bundle, &lab.home)?;
        lab.verify(&bundle, &VerifyOptions { clips: paths, encode: true }, &*stop)
    });
    Ok(told(&derived.await??))
}

/// A verdict in one word and a sentence.
fn told(verdict: &Verdict) -> (VerifiedOutcome, String) {
    let listed = |texts: &mut dyn Iterator<Item = String>, count: usize| {
        let more = (count > SPELLED_OUT).then(|| format!("and {} more", count - SPELLED_OUT));
        texts.take(SPELLED_OUT).chain(more).collect::<Vec<_>>().join("; ")
    };
    let Verdict { differences, unchecked, .. } = verdict;
    if !differences.is_empty() {
        let text = listed(&mut differences.iter().map(ToString::to_string), differences.len());
        (VerifiedOutcome::Differs, text)
    } else if unchecked.is_empty() {
        (VerifiedOutcome::Confirmed, String::new())
    } else {
        (VerifiedOutcome::Incomplete, listed(&mut unchecked.iter().cloned(), unchecked.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_lab::Difference;

    #[tokio::test(start_paused = true)]
    async fn who_has_no_work_looks_back_at_once_and_who_always_has_some_every_hour() {
        let mut auditor = Auditor::new(4);
        assert!(auditor.is_due(false) && !auditor.is_due(true));
        tokio::time::advance(BUSY_PAUSE).await;
        assert!(auditor.is_due(true));
        auditor.rest();
        assert!(!auditor.is_due(false) && !auditor.is_due(true));
        tokio::time::advance(PAUSE).await;
        assert!(auditor.is_due(false) && !auditor.is_due(true));
        tokio::time::advance(BUSY_PAUSE).await;
        assert!(auditor.is_due(true));
        assert!(!Auditor::new(0).is_due(false), "none is none");
    }

    #[test]
    fn a_verdict_is_told_in_one_word_and_as_much_as_fits_a_sentence() {
        let difference = |number: usize| Difference {
            field: format!("points[{number}].bitrate"),
            recorded: "1".to_owned(),
            derived: "2".to_owned(),
        };
        let mut verdict = Verdict::default();
        assert_eq!(told(&verdict), (VerifiedOutcome::Confirmed, String::new()));
        verdict.unchecked.push("clip street is not at hand".to_owned());
        assert_eq!(told(&verdict), (VerifiedOutcome::Incomplete, "clip street is not at hand".to_owned()));
        verdict.differences = (0..7).map(difference).collect();
        let (outcome, detail) = told(&verdict);
        assert_eq!(outcome, VerifiedOutcome::Differs);
        assert!(detail.contains("points[4].bitrate") && !detail.contains("points[5]"), "{detail}");
        assert!(detail.ends_with("and 2 more"), "{detail}");
    }
}
