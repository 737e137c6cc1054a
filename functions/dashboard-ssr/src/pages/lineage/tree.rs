//! Trees of experiments as nested lists. An only child follows its parent in the same list, so that a long line of descent
//! stays as narrow as a short one.

use crate::components::{arm_of, badge, marks, struck};
use crate::text;
use aiv1_model::{ExperimentId, Status, Summary};
use maud::{Markup, html};
use std::collections::BTreeMap;

/// All trees, the one with the latest experiment first.
pub(super) fn trees(known: &BTreeMap<ExperimentId, Summary>) -> Markup {
    let mut children: BTreeMap<&ExperimentId, Vec<&Summary>> = BTreeMap::new();
    let mut roots: Vec<&Summary> = Vec::new();
    for one in known.values() {
        match one.parent.as_ref().filter(|parent| known.contains_key(parent)) {
            Some(parent) => children.entry(parent).or_default().push(one),
            None => roots.push(one),
        }
    }
    let forest = Forest { latest: latest(known), children };
    forest.sort(&mut roots);
    html! {
        @if roots.is_empty() { p.empty { "No codec has been changed by a language model yet." } }
        @for root in roots { div.tree { (forest.line(root)) } }
    }
}

/// The greatest number in the subtree of each. Parents were submitted before their children, so one pass from the latest to
/// the first is enough.
fn latest(known: &BTreeMap<ExperimentId, Summary>) -> BTreeMap<&ExperimentId, u64> {
    let mut latest: BTreeMap<&ExperimentId, u64> = known.iter().map(|(id, one)| (id, one.number)).collect();
    let mut order: Vec<&Summary> = known.values().collect();
    order.sort_by_key(|one| std::cmp::Reverse(one.number));
    for one in order {
        let below = latest.get(&one.id).copied().unwrap_or(one.number);
        if let Some(above) = one.parent.as_ref().and_then(|parent| latest.get_mut(parent)) {
            *above = below.max(*above);
        }
    }
    latest
}

struct Forest<'a> {
    children: BTreeMap<&'a ExperimentId, Vec<&'a Summary>>,
    latest: BTreeMap<&'a ExperimentId, u64>,
}

impl<'a> Forest<'a> {
    fn sort(&self, trees: &mut [&Summary]) {
        trees.sort_by_key(|one| std::cmp::Reverse(self.latest.get(&one.id).copied()));
    }

    fn children(&self, of: &Summary) -> Vec<&'a Summary> {
        let mut children = self.children.get(&of.id).cloned().unwrap_or_default();
        self.sort(&mut children);
        children
    }

    /// An experiment with all that descends from it.
    fn line(&self, first: &'a Summary) -> Markup {
        let mut line = vec![first];
        let mut last = first;
        let branches = loop {
            match self.children(last)[..] {
                [only] => {
                    line.push(only);
                    last = only;
                }
                ref several => break several.to_vec(),
            }
        };
        html! {
            ul {
                @for (index, one) in line.iter().enumerate() {
                    li {
                        (node(one))
                        @if index + 1 == line.len() { @for branch in &branches { (self.line(branch)) } }
                    }
                }
            }
        }
    }
}

fn node(one: &Summary) -> Markup {
    let saving = one.headline();
    html! {
        a href=(format!("/blog/{}", one.id)) { bdi { (text::name(&one.codec)) } " No. " (text::grouped(one.number)) }
        " " (arm_of(one.arm)) " "
        @match (saving, one.status) {
            (Some(saving), _) => {
                (struck(one.retraction.is_some(), &html! { b { (text::percent(saving.bd_rate)) } " against " bdi { (text::name(&saving.anchor)) } }))
            }
            (None, Status::Failed) => {
                (badge(one.status)) @if let Some(failure) = &one.failure { " " code { (text::name(&failure.kind)) } }
            }
            (None, status) => { (badge(status)) }
        }
        (marks(one))
    }
}
