//! Metrics, as lines that CloudWatch reads figures from (embedded metric format): no call, no agent.

use serde_json::{Map, Value, json};
use std::io::Write as _;

/// Namespace of every metric.
pub const NAMESPACE: &str = "AiV1";

/// Unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// So many.
    Count,
    /// Thousandths of a second.
    Milliseconds,
    /// None.
    None,
}

impl Unit {
    const fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Milliseconds => "Milliseconds",
            Self::None => "None",
        }
    }
}

/// One figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// Its value.
    pub value: f64,
    /// Its unit.
    pub unit: Unit,
}

impl Metric {
    /// So many.
    #[must_use]
    pub fn count(name: &'static str, value: u64) -> Self {
        Self { name, value: value as f64, unit: Unit::Count }
    }

    /// So many milliseconds.
    #[must_use]
    pub fn milliseconds(name: &'static str, duration: std::time::Duration) -> Self {
        Self { name, value: duration.as_secs_f64() * 1e3, unit: Unit::Milliseconds }
    }
}

/// Writes metrics to standard output, where Lambda takes them from.
#[derive(Clone, Debug)]
pub struct Metrics {
    function: String,
}

impl Metrics {
    pub(crate) fn new(function: String) -> Self {
        Self { function }
    }

    /// One line of figures. Without dimensions of their own, they are the function's. Every combination of dimensions is
    /// a metric that is paid for: what has many values belongs elsewhere.
    pub fn put(&self, dimensions: &[(&str, &str)], metrics: &[Metric]) {
        self.put_with(dimensions, metrics, Map::new());
    }

    /// As [`Self::put`], with properties that can be searched for but are no metrics.
    pub(crate) fn put_with(
        &self,
        dimensions: &[(&str, &str)],
        metrics: &[Metric],
        properties: Map<String, Value>,
    ) {
        let own = [("Function", self.function.as_str())];
        let dimensions = if dimensions.is_empty() { &own } else { dimensions };
        let at = jiff::Timestamp::now().as_millisecond();
        let mut text = line(at, dimensions, metrics, properties).to_string();
        text.push('\n');
        // In one write, so that no other line comes between; nobody is there to be told that standard output is gone.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

fn line(at: i64, dimensions: &[(&str, &str)], metrics: &[Metric], mut line: Map<String, Value>) -> Value {
    // A figure that is none (no number of workers divides by) is absent, not zero.
    let metrics = || metrics.iter().filter(|metric| metric.value.is_finite());
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let declared: Vec<Value> =
        metrics().map(|metric| json!({ "Name": metric.name, "Unit": metric.unit.name() })).collect();
    for (name, value) in dimensions {
        line.insert((*name).to_owned(), json!(value));
    }
    for metric in metrics() {
        line.insert(metric.name.to_owned(), json!(metric.value));
    }
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [names], "Metrics": declared });
    line.insert("_aws".to_owned(), json!({ "Timestamp": at, "CloudWatchMetrics": [directive] }));
    Value::Object(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_declares_each_figure_with_its_unit_and_dimension() {
        let metrics = [
            Metric::count("Requests", 1),
            Metric::milliseconds("Duration", std::time::Duration::from_micros(1500)),
        ];
        let properties = [("route".to_owned(), json!("/blog/{id}"))].into_iter().collect();
        let line = line(1_700_000_000_000, &[("Function", "pages")], &metrics, properties);
        assert_eq!(
            line,
            json!({
                "_aws": { "Timestamp": 1_700_000_000_000_i64, "CloudWatchMetrics": [{
                    "Namespace": "AiV1",
                    "Dimensions": [["Function"]],
                    "Metrics": [{ "Name": "Requests", "Unit": "Count" }, { "Name": "Duration", "Unit": "Milliseconds" }],
                }] },
                "Function": "pages", "Requests": 1.0, "Duration": 1.5, "route": "/blog/{id}",
            })
        );
    }

    #[test]
    fn a_figure_that_is_none_is_absent() {
        let unknown = Metric { name: "Ratio", value: f64::NAN, unit: Unit::None };
        let line = line(0, &[("Lab", "prod")], &[unknown, Metric::count("Queued", 3)], Map::new());
        assert!(line.get("Ratio").is_none());
        assert_eq!(
            line["_aws"]["CloudWatchMetrics"][0]["Metrics"],
            json!([{ "Name": "Queued", "Unit": "Count" }])
        );
    }
}
