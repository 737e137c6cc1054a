//! What stands behind the question mark: read strictly, written back in one canonical form.

use aiv1_model::{Arm, Digest, Status};
use aiv1_store::Order;
use aiv1_web::Problem;
use std::fmt::Write as _;

/// Longest value of a query parameter.
const MOST: usize = 2048;

/// The pairs of a query string.
#[derive(Clone, Debug, Default)]
pub(crate) struct Question(Vec<(String, String)>);

impl Question {
    /// From what the router read.
    pub(crate) fn new(pairs: Vec<(String, String)>) -> Result<Self, Problem> {
        match pairs.iter().find(|(_, value)| value.len() > MOST) {
            Some((name, value)) => {
                let name: String = name.chars().take(40).collect();
                Err(Problem::Invalid(format!("{name:?} has {} bytes, at most {MOST} are read", value.len())))
            }
            None => Ok(Self(pairs)),
        }
    }

    /// The first value of a name; an empty one is none, as forms send them.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(given, value)| given == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The address of the page at `path` that reads these names and no others.
    pub(crate) fn address(&self, path: &str, names: &[&'static str]) -> String {
        let pairs = names.iter().filter_map(|name| Some((*name, self.get(name)?.to_owned())));
        address(path, &pairs.collect::<Vec<_>>())
    }

    /// All values of a name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(given, value)| given == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// A value that is one of a few words.
    pub(crate) fn word<Value: Copy>(
        &self,
        name: &str,
        words: &[(&str, Value)],
    ) -> Result<Option<Value>, Problem> {
        let Some(given) = self.get(name) else { return Ok(None) };
        let known = words.iter().find(|(word, _)| *word == given);
        known.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let given: String = given.chars().take(60).collect();
            Problem::Invalid(format!("{name} is {given:?}, but must be one of {}", words.join(", ")))
        })
    }

    /// A digest.
    pub(crate) fn digest(&self, name: &str) -> Result<Option<Digest>, Problem> {
        let read = |text: &str| text.parse::<Digest>();
        self.get(name).map(read).transpose().map_err(|error| Problem::Invalid(format!("{name}: {error}")))
    }

    /// A quality index.
    pub(crate) fn quality(&self, name: &str) -> Result<Option<u8>, Problem> {
        let Some(given) = self.get(name) else { return Ok(None) };
        let index =
            given.parse::<u8>().ok().filter(|index| *index <= aiv1_model::Settings::MAX_QUALITY_INDEX);
        let given: String = given.chars().take(60).collect();
        index.map(Some).ok_or_else(|| Problem::Invalid(format!("{name} is {given:?}, but must be 0 to 63")))
    }
}

/// Words of `tab`.
pub(crate) const TABS: [(&str, Status); 5] = [
    (Status::Successful.as_str(), Status::Successful),
    (Status::InProgress.as_str(), Status::InProgress),
    (Status::Queued.as_str(), Status::Queued),
    (Status::Failed.as_str(), Status::Failed),
    (Status::Other.as_str(), Status::Other),
];

/// Words of `arm`.
pub(crate) const ARMS: [(&str, Arm); 6] = [
    (Arm::Search.as_str(), Arm::Search),
    (Arm::Random.as_str(), Arm::Random),
    (Arm::Llm.as_str(), Arm::Llm),
    (Arm::Start.as_str(), Arm::Start),
    (Arm::Person.as_str(), Arm::Person),
    (Arm::HeldOut.as_str(), Arm::HeldOut),
];

/// Words of `sort`.
pub(crate) const SORTS: [(&str, Order); 3] =
    [("newest", Order::Newest), ("best", Order::Best), ("cheapest", Order::Cheapest)];

/// Which experiments the dashboard lists.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listing {
    /// The tab.
    pub(crate) tab: Status,
    /// Only of this codec source.
    pub(crate) codec: Option<Digest>,
    /// Only from this arm.
    pub(crate) arm: Option<Arm>,
    /// The order.
    pub(crate) sort: Order,
    /// Where the page begins.
    pub(crate) cursor: Option<String>,
}

impl Listing {
    /// What a question asks for.
    pub(crate) fn read(question: &Question) -> Result<Self, Problem> {
        let tab = question.word("tab", &TABS)?.unwrap_or(Status::Successful);
        let sort = question.word("sort", &SORTS)?.unwrap_or_default();
        Ok(Self {
            tab,
            codec: question.digest("codec")?,
            arm: question.word("arm", &ARMS)?,
            // Only what succeeded has a saving or a cost to be sorted by.
            sort: if tab == Status::Successful { sort } else { Order::Newest },
            cursor: question.get("cursor").map(ToOwned::to_owned),
        })
    }

    /// Another tab, from its beginning.
    pub(crate) fn tab(&self, tab: Status) -> Self {
        Self { tab, cursor: None, ..self.clone() }
    }

    /// The page that begins at this cursor.
    pub(crate) fn at(&self, cursor: Option<&str>) -> Self {
        Self { cursor: cursor.map(ToOwned::to_owned), ..self.clone() }
    }

    /// The address.
    pub(crate) fn href(&self) -> String {
        let mut pairs: Vec<(&str, String)> = Vec::new();
        if self.tab != Status::Successful {
            pairs.push(("tab", self.tab.as_str().to_owned()));
        }
        if let Some(codec) = self.codec {
            pairs.push(("codec", codec.to_string()));
        }
        if let Some(arm) = self.arm {
            pairs.push(("arm", arm.to_string()));
        }
        if self.tab == Status::Successful && self.sort != Order::Newest {
            pairs.push(("sort", self.sort_word().to_owned()));
        }
        if let Some(cursor) = &self.cursor {
            pairs.push(("cursor", cursor.clone()));
        }
        address("/", &pairs) + "#experiments"
    }

    /// The word of the order.
    pub(crate) fn sort_word(&self) -> &'static str {
        SORTS.iter().find(|(_, order)| *order == self.sort).map_or("newest", |(word, _)| word)
    }
}

/// A path with a query string.
pub(crate) fn address(path: &str, pairs: &[(&str, String)]) -> String {
    let mut address = path.to_owned();
    for (index, (name, value)) in pairs.iter().enumerate() {
        address.push(if index == 0 { '?' } else { '&' });
        address.push_str(name);
        address.push('=');
        for byte in value.bytes() {
            let plain = byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
            let _ = if plain { address.write_char(char::from(byte)) } else { write!(address, "%{byte:02X}") };
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(pairs: &[(&str, &str)]) -> Result<Listing, Problem> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Listing::read(&Question::new(pairs)?)
    }

    #[test]
    fn an_address_says_only_what_differs_from_the_plain_page() {
        assert_eq!(listing(&[]).unwrap().href(), "/#experiments");
        let asked =
            listing(&[("tab", "successful"), ("arm", "random"), ("sort", "best"), ("cursor", "a/b&c")])
                .unwrap();
        assert_eq!(asked.href(), "/?arm=random&sort=best&cursor=a%2Fb%26c#experiments");
        assert_eq!(asked.tab(Status::Failed).href(), "/?tab=failed&arm=random#experiments");
    }

    #[test]
    fn a_word_that_is_none_of_ours_is_named_with_what_there_is() {
        let error = listing(&[("tab", "<b>")]).unwrap_err().to_string();
        assert_eq!(
            error,
            "tab is \"<b>\", but must be one of successful, in_progress, queued, failed, other"
        );
        assert!(listing(&[("codec", "xyz")]).unwrap_err().to_string().contains("SHA-256"));
        assert!(listing(&[("cursor", &"c".repeat(3000))]).unwrap_err().to_string().contains("2048"));
    }
}
