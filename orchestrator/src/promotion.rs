//! Promotion: the best so far is measured on the held-out clips, whose results no designer ever reads.
//!
//! A look at clips spends them: whoever looks often enough finds a codec that is lucky on them. So a champion is looked at
//! once, under its frozen source and parameters; the next look is taken only when another is better on the open clips by
//! [`LOOK_STEP`]; and every look is an experiment like any other, of the arm `held_out`, which everybody can count.

use crate::Error;
use aiv1_model::{Arm, Digest, Experiment, Origin, Settings, Status, Summary};
use aiv1_store::{Catalog, NewExperiment, Order, Query};

/// How much better than the last one that was looked at a champion must be on the open clips, in percentage points of its
/// headline BD-rate: less may be chance, and is not worth a look.
pub const LOOK_STEP: f64 = 0.25;

/// Pages of a ranking that are looked through.
const PAGES: usize = 5;

/// Looks that are looked back on.
const LOOKS: u32 = 20;

/// What the lab asks of every codec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lab<'a> {
    pub(crate) catalog: &'a dyn Catalog,
    pub(crate) open: &'a [Digest],
    pub(crate) settings: &'a Settings,
}

impl Lab<'_> {
    /// The look at these clips that is due, if one is.
    pub(crate) async fn due(&self, held_out: &[Digest]) -> Result<Option<NewExperiment>, Error> {
        if held_out.is_empty() {
            return Ok(None);
        }
        let Some(champion) = self.champion().await? else { return Ok(None) };
        let Some(bd_rate) = champion.headline().map(|headline| headline.bd_rate) else { return Ok(None) };
        if !self.is_worth_a_look(&champion, bd_rate).await? {
            return Ok(None);
        }
        let submission = champion.asked(held_out, self.settings);
        if self.catalog.experiment(&submission.id()).await?.is_some() {
            return Ok(None);
        }
        let codec = self.catalog.record(&champion.id).await?.map(|record| record.codec);
        let Some((encoder, decoder)) = codec.and_then(|codec| codec.encoder.zip(codec.decoder)) else {
            return Ok(None);
        };
        // Its figure is not told here: it may be retracted, and this would still say it.
        let rationale = format!(
            "No. {} is the best on the open clips. Frozen as it is (encoder {:.16}, decoder {:.16}), it is measured once on clips \
             that no designer sees: what it loses there was luck or fitting.",
            champion.number,
            encoder.sha256.to_string(),
            decoder.sha256.to_string(),
        );
        let origin = Origin { parent: Some(champion.id), ..Origin::new(Arm::HeldOut, rationale) };
        Ok(Some(NewExperiment { submission, origin, idempotency_key: None }))
    }

    /// The best on the open clips, of all that answer the lab's question.
    pub(crate) async fn champion(&self) -> Result<Option<Summary>, Error> {
        Ok(self.ranked(Order::Best, 1).await?.into_iter().next())
    }

    /// The first in this order that answer the lab's question, at most `most`. Others may be ranked among them, of earlier clips
    /// and settings, or what people asked; past [`PAGES`] pages it is not looked for.
    pub(crate) async fn ranked(&self, order: Order, most: usize) -> Result<Vec<Summary>, Error> {
        let (mut found, limit) = (Vec::new(), Query::MAX_LIMIT);
        let mut query = Query { status: Some(Status::Successful), order, limit, ..Query::default() };
        for _ in 0..PAGES {
            let page = self.catalog.list(&query).await?;
            found.extend(page.experiments.into_iter().filter(|summary| self.answers(summary)));
            query.cursor = page.next;
            if found.len() >= most || query.cursor.is_none() {
                break;
            }
        }
        found.truncate(most);
        Ok(found)
    }

    /// Whether it was asked with the lab's clips and settings.
    pub(crate) fn answers(&self, summary: &Summary) -> bool {
        summary.answers(self.open, self.settings)
    }

    /// Compared with the last look that came to something, and whose champion still stands.
    async fn is_worth_a_look(&self, champion: &Summary, bd_rate: f64) -> Result<bool, Error> {
        let looks = Query { arm: Some(Arm::HeldOut), limit: LOOKS, ..Query::default() };
        for look in self.catalog.list(&looks).await?.experiments {
            // What an operator asked of these clips is no champion's look.
            let Some(parent) = look.parent else { continue };
            match look.status {
                Status::Queued | Status::InProgress => return Ok(false),
                Status::Successful if parent == champion.id => return Ok(false),
                Status::Successful => {}
                Status::Failed | Status::Other => continue,
            }
            let Some(before) = self.catalog.experiment(&parent).await? else { continue };
            if matches!(before.status, Status::Queued | Status::InProgress) {
                return Ok(false);
            }
            if let Some(before) = standing(&before) {
                return Ok(bd_rate <= before - LOOK_STEP);
            }
        }
        Ok(true)
    }
}

/// The headline of what still stands.
fn standing(experiment: &Experiment) -> Option<f64> {
    let stands = experiment.retraction.is_none().then(|| experiment.summary())?;
    stands.headline().map(|headline| headline.bd_rate)
}
