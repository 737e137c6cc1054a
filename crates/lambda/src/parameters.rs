//! What operators set in SSM and may change while functions run: tokens and settings.
//!
//! Read when the first request shows a token, since most show none. Once they are [`FRESH`] no longer, they are read again
//! while the request is answered with what is known; once they are [`STALE`], before it is answered: a Lambda may have
//! slept for hours, and a token that was revoked meanwhile must not open anything.

use crate::Error;
use aiv1_model::{Settings, chain};
use aiv1_store::Clock;
use aiv1_store_aws::Parameters;
use aiv1_web::{Scope, Tokens};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use std::error::Error as StdError;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

/// For so long nothing is read again.
pub(crate) const FRESH: SignedDuration = SignedDuration::from_mins(5);
/// After so long nothing is believed any more.
pub(crate) const STALE: SignedDuration = SignedDuration::from_mins(15);

/// How long reading beside may take. Lambda stops the process as soon as it has answered, so that what is read beside is
/// often cut off; requests of a later day are not to wait for it.
const BESIDE: Duration = Duration::from_secs(2);

/// Tokens by scope: each may hold several, so that a new one holds before the old one is taken away.
const TOKENS: [(Scope, &str); 3] =
    [(Scope::Submit, "tokens/submit"), (Scope::Worker, "tokens/worker"), (Scope::Admin, "tokens/admin")];
/// What a submission without settings gets, as JSON; may be absent.
const SETTINGS: &str = "settings";

/// What was set.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    pub(crate) tokens: Arc<Tokens>,
    pub(crate) settings: Option<Settings>,
}

impl Values {
    /// Makes sense of the parameters, by their names below the prefix. Settings that make none are as good as absent:
    /// whoever submits may bring some, and nobody's token depends on them.
    pub(crate) fn read<'v>(find: impl Fn(&str) -> Option<&'v str>) -> Self {
        let tokens = TOKENS.iter().filter_map(|(scope, name)| Some((*scope, find(name)?)));
        let settings = find(SETTINGS).and_then(|text| {
            let wrong = |error: &dyn StdError| {
                tracing::error!(
                    parameter = SETTINGS,
                    error = chain(error),
                    "it cannot be used: submissions without settings are refused"
                );
            };
            let settings: Settings = serde_json::from_str(text).inspect_err(|error| wrong(error)).ok()?;
            settings.check().inspect_err(|error| wrong(error)).ok()?;
            Some(settings)
        });
        Self { tokens: Arc::new(Tokens::new(tokens)), settings }
    }
}

/// Where values are read from.
#[async_trait]
pub(crate) trait Source: Debug + Send + Sync {
    /// Reads them.
    async fn read(&self) -> Result<Values, Error>;
}

#[async_trait]
impl Source for Parameters {
    async fn read(&self) -> Result<Values, Error> {
        let all = self.all().await;
        let all = all.map_err(|error| Error::Parameter { name: "tree".to_owned(), source: error.into() })?;
        Ok(Values::read(|name| Some(all.get(name)?.expose())))
    }
}

/// Values that are kept for a while.
#[derive(Debug)]
pub(crate) struct Kept {
    source: Box<dyn Source>,
    clock: Arc<dyn Clock>,
    held: Mutex<Option<(Timestamp, Arc<Values>)>>,
    /// Held while they are read, so that they are read once however many wait.
    reading: tokio::sync::Mutex<()>,
}

