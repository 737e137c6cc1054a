//! The token in use, and where another is had from once the server refuses it.

use crate::Error;
use async_trait::async_trait;
use reqwest::header::HeaderValue;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the token is read again once the server refuses the one in use: it may have been replaced meanwhile.
#[async_trait]
pub trait TokenSource: Debug + Send + Sync {
    /// The token in force.
    async fn token(&self) -> Result<String, Box<dyn std::error::Error + Send + Sync>>;
}

/// Shared by the clones of a client, so that one that learns of a new token tells all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Token {
    current: Arc<Mutex<Option<HeaderValue>>>,
    source: Option<Arc<dyn TokenSource>>,
    /// Held while the source is asked, so that many who are refused at once ask it once.
    asking: Arc<tokio::sync::Mutex<()>>,
}

impl Token {
    pub(crate) fn new(token: Option<HeaderValue>) -> Self {
        Self { current: Arc::new(Mutex::new(token)), ..Self::default() }
    }

    pub(crate) fn read_from(&mut self, source: Arc<dyn TokenSource>) {
        self.source = Some(source);
    }

    /// What goes into a request.
    pub(crate) fn current(&self) -> Option<HeaderValue> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// After `refused` was refused: whether another is in use now.
    pub(crate) async fn renew(&self, refused: Option<&HeaderValue>) -> Result<bool, Error> {
        let Some(source) = &self.source else { return Ok(false) };
        let _alone = self.asking.lock().await;
        if self.current().as_ref() != refused {
            return Ok(true);
        }
        let failed = |source| Error::Network { action: "read the token again", source };
        let token = bearer(&source.token().await.map_err(failed)?);
        let token = token.ok_or_else(|| failed("what is there has characters that no token has".into()))?;
        let changed = Some(&token) != refused;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(token);
        Ok(changed)
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
    async fn many_who_are_refused_at_once_ask_once_and_a_token_that_stayed_is_no_other() {
        let (old, source) = (bearer("old"), Arc::new(Counting::default()));
        let mut token = Token::new(old.clone());
        token.read_from(source.clone());
        let refused = |token: Token, old| async move { token.renew(old).await.unwrap() };
        let both = tokio::join!(refused(token.clone(), old.as_ref()), refused(token.clone(), old.as_ref()));
        assert_eq!((both, source.asked.load(Ordering::Relaxed)), ((true, true), 1));
        assert_eq!(token.current(), bearer("new"));
        assert!(!refused(token.clone(), bearer("new").as_ref()).await, "the new one is refused as well");
        assert!(!format!("{token:?}").contains("new"));
    }
}
