//! [`Entry`]: the life of an experiment, as every backend keeps it.
//!
//! ```text
//! submitted ─► queued ─► claim ─► in progress ─► end ─► successful / failed ─► rerun ─► queued …
//!                 ▲                    │ give back, lose                ▲
//!                 └────────────────────┘ (failed after MAX_LOST_ATTEMPTS lost ones)      cancel ─► other
//! ```
//!
//! The rules are here, and for what is done from outside in `actions.rs`; nowhere else, and they know no I/O: a backend reads
//! an entry, applies one, and writes the entry with counts and indexes in one transaction. A claim is a worker's until another
//! takes it: one whose lease has lapsed may still report while nobody has claimed since, which costs nothing (the attempt's
//! number fences every report) and saves a run that was only suspended.

use crate::{Ended, Error, LEASE, MAX_LOST_ATTEMPTS, Milestone, NewExperiment};
use aiv1_model::api::{Heartbeat, Holder};
use aiv1_model::{
    Arm, BundleRef, Experiment, FailureSummary, Fault, Findings, Phase, PhaseRecord, Record, Status, Work,
};
use jiff::{SignedDuration, Timestamp};

/// How long an idempotency key is remembered.
pub const KEY_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// A worker that was not heard of for so long is no longer shown.
pub const WORKER_MEMORY: SignedDuration = SignedDuration::from_hours(24);

/// A worker that finds nothing to do is noted as seen at most this often, so that asking costs no write.
pub const SEEN_GRAIN: SignedDuration = SignedDuration::from_secs(5);

/// Most phases noted for one attempt: each of them, with room for one tried again.
const MAX_PHASES: usize = 32;

/// An experiment with what only the catalog knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The experiment.
    pub experiment: Experiment,
    /// Since when it waits, or waited: a claim that was lost or given back keeps its place.
    pub queued_at: Timestamp,
    /// It has ended successfully at least once: counted among its arm's evaluations.
    pub evaluated: bool,
    /// The report that ended its latest claim, so that the same one again is recognised.
    pub last_end: Option<String>,
}

/// Why work is taken from a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// Its lease has lapsed.
    Silent,
    /// It asks for other work: it was restarted.
    AskedAgain,
}

/// How far an arm has come.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ArmProgress {
    /// Its experiments that ended successfully, each counted once.
    pub evaluations: u64,
    /// The best headline BD-rate among them, of those that were not retracted.
    pub best: Option<f64>,
    /// What its designer's model has cost so far, in millionths of a US dollar.
    pub spent_microdollars: u64,
}

impl Entry {
    /// A new experiment, which waits from now on.
    #[must_use]
    pub fn submitted(new: &NewExperiment, number: u64, now: Timestamp) -> Self {
        let experiment = Experiment {
            id: new.submission.id(),
            number,
            status: Status::Queued,
            submission: new.submission.clone(),
            origin: new.origin.clone(),
            submitted_at: now,
            started_at: None,
            ended_at: None,
            attempt: 0,
            lost_attempts: 0,
            work: None,
            phases: Vec::new(),
            failure: None,
            findings: None,
            bundle: None,
            earlier: Vec::new(),
            measured_by: None,
            attention: None,
            verified: None,
            retraction: None,
            purged_at: None,
        };
        Self { experiment, queued_at: now, evaluated: false, last_end: None }
    }

    /// One from elsewhere, as it stands there; what is in progress waits, since nobody here holds it.
    #[must_use]
    pub fn imported(mut experiment: Experiment) -> Self {
        if experiment.status == Status::InProgress {
            experiment.status = Status::Queued;
        }
        experiment.work = None;
        let queued_at = experiment.submitted_at;
        Self { experiment, queued_at, evaluated: false, last_end: None }
    }

    /// Whether an arm's submissions are proposals of the loop.
    #[must_use]
    pub const fn is_iteration(arm: Arm) -> bool {
        match arm {
            Arm::Search | Arm::Random | Arm::Start | Arm::Llm => true,
            Arm::Person | Arm::HeldOut => false,
        }
    }

