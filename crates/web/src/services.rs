//! What every function is given: the store, the clock, the tokens, and what this site is called.

use crate::Tokens;
use aiv1_model::Settings;
use aiv1_store::{Blobs, Catalog, Clock};
use std::sync::Arc;

/// Handed to each function's router; cheap to clone.
#[derive(Clone, Debug)]
pub struct Services {
    /// Experiments, work, rebuilds.
    pub catalog: Arc<dyn Catalog>,
    /// Objects.
    pub blobs: Arc<dyn Blobs>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Who may write.
    pub tokens: Arc<Tokens>,
    /// What this site is called.
    pub site: Arc<Site>,
}

/// What this installation is called and where it is reached.
#[derive(Clone, Debug)]
pub struct Site {
    /// `https://host`, without a slash at its end: what feeds, cards and `aiv1 verify` lines use.
    pub public_url: String,
    /// Where media may come from beside this site itself: the origin of signed links, if it is another one.
    pub media_origin: Option<String>,
    /// Version of the lab.
    pub version: String,
    /// What a submission without settings gets; absent where nobody has said, and then settings must be given.
    pub defaults: Option<Defaults>,
}

/// What a submission without settings gets.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// GOP, quality indices, anchors, limits.
    pub settings: Settings,
}
