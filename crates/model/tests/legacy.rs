//! Records of the earlier system: every fixture has its expectation, every form is one form, and nothing is a panic.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

#[path = "legacy/expected.rs"]
mod expected;
#[path = "legacy/forms.rs"]
mod forms;
#[path = "legacy/hostile.rs"]
mod hostile;
#[path = "legacy/merging.rs"]
mod merging;
#[path = "legacy/placeholders.rs"]
mod placeholders;

use aiv1_model::LegacyExperiment;
use aiv1_model::legacy::read;
use serde_json::{Value, json};

/// Reads an item that is a record.
fn record(item: &Value) -> LegacyExperiment {
    read(item.clone()).unwrap()
}

/// A record as JSON, without what is absent.
fn said(record: &LegacyExperiment) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                fields.values_mut().for_each(strip);
                fields.retain(|_, value| !value.is_null() && *value != json!([]) && *value != json!({}));
            }
            Value::Array(values) => values.iter_mut().for_each(strip),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(record).unwrap();
    strip(&mut value);
    value
}
