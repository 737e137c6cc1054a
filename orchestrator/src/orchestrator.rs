//! [`Orchestrator`]: keeps experiments waiting for the workers, within its budgets.

use crate::designer::{Ask, Designer, Proposal, Random, Start, mix};
use crate::designs::Taken;
use crate::history::{History, Outcome};
use crate::llm::LlmDesigner;
use crate::question::{Question, StartingCodec, reference};
use crate::search::Search;
use crate::space::Space;
use crate::{Config, Error, day, designs, promotion, words};
use aiv1_model::api::ClipEntry;
use aiv1_model::{Arm, Digest, Experiment, Origin, Submission, chain};
use aiv1_store::{BlobKey, Blobs, Catalog, Clock, NewExperiment, ObjectKind, midnight};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The loop. It holds nothing that a restart would lose, but for how much of this run's budget is used.
#[derive(Debug)]
pub struct Orchestrator {
    catalog: Arc<dyn Catalog>,
    blobs: Arc<dyn Blobs>,
    clock: Arc<dyn Clock>,
    config: Config,
    codecs: Vec<Codec>,
    reference: String,
    started_at: Timestamp,
    submitted: u64,
    /// Start of the day that was counted last, and how many were submitted on it.
    today: Option<(Timestamp, u64)>,
    sources_are_stored: bool,
    model: Option<LlmDesigner>,
    /// Until when it is not asked, since its last turn came to nothing.
    model_rests_until: Option<Timestamp>,
}

#[derive(Debug)]
struct Codec {
    given: StartingCodec,
    source: Digest,
    space: Space,
    /// The clips under which every configuration turned out to have been asked.
    exhausted_for: Option<Vec<Digest>>,
}

/// What one look at the catalog came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// An experiment was queued.
    Submitted(Box<Experiment>),
    /// Enough of them wait.
    Enough,
    /// An operator has paused the loop.
    Paused,
    /// An operator has told every loop that runs to end.
    Stopped,
    /// There is no clip to measure on.
    NoClip,
    /// Every configuration of every codec was asked.
    Exhausted,
    /// As many as one run may were submitted.
    RunBudgetUsed,
    /// As many as one day may were submitted.
    DayBudgetUsed,
    /// The language model has all turns, and none now: its last proposal is not measured yet, or nobody answered.
    ModelWaits,
}

/// Why the loop came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It was asked to.
    Asked,
    /// An operator has told every loop that runs to end.
    Operator,
    /// As many experiments as one run may were submitted.
    BudgetUsed,
}

/// Tries at a configuration that was not asked before.
const TRIES: u32 = 32;

/// Spaces of at most so many configurations are walked to their end.
const WALKED: u64 = 1_024;

/// How long the language model is not asked after a turn that cost and came to nothing.
const REST: SignedDuration = SignedDuration::from_mins(10);

/// How often the catalog is asked whether anything changed.
const LOOK: Duration = Duration::from_secs(1);

/// After so many looks without a change the catalog is read all the same: a day may have begun.
const QUIET_LOOKS: u32 = 30;

impl Orchestrator {
    /// A loop over these codecs. Refuses what could never be submitted.
    pub fn new(
        catalog: Arc<dyn Catalog>,
        blobs: Arc<dyn Blobs>,
        clock: Arc<dyn Clock>,
        codecs: Vec<StartingCodec>,
        config: Config,
    ) -> Result<Self, Error> {
        config.check()?;
        let reference = reference(&config.settings, config.reference.as_deref())?;
        if codecs.is_empty() {
            return Err(Error::NoCodec);
        }
        let codecs = codecs.into_iter().map(|given| Codec::of(given, &config)).collect::<Result<_, _>>()?;
        Ok(Self {
            started_at: clock.now(),
            catalog,
            blobs,
            clock,
            config,
            codecs,
            reference,
            submitted: 0,
            today: None,
            sources_are_stored: false,
            model: None,
            model_rests_until: None,
        })
    }

