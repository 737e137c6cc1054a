//! What the designer is told: every variable, with its meaning and default, in one place.

use super::{Budget, Price, Rates};
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

/// Whose wire format is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// The Messages API.
    Anthropic,
    /// Chat completions, which servers of many models speak.
    OpenAi,
}

impl Provider {
    /// As variables and records write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAi => "openai",
        }
    }

    /// The provider's own address.
    #[must_use]
    pub const fn url(self) -> &'static str {
        match self {
            Self::Anthropic => "https://api.anthropic.com",
            Self::OpenAi => "https://api.openai.com",
        }
    }
}

/// A key. It prints as nothing, and [`Key::hide`] takes it out of what others print.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// A key; `None` if it has characters that no header has, or none at all.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        (plain && !text.is_empty()).then(|| Self(text.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// `text` without the key: servers repeat it in what they refuse.
    pub(crate) fn hide(&self, text: &str) -> String {
        text.replace(&self.0, "[key]")
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Key(..)")
    }
}

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
            let variable = if self.budget.per_day.is_some() { BUDGET_DAY } else { BUDGET_EXPERIMENT };
            let bound = "left out, or AIV1_LLM_PRICE_INPUT and _OUTPUT given: the price table does not have this model";
            return Err(wrong(variable, "set", bound));
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
mod tests {
    use super::*;

    fn read(variables: &[(&'static str, &str)]) -> Result<Option<Config>, ConfigError> {
        let find = |name| variables.iter().find(|(variable, _)| *variable == name);
        Config::read(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    /// What is said of `more` beside a provider, a model and a key that are right.
    fn refused(more: &[(&'static str, &str)]) -> String {
        let mut variables = more.to_vec();
        variables.extend([(PROVIDER, "anthropic"), (MODEL, "claude-opus-5-5"), (KEY, "a-secret")]);
        read(&variables).unwrap_err().to_string()
    }

    #[test]
    fn without_a_provider_no_model_is_asked() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[(PROVIDER, ""), (MODEL, "claude-opus-5-5")]), Ok(None));
    }

    #[test]
    fn provider_model_and_key_are_all_that_must_be_said_and_what_costs_money_is_bounded() {
        let variables = [(PROVIDER, "anthropic"), (MODEL, "claude-opus-5-5"), (KEY, "a-secret")];
        let config = read(&variables).unwrap().unwrap();
        assert_eq!(config.url, "https://api.anthropic.com");
        assert_eq!((config.max_tokens, config.deadline), (32_000, Duration::from_mins(15)));
        assert_eq!(config.price, Price::of("claude-opus-5-5"));
        assert_eq!(config.budget, Budget { per_experiment: Some(3_000_000), per_day: Some(10_000_000) });
        assert_eq!(config.replies, Replies::Live);
    }

    #[test]
    fn a_model_of_one_s_own_needs_no_key_and_has_the_price_that_is_given() {
        let own = [(PROVIDER, "openai"), (URL, "http://gpu:8000/v1"), (MODEL, "qwen")];
        let config = read(&own).unwrap().unwrap();
        assert_eq!((config.key, config.price, config.budget), (None, None, Budget::default()));
        let priced =
            [&own[..], &[(PRICE_INPUT, "0.0001"), (PRICE_OUTPUT, "2.50"), (BUDGET_DAY, "0.5")]].concat();
        let config = read(&priced).unwrap().unwrap();
        assert_eq!(config.price, Some(Price::flat(Rates { input: 1, output: 2_500 })));
        assert_eq!(config.budget.per_day, Some(500_000));
    }

    #[test]
    fn a_budget_that_cannot_be_held_is_refused() {
        let error = read(&[(PROVIDER, "openai"), (URL, "http://gpu"), (MODEL, "qwen"), (BUDGET_DAY, "5")]);
        assert_eq!(
            error.unwrap_err().to_string(),
            "AIV1_LLM_BUDGET_DAY is \"set\", but must be left out, or AIV1_LLM_PRICE_INPUT and _OUTPUT given: the price \
             table does not have this model"
        );
    }

    #[test]
    fn what_makes_no_sense_is_named_with_its_bound() {
        assert_eq!(
            read(&[(PROVIDER, "mine")]).unwrap_err().to_string(),
            r#"AIV1_LLM_PROVIDER is "mine", but must be anthropic or openai"#
        );
        assert!(read(&[(PROVIDER, "openai"), (MODEL, "gpt-5.4")]).unwrap_err().to_string().contains(KEY));
        for (variable, value) in [
            (MODEL, "two words"),
            (URL, "ftp://host"),
            (URL, "nonsense"),
            (URL, "https://user@host"),
            (URL, "http://far.example"),
            (MAX_TOKENS, "12"),
            (SECONDS, "0"),
            (BUDGET_DAY, "0"),
            (BUDGET_EXPERIMENT, "inf"),
            (PRICE_INPUT, "1"),
            (PRICE_OUTPUT, "1"),
        ] {
            let said = refused(&[(variable, value)]);
            assert!(
                said.starts_with("AIV1_LLM_") && said.contains("but must be"),
                "{variable}={value}: {said}"
            );
        }
        assert!(refused(&[(PRICE_INPUT, "NaN"), (PRICE_OUTPUT, "1")]).contains("0 to 1000000 dollars"));
        assert!(refused(&[(RECORD, "/a"), (REPLAY, "/b")]).starts_with("AIV1_LLM_REPLAY"));
    }

    #[test]
    fn the_key_is_in_no_debug_output_and_in_no_error() {
        let config = Config { key: Key::new("a-secret"), ..Config::new(Provider::Anthropic, "m") };
        assert!(!format!("{config:?}").contains("a-secret"));
        let error = read(&[(PROVIDER, "openai"), (MODEL, "m"), (KEY, "a secret")]).unwrap_err();
        assert_eq!(error.to_string(), "AIV1_LLM_KEY is hidden, but must be text without blanks and accents");
        let error =
            read(&[(PROVIDER, "openai"), (MODEL, "m"), (URL, "https://me:a-secret@host")]).unwrap_err();
        assert!(!error.to_string().contains("a-secret"), "{error}");
        assert_eq!(Key::new("a-secret").unwrap().hide("is a-secret wrong?"), "is [key] wrong?");
    }
}
