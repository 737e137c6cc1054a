//! What tokens cost: a dated table, and upper bounds of what a call may cost.

/// Prices are of this day.
pub const TABLE_DATE: &str = "2026-11-21";

/// Prices of one model, in thousandths of a US dollar per million tokens, which is nanodollars a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// A token of the prompt.
    pub input: u64,
    /// A token of the reply.
    pub output: u64,
}

/// What a model costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Price {
    /// As a rule.
    pub rates: Rates,
    /// Where long prompts cost more: for all tokens of calls whose prompt has more tokens than this.
    pub long: Option<(u64, Rates)>,
}

const fn flat(input: u64, output: u64) -> Price {
    Price { rates: Rates { input, output }, long: None }
}

/// List prices without discounts for caches and batches, neither of which is used here, by the name of the model.
///
/// As of [`TABLE_DATE`]. Anthropic's are from its pages on models and pricing
/// (<https://platform.claude.com/docs/en/about-claude/pricing>); OpenAI's (<https://developers.openai.com/api/docs/pricing>)
/// as its resellers quote them. Those of OpenAI are for prompts below 272,000 tokens: a prompt here has fewer.
/// A name that is not here has no price: a guess would make budgets worthless.
const TABLE: &[(&str, Price)] = &[
    ("claude-fable-5-2", flat(8_000, 40_000)),
    ("claude-fable-5-1", flat(10_000, 50_000)),
    ("claude-fable-5", flat(10_000, 50_000)),
    ("claude-opus-5-5", flat(4_000, 20_000)),
    ("claude-opus-5", flat(5_000, 25_000)),
    ("claude-opus-4-8", flat(5_000, 25_000)),
    ("claude-opus-4-7", flat(5_000, 25_000)),
    ("claude-opus-4-6", flat(5_000, 25_000)),
    ("claude-opus-4-5", flat(5_000, 25_000)),
    ("claude-sonnet-5-5", flat(2_000, 10_000)),
    ("claude-sonnet-5", flat(2_000, 10_000)),
    ("claude-sonnet-4-6", flat(3_000, 15_000)),
    ("claude-sonnet-4-5", flat(3_000, 15_000)),
    (
        "claude-haiku-5-5",
        Price {
            rates: Rates { input: 100, output: 500 },
            long: Some((100_000, Rates { input: 500, output: 2_500 })),
        },
    ),
    ("claude-haiku-4-5", flat(1_000, 5_000)),
    ("gpt-5.6-terra", flat(2_000, 12_000)),
    ("gpt-5.6-luna", flat(200, 1_200)),
    ("gpt-5.5", flat(5_000, 30_000)),
    ("gpt-5.4", flat(2_500, 15_000)),
    ("gpt-5.4-mini", flat(750, 4_500)),
    ("gpt-5.4-nano", flat(200, 1_250)),
];

/// Fewest bytes that are counted for a token when a bound is stated. English and code have three to four; two leave room
/// for tokenizers that cut finer.
const BYTES_PER_TOKEN: u64 = 2;

impl Price {
    /// The same for every token, whatever the length.
    #[must_use]
    pub const fn flat(rates: Rates) -> Self {
        Self { rates, long: None }
    }

    /// What the table has for `model`: under its name, or as a dated snapshot of a name (`NAME-20260101`,
    /// `NAME-2026-01-01`). Anything else might be another model at another price.
    #[must_use]
    pub fn of(model: &str) -> Option<Self> {
        let is_date = |tail: &str| {
            let digits = tail.bytes().filter(u8::is_ascii_digit).count();
            digits == 8 && tail.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
        };
        let named = |name: &str| match model.strip_prefix(name) {
            Some("") => true,
            Some(tail) => tail.strip_prefix('-').is_some_and(is_date),
            None => false,
        };
        TABLE.iter().find(|(name, _)| named(name)).map(|(_, price)| *price)
    }

    /// What so many tokens cost, in millionths of a US dollar, rounded up.
    #[must_use]
    pub fn of_tokens(&self, input: u64, output: u64) -> u64 {
        let rates = match self.long {
            Some((above, rates)) if input > above => rates,
            _ => self.rates,
        };
        let input = rates.input.saturating_mul(input);
        input.saturating_add(rates.output.saturating_mul(output)).div_ceil(1_000)
    }

    /// The most that a call may cost whose request has so many bytes and whose reply is cut at `max_tokens`.
    #[must_use]
    pub fn bound(&self, request_bytes: usize, max_tokens: u32) -> u64 {
        self.of_tokens((request_bytes as u64).div_ceil(BYTES_PER_TOKEN), u64::from(max_tokens))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_is_priced_by_its_name_or_a_dated_snapshot_of_it_and_by_nothing_else() {
        assert_eq!(Price::of("claude-opus-5-5"), Some(flat(4_000, 20_000)));
        assert_eq!(Price::of("claude-opus-5"), Some(flat(5_000, 25_000)));
        assert_eq!(Price::of("claude-sonnet-4-5-20250929"), Some(flat(3_000, 15_000)));
        assert_eq!(Price::of("gpt-5.4-2026-03-05"), Some(flat(2_500, 15_000)));
        for other in ["claude-opus-5-7", "claude-opus-55", "gpt-5.4-pro", "gpt-5", "", "my-local-model"] {
            assert_eq!(Price::of(other), None, "{other}");
        }
    }

    #[test]
    fn a_price_is_tokens_times_rate_rounded_up() {
        // 10,000 tokens at $4 and 2,000 at $20 a million are 4 and 4 cents.
        assert_eq!(flat(4_000, 20_000).of_tokens(10_000, 2_000), 80_000);
        assert_eq!(flat(100, 500).of_tokens(1, 0), 1);
        assert_eq!(flat(u64::MAX, 1).of_tokens(u64::MAX, 1), u64::MAX.div_ceil(1_000));
    }

    #[test]
    fn long_prompts_cost_what_the_table_says_for_long_prompts() {
        let price = Price::of("claude-haiku-5-5").unwrap();
        assert_eq!(price.of_tokens(100_000, 0), 10_000);
        assert_eq!(price.of_tokens(100_001, 0), 50_001);
        assert!(price.bound(200_002, 0) > price.bound(200_000, 0) * 4);
    }

    #[test]
    fn no_name_stands_in_the_table_twice() {
        for (index, (name, _)) in TABLE.iter().enumerate() {
            assert!(!TABLE[..index].iter().any(|(earlier, _)| earlier == name), "{name}");
        }
    }
}