impl Kept {
    pub(crate) fn new(source: impl Source + 'static, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self {
            source: Box::new(source),
            clock,
            held: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
        })
    }

    /// The values in force.
    pub(crate) async fn current(self: &Arc<Self>) -> Result<Arc<Values>, Error> {
        match self.held() {
            Some((age, values)) if age < FRESH => return Ok(values),
            Some((age, values)) if age < STALE => {
                self.read_beside();
                return Ok(values);
            }
            _ => {}
        }
        let _reading = self.reading.lock().await;
        // Another may have read them while this one waited.
        match self.held() {
            Some((age, values)) if age < FRESH => Ok(values),
            _ => self.read().await,
        }
    }

    /// The values, and how old they are. Older than a clock that was set back, they are as good as none.
    fn held(&self) -> Option<(SignedDuration, Arc<Values>)> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, values) = held.as_ref()?;
        let age = self.clock.now().duration_since(*at);
        (!age.is_negative()).then(|| (age, Arc::clone(values)))
    }

    async fn read(&self) -> Result<Arc<Values>, Error> {
        let at = self.clock.now();
        let values = Arc::new(self.source.read().await?);
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some((at, Arc::clone(&values)));
        Ok(values)
    }

    /// Reads them while answers are made; one reads, others go on.
    fn read_beside(self: &Arc<Self>) {
        let this = Arc::clone(self);
        tokio::spawn(async move {
            let Ok(_reading) = this.reading.try_lock() else { return };
            let error = match timeout(BESIDE, this.read()).await {
                Ok(Ok(_)) => return,
                Ok(Err(error)) => chain(&error),
                Err(late) => chain(&late),
            };
            tracing::warn!(error, "the parameters are not read again yet");
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_store::ManualClock;
    use std::collections::VecDeque;

    /// Gives one token after the other, none at all for a `…`; then fails.
    #[derive(Debug)]
    struct Script(Mutex<VecDeque<&'static str>>);

    #[async_trait]
    impl Source for Script {
        async fn read(&self) -> Result<Values, Error> {
            let next = self.0.lock().unwrap().pop_front();
            let token =
                next.ok_or_else(|| Error::Parameter { name: "tree".into(), source: "throttled".into() })?;
            if token == "…" {
                std::future::pending::<()>().await;
            }
            Ok(Values::read(|name| (name == "tokens/worker").then_some(token)))
        }
    }

    fn kept(tokens: &[&'static str]) -> (Arc<Kept>, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::at("2026-01-01T00:00:00Z".parse().unwrap()));
        let script = Script(Mutex::new(tokens.iter().copied().collect()));
        (Kept::new(script, clock.clone()), clock)
    }

    async fn holds(kept: &Arc<Kept>, token: &str) -> bool {
        kept.current().await.unwrap().tokens.scope(token) == Some(Scope::Worker)
    }

    #[tokio::test]
    async fn values_are_read_once_while_they_are_fresh() {
        let (kept, clock) = kept(&["one"]);
        for _ in 0..3 {
            assert!(holds(&kept, "one").await);
            clock.advance(SignedDuration::from_secs(90));
        }
    }

    #[tokio::test]
    async fn a_rotated_token_holds_without_anyone_waiting_for_it() {
        let (kept, clock) = kept(&["one", "one, two"]);
        assert!(holds(&kept, "one").await);
        clock.advance(FRESH);
        // Answered with what is known, and read beside: the task runs when this one yields.
        assert!(!holds(&kept, "two").await);
        tokio::task::yield_now().await;
        assert!(holds(&kept, "two").await && holds(&kept, "one").await);
    }

    #[tokio::test]
    async fn a_revoked_token_opens_nothing_after_a_long_sleep() {
        let (kept, clock) = kept(&["one", "two"]);
        assert!(holds(&kept, "one").await);
        clock.advance(STALE);
        assert!(!holds(&kept, "one").await && holds(&kept, "two").await);
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_believed_for_a_while_and_then_no_more() {
        let (kept, clock) = kept(&["one"]);
        assert!(holds(&kept, "one").await);
        clock.advance(STALE - SignedDuration::from_secs(1));
        assert!(holds(&kept, "one").await);
        tokio::task::yield_now().await;
        clock.advance(SignedDuration::from_secs(1));
        assert!(kept.current().await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_was_cut_off_holds_nobody_up() {
        let (kept, clock) = kept(&["one", "…", "two"]);
        assert!(holds(&kept, "one").await);
        clock.advance(FRESH);
        assert!(holds(&kept, "one").await);
        tokio::task::yield_now().await;
        clock.advance(STALE - FRESH);
        assert!(holds(&kept, "two").await);
    }

    #[test]
    fn settings_may_be_absent_and_wrong_ones_take_no_token_away() {
        assert_eq!(Values::read(|_| None), Values::default());
        for wrong in
            ["{", "{}", r#"{"gop_frames":0,"quality_indices":[10,20,30,40],"anchors":[],"limits":{}}"#]
        {
            let values = Values::read(|name| match name {
                "settings" => Some(wrong),
                "tokens/worker" => Some("one"),
                _ => None,
            });
            assert_eq!((values.tokens.scope("one"), values.settings), (Some(Scope::Worker), None), "{wrong}");
        }
    }
}
