//! Bearer tokens with scopes, compared in constant time.

use crate::{Problem, Services};
use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use aiv1_model::Digest;
use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use std::marker::PhantomData;
use subtle::ConstantTimeEq as _;

/// What a token may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Submit experiments.
    Submit,
    /// Claim work and report.
    Worker,
    /// Everything: cancel, rerun, pause, and what the others may.
    Admin,
}

/// The tokens in force. Only their digests are held, so that neither a log line nor a memory dump shows one.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tokens(Vec<(Scope, Digest)>);

impl Tokens {
    /// Tokens by scope. A text may have several, see [`aiv1_model::api::tokens`]; an empty one has none.
    pub fn new<'a>(tokens: impl IntoIterator<Item = (Scope, &'a str)>) -> Self {
        let each = |(scope, text)| aiv1_model::api::tokens(text).map(move |token| (scope, token));
        let given = tokens.into_iter().flat_map(each);
        Self(given.map(|(scope, token)| (scope, Digest::of(token.as_bytes()))).collect())
    }

    /// The scope of a token, if it is one.
    #[must_use]
    pub fn scope(&self, token: &str) -> Option<Scope> {
        let digest = Digest::of(token.as_bytes()).to_string();
        let mut found = None;
        // Every token is compared, whichever matches.
        for (scope, known) in &self.0 {
            if bool::from(known.to_string().as_bytes().ct_eq(digest.as_bytes())) {
                found = Some(*scope);
            }
        }
        found
    }
}

/// The scope that a request's token gives; extracting it fails with 401 where there is no valid token.
#[derive(Clone, Copy, Debug)]
pub struct Authorized(pub Scope);

impl Authorized {
    /// 403 unless the token is of this scope, or an admin's.
    pub fn require(self, scope: Scope) -> Result<(), Problem> {
        if self.0 == scope || self.0 == Scope::Admin { Ok(()) } else { Err(Problem::Forbidden) }
    }
}

impl FromRequestParts<Services> for Authorized {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
        });
        token.and_then(|token| services.tokens.scope(token)).map(Self).ok_or(Problem::Unauthorized)
    }
}

impl OperationInput for Authorized {
    fn operation_input(_: &mut GenContext, operation: &mut Operation) {
        operation.security.push([(SECURITY_SCHEME.to_owned(), Vec::new())].into_iter().collect());
    }
}

/// Name of the tokens' scheme in the API's document.
pub const SECURITY_SCHEME: &str = "token";

/// A scope, as a type.
pub trait NeedsScope: Send + Sync + 'static {
    /// The scope.
    const SCOPE: Scope;
}

/// [`Scope::Submit`], as a type.
#[derive(Clone, Copy, Debug)]
pub struct Submits;

/// [`Scope::Worker`], as a type.
#[derive(Clone, Copy, Debug)]
pub struct Works;

/// [`Scope::Admin`], as a type.
#[derive(Clone, Copy, Debug)]
pub struct Administers;

impl NeedsScope for Submits {
    const SCOPE: Scope = Scope::Submit;
}

impl NeedsScope for Works {
    const SCOPE: Scope = Scope::Worker;
}

impl NeedsScope for Administers {
    const SCOPE: Scope = Scope::Admin;
}

/// Shows that the token allows what is asked. Extracted before the body is read: 401 or 403 otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Allowed<S>(Scope, PhantomData<S>);

impl<S> Allowed<S> {
    /// The token's own scope: the one that is needed, or an admin's.
    #[must_use]
    pub const fn scope(&self) -> Scope {
        self.0
    }
}

impl<S: NeedsScope> FromRequestParts<Services> for Allowed<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, services: &Services) -> Result<Self, Problem> {
        let authorized = Authorized::from_request_parts(parts, services).await?;
        authorized.require(S::SCOPE)?;
        Ok(Self(authorized.0, PhantomData))
    }
}

impl<S> OperationInput for Allowed<S> {
    fn operation_input(context: &mut GenContext, operation: &mut Operation) {
        Authorized::operation_input(context, operation);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_gives_its_scope_and_nothing_else_does() {
        let tokens = Tokens::new([(Scope::Submit, "submit-me"), (Scope::Worker, "work"), (Scope::Admin, "")]);
        assert_eq!(tokens.scope("submit-me"), Some(Scope::Submit));
        assert_eq!(tokens.scope("work"), Some(Scope::Worker));
        for wrong in ["", "Work", "work ", "submit-m", "submit-mee"] {
            assert_eq!(tokens.scope(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn while_a_token_is_replaced_the_old_and_the_new_one_are_in_force() {
        let tokens = Tokens::new([(Scope::Worker, "old,\n new\n,,"), (Scope::Admin, "root")]);
        for token in ["old", "new"] {
            assert_eq!(tokens.scope(token), Some(Scope::Worker));
        }
        for none in ["", "old,", "old,\n new", ","] {
            assert_eq!(tokens.scope(none), None, "{none:?}");
        }
        assert_eq!(tokens.scope("root"), Some(Scope::Admin));
    }

    #[test]
    fn an_admin_may_everything_and_others_only_what_is_theirs() {
        let may = |given: Scope, needed: Scope| Authorized(given).require(needed).is_ok();
        for needed in [Scope::Submit, Scope::Worker, Scope::Admin] {
            assert!(may(Scope::Admin, needed));
        }
        assert!(may(Scope::Submit, Scope::Submit) && may(Scope::Worker, Scope::Worker));
        assert!(!may(Scope::Submit, Scope::Worker) && !may(Scope::Worker, Scope::Submit));
        assert!(!may(Scope::Submit, Scope::Admin) && !may(Scope::Worker, Scope::Admin));
    }

    #[test]
    fn no_token_is_in_what_is_printed_for_debugging() {
        let tokens = Tokens::new([(Scope::Admin, "very-secret")]);
        assert!(!format!("{tokens:?}").contains("very-secret"));
    }
}
