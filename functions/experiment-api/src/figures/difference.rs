//! The first leaf in which two JSON values differ.

use serde_json::Value;

/// Figures may differ by this share: `log10` is not the same to the last bit on every platform.
const TOLERANCE: f64 = 1e-9;

/// A leaf that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    /// Where, as in `points[3].quality.psnr_y`.
    pub(super) field: String,
    /// What the record says.
    pub(super) recorded: String,
    /// What came out now.
    pub(super) derived: String,
}

/// The first leaf that differs by more than the tolerance.
pub(super) fn difference(recorded: &Value, derived: &Value) -> Option<Difference> {
    within(recorded, derived, &mut Vec::new())
}

fn within(recorded: &Value, derived: &Value, path: &mut Vec<String>) -> Option<Difference> {
    match (recorded, derived) {
        (Value::Object(left), Value::Object(right)) if left.len() == right.len() => {
            left.iter().find_map(|(key, left)| {
                let right = right.get(key).unwrap_or(&Value::Null);
                below(format!(".{key}"), left, right, path)
            })
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let pairs = left.iter().zip(right).enumerate();
            pairs
                .into_iter()
                .find_map(|(index, (left, right))| below(format!("[{index}]"), left, right, path))
        }
        (Value::Array(left), Value::Array(right)) => {
            let (left, right) = (left.len(), right.len());
            Some(leaf(path, format!("a list of {left}"), format!("one of {right}")))
        }
        _ if same(recorded, derived) => None,
        _ => Some(leaf(path, recorded.to_string(), derived.to_string())),
    }
}

fn below(step: String, left: &Value, right: &Value, path: &mut Vec<String>) -> Option<Difference> {
    path.push(step);
    let found = within(left, right, path);
    path.pop();
    found
}

fn leaf(path: &[String], recorded: String, derived: String) -> Difference {
    Difference { field: path.concat().trim_start_matches('.').to_owned(), recorded, derived }
}

fn same(recorded: &Value, derived: &Value) -> bool {
    let float = |value: &Value| if value.is_f64() { value.as_f64() } else { None };
    match (float(recorded), float(derived)) {
        (Some(left), Some(right)) => (left - right).abs() <= TOLERANCE * left.abs().max(right.abs()).max(1.0),
        _ => recorded == derived,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_first_leaf_that_differs_is_named_with_both_values() {
        let left = json!({ "points": [{ "psnr": 30.0 }, { "bytes": 7 }], "set": [] });
        let mut right = left.clone();
        assert_eq!(difference(&left, &right), None);
        right["points"][0]["psnr"] = json!(30.000_000_000_001);
        assert_eq!(difference(&left, &right), None);
        right["points"][1]["bytes"] = json!(8);
        let found = difference(&left, &right).unwrap();
        assert_eq!(
            (found.field.as_str(), found.recorded.as_str(), found.derived.as_str()),
            ("points[1].bytes", "7", "8")
        );
        right = json!({ "points": left["points"], "set": [1] });
        assert_eq!(difference(&left, &right).unwrap().field, "set");
        assert_eq!(difference(&json!({ "rate": null }), &json!({ "rate": -99.0 })).unwrap().field, "rate");
    }
}
