//! The language model's turn: which codec it is to change, what it is told of the tries before, and when a person is asked.
//!
//! Nothing of it is remembered here. A proposal and its tries are experiments like any other, of the arm `llm` and with the
//! parent that they change; which try the next one is, is read from them. So is what was spent today, from the journal.
//! Only replies that cannot be used leave no experiment: the model is asked again at once, a few times, and each time is a
//! line of the journal.

use crate::llm::{
    Brief, Champion, Charge, Curve, DesignError, Designed, Earlier, LlmDesigner, LlmProposal, Parent, Spent,
    Try, TryOutcome,
};
use crate::promotion::Lab;
use crate::{Error, day};
use aiv1_model::{
    Action, Arm, DesignCost, Digest, Experiment, ExperimentId, Fault, JournalEntry, Note, Origin, Status,
    Submission, Summary, archive, chain,
};
use aiv1_store::{BlobKey, Blobs, Clock, NewExperiment, ObjectKind, Order, Query};

/// Tries at one proposal, each an experiment that failed by its own fault; then a person is asked to look at it.
pub const MAX_TRIES: usize = 3;

/// Replies to one question; then the turn passes.
const MAX_REPLIES: usize = 3;

/// What the arm is looked back on for.
const RECENT: u32 = 16;

/// The turn of the language model.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    pub(crate) designer: &'a LlmDesigner,
    pub(crate) lab: Lab<'a>,
    pub(crate) blobs: &'a dyn Blobs,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) reference: &'a str,
    /// Which of the parents, a number drawn anew for each turn.
    pub(crate) draw: u64,
}

/// What became of a turn.
#[derive(Debug)]
pub(crate) enum Taken {
    /// A proposal is queued.
    Submitted(Box<Experiment>),
    /// There was nothing to ask now.
    Passed,
    /// Nobody answered, or nothing that could be used: asking again at once would only cost.
    Failed,
}

/// Where the arm stands.
#[derive(Debug)]
enum Standing {
    /// Its last proposal is not measured yet.
    Busy,
    /// The tries at a proposal so far, latest first.
    Trying { parent: ExperimentId, tries: Vec<Summary> },
    /// Nothing is under way.
    Free,
}

