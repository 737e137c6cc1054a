//! The designer that is a language model: it reads what was measured and writes source.
//!
//! [`LlmDesigner::design`] asks one question and reads one reply; asking again after a reply that cannot be used, or a codec
//! that failed, is the loop's to decide: the next [`Brief`] has what went wrong as a [`Try`].
//!
//! Decisions:
//!
//! - **A thin client of two wire formats** rather than somebody's: one request, one answer, streaming off. What is sent is a
//!   function of the brief, byte for byte, so that recorded replies replay a whole evolution ([`Replies`]).
//! - **Budgets are held before a call**, by the most that it may cost; a model without a price has no budget, and a budget
//!   without a price is refused at the start.
//! - **Nothing is asked twice that may have been paid for.** Only what was refused as too much at once, what failed on the
//!   server's side and what was never sent is tried again.
//! - **What others wrote is data.** Sources, names, rationales and compilers' messages stand in the prompt between marks
//!   made of their own digest, bounded, with what was cut said.
//! - **What the model wrote is hostile.** The reply is parsed strictly; the source goes the way of any stranger's.

mod brief;
mod budget;
mod call;
mod config;
mod error;
mod fence;
mod price;
mod prompt;
mod provider;
mod recorded;
mod reply;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod wire;

pub use brief::{
    Brief, Champion, Charge, Curve, CurvePoint, Designed, Earlier, LlmProposal, Parent, Try, TryOutcome,
};
pub use budget::{Budget, OverBudget, Spent};
pub use config::{
    BUDGET_DAY, BUDGET_EXPERIMENT, Config, ConfigError, KEY, MAX_TOKENS, MODEL, PRICE_INPUT, PRICE_OUTPUT,
    PROVIDER, RECORD, REPLAY, Replies, SECONDS, URL, VARIABLES,
};
pub use error::DesignError;
pub use price::{Price, Rates, TABLE_DATE};
pub use prompt::Prompt;
pub use provider::{Key, Provider};
pub use reply::{Reply, ReplyProblem, parse};

use aiv1_model::{DesignCost, chain};
use bytes::Bytes;
use call::{CallError, Caller};
use reqwest::Url;
use wire::{Answer, Stop};

/// Asks a language model for the next codec.
#[derive(Debug)]
pub struct LlmDesigner {
    config: Config,
    base: Url,
    caller: Caller,
}

impl LlmDesigner {
    /// A designer. Refuses what could never be asked, and budgets that could not be held.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        config.check()?;
        let base = config.base()?;
        let caller = Caller::new(&config, &base)?;
        Ok(Self { config, base, caller })
    }

    /// The model, as it was named.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.config.model
    }

    /// Asks once. What it cost is said whether or not the reply can be used; who drops the question before it is answered
    /// is not told what it cost.
    pub async fn design(&self, brief: &Brief) -> Result<Designed, DesignError> {
        let request = wire::request(&self.config, &self.base, &Prompt::of(brief))?;
        let at_most = self.config.price.map(|price| price.bound(request.len(), self.config.max_tokens));
        if let Some(at_most) = at_most {
            self.config.budget.admits(brief.spent, at_most)?;
        }
        let body = self.answer(request, at_most).await?;
        let answer = wire::answer(self.config.provider, &body).map_err(|reason| {
            let reason = fence::line(&format!("it cannot be read: {reason}"), 300);
            DesignError::Lost { reason, charge: self.charge(None, at_most) }
        })?;
        let charge = self.charge(Some(&answer), at_most);
        Ok(match read(&answer, brief) {
            Ok(Reply { name, source, parameters, rationale, prediction, change }) => {
                let proposal =
                    LlmProposal { name, source, parameters, rationale, prediction, change, charge };
                Designed::Proposal(Box::new(proposal))
            }
            Err(problem) => Designed::Unusable { problem, charge },
        })
    }

    async fn answer(&self, request: Vec<u8>, at_most: Option<u64>) -> Result<Bytes, DesignError> {
        let provider = self.config.provider;
        if let Replies::Recorded(folder) = &self.config.replies {
            return recorded::read(folder, provider, &request).map(Bytes::from);
        }
        let request = Bytes::from(request);
        let answer = self.caller.call(request.clone()).await.map_err(|error| match error {
            CallError::Refused { status, detail } => DesignError::Refused { status, detail },
            CallError::Busy { status, detail, tries, retry_after } => {
                DesignError::Busy { status, detail, tries, retry_after }
            }
            CallError::Unreachable { tries, reason } => DesignError::Unreachable { tries, reason },
            CallError::Lost { reason } => DesignError::Lost { reason, charge: self.charge(None, at_most) },
        })?;
        if let Replies::Recording(folder) = &self.config.replies {
            // The answer is paid for by now, and may not be lost to the count.
            recorded::write(folder, provider, &request, &answer).map_err(|error| {
                let reason = fence::line(&chain(&error), 300);
                DesignError::Lost { reason, charge: self.charge(None, at_most) }
            })?;
        }
        Ok(answer)
    }

    /// What one call cost, as far as its answer says.
    fn charge(&self, answer: Option<&Answer>, at_most: Option<u64>) -> Charge {
        let told = answer.and_then(|answer| answer.model.as_deref());
        let usage = answer.and_then(|answer| answer.usage);
        let (input_tokens, output_tokens) =
            usage.map_or((0, 0), |usage| (usage.input_tokens, usage.output_tokens));
        let price = self.config.price.filter(|_| usage.is_some());
        let microdollars = price.map(|price| price.of_tokens(input_tokens, output_tokens));
        let model = fence::line(told.unwrap_or(&self.config.model), 200);
        let cost = DesignCost { model, replies: 1, input_tokens, output_tokens, microdollars };
        Charge { cost, at_most }
    }
}

fn read(answer: &Answer, brief: &Brief) -> Result<Reply, ReplyProblem> {
    match &answer.stop {
        Stop::Refused => Err(ReplyProblem::Refused),
        Stop::Truncated => Err(ReplyProblem::Truncated),
        Stop::Other(reason) => Err(ReplyProblem::Stopped { reason: fence::line(reason, 60) }),
        Stop::Complete => parse(&answer.text, &brief.parent.source, &brief.reference),
    }
}
