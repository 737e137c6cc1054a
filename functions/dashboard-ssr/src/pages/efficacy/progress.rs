//! Best so far over experiments and over money, an arm each, and the same held against one another.

use super::SEARCHING;
use crate::components::{chart, table};
use crate::text::{self, ABSENT};
use aiv1_charts::{Budget, SearchCurve, Theme};
use aiv1_model::{Arm, ExperimentId};
use aiv1_store::{LoopState, Milestone};
use maud::{Markup, html};

/// How far an arm has come.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    arm: Arm,
    /// What it improved, first to last; nothing that was retracted.
    milestones: Vec<&'a Milestone>,
    /// Its experiments that ended successfully.
    evaluations: u64,
    /// What its model has cost.
    microdollars: u64,
}

impl Progress<'_> {
    /// The best after so many experiments.
    fn best_at(&self, evaluations: u64) -> Option<&Milestone> {
        self.milestones.iter().rfind(|one| one.evaluations <= evaluations).copied()
    }

    fn best(&self) -> Option<&Milestone> {
        self.best_at(u64::MAX)
    }

    fn curve(&self, budget: Budget) -> SearchCurve {
        let spent = |one: &Milestone| match budget {
            Budget::Experiments => one.evaluations as f64,
            Budget::Dollars => one.spent_microdollars as f64 / 1e6,
        };
        // Who spends nothing has no way to show on an axis of money, only where it got to.
        let stood = match budget {
            Budget::Dollars if self.microdollars == 0 => self.milestones.len().saturating_sub(1),
            _ => 0,
        };
        let steps = self.milestones.iter().skip(stood);
        let steps: Vec<(f64, f64)> = steps.map(|one| (spent(one), one.bd_rate)).collect();
        let so_far = match budget {
            Budget::Experiments => self.evaluations as f64,
            Budget::Dollars => self.microdollars as f64 / 1e6,
        };
        let spent = steps.last().map_or(so_far, |step| so_far.max(step.0));
        SearchCurve { name: text::arm(self.arm).to_owned(), steps, spent }
    }
}

/// The arms that have evaluated anything, from the catalog's milestones.
pub(super) fn arms<'a>(milestones: &'a [Milestone], state: &LoopState) -> Vec<Progress<'a>> {
    let progress = |arm: Arm| {
        let ended = state.evaluations.iter().find(|(one, _)| *one == arm).map_or(0, |(_, count)| *count);
        let of_arm = |one: &&Milestone| one.arm == arm && !one.retracted && one.bd_rate.is_finite();
        let milestones: Vec<&Milestone> = milestones.iter().filter(of_arm).collect();
        let evaluations = ended.max(milestones.last().map_or(0, |one| one.evaluations));
        let microdollars = if arm == Arm::Llm { state.spent_microdollars } else { 0 };
        Progress { arm, milestones, evaluations, microdollars }
    };
    let all = SEARCHING.into_iter().chain([Arm::Start]).map(progress);
    all.filter(|arm| arm.evaluations > 0 || arm.microdollars > 0).collect()
}

