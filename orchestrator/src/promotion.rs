//! Promotion: the best so far is measured on the held-out clips, whose results no designer ever reads.
//!
//! A look at clips spends them: whoever looks often enough finds a codec that is lucky on them. So a champion is looked at
//! once, under its frozen source and parameters; the next look is taken only when another is better on the open clips by
//! [`LOOK_STEP`]; and every look is an experiment like any other, of the arm `held_out`, which everybody can count.

use crate::Error;
use aiv1_model::{Arm, Digest, Experiment, Origin, Settings, Status, Submission, Summary};
use aiv1_store::{Catalog, NewExperiment, Order, Query};

/// How much better than the last one that was looked at a champion must be on the open clips, in percentage points of its
/// headline BD-rate: less may be chance, and is not worth a look.
pub const LOOK_STEP: f64 = 0.25;

/// Of the best experiments so many are asked whether they answer the lab's question.
const BEST: u32 = 50;

/// What the lab asks of every codec, and the clips that it asks a champion of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lab<'a> {
    pub(crate) catalog: &'a dyn Catalog,
    pub(crate) open: &'a [Digest],
    pub(crate) held_out: &'a [Digest],
    pub(crate) settings: &'a Settings,
}

impl Lab<'_> {
    /// The look that is due, if one is.
    pub(crate) async fn due(&self) -> Result<Option<NewExperiment>, Error> {
        if self.held_out.is_empty() {
            return Ok(None);
        }
        let Some(champion) = self.champion().await? else { return Ok(None) };
        let Some(bd_rate) = headline(&champion) else { return Ok(None) };
        if !self.is_worth_a_look(&champion, bd_rate).await? {
            return Ok(None);
        }
        let submission = self.asks(&champion, self.held_out);
        if self.catalog.experiment(&submission.id()).await?.is_some() {
            return Ok(None);
        }
        let codec = self.catalog.record(&champion.id).await?.map(|record| record.codec);
        let Some((encoder, decoder)) = codec.and_then(|codec| codec.encoder.zip(codec.decoder)) else {
            return Ok(None);
        };
        let rationale = format!(
            "No. {} is the best on the open clips, at {bd_rate:+.2} % against the strongest anchor. Frozen as it is (encoder \
             {:.16}, decoder {:.16}), it is measured once on clips that no designer sees: what it loses there was luck or fitting.",
            champion.number,
            encoder.sha256.to_string(),
            decoder.sha256.to_string(),
        );
        let origin = Origin { parent: Some(champion.id), ..Origin::new(Arm::HeldOut, rationale) };
        Ok(Some(NewExperiment { submission, origin, idempotency_key: None }))
    }

    /// The best on the open clips, of all that answer the lab's question.
    pub(crate) async fn champion(&self) -> Result<Option<Summary>, Error> {
        let best =
            Query { status: Some(Status::Successful), order: Order::Best, limit: BEST, ..Query::default() };
        let best = self.catalog.list(&best).await?.experiments;
        Ok(best.into_iter().find(|summary| self.answers(summary)))
    }

    /// Whether it was asked with these clips and settings: its id is the digest of all that was asked.
    pub(crate) fn answers(&self, summary: &Summary) -> bool {
        self.asks(summary, self.open).id() == summary.id
    }

    fn asks(&self, summary: &Summary, clips: &[Digest]) -> Submission {
        Submission {
            codec: summary.codec.clone(),
            source: summary.source,
            parameters: summary.parameters.clone(),
            clips: clips.to_vec(),
            settings: self.settings.clone(),
        }
    }

    async fn is_worth_a_look(&self, champion: &Summary, bd_rate: f64) -> Result<bool, Error> {
        let last = Query { arm: Some(Arm::HeldOut), limit: 1, ..Query::default() };
        let last = self.catalog.list(&last).await?.experiments.into_iter().next();
        let Some(last) = last else { return Ok(true) };
        if matches!(last.status, Status::Queued | Status::InProgress) {
            return Ok(false);
        }
        let Some(parent) = last.parent.filter(|parent| *parent != champion.id) else { return Ok(false) };
        let before = self.catalog.experiment(&parent).await?.as_ref().and_then(standing);
        Ok(before.is_none_or(|before| bd_rate <= before - LOOK_STEP))
    }
}

fn headline(summary: &Summary) -> Option<f64> {
    Some(summary.findings.as_ref()?.headline.as_ref()?.bd_rate)
}

/// The headline of what still stands.
fn standing(experiment: &Experiment) -> Option<f64> {
    let summary = experiment.retraction.is_none().then(|| experiment.summary())?;
    headline(&summary)
}
