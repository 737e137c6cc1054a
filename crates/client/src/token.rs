//! The token in use, and where another is had from once the server refuses it.

use crate::Error;
use async_trait::async_trait;
use reqwest::header::HeaderValue;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where the token is read again once the server refuses the one in use: it may have been replaced meanwhile.
#[async_trait]
pub trait TokenSource: Debug + Send + Sync {
    /// The token in force.
    async fn token(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>>;
}

/// Shared by the clones of a client, so that one that learns of a new token tells all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Token {
    held: Arc<Mutex<Held>>,
    source: Option<Arc<dyn TokenSource>>,
    /// Held while the source is asked, so that many who are refused at once ask it once.
    asking: Arc<tokio::sync::Mutex<()>>,
}

/// While a token is replaced, some instances of a server know the new one alone and others the old one alone.
#[derive(Debug, Default)]
struct Held {
    current: Option<HeaderValue>,
    before: Option<HeaderValue>,
}

impl Token {
    pub(crate) fn new(current: Option<HeaderValue>) -> Self {
        Self { held: Arc::new(Mutex::new(Held { current, before: None })), ..Self::default() }
    }

    pub(crate) fn read_from(&mut self, source: Arc<dyn TokenSource>) {
        self.source = Some(source);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes into a request.
    pub(crate) fn current(&self) -> Option<HeaderValue> {
        self.held().current.clone()
    }

    /// After `refused` were refused, another to try: the one in use by now, the one before it, or what the source has.
    pub(crate) async fn other(&self, refused: &[Option<HeaderValue>]) -> Result<Option<HeaderValue>, Error> {
        let Some(source) = &self.source else { return Ok(None) };
        if let Some(token) = self.untried(refused) {
            return Ok(Some(token));
        }
        let _alone = self.asking.lock().await;
        if let Some(token) = self.untried(refused) {
            return Ok(Some(token));
        }
        let failed = |source| Error::Network { action: "read the token again", source };
        let token = bearer(&source.token().await.map_err(failed)?);
        let token = token.ok_or_else(|| failed("what is there has characters that no token has".into()))?;
        if refused.contains(&Some(token.clone())) {
            return Ok(None);
        }
        let mut held = self.held();
        held.before = held.current.replace(token.clone());
        Ok(Some(token))
    }

    fn untried(&self, refused: &[Option<HeaderValue>]) -> Option<HeaderValue> {
        let held = self.held();
        let known =
            [&held.current, &held.before].into_iter().find(|one| one.is_some() && !refused.contains(one));
        known.cloned().flatten()
    }
}

/// `Bearer TOKEN`, unless the token has characters that none has.
pub(crate) fn bearer(token: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::try_from(format!("Bearer {token}")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[derive(Debug, Default)]
    struct Counting {
        asked: AtomicU32,
    }

    #[async_trait]
    impl TokenSource for Counting {
        async fn token(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            Ok("new".to_owned())
        }
    }

    #[tokio::test]
    async fn many_who_are_refused_at_once_ask_once_and_the_token_before_is_tried_as_well() {
        let (old, new) = (bearer("old"), bearer("new"));
        let source = Arc::new(Counting::default());
        let mut token = Token::new(old.clone());
        token.read_from(source.clone());
        let after = |refused: &[&Option<HeaderValue>]| {
            let (token, refused) = (token.clone(), refused.iter().copied().cloned().collect::<Vec<_>>());
            async move { token.other(&refused).await.unwrap() }
        };
        let both = tokio::join!(after(&[&old]), after(&[&old]));
        assert_eq!((both, source.asked.load(Ordering::Relaxed)), ((new.clone(), new.clone()), 1));
        assert_eq!(token.current(), new);
        assert_eq!(after(&[&new]).await, old, "an instance may not have heard of the new one");
        assert_eq!(after(&[&new, &old]).await, None, "both are refused, and there is no third");
        assert_eq!(token.current(), new);
        assert!(!format!("{token:?}").contains("new"));
    }
}
