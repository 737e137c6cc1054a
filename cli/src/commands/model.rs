//! The language model of the loop, as the environment names it, or SSM for a lab on AWS.

use super::operate::{self, OperateError};
use crate::arguments::{Designing, Shares};
use aiv1_orchestrator::llm::{self, LlmDesigner};
use aiv1_store_aws::{Parameters, Secret};
use std::collections::BTreeMap;

/// The designer, if it has turns; an error where it has some and is not configured. What `parameters` have below `llm/`
/// stands in for variables that are not set: `llm/key` for `AIV1_LLM_KEY`.
pub(super) async fn designer(
    designing: &Designing,
    parameters: Option<&Parameters>,
) -> Result<Option<LlmDesigner>, OperateError> {
    let Shares([_, _, llm_share]) = designing.shares;
    if llm_share == 0 {
        return Ok(None);
    }
    let mut told = BTreeMap::new();
    if let Some(parameters) = parameters {
        for variable in llm::VARIABLES {
            let found = parameters.get(&parameter(variable)).await?;
            told.extend(found.map(|secret| (variable, secret)));
        }
    }
    let config = llm::Config::read(|variable| look_up(variable, &told)).map_err(wrong)?;
    let config = config.ok_or_else(|| OperateError::Configured {
        what: llm::PROVIDER.to_owned(),
        value: "not set".to_owned(),
        bound: "anthropic or openai where --shares gives the language model turns".to_owned(),
    })?;
    LlmDesigner::new(config).map(Some).map_err(wrong)
}

fn look_up(variable: &'static str, told: &BTreeMap<&'static str, Secret>) -> Option<String> {
    let told = || told.get(variable).map(|secret| secret.expose().to_owned());
    operate::variable(variable).or_else(told)
}

/// The name below the lab's prefix: `llm/budget-day` for `AIV1_LLM_BUDGET_DAY`.
fn parameter(variable: &str) -> String {
    let name = variable.strip_prefix("AIV1_LLM_").unwrap_or(variable);
    format!("llm/{}", name.to_ascii_lowercase().replace('_', "-"))
}

fn wrong(error: llm::ConfigError) -> OperateError {
    let llm::ConfigError { variable, value, bound } = error;
    OperateError::Configured { what: variable.to_owned(), value, bound: bound.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_has_a_parameter_of_its_own() {
        let names: std::collections::BTreeSet<String> =
            llm::VARIABLES.iter().map(|name| parameter(name)).collect();
        assert_eq!(names.len(), llm::VARIABLES.len());
        assert!(names.contains("llm/key") && names.contains("llm/budget-day"), "{names:?}");
    }
}
