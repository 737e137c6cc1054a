//! What the designer is told: every variable, with its meaning and default, in one place.

use super::budget::dollars;
use super::{Budget, Key, Price, Provider, Rates};
use aiv1_client::Retry;
use reqwest::Url;
use std::path::PathBuf;
use std::time::Duration;

/// Whose wire format is spoken: `anthropic` or `openai`. Without it no model is asked.
pub const PROVIDER: &str = "AIV1_LLM_PROVIDER";
/// Address below which the API lies, without `/v1`; default: the provider's own.
pub const URL: &str = "AIV1_LLM_URL";
/// The model, as the provider names it.
pub const MODEL: &str = "AIV1_LLM_MODEL";
/// The key. May be left out where a server of one's own asks for none, and where replies are replayed.
pub const KEY: &str = "AIV1_LLM_KEY";
/// Most tokens of a reply, what the model thinks included; default: 32,000.
pub const MAX_TOKENS: &str = "AIV1_LLM_MAX_TOKENS";
/// Seconds that one answer may take; default: 900.
pub const SECONDS: &str = "AIV1_LLM_SECONDS";
/// Dollars that may be spent on one day (UTC); default: 10, where the model has a price.
pub const BUDGET_DAY: &str = "AIV1_LLM_BUDGET_DAY";
/// Dollars that may be spent on one experiment; default: 3, where the model has a price.
pub const BUDGET_EXPERIMENT: &str = "AIV1_LLM_BUDGET_EXPERIMENT";
/// Dollars per million tokens of prompts, in place of what the price table has; goes with [`PRICE_OUTPUT`].
pub const PRICE_INPUT: &str = "AIV1_LLM_PRICE_INPUT";
/// Dollars per million tokens of replies.
pub const PRICE_OUTPUT: &str = "AIV1_LLM_PRICE_OUTPUT";
/// Folder to record every answer in.
pub const RECORD: &str = "AIV1_LLM_RECORD";
/// Folder of recorded answers to take in place of asking.
pub const REPLAY: &str = "AIV1_LLM_REPLAY";

/// Every variable that is read.
pub const VARIABLES: [&str; 12] = [
    PROVIDER,
    URL,
    MODEL,
    KEY,
    MAX_TOKENS,
    SECONDS,
    BUDGET_DAY,
    BUDGET_EXPERIMENT,
    PRICE_INPUT,
    PRICE_OUTPUT,
    RECORD,
    REPLAY,
];

/// Where replies come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replies {
    /// From the model.
    Live,
    /// From the model, each recorded in this folder.
    Recording(PathBuf),
    /// From the records in this folder; nothing leaves the machine.
    Recorded(PathBuf),
}

/// What the designer is told.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Whose wire format is spoken.
    pub provider: Provider,
    /// Address below which the API lies, without `/v1`.
    pub url: String,
    /// The model, as the provider names it.
    pub model: String,
    /// The key.
    pub key: Option<Key>,
    /// Most tokens of a reply.
    pub max_tokens: u32,
    /// Time for one answer.
    pub deadline: Duration,
    /// How often a busy server is asked.
    pub retry: Retry,
    /// What the model costs, where that is known.
    pub price: Option<Price>,
    /// What may be spent.
    pub budget: Budget,
    /// Where replies come from.
    pub replies: Replies,
}

/// A variable that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} is {value}, but must be {bound}")]
pub struct ConfigError {
    /// Its name.
    pub variable: &'static str,
    /// What it says; of the key nothing.
    pub value: String,
    /// What it may say.
    pub bound: &'static str,
}

/// Most that is taken for an amount of dollars.
const MOST_DOLLARS: f64 = 1e6;

impl Config {
    /// Asks `model` of `provider` at its own address: no key, no bounds but those on tokens and time, the table's price.
    #[must_use]
    pub fn new(provider: Provider, model: &str) -> Self {
        Self {
            provider,
            url: provider.url().to_owned(),
            model: model.to_owned(),
            key: None,
            max_tokens: 32_000,
            deadline: Duration::from_mins(15),
            retry: Retry { tries: 5, first: Duration::from_secs(2), most: Duration::from_mins(2) },
            price: Price::of(model),
            budget: Budget::default(),
            replies: Replies::Live,
        }
    }

