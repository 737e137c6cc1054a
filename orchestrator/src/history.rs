//! What was asked before and what came of it, read from the catalog; nothing else is remembered.

use crate::{Error, Question};
use aiv1_model::{Arm, ExperimentId, Fault, Parameters, Status, Summary};
use aiv1_store::{Catalog, Order, Query};
use std::collections::BTreeMap;

/// One experiment that asked the same question with other parameters.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// Which.
    pub id: ExperimentId,
    /// Counts experiments in the order of their submission.
    pub number: u64,
    /// Who proposed it.
    pub arm: Arm,
    /// Every parameter with its value.
    pub parameters: Parameters,
    /// What came of it.
    pub outcome: Outcome,
    /// Most decode fuel a luma pixel of any of its points.
    pub decode_fuel: Option<f64>,
}

/// What came of an experiment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Outcome {
    /// Measured: its objective, to be minimised.
    Measured(f64),
    /// By its own fault without one: it failed, or its BD-rate was refused.
    Bad,
    /// Still waiting or running.
    Pending,
    /// It says nothing about its parameters: cancelled, or failed by the fault of another.
    Void,
}

/// What was asked before, in the order in which it was asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History(Vec<Evaluation>);

/// Most experiments of one codec that are looked back on.
pub const MAX_HISTORY: usize = 2_000;

/// Older ones are kept in view if they are among so many best of their arm.
const BEST_KEPT: u32 = 20;

impl History {
    /// Reads what was asked of one codec. What another question asked of it (other clips, other settings) is left out.
    pub async fn read(catalog: &dyn Catalog, question: &Question) -> Result<Self, Error> {
        let mut found = BTreeMap::new();
        let mut query = Query { codec: Some(question.source), limit: Query::MAX_LIMIT, ..Query::default() };
        let mut read = 0;
        loop {
            let page = catalog.list(&query).await?;
            read += page.experiments.len();
            found.extend(page.experiments.iter().filter_map(|summary| Evaluation::of(summary, question)));
            query.cursor = page.next;
            if query.cursor.is_none() || read >= MAX_HISTORY {
                break;
            }
        }
        // Only past the bound can the best have been missed.
        if query.cursor.is_some() {
            for arm in [Arm::Start, Arm::Search] {
                let best = Query {
                    codec: Some(question.source),
                    arm: Some(arm),
                    order: Order::Best,
                    limit: BEST_KEPT,
                    ..Query::default()
                };
                let page = catalog.list(&best).await?;
                found.extend(page.experiments.iter().filter_map(|summary| Evaluation::of(summary, question)));
            }
        }
        Ok(Self(found.into_values().collect()))
    }

    /// All of them, in order.
    #[must_use]
    pub fn evaluations(&self) -> &[Evaluation] {
        &self.0
    }

    /// Whether this was asked.
    #[must_use]
    pub fn contains(&self, id: &ExperimentId) -> bool {
        self.0.iter().any(|evaluation| evaluation.id == *id)
    }

    /// What an arm may learn from: what the start and the arm itself asked. The search sees nothing of the control arm,
    /// or it would not be one.
    #[must_use]
    pub fn seen_by(&self, arm: Arm) -> Self {
        let own = |evaluation: &&Evaluation| evaluation.arm == Arm::Start || evaluation.arm == arm;
        Self(self.0.iter().filter(own).cloned().collect())
    }

    /// The best that was measured; of equals the earliest.
    #[must_use]
    pub fn best(&self) -> Option<(&Evaluation, f64)> {
        let measured = self.0.iter().filter_map(|evaluation| match evaluation.outcome {
            Outcome::Measured(objective) => Some((evaluation, objective)),
            _ => None,
        });
        measured.min_by(|(_, one), (_, other)| one.total_cmp(other))
    }

    /// How many came to an end of this kind.
    #[must_use]
    pub fn count(&self, is: impl Fn(Outcome) -> bool) -> usize {
        self.0.iter().filter(|evaluation| is(evaluation.outcome)).count()
    }

    /// For tests of designers, which need no catalog.
    #[cfg(test)]
    pub(crate) fn push(&mut self, evaluation: Evaluation) {
        self.0.push(evaluation);
    }

    #[cfg(test)]
    pub(crate) fn evaluations_mut(&mut self) -> &mut [Evaluation] {
        &mut self.0
    }
}

impl Evaluation {
    /// By its number, so that a map of them is in order; `None` if it answers another question.
    fn of(summary: &Summary, question: &Question) -> Option<(u64, Self)> {
        let parameters = &summary.parameters;
        // The id is the digest of all that was asked: equal ids mean equal clips and settings too.
        if !question.space.holds(parameters) || question.id(parameters) != summary.id {
            return None;
        }
        let outcome = match summary.status {
            Status::Queued | Status::InProgress => Outcome::Pending,
            // A result that was retracted says nothing, neither for nor against.
            Status::Successful if summary.retraction.is_some() => Outcome::Void,
            Status::Successful => {
                let objective = summary.findings.as_ref().and_then(|findings| question.objective(findings));
                objective.map_or(Outcome::Bad, Outcome::Measured)
            }
            Status::Failed
                if summary.failure.as_ref().is_some_and(|failure| failure.fault == Fault::Candidate) =>
            {
                Outcome::Bad
            }
            Status::Failed | Status::Other => Outcome::Void,
        };
        let decode_fuel = summary.findings.as_ref().and_then(|findings| findings.decode_fuel_per_pixel);
        let Summary { id, number, arm, .. } = summary;
        let (id, parameters) = (id.clone(), parameters.clone());
        Some((*number, Self { id, number: *number, arm: *arm, parameters, outcome, decode_fuel }))
    }
}