    /// The same loop with a language model, which has the turns of [`Config::llm_share`]. Without one these pass.
    #[must_use]
    pub fn with_model(mut self, designer: Option<LlmDesigner>) -> Self {
        self.model = designer;
        self
    }

    /// Goes on until it is asked to stop or its budget is used up. A store that does not answer is asked again.
    pub async fn run(mut self, shutdown: CancellationToken) -> Stopped {
        let stopped = tokio::select! {
            () = shutdown.cancelled() => Stopped::Asked,
            stopped = self.go_on() => stopped,
        };
        tracing::info!(submitted = self.submitted, ?stopped, "the loop stopped");
        stopped
    }

    async fn go_on(&mut self) -> Stopped {
        let mut before = None;
        loop {
            // Read before the step, so that what changes meanwhile is not missed.
            let revision = self.catalog.revision().await.ok();
            match self.step().await {
                Ok(Step::Submitted(_)) => {
                    before = None;
                    continue;
                }
                Ok(Step::RunBudgetUsed) => return Stopped::BudgetUsed,
                Ok(Step::Stopped) => return Stopped::Operator,
                Ok(step) if before.as_ref() != Some(&step) => {
                    tracing::info!(?step, "the loop waits");
                    before = Some(step);
                }
                Ok(_) => {}
                Err(error) => tracing::error!(error = chain(&error), "the loop tries again"),
            }
            self.changed_since(revision).await;
        }
    }

    /// Returns once the catalog may have changed.
    async fn changed_since(&self, revision: Option<u64>) {
        let mut looks = tokio::time::interval_at(tokio::time::Instant::now() + LOOK, LOOK);
        for _ in 0..QUIET_LOOKS {
            looks.tick().await;
            if matches!(self.catalog.revision().await, Ok(now) if Some(now) != revision) {
                return;
            }
        }
    }

    /// Looks at the catalog and queues at most one experiment.
    pub async fn step(&mut self) -> Result<Step, Error> {
        if self.config.budget.per_run.is_some_and(|most| self.submitted >= most) {
            return Ok(Step::RunBudgetUsed);
        }
        let state = self.catalog.loop_state().await?;
        if state.stopped_at.is_some_and(|at| at > self.started_at) {
            return Ok(Step::Stopped);
        }
        if state.paused {
            return Ok(Step::Paused);
        }
        if self.catalog.counts().await?.queued >= self.config.ahead {
            return Ok(Step::Enough);
        }
        if self.is_day_used().await? {
            return Ok(Step::DayBudgetUsed);
        }
        let clips = self.catalog.clips().await?;
        let set = |name: &str| {
            let set = clips.iter().filter(|clip| clip.set == name).take(Submission::MAX_CLIPS);
            set.map(|clip| clip.info.id).collect::<Vec<Digest>>()
        };
        let (clips, held_out) = (set(&self.config.clip_set), set(ClipEntry::HELD_OUT));
        if clips.is_empty() {
            return Ok(Step::NoClip);
        }
        self.store_sources().await?;
        let step = match self.promote(&clips, &held_out).await? {
            Some(look) => Step::Submitted(Box::new(look)),
            None => self.propose(state.iterations, &clips).await?,
        };
        if let Step::Submitted(experiment) = &step {
            self.submitted += 1;
            if let Some((_, count)) = &mut self.today {
                *count += 1;
            }
            let (id, arm, codec) = (&experiment.id, experiment.origin.arm, &experiment.submission.codec);
            tracing::info!(%id, %arm, codec, iteration = state.iterations, "proposed");
        }
        Ok(step)
    }

    fn lab<'a>(&'a self, open: &'a [Digest]) -> promotion::Lab<'a> {
        promotion::Lab { catalog: &*self.catalog, open, settings: &self.config.settings }
    }