/// The smallest number of experiments that every arm has which goes on searching, if there is more than one of them.
fn equal(arms: &[Progress<'_>]) -> Option<u64> {
    let searching = || arms.iter().filter(|arm| SEARCHING.contains(&arm.arm));
    searching().map(|arm| arm.evaluations).min().filter(|least| *least > 0 && searching().count() > 1)
}

pub(super) fn section(arms: &[Progress<'_>]) -> Markup {
    html! {
        section #progress aria-labelledby="progress-heading" {
            h2 #progress-heading { "For the same number of experiments" }
            @if arms.iter().all(|arm| arm.milestones.is_empty()) {
                p.empty { "No arm has a result with a saving to state yet." }
            } @else {
                div.plots { (plots(arms)) }
                (figures(arms))
            }
        }
    }
}

fn plots(arms: &[Progress<'_>]) -> Markup {
    let drawn = |budget| {
        let curves: Vec<SearchCurve> = arms.iter().map(|arm| arm.curve(budget)).collect();
        aiv1_charts::search_progress(&curves, budget, Theme::Page)
    };
    let paid = arms.iter().any(|arm| arm.microdollars > 0);
    html! {
        (chart(drawn(Budget::Experiments), &html! { "Best headline BD-rate so far over the experiments that ended successfully; further down is better. The starting codecs are the baseline." }, None))
        @if paid {
            (chart(drawn(Budget::Dollars), &html! { "The same over what the language model cost. Arms that ask no model spend nothing: theirs stands at the left edge. The machines’ time is not counted." }, None))
        } @else {
            p.empty { "No arm has paid for a model yet, so there is nothing to plot over money." }
        }
    }
}

fn figures(arms: &[Progress<'_>]) -> Markup {
    let equal = equal(arms);
    let at_equal = equal.map_or_else(
        || "Best at equal number".to_owned(),
        |count| format!("Best after {} each", text::grouped(count)),
    );
    let rows = html! {
        @for arm in arms {
            tr {
                th scope="row" { (text::arm(arm.arm)) @if arm.arm == Arm::Start { " " span.hint { "the baseline" } } }
                td { (text::grouped(arm.evaluations)) }
                td { (reached(arm.best())) }
                td { (reached(equal.filter(|_| SEARCHING.contains(&arm.arm)).and_then(|count| arm.best_at(count)))) }
                td { @if arm.arm == Arm::Llm { (text::dollars(arm.microdollars)) } @else { "$0 " span.hint { "asks no model" } } }
                td { (per_point(arm, arms)) }
            }
        }
    };
    let head = [
        "Proposed by",
        "Evaluated",
        "Best so far",
        &at_equal,
        "The model’s cost",
        "Cost of a point below the start",
    ];
    html! {
        (table("The arms held against one another: headline BD-rate, below zero needs fewer bits", &head, &rows))
        @if equal.is_none() { p.hint { "There is no comparison at an equal number until two arms that search have evaluated something." } }
    }
}

/// A best, with the way to it.
fn reached(milestone: Option<&Milestone>) -> Markup {
    let href = |id: &ExperimentId| format!("/blog/{id}");
    html! { @match milestone { Some(best) => a href=(href(&best.experiment)) { (text::percent(best.bd_rate)) }, None => (ABSENT) } }
}

/// What a percentage point below the starting codecs' best cost, where it cost anything.
fn per_point(arm: &Progress<'_>, arms: &[Progress<'_>]) -> String {
    let start = arms.iter().find(|one| one.arm == Arm::Start).and_then(Progress::best);
    let gained = start.zip(arm.best()).map(|(start, best)| start.bd_rate - best.bd_rate);
    let cost = gained.filter(|gained| *gained > 0.0 && arm.microdollars > 0);
    text::or_absent(cost.map(|gained| text::dollars((arm.microdollars as f64 / gained) as u64)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::Digest;
    use jiff::Timestamp;

    fn milestone(arm: Arm, evaluations: u64, bd_rate: f64, retracted: bool) -> Milestone {
        Milestone {
            arm,
            evaluations,
            experiment: ExperimentId::of(&Digest::of(format!("{arm} {evaluations}").as_bytes())),
            bd_rate,
            retracted,
            ended_at: Timestamp::UNIX_EPOCH,
            spent_microdollars: if arm == Arm::Llm { evaluations * 1000 } else { 0 },
        }
    }

    #[test]
    fn arms_are_compared_at_the_smallest_number_that_all_of_them_have() {
        let milestones = [
            milestone(Arm::Start, 1, 30.0, false),
            milestone(Arm::Search, 2, 20.0, false),
            milestone(Arm::Search, 9, 5.0, false),
            milestone(Arm::Llm, 3, 12.0, false),
            milestone(Arm::Llm, 4, -60.0, true),
        ];
        let evaluations = vec![(Arm::Start, 3), (Arm::Search, 20), (Arm::Llm, 8)];
        let state = LoopState { evaluations, spent_microdollars: 8_000, ..LoopState::default() };
        let arms = arms(&milestones, &state);
        assert_eq!(equal(&arms), Some(8));
        let at_equal = |arm| arms.iter().find(|one| one.arm == arm).unwrap().best_at(8).unwrap().bd_rate;
        assert_eq!(
            (at_equal(Arm::Search), at_equal(Arm::Llm)),
            (20.0, 12.0),
            "what is retracted counts for nothing"
        );
        let model = arms.iter().find(|one| one.arm == Arm::Llm).unwrap();
        let name = text::arm(Arm::Llm).to_owned();
        let paid = SearchCurve { name, steps: vec![(0.003, 12.0)], spent: 0.008 };
        assert_eq!(model.curve(Budget::Dollars), paid);
        assert_eq!(per_point(model, &arms), "$0.0004");
        assert_eq!(equal(&arms[..1]), None, "one arm alone is held against nothing");
    }
}