    /// What it is ranked by. Nothing of what was retracted, and nothing of what was measured on clips that no designer
    /// sees: those are ranked nowhere.
    fn ranked(&self) -> Option<&Findings> {
        let Experiment { findings, origin, retraction, .. } = &self.experiment;
        findings.as_ref().filter(|_| retraction.is_none() && origin.arm != Arm::HeldOut)
    }

    /// The headline BD-rate that it is ranked by.
    #[must_use]
    pub fn bd_rate(&self) -> Option<f64> {
        Some(self.ranked()?.headline.as_ref()?.bd_rate)
    }

    /// The decode fuel a pixel that it is ranked by.
    #[must_use]
    pub fn decode_fuel(&self) -> Option<f64> {
        self.ranked()?.decode_fuel_per_pixel
    }

    /// Given to a worker, under the next attempt; only what waits is to be given.
    pub fn claim(&mut self, worker: &str, now: Timestamp) -> Holder {
        let experiment = &mut self.experiment;
        experiment.status = Status::InProgress;
        experiment.attempt = experiment.attempt.saturating_add(1);
        experiment.started_at = experiment.started_at.or(Some(now));
        experiment.phases.clear();
        experiment.work = Some(Work {
            worker: worker.to_owned(),
            claimed_at: now,
            lease_expires_at: lease_end(now),
            phase: None,
            progress: None,
        });
        self.last_end = None;
        Holder { worker: worker.to_owned(), attempt: self.experiment.attempt }
    }

    /// Taken from its worker: queued again, or failed for good.
    pub fn lose(&mut self, why: Lost, now: Timestamp) {
        let work = self.experiment.work.as_ref();
        let (worker, phase) = work.map_or(("a worker", None), |work| (work.worker.as_str(), work.phase));
        let why = match why {
            Lost::Silent => format!("was not heard of for {} s", LEASE.as_secs()),
            Lost::AskedAgain => "asked for work while it held this".to_owned(),
        };
        let failure = FailureSummary {
            fault: Fault::Infrastructure,
            phase: phase.unwrap_or(Phase::Deployment),
            kind: "worker_lost".to_owned(),
            message: format!(
                "{worker} {why}; attempts lost: {} of {MAX_LOST_ATTEMPTS}",
                self.experiment.lost_attempts.saturating_add(1)
            ),
        };
        self.give_up_or_requeue(failure, now);
    }

    /// Held for another [`LEASE`], with what the worker says of its progress; until when.
    pub fn heartbeat(&mut self, beat: &Heartbeat, now: Timestamp) -> Result<Timestamp, Error> {
        let lease = lease_end(now);
        let Some(work) = self.work_of(&beat.holder) else { return Err(self.lost(&beat.holder)) };
        work.lease_expires_at = lease;
        work.phase = beat.phase.or(work.phase);
        work.progress = known_progress(beat.progress);
        Ok(lease)
    }

    /// Notes a phase that ended. The same report again changes nothing, so that a worker may repeat one whose answer was
    /// lost; whether it was a new one.
    pub fn phase(&mut self, holder: &Holder, phase: &PhaseRecord) -> Result<bool, Error> {
        if self.work_of(holder).is_none() {
            return Err(self.lost(holder));
        }
        let phases = &mut self.experiment.phases;
        if phases.contains(phase) {
            return Ok(false);
        }
        if phases.len() >= MAX_PHASES {
            phases.remove(0);
        }
        phases.push(phase.clone());
        Ok(true)
    }

    /// Ends the holder's claim. The report that ended it, said again, changes nothing; whether it was a new one.
    pub fn end(&mut self, holder: &Holder, ended: &Ended, now: Timestamp) -> Result<bool, Error> {
        let report = report(holder, ended);
        if self.experiment.work.is_none() && self.last_end.as_ref() == Some(&report) {
            return Ok(false);
        }
        if self.work_of(holder).is_none() {
            return Err(self.lost(holder));
        }
        match ended {
            Ended::GaveBack => {
                self.experiment.status = Status::Queued;
                self.experiment.work = None;
            }
            Ended::Infrastructure(failure) => self.give_up_or_requeue(failure.as_ref().into(), now),
            Ended::Published { record, bundle } => {
                self.publish(record, bundle, ended, now)?;
                self.experiment.measured_by = Some(holder.worker.clone());
            }
        }
        self.last_end = Some(report);
        Ok(true)
    }