    /// The language model's turn, if there is one.
    async fn ask_model(
        &mut self,
        iteration: u64,
        clips: &[Digest],
    ) -> Result<Option<Box<Experiment>>, Error> {
        let Some(designer) = &self.model else { return Ok(None) };
        let now = self.clock.now();
        if self.model_rests_until.is_some_and(|until| now < until) {
            return Ok(None);
        }
        let turn = designs::Turn {
            designer,
            lab: self.lab(clips),
            blobs: &*self.blobs,
            clock: &*self.clock,
            reference: &self.reference,
            draw: mix(self.config.seed, iteration),
        };
        Ok(match turn.take().await? {
            Taken::Submitted(experiment) => Some(experiment),
            Taken::Passed => None,
            Taken::Failed => {
                self.model_rests_until = self.clock.now().checked_add(REST).ok();
                None
            }
        })
    }

    /// Queues the measurement of a new champion on the held-out clips, if one is due.
    async fn promote(&self, open: &[Digest], held_out: &[Digest]) -> Result<Option<Experiment>, Error> {
        let Some(new) = self.lab(open).due(held_out).await? else { return Ok(None) };
        let submitted = self.catalog.submit(&new).await?;
        Ok(submitted.created.then_some(submitted.experiment))
    }

    async fn propose(&mut self, iteration: u64, clips: &[Digest]) -> Result<Step, Error> {
        let mut open = Vec::new();
        for index in 0..self.codecs.len() {
            let question = self.question(index, clips);
            let history = History::read(&*self.catalog, &question).await?;
            let ask =
                Ask { question: &question, history: &history, seed: self.config.seed, iteration, attempt: 0 };
            if let Some(proposal) = Start.propose(&ask)
                && let Some(experiment) = self.submit(&question, &Start, proposal).await?
            {
                return Ok(Step::Submitted(Box::new(experiment)));
            }
            let is_open = self.codecs[index].exhausted_for.as_deref() != Some(clips);
            if is_open && !question.space.dimensions().is_empty() {
                open.push((index, question, history));
            }
        }
        let turn = self.config.turn(iteration);
        // Where the others have nothing left to propose, it has every turn.
        if (turn == Arm::Llm || open.is_empty())
            && let Some(experiment) = self.ask_model(iteration, clips).await?
        {
            return Ok(Step::Submitted(experiment));
        }
        // A turn that passes is the search's, if it has any; without it, the control arm's.
        let designer: &dyn Designer = match (self.config.search_share, self.config.random_share) {
            (0, 0) => return Ok(Step::ModelWaits),
            (0, _) => &Random,
            _ if turn == Arm::Random => &Random,
            _ => &Search::default(),
        };
        for (index, question, history) in by_turn(open, mix(self.config.seed, iteration)) {
            let ask =
                Ask { question: &question, history: &history, seed: self.config.seed, iteration, attempt: 0 };
            if let Some(experiment) = self.ask(designer, ask).await? {
                return Ok(Step::Submitted(Box::new(experiment)));
            }
            let codec = &mut self.codecs[index];
            tracing::info!(codec = codec.given.name, "no configuration is left that was not asked");
            codec.exhausted_for = Some(clips.to_vec());
        }
        Ok(Step::Exhausted)
    }

    /// Asks a designer until it says something new.
    async fn ask(&self, designer: &dyn Designer, ask: Ask<'_>) -> Result<Option<Experiment>, Error> {
        for attempt in 0..TRIES {
            let Some(proposal) = designer.propose(&Ask { attempt, ..ask }) else { break };
            if ask.history.contains(&ask.question.id(&proposal.parameters)) {
                continue;
            }
            if let Some(experiment) = self.submit(ask.question, designer, proposal).await? {
                return Ok(Some(experiment));
            }
        }
        let Some(count) = ask.question.space.count(WALKED) else { return Ok(None) };
        let first = ask.random(2).u64(..);
        for offset in 0..count {
            let parameters = ask.question.space.nth(first.wrapping_add(offset) % count);
            if !ask.history.contains(&ask.question.id(&parameters)) {
                let rationale = words::last_ones(&ask, &parameters, count);
                let proposal = Proposal { parameters, rationale, prediction: None };
                if let Some(experiment) = self.submit(ask.question, designer, proposal).await? {
                    return Ok(Some(experiment));
                }
            }
        }
        Ok(None)
    }

