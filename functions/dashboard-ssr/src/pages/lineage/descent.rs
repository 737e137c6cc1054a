//! Reads ancestors: parents of parents, bounded in depth and in number.

use aiv1_model::{Experiment, ExperimentId, Summary};
use aiv1_store::Catalog;
use aiv1_web::Problem;
use futures_util::future::try_join_all;
use std::collections::{BTreeMap, BTreeSet};

/// Furthest ancestor that is looked for.
const DEEPEST: usize = 32;
/// Most experiments that are read one by one for a page.
const MOST: usize = 200;

/// The experiments and their ancestors, by id. What is beyond the bounds is left out.
pub(super) async fn with_ancestors(
    catalog: &dyn Catalog,
    experiments: Vec<Summary>,
) -> Result<BTreeMap<ExperimentId, Summary>, Problem> {
    let mut known: BTreeMap<ExperimentId, Summary> =
        experiments.into_iter().map(|one| (one.id.clone(), one)).collect();
    let mut sought: BTreeSet<ExperimentId> = known.values().filter_map(|one| one.parent.clone()).collect();
    let mut read = 0;
    for _ in 0..DEEPEST {
        sought.retain(|id| !known.contains_key(id));
        let ids: Vec<ExperimentId> = std::mem::take(&mut sought).into_iter().take(MOST - read).collect();
        if ids.is_empty() {
            break;
        }
        read += ids.len();
        for one in try_join_all(ids.iter().map(|id| catalog.experiment(id))).await?.into_iter().flatten() {
            sought.extend(one.origin.parent.clone());
            known.insert(one.id.clone(), one.summary());
        }
    }
    Ok(known)
}

/// The ancestors of an experiment, nearest first.
pub(crate) async fn ancestors(
    catalog: &dyn Catalog,
    parent: Option<&ExperimentId>,
) -> Result<Vec<Experiment>, Problem> {
    let mut ancestors: Vec<Experiment> = Vec::new();
    let mut next = parent.cloned();
    while let Some(id) = next.take().filter(|_| ancestors.len() < DEEPEST) {
        let Some(found) = catalog.experiment(&id).await? else { break };
        next.clone_from(&found.origin.parent);
        ancestors.push(found);
    }
    Ok(ancestors)
}