    fn publish(
        &mut self,
        record: &Record,
        bundle: &BundleRef,
        ended: &Ended,
        now: Timestamp,
    ) -> Result<(), Error> {
        if !matches!(record.status, Status::Successful | Status::Failed) {
            let what = format!("the record of {}", self.experiment.id);
            return Err(Error::Damaged { what, reason: format!("status {:?} is no end", record.status) });
        }
        let experiment = &mut self.experiment;
        experiment.status = record.status;
        experiment.work = None;
        experiment.ended_at = Some(now);
        experiment.phases.clone_from(&record.phases);
        experiment.failure = record.failure.as_ref().map(FailureSummary::from);
        experiment.findings = ended.findings();
        experiment.bundle = Some(bundle.clone());
        Ok(())
    }

    /// Counts a successful end among its arm's evaluations, once per experiment; a milestone if it is the arm's best.
    pub fn evaluate(&mut self, arm: &mut ArmProgress, ended_at: Timestamp) -> Option<Milestone> {
        arm.evaluations = arm.evaluations.saturating_add(u64::from(!self.evaluated));
        self.evaluated = true;
        let bd_rate = self.bd_rate()?;
        if arm.best.is_some_and(|best| bd_rate >= best) {
            return None;
        }
        arm.best = Some(bd_rate);
        Some(Milestone {
            arm: self.experiment.origin.arm,
            evaluations: arm.evaluations,
            experiment: self.experiment.id.clone(),
            bd_rate,
            retracted: false,
            ended_at,
            spent_microdollars: arm.spent_microdollars,
        })
    }

    /// An attempt was lost by the infrastructure's fault.
    fn give_up_or_requeue(&mut self, failure: FailureSummary, now: Timestamp) {
        let experiment = &mut self.experiment;
        experiment.lost_attempts = experiment.lost_attempts.saturating_add(1);
        experiment.work = None;
        if experiment.lost_attempts >= MAX_LOST_ATTEMPTS {
            experiment.status = Status::Failed;
            experiment.failure = Some(failure);
            experiment.ended_at = Some(now);
        } else {
            experiment.status = Status::Queued;
        }
    }

    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self.experiment.status, Status::Queued | Status::InProgress)
    }

    /// The work, if `holder` holds it.
    fn work_of(&mut self, holder: &Holder) -> Option<&mut Work> {
        let held = self.experiment.is_held_by(holder);
        self.experiment.work.as_mut().filter(|_| held)
    }

    fn lost(&self, holder: &Holder) -> Error {
        let Holder { worker, attempt } = holder.clone();
        Error::Lost { id: self.experiment.id.clone(), attempt, worker }
    }

    pub(crate) fn refused(&self, action: &'static str) -> Error {
        let state = match self.experiment.status {
            _ if self.is_purged() => "purged",
            Status::Queued => "queued",
            Status::InProgress => "in progress",
            Status::Successful => "successful",
            Status::Failed => "failed",
            Status::Other => "cancelled or of no known status",
        };
        Error::State { id: self.experiment.id.clone(), state: state.to_owned(), action }
    }
}

/// Until when a lease holds that begins now.
fn lease_end(now: Timestamp) -> Timestamp {
    now.checked_add(LEASE).unwrap_or(Timestamp::MAX)
}

/// A share between 0 and 1, whatever a worker says.
fn known_progress(said: Option<f64>) -> Option<f64> {
    said.filter(|progress| progress.is_finite()).map(|progress| progress.clamp(0.0, 1.0))
}

/// A report in one line.
fn report(holder: &Holder, ended: &Ended) -> String {
    let what = match ended {
        Ended::Published { bundle, .. } => format!("published {}", bundle.manifest),
        Ended::Infrastructure(_) => "infrastructure".to_owned(),
        Ended::GaveBack => "gave back".to_owned(),
    };
    format!("{} {} {what}", holder.attempt, holder.worker)
}