    /// Reads the variables by `look_up`; `None` if no provider is named. An empty variable counts as one that is not set.
    pub fn read(look_up: impl Fn(&'static str) -> Option<String>) -> Result<Option<Self>, ConfigError> {
        let given = |name| look_up(name).filter(|value| !value.is_empty());
        let provider = match given(PROVIDER).as_deref() {
            None => return Ok(None),
            Some("anthropic") => Provider::Anthropic,
            Some("openai") => Provider::OpenAi,
            Some(other) => return Err(wrong(PROVIDER, other, "anthropic or openai")),
        };
        let number = |name, default: u32, range: std::ops::RangeInclusive<u32>, bound| match given(name) {
            None => Ok(default),
            Some(text) => {
                let number = text.parse().ok().filter(|number| range.contains(number));
                number.ok_or_else(|| wrong(name, &text, bound))
            }
        };
        let mut config = Self::new(provider, &given(MODEL).unwrap_or_default());
        if let Some(url) = given(URL) {
            config.url = url;
        }
        config.key = match given(KEY) {
            None => None,
            Some(text) => Some(Key::new(&text).ok_or_else(|| hidden("text without blanks and accents"))?),
        };
        config.max_tokens = number(MAX_TOKENS, config.max_tokens, 1_000..=1_000_000, "1000 to 1000000")?;
        let seconds = number(SECONDS, config.deadline.as_secs() as u32, 1..=7_200, "1 to 7200")?;
        config.deadline = Duration::from_secs(seconds.into());
        config.price = match (given(PRICE_INPUT), given(PRICE_OUTPUT)) {
            (None, None) => config.price,
            (Some(input), Some(output)) => {
                let (input, output) = (price(PRICE_INPUT, &input)?, price(PRICE_OUTPUT, &output)?);
                Some(Price::flat(Rates { input, output }))
            }
            (Some(_), None) => return Err(wrong(PRICE_OUTPUT, "", "given where AIV1_LLM_PRICE_INPUT is")),
            (None, Some(_)) => return Err(wrong(PRICE_INPUT, "", "given where AIV1_LLM_PRICE_OUTPUT is")),
        };
        // What costs money has a bound even where nobody named one.
        let default = |dollars: u64| config.price.map(|_| dollars * 1_000_000);
        config.budget = Budget {
            per_experiment: budget(BUDGET_EXPERIMENT, given(BUDGET_EXPERIMENT), default(3))?,
            per_day: budget(BUDGET_DAY, given(BUDGET_DAY), default(10))?,
        };
        config.replies = match (given(RECORD), given(REPLAY)) {
            (None, None) => Replies::Live,
            (Some(folder), None) => Replies::Recording(folder.into()),
            (None, Some(folder)) => Replies::Recorded(folder.into()),
            (Some(_), Some(folder)) => {
                return Err(wrong(REPLAY, &folder, "left out where AIV1_LLM_RECORD is given"));
            }
        };
        config.check()?;
        Ok(Some(config))
    }

    /// Refuses what could never be asked, and budgets that could not be held.
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let plain = self.model.bytes().all(|byte| byte.is_ascii_graphic());
        if self.model.is_empty() || self.model.len() > 200 || !plain {
            return Err(wrong(
                MODEL,
                &self.model,
                "the name of a model, 1 to 200 printable characters without blanks",
            ));
        }
        let base = self.base()?;
        let asks = !matches!(self.replies, Replies::Recorded(_));
        match &self.key {
            None if asks && (self.provider == Provider::Anthropic || self.url == Provider::OpenAi.url()) => {
                return Err(wrong(KEY, "", "the key for this provider"));
            }
            Some(_) if asks && base.scheme() == "http" && !is_loopback(&base) => {
                return Err(wrong(
                    URL,
                    &self.url,
                    "an https address, or one on this machine, where a key is sent",
                ));
            }
            _ => {}
        }
        if self.price.is_none() && self.budget.is_bounded() {
            let (variable, budget) = match self.budget {
                Budget { per_day: Some(budget), .. } => (BUDGET_DAY, budget),
                Budget { per_experiment, .. } => (BUDGET_EXPERIMENT, per_experiment.unwrap_or_default()),
            };
            let bound = "left out, or AIV1_LLM_PRICE_INPUT and _OUTPUT given: the price table does not have this model";
            return Err(ConfigError { variable, value: dollars(budget), bound });
        }
        Ok(())
    }

    /// The address, parsed.
    pub(crate) fn base(&self) -> Result<Url, ConfigError> {
        let bound = "http://HOST or https://HOST, without a user in it";
        let parsed = Url::parse(&self.url).ok().filter(|url| {
            let is_http = matches!(url.scheme(), "http" | "https") && url.has_host();
            is_http && url.username().is_empty() && url.password().is_none()
        });
        // A password in it is not repeated.
        let mut base = parsed.ok_or_else(|| ConfigError {
            variable: URL,
            value: if self.url.contains('@') { "hidden".to_owned() } else { shown(&self.url) },
            bound,
        })?;
        base.set_query(None);
        base.set_fragment(None);
        Ok(base)
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Dollars per million tokens as nanodollars a token.
fn price(name: &'static str, text: &str) -> Result<u64, ConfigError> {
    let dollars = text.parse().ok().filter(|dollars: &f64| (0.0..=MOST_DOLLARS).contains(dollars));
    // Upwards: what is counted may be more than what is charged, and not less.
    dollars
        .map(|dollars| (dollars * 1e3 - 1e-6).ceil() as u64)
        .ok_or_else(|| wrong(name, text, "0 to 1000000 dollars"))
}

fn budget(
    name: &'static str,
    text: Option<String>,
    default: Option<u64>,
) -> Result<Option<u64>, ConfigError> {
    let Some(text) = text else { return Ok(default) };
    let dollars = text.parse().ok().filter(|dollars: &f64| *dollars > 0.0 && *dollars <= MOST_DOLLARS);
    let micro = dollars.map(|dollars| (dollars * 1e6).round() as u64);
    micro.map(Some).ok_or_else(|| wrong(name, &text, "more than 0 and at most 1000000 dollars"))
}

fn wrong(variable: &'static str, value: &str, bound: &'static str) -> ConfigError {
    ConfigError { variable, value: shown(value), bound }
}

fn hidden(bound: &'static str) -> ConfigError {
    ConfigError { variable: KEY, value: "hidden".to_owned(), bound }
}

fn shown(value: &str) -> String {
    if value.is_empty() { "not set".to_owned() } else { format!("{value:.200?}") }
}

#[cfg(test)]
mod tests;
