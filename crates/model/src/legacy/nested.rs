//! The forms an item comes in: plain or typed, and JSON inside its texts.

use serde_json::{Map, Number, Value};
use std::borrow::Cow;

/// The items of a document: of a scan (`{"Items": […]}`), an export's line (`{"Item": {…}}`), a list, or one item.
#[must_use]
pub fn items(document: Value) -> Vec<Value> {
    match document {
        Value::Array(items) => items,
        Value::Object(mut fields) => match (fields.remove("Items"), fields.remove("Item")) {
            (Some(Value::Array(items)), _) => items,
            (_, Some(item)) => vec![item],
            _ => vec![Value::Object(fields)],
        },
        other => vec![other],
    }
}

/// An item without `DynamoDB`'s types: `{"status": {"S": "failed"}}` becomes `{"status": "failed"}`. One that has none is
/// left as it is.
#[must_use]
pub fn plain(item: Value) -> Value {
    match item {
        Value::Object(fields) if is_typed(&fields) => untyped_map(fields),
        other => other,
    }
}

const TYPES: [&str; 10] = ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"];

fn is_typed(fields: &Map<String, Value>) -> bool {
    let typed = |value: &Value| {
        let only = value.as_object().filter(|tags| tags.len() == 1).and_then(|tags| tags.iter().next());
        only.is_some_and(|(tag, _)| TYPES.contains(&tag.as_str()))
    };
    !fields.is_empty() && fields.values().all(typed)
}

fn untyped_map(fields: Map<String, Value>) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name, untyped(value))).collect())
}

fn untyped(value: Value) -> Value {
    let Value::Object(tags) = value else { return value };
    let Some((tag, value)) = tags.into_iter().next() else { return Value::Null };
    match (tag.as_str(), value) {
        ("N", Value::String(text)) => number_of(&text).map_or(Value::String(text), Value::Number),
        ("NS", Value::Array(texts)) => texts
            .into_iter()
            .map(|text| text.as_str().and_then(number_of).map_or(text, Value::Number))
            .collect(),
        ("NULL", _) => Value::Null,
        ("M", Value::Object(fields)) => untyped_map(fields),
        ("L", Value::Array(values)) => values.into_iter().map(untyped).collect(),
        (_, value) => value,
    }
}

fn number_of(text: &str) -> Option<Number> {
    let whole = text.parse::<i64>().ok().map(Number::from);
    whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64))
}

/// A number, or the text of one, as decimals were written; finite.
pub(super) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number| number.is_finite())
}

/// The fields of a map that may not be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields<'a>(Option<&'a Map<String, Value>>);

impl<'a> Fields<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        Self(value.as_object())
    }

    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        self.0?.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_none_or(Map::is_empty)
    }

    /// A field that is a map or list, or JSON text of one; `Null` where it is neither, which is noted.
    pub(super) fn nested(self, name: &str, notes: &mut Vec<String>) -> Cow<'a, Value> {
        match self.get(name) {
            Some(value @ (Value::Object(_) | Value::Array(_))) => Cow::Borrowed(value),
            Some(Value::String(text)) if text.trim().is_empty() => Cow::Owned(Value::Null),
            Some(Value::String(text)) => match parse(text) {
                Ok(value @ (Value::Object(_) | Value::Array(_))) => Cow::Owned(value),
                Ok(_) => {
                    notes.push(format!("{name} is text of neither a map nor a list: not read"));
                    Cow::Owned(Value::Null)
                }
                Err(error) => {
                    notes.push(format!("{name} is not well-formed JSON ({error}): not read"));
                    Cow::Owned(Value::Null)
                }
            },
            Some(_) => {
                notes.push(format!("{name} is neither a map nor a list: not read"));
                Cow::Owned(Value::Null)
            }
            None => Cow::Owned(Value::Null),
        }
    }
}

/// JSON as Python writes it, whose `NaN` and `Infinity` no other reader knows.
fn parse(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(text).or_else(|error| {
        let plain = without_nonfinite(text);
        if plain == text { Err(error) } else { serde_json::from_str(&plain) }
    })
}

/// The text with `null` for what is not finite, outside of strings.
fn without_nonfinite(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let (mut rest, mut quoted) = (text, false);
    while let Some(next) = rest.chars().next() {
        let word =
            ["-Infinity", "Infinity", "NaN"].into_iter().find(|word| !quoted && rest.starts_with(word));
        let taken = if let Some(word) = word {
            plain.push_str("null");
            word.len()
        } else {
            quoted ^= next == '"';
            let escaped = if quoted && next == '\\' { rest[1..].chars().next() } else { None };
            let taken = next.len_utf8() + escaped.map_or(0, char::len_utf8);
            plain.push_str(&rest[..taken]);
            taken
        };
        rest = &rest[taken..];
    }
    plain
}
