//! What the terminal shows while a lab runs: a line for every experiment that ended, one line of what goes on now.

use crate::exit::printable;
use aiv1_model::{Arm, Saving, Status, Summary};
use aiv1_store::{Catalog, Error, Order, Query};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// How often the terminal is brought up to date.
const TICK: Duration = Duration::from_secs(1);
/// Experiments looked at a tick; more than can end in one.
const LOOKED_AT: u32 = 50;

/// Tells what happens until `shutdown`.
pub(super) async fn narrate(
    catalog: Arc<dyn Catalog>,
    reference: String,
    quiet: bool,
    shutdown: CancellationToken,
) {
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, target);
    let style = ProgressStyle::with_template("{spinner} {wide_msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
    let mut narrator = Narrator { catalog, reference, quiet, bar, told: None, revision: None, best: None };
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => break,
            _ = ticks.tick() => {}
        }
        if let Err(error) = narrator.tick().await {
            tracing::warn!(error = aiv1_lab::chain(&error), "the terminal could not be brought up to date");
        }
    }
    narrator.bar.finish_and_clear();
}

struct Narrator {
    catalog: Arc<dyn Catalog>,
    /// The anchor that savings are told against.
    reference: String,
    quiet: bool,
    bar: ProgressBar,
    /// The numbers told already, once the first look has passed over what had ended before.
    told: Option<Vec<u64>>,
    revision: Option<u64>,
    best: Option<f64>,
}

impl Narrator {
    async fn tick(&mut self) -> Result<(), Error> {
        self.bar.tick();
        let revision = self.catalog.revision().await?;
        if self.revision == Some(revision) {
            return Ok(());
        }
        let newest = Query { limit: LOOKED_AT, ..Query::default() };
        let page = self.catalog.list(&newest).await?.experiments;
        let ended = |summary: &&Summary| matches!(summary.status, Status::Successful | Status::Failed);
        let ended_now: Vec<u64> = page.iter().filter(ended).map(|one| one.number).collect();
        if self.told.is_none() {
            let best = Query { order: Order::Best, limit: 1, ..Query::default() };
            let best = self.catalog.list(&best).await?;
            self.best = best
                .experiments
                .first()
                .and_then(|one| saving(one, &self.reference))
                .map(|saving| saving.bd_rate);
        }
        let told = self.told.replace(ended_now.clone()).unwrap_or(ended_now);
        for summary in page.iter().rev().filter(ended).filter(|one| !told.contains(&one.number)) {
            self.tell(summary);
        }
        let counts = self.catalog.counts().await?;
        let at_work = page.iter().filter_map(at_work).collect::<Vec<_>>().join(" · ");
        let idle = if at_work.is_empty() { "waiting for work".to_owned() } else { at_work };
        self.bar.set_message(printable(&format!(
            "{idle} — {} successful, {} failed, {} queued",
            counts.successful, counts.failed, counts.queued
        )));
        self.revision = Some(revision);
        Ok(())
    }

    fn tell(&mut self, summary: &Summary) {
        let name = format!("#{} {} ({})", summary.number, summary.codec, summary.arm);
        let line = match (&summary.failure, saving(summary, &self.reference)) {
            (Some(failure), _) => {
                format!(
                    "{name}: failed in {} by the {}'s fault: {}",
                    failure.phase, failure.fault, failure.message
                )
            }
            (None, Some(Saving { bd_rate: saving, metric, .. })) => {
                let saving = *saving;
                // On other clips: of what is held out nothing is better or worse than what is open.
                let ranks = summary.arm != Arm::HeldOut;
                let better = ranks && self.best.is_none_or(|best| saving < best);
                if better {
                    self.best = Some(saving);
                }
                let best = if better { ", the best so far" } else { "" };
                format!("{name}: {saving:+.1} % rate at equal {metric} against {}{best}", self.reference)
            }
            (None, None) => format!("{name}: measured; no BD-rate against {} can be stated", self.reference),
        };
        if !self.quiet {
            // Nobody is there to be told that standard error is gone.
            self.bar.suspend(|| drop(writeln!(std::io::stderr(), "{}", printable(&line))));
        }
    }
}

fn saving<'a>(summary: &'a Summary, reference: &str) -> Option<&'a Saving> {
    summary.findings.as_ref()?.against(reference)
}

fn at_work(summary: &Summary) -> Option<String> {
    let work = summary.work.as_ref()?;
    let phase = work.phase.map_or_else(|| "claimed".to_owned(), |phase| phase.to_string());
    let progress = work.progress.map_or_else(String::new, |progress| format!(" {:.0} %", progress * 100.0));
    Some(format!("#{} {} {phase}{progress}", summary.number, summary.codec))
}
