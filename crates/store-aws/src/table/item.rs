//! Items: attributes by name, read with errors that name item and attribute.

use super::Key;
use aiv1_store::Error;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::fmt::Display;
use std::str::FromStr;

/// Name of the partition key, as the earlier system has it.
pub(crate) const PARTITION: &str = "experiment_id";
/// Name of the sort key.
pub(crate) const SORT: &str = "timestamp";

/// Most bytes of one document: an item may have 400 KiB in all.
const MAX_DOCUMENT_BYTES: usize = 350 << 10;

/// One item, its key included.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Item(pub(crate) HashMap<String, AttributeValue>);

impl Item {
    /// An item with nothing but its key.
    pub(crate) fn new(key: &Key) -> Self {
        Self(attributes(key))
    }

    /// With a text.
    pub(crate) fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.to_owned(), text(value));
        self
    }

    /// With a number.
    pub(crate) fn number(mut self, name: &str, value: impl Display) -> Self {
        self.0.insert(name.to_owned(), number(value));
        self
    }

    /// With bytes.
    pub(crate) fn bytes(mut self, name: &str, value: Vec<u8>) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::B(Blob::new(value)));
        self
    }

    /// With a switch.
    pub(crate) fn switch(mut self, name: &str, on: bool) -> Self {
        self.0.insert(name.to_owned(), AttributeValue::Bool(on));
        self
    }

    /// Its key.
    pub(crate) fn key(&self) -> Result<Key, Error> {
        let partition = self.get_text(PARTITION)?.to_owned();
        Ok(Key { partition, sort: self.get_number(SORT)? })
    }

    /// A text that must be there.
    pub(crate) fn get_text(&self, name: &str) -> Result<&str, Error> {
        self.find_text(name)?.ok_or_else(|| self.damaged(name, &"is missing"))
    }

    /// A text, if there is one.
    pub(crate) fn find_text(&self, name: &str) -> Result<Option<&str>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(AttributeValue::S(text)) => Ok(Some(text)),
            Some(_) => Err(self.damaged(name, &"is no text")),
        }
    }

    /// A number that must be there.
    pub(crate) fn get_number<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Error> {
        self.find_number(name)?.ok_or_else(|| self.damaged(name, &"is missing"))
    }

    /// A number, if there is one.
    pub(crate) fn find_number<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(AttributeValue::N(digits)) => {
                digits.parse().map(Some).map_err(|error: T::Err| self.damaged(name, &error))
            }
            Some(_) => Err(self.damaged(name, &"is no number")),
        }
    }

    /// Bytes that must be there.
    pub(crate) fn get_bytes(&self, name: &str) -> Result<&[u8], Error> {
        match self.0.get(name) {
            Some(AttributeValue::B(bytes)) => Ok(bytes.as_ref()),
            Some(_) => Err(self.damaged(name, &"is not bytes")),
            None => Err(self.damaged(name, &"is missing")),
        }
    }

    /// Whether a switch is on.
    pub(crate) fn is_on(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(AttributeValue::Bool(true)))
    }

    /// A text that is to be read as something.
    pub(crate) fn parse<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T, Error> {
        self.get_text(name)?.parse().map_err(|error: T::Err| self.damaged(name, &error))
    }

    /// A document.
    pub(crate) fn document<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        serde_json::from_str(self.get_text(name)?).map_err(|error| self.damaged(name, &error))
    }

    /// An error that names this item and one of its attributes.
    pub(crate) fn damaged(&self, name: &str, reason: &dyn Display) -> Error {
        let part = |name| match self.0.get(name) {
            Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.as_str(),
            _ => "?",
        };
        let what = format!("item {} / {}", part(PARTITION), part(SORT));
        Error::Damaged { what, reason: format!("{name}: {reason}") }
    }
}

/// A key as the attributes that it is.
pub(crate) fn attributes(key: &Key) -> HashMap<String, AttributeValue> {
    HashMap::from([(PARTITION.to_owned(), text(&key.partition)), (SORT.to_owned(), number(key.sort))])
}

/// A text as an attribute.
pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number as an attribute; sent as its digits, so exactly.
pub(crate) fn number(value: impl Display) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Anything as a document; one that would not fit into an item is refused by name.
pub(crate) fn write_document<T: Serialize>(what: &str, value: &T) -> Result<String, Error> {
    let text = serde_json::to_string(value)
        .map_err(|error| Error::Damaged { what: what.to_owned(), reason: error.to_string() })?;
    if text.len() > MAX_DOCUMENT_BYTES {
        let (bytes, most) = (text.len() as u64, MAX_DOCUMENT_BYTES as u64);
        return Err(Error::TooLarge { key: what.to_owned(), bytes, most });
    }
    Ok(text)
}