impl Turn<'_> {
    /// Asks the model, and queues what it proposes.
    pub(crate) async fn take(&self) -> Result<Taken, Error> {
        let recent = Query { arm: Some(Arm::Llm), limit: RECENT, ..Query::default() };
        let recent = self.lab.catalog.list(&recent).await?.experiments;
        // The tries at a proposal are the latest of all; what was proposed before them is told in fewer words.
        let mut tried = 0;
        let begun = match standing(&recent) {
            Standing::Busy => return Ok(Taken::Passed),
            Standing::Trying { parent, tries } if tries.len() < MAX_TRIES => {
                tried = tries.len();
                self.brief(parent, tries).await?
            }
            Standing::Trying { tries, .. } => {
                if let Some(last) = tries.first() {
                    self.ask_a_person(last, tries.len()).await?;
                }
                None
            }
            Standing::Free => None,
        };
        let brief = match begun {
            None => self.anew().await?,
            begun => begun,
        };
        let Some(mut brief) = brief else { return Ok(Taken::Passed) };
        for summary in recent[tried..].iter().rev() {
            brief.earlier.extend(self.earlier(summary, &brief.parent.id).await?);
        }
        self.ask(brief).await
    }

    async fn ask_a_person(&self, last: &Summary, tries: usize) -> Result<(), Error> {
        let why = last.failure.as_ref().map_or("", |failure| &failure.message);
        let reason = format!(
            "{tries} tries at this change have failed, the last one: {why}. The model goes on elsewhere; is there something \
             that it should be told, or that is wrong with the lab?"
        );
        tracing::warn!(id = %last.id, tries, "a person is asked");
        self.lab.catalog.act(&last.id, JournalEntry::LOOP, &Action::Flagged { reason }).await?;
        Ok(())
    }

    /// A proposal that begins with a parent of its own: there was none, or it stands no more.
    async fn anew(&self) -> Result<Option<Brief>, Error> {
        match self.draw_parent().await? {
            Some(parent) => self.brief(parent, Vec::new()).await,
            None => Ok(None),
        }
    }

    /// One of the archive: the best of each band of rate and cost, so that what is cheap is worked on, too.
    async fn draw_parent(&self) -> Result<Option<ExperimentId>, Error> {
        let most = Query::MAX_LIMIT as usize;
        let mut best = self.lab.ranked(Order::Best, most).await?;
        // The best are much alike; what is cheap to decode may be far behind them.
        best.extend(self.lab.ranked(Order::Cheapest, most).await?);
        let cells = archive(&best);
        let drawn = self.draw.checked_rem(cells.len() as u64);
        let drawn = drawn.and_then(|drawn| cells.values().nth(drawn as usize).copied());
        // Where nothing has a cell, since no figure of cost is known, the best will do.
        Ok(drawn.or(best.first()).map(|summary| summary.id.clone()))
    }

    /// Everything that the model is told; `None` if the parent is not whole any more.
    async fn brief(&self, parent: ExperimentId, tries: Vec<Summary>) -> Result<Option<Brief>, Error> {
        let catalog = self.lab.catalog;
        let (Some(experiment), Some(record)) =
            (catalog.experiment(&parent).await?, catalog.record(&parent).await?)
        else {
            return Ok(None);
        };
        let stands = experiment.status == Status::Successful && experiment.retraction.is_none();
        if !stands || !self.lab.answers(&experiment.summary()) {
            return Ok(None);
        }
        let Some(source) = self.source(experiment.submission.source).await? else { return Ok(None) };
        let champion = match self.lab.champion().await?.filter(|champion| champion.id != parent) {
            Some(summary) => catalog.experiment(&summary.id).await?,
            None => None,
        };
        let champion = champion.and_then(|champion| {
            let (name, rationale) = (champion.submission.codec, champion.origin.rationale);
            Some(Champion { id: champion.id, name, findings: champion.findings?, rationale })
        });
        let midnight = aiv1_store::midnight(self.clock.now());
        let cost = tries.iter().filter_map(|summary| summary.cost.as_ref()?.microdollars).sum();
        let spent = Spent { experiment: cost, day: day::spent(catalog, midnight).await? };
        let mut told = Vec::with_capacity(tries.len());
        for summary in tries.into_iter().rev() {
            told.extend(self.told(summary).await?);
        }
        Ok(Some(Brief {
            anchors: Curve::of_anchors(&record),
            parent: Parent {
                id: parent,
                name: experiment.submission.codec,
                source,
                parameters: experiment.submission.parameters,
                findings: experiment.findings,
                curves: Curve::of_codec(&record),
            },
            clips: record.clips,
            settings: self.lab.settings.clone(),
            reference: self.reference.to_owned(),
            champion,
            earlier: Vec::new(),
            tries: told,
            spent,
        }))
    }

    async fn earlier(&self, summary: &Summary, parent: &ExperimentId) -> Result<Option<Earlier>, Error> {
        let Some(experiment) = self.lab.catalog.experiment(&summary.id).await? else { return Ok(None) };
        let saving = summary.findings.as_ref().and_then(|findings| findings.against(self.reference));
        let saving = saving.filter(|saving| saving.refused == 0);
        Ok(Some(Earlier {
            number: summary.number,
            name: summary.codec.clone(),
            same_parent: summary.parent.as_ref() == Some(parent),
            rationale: experiment.origin.rationale,
            bd_rate: saving.filter(|_| summary.retraction.is_none()).map(|saving| saving.bd_rate),
            expected: summary.prediction.as_ref().map(|prediction| prediction.bd_rate),
            failure: summary.failure.as_ref().map(|failure| failure.message.clone()),
        }))
    }

    /// A try that failed, with what shows it.
    async fn told(&self, summary: Summary) -> Result<Option<Try>, Error> {
        let Some(failure) = summary.failure else { return Ok(None) };
        let record = self.lab.catalog.record(&summary.id).await?;
        let evidence =
            record.and_then(|record| record.failure).map(|failure| failure.evidence).unwrap_or_default();
        let change = self.source(summary.source).await?;
        Ok(Some(Try { change, outcome: TryOutcome::Failed { failure, evidence } }))
    }

    async fn source(&self, sha256: Digest) -> Result<Option<String>, Error> {
        let kind = ObjectKind::Source;
        let bytes = self.blobs.get(&BlobKey::object(kind, sha256), kind.max_bytes()).await?;
        Ok(bytes.and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()))
    }

    /// Asks until a reply can be tried.
    async fn ask(&self, mut brief: Brief) -> Result<Taken, Error> {
        let mut paid: Option<Charge> = None;
        for _ in 0..MAX_REPLIES {
            // An answer may take minutes, in which an operator may have paused the loop.
            if self.lab.catalog.loop_state().await?.paused {
                return Ok(Taken::Passed);
            }
            let designed = match self.designer.design(&brief).await {
                Ok(designed) => designed,
                Err(error) => {
                    self.pass(&error).await?;
                    return Ok(Taken::Failed);
                }
            };
            let charge = designed.charge().clone();
            self.note(designed.outcome(), &charge.cost, charge.at_most).await?;
            brief.spent.experiment = brief.spent.experiment.saturating_add(charge.counted());
            brief.spent.day = brief.spent.day.saturating_add(charge.counted());
            let so_far = match paid.take() {
                Some(before) => before.and(&charge),
                None => charge,
            };
            let tried = match designed {
                Designed::Proposal(proposal) => {
                    match self.submit(&brief.parent.id, *proposal, so_far.cost.clone()).await? {
                        Ok(experiment) => return Ok(Taken::Submitted(Box::new(experiment))),
                        Err(tried) => tried,
                    }
                }
                Designed::Unusable { problem, .. } => {
                    Try { change: None, outcome: TryOutcome::Unusable(problem) }
                }
            };
            paid = Some(so_far);
            brief.tries.push(tried);
        }
        tracing::warn!(parent = %brief.parent.id, replies = MAX_REPLIES, "no reply of the model could be used");
        Ok(Taken::Failed)
    }

    /// Queues a proposal, or says to the model why it cannot be.
    async fn submit(
        &self,
        parent: &ExperimentId,
        proposal: LlmProposal,
        cost: DesignCost,
    ) -> Result<Result<Experiment, Try>, Error> {
        let LlmProposal { name, source, parameters, rationale, prediction, change, .. } = proposal;
        let refused = |why: String| Try { change: Some(change), outcome: TryOutcome::Refused(why) };
        let submission = Submission {
            codec: name,
            source: Digest::of(source.as_bytes()),
            parameters,
            clips: self.lab.open.to_vec(),
            settings: self.lab.settings.clone(),
        };
        if let Err(error) = submission.check() {
            return Ok(Err(refused(error.to_string())));
        }
        self.blobs.put(&BlobKey::object(ObjectKind::Source, submission.source), source.into()).await?;
        let origin = Origin {
            parent: Some(parent.clone()),
            prediction: Some(prediction),
            cost: Some(cost),
            ..Origin::new(Arm::Llm, rationale)
        };
        let submitted =
            self.lab.catalog.submit(&NewExperiment { submission, origin, idempotency_key: None }).await?;
        if submitted.created {
            return Ok(Ok(submitted.experiment));
        }
        Ok(Err(refused(format!("the very same was asked before, as No. {}", submitted.experiment.number))))
    }

    /// The turn passes: nobody answered, or nobody may be asked.
    async fn pass(&self, error: &DesignError) -> Result<(), Error> {
        tracing::warn!(error = chain(error), "the model's turn passes");
        if let Some(charge) = error.charge() {
            self.note("lost", &charge.cost, charge.at_most).await?;
        }
        Ok(())
    }

    async fn note(&self, outcome: &str, cost: &DesignCost, at_most: Option<u64>) -> Result<(), Error> {
        let (outcome, cost) = (outcome.to_owned(), cost.clone());
        let note = Note::ModelCalled { outcome, cost, at_most_microdollars: at_most };
        self.lab.catalog.note(JournalEntry::LOOP, &note).await?;
        Ok(())
    }
}

/// Where the arm stands, by its latest experiments, the latest first.
fn standing(recent: &[Summary]) -> Standing {
    let Some(last) = recent.first() else { return Standing::Free };
    if matches!(last.status, Status::Queued | Status::InProgress) {
        return Standing::Busy;
    }
    let Some(parent) = last.parent.clone() else { return Standing::Free };
    // What a person was asked about, or has seen to, is over.
    let is_try = |summary: &&Summary| {
        let candidate = summary.failure.as_ref().is_some_and(|failure| failure.fault == Fault::Candidate);
        let over = summary.attention.is_some() || summary.parent.as_ref() != Some(&parent);
        summary.status == Status::Failed && candidate && !over
    };
    let tries: Vec<Summary> = recent.iter().take_while(is_try).cloned().collect();
    if tries.is_empty() { Standing::Free } else { Standing::Trying { parent, tries } }
}