    /// Queues a proposal; `None` if the same was asked before.
    async fn submit(
        &self,
        question: &Question,
        designer: &dyn Designer,
        proposal: Proposal,
    ) -> Result<Option<Experiment>, Error> {
        let new = NewExperiment {
            submission: question.submission(proposal.parameters),
            origin: Origin {
                prediction: proposal.prediction,
                ..Origin::new(designer.arm(), proposal.rationale)
            },
            idempotency_key: None,
        };
        let submitted = self.catalog.submit(&new).await?;
        Ok(submitted.created.then_some(submitted.experiment))
    }

    fn question(&self, index: usize, clips: &[Digest]) -> Question {
        let codec = &self.codecs[index];
        Question {
            codec: codec.given.name.clone(),
            source: codec.source,
            space: codec.space.clone(),
            clips: clips.to_vec(),
            settings: self.config.settings.clone(),
            reference: self.reference.clone(),
        }
    }

    /// A worker must find the source of whatever it claims.
    async fn store_sources(&mut self) -> Result<(), Error> {
        if !self.sources_are_stored {
            for codec in &self.codecs {
                let key = BlobKey::object(ObjectKind::Source, codec.source);
                self.blobs.put(&key, codec.given.source.clone().into()).await?;
            }
            self.sources_are_stored = true;
        }
        Ok(())
    }

    async fn is_day_used(&mut self) -> Result<bool, Error> {
        let Some(most) = self.config.budget.per_day else { return Ok(false) };
        let midnight = midnight(self.clock.now());
        let count = match self.today {
            Some((day, count)) if day == midnight => count,
            _ => day::submitted(&*self.catalog, midnight, most).await?,
        };
        self.today = Some((midnight, count));
        Ok(count >= most)
    }
}

impl Codec {
    fn of(given: StartingCodec, config: &Config) -> Result<Self, Error> {
        let codec = given.name.clone();
        let (bytes, most) = (given.source.len() as u64, Submission::MAX_SOURCE_BYTES);
        if bytes > most {
            return Err(Error::Source { codec, bytes, most });
        }
        if let Err(source) = given.declaration.check() {
            return Err(Error::Declaration { codec, source });
        }
        let source = Digest::of(given.source.as_bytes());
        let space = Space::of(&given.declaration);
        let sample = Submission {
            codec: codec.clone(),
            source,
            parameters: space.defaults(),
            clips: vec![source],
            settings: config.settings.clone(),
        };
        sample.check().map_err(|source| Error::Submission { codec, source })?;
        Ok(Self { given, source, space, exhausted_for: None })
    }
}

/// After so many tries without one result that compares, a codec has no more turns while another has results.
const HOPELESS: usize = 8;

/// Codecs in the order in which they have this turn. The best so far has three of four turns, the second three of four
/// of the rest, and so on: what is promising is searched most. Only what never gave a result is given up, see [`HOPELESS`].
fn by_turn(mut open: Vec<(usize, Question, History)>, draw: u64) -> Vec<(usize, Question, History)> {
    let key = |history: &History| match history.best() {
        Some((_, objective)) => objective,
        // What was not measured yet may be the best; what was tried and never gave a result is not.
        None if history.count(|outcome| outcome == Outcome::Bad) == 0 => f64::NEG_INFINITY,
        None => f64::INFINITY,
    };
    let hopeless = |history: &History| {
        history.best().is_none() && history.count(|outcome| outcome == Outcome::Bad) >= HOPELESS
    };
    if open.iter().any(|(_, _, history)| history.best().is_some()) {
        open.retain(|(_, _, history)| !hopeless(history));
    }
    open.sort_by(|(_, _, one), (_, _, other)| key(one).total_cmp(&key(other)));
    let first = (draw.leading_zeros() as usize / 2).min(open.len().saturating_sub(1));
    if first > 0 {
        open[..=first].rotate_right(1);
    }
    open
}
