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
    let priced = [&own[..], &[(PRICE_INPUT, "0.0001"), (PRICE_OUTPUT, "2.50"), (BUDGET_DAY, "0.5")]].concat();
    let config = read(&priced).unwrap().unwrap();
    assert_eq!(config.price, Some(Price::flat(Rates { input: 1, output: 2_500 })));
    assert_eq!(config.budget.per_day, Some(500_000));
}

#[test]
fn a_budget_that_cannot_be_held_is_refused() {
    let error = read(&[(PROVIDER, "openai"), (URL, "http://gpu"), (MODEL, "qwen"), (BUDGET_DAY, "5")]);
    assert_eq!(
        error.unwrap_err().to_string(),
        "AIV1_LLM_BUDGET_DAY is $5.0000, but must be left out, or AIV1_LLM_PRICE_INPUT and _OUTPUT given: the price \
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
        assert!(said.starts_with("AIV1_LLM_") && said.contains("but must be"), "{variable}={value}: {said}");
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
    let error = read(&[(PROVIDER, "openai"), (MODEL, "m"), (URL, "https://me:a-secret@host")]).unwrap_err();
    assert!(!error.to_string().contains("a-secret"), "{error}");
    assert_eq!(Key::new("a-secret").unwrap().hide("is a-secret wrong?"), "is [key] wrong?");
}
