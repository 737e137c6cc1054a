//! Two JSON values, compared leaf by leaf.

use super::Difference;
use serde_json::Value;

/// Figures may differ by this share: `log10` is not the same to the last bit on every platform.
const TOLERANCE: f64 = 1e-9;

/// Collects the leaves in which two JSON values differ by more than the tolerance.
pub(super) fn compare(
    recorded: &Value,
    derived: &Value,
    path: &mut String,
    differences: &mut Vec<Difference>,
) {
    let length = path.len();
    match (recorded, derived) {
        (Value::Object(left), Value::Object(right)) if left.len() == right.len() => {
            for (key, left) in left {
                let dot = if path.is_empty() { "" } else { "." };
                path.extend([dot, key]);
                compare(left, right.get(key).unwrap_or(&Value::Null), path, differences);
                path.truncate(length);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (index, (left, right)) in left.iter().zip(right).enumerate() {
                path.extend(["[", &index.to_string(), "]"]);
                compare(left, right, path, differences);
                path.truncate(length);
            }
        }
        _ if same(recorded, derived) => {}
        _ => differences.push(Difference {
            field: path.clone(),
            recorded: recorded.to_string(),
            derived: derived.to_string(),
        }),
    }
}

fn same(recorded: &Value, derived: &Value) -> bool {
    if recorded == derived {
        return true;
    }
    let floats = |value: &Value| if value.is_f64() { value.as_f64() } else { None };
    match (floats(recorded), floats(derived)) {
        (Some(left), Some(right)) => (left - right).abs() <= TOLERANCE * left.abs().max(right.abs()).max(1.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn differences(left: &Value, right: &Value) -> Vec<String> {
        let mut differences = Vec::new();
        compare(left, right, &mut String::new(), &mut differences);
        differences.iter().map(|difference| difference.field.clone()).collect()
    }

    #[test]
    fn the_field_that_differs_is_named() {
        let left = json!({"points": [{"quality": {"psnr_y": 30.0, "worst": 2}}, {"bytes": 7}]});
        let mut right = left.clone();
        assert!(differences(&left, &right).is_empty());
        right["points"][0]["quality"]["psnr_y"] = json!(30.001);
        right["points"][1]["bytes"] = json!(8);
        assert_eq!(differences(&left, &right), ["points[0].quality.psnr_y", "points[1].bytes"]);
    }

    #[test]
    fn the_last_bits_of_a_float_may_differ_and_no_integer_may() {
        assert!(differences(&json!(30.0), &json!(30.000_000_000_001)).is_empty());
        assert_eq!(differences(&json!([1_000_000_000_000_u64]), &json!([1_000_000_000_001_u64])), ["[0]"]);
        assert_eq!(differences(&json!([1, 2]), &json!([1])), [""]);
    }
}
