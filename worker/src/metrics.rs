//! What is counted, in Prometheus' words. Workers of one process may share one or have one each.

use aiv1_model::Phase;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Media type of [`Metrics::text`].
pub(crate) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PhaseLabel {
    phase: String,
}

/// The figures and the registry that prints them.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    experiments: Family<OutcomeLabel, Counter>,
    running: Gauge,
    phases: Family<PhaseLabel, Histogram>,
    frames: Counter,
    heartbeats: Family<OutcomeLabel, Counter>,
    uploaded: Counter,
    clip_lookups: Family<OutcomeLabel, Counter>,
    clip_bytes: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        // From a tenth of a second to an hour and more.
        let seconds = || Histogram::new(exponential_buckets(0.1, 2.5, 13));
        let metrics = Self {
            registry: Registry::with_prefix("aiv1_worker"),
            experiments: Family::default(),
            running: Gauge::default(),
            phases: Family::new_with_constructor(seconds),
            frames: Counter::default(),
            heartbeats: Family::default(),
            uploaded: Counter::default(),
            clip_lookups: Family::default(),
            clip_bytes: Counter::default(),
        };
        metrics.registered()
    }
}

impl Metrics {
    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("experiments", "Claimed experiments that ended, by how", self.experiments.clone());
        registry.register("running", "Experiments under way", self.running.clone());
        registry.register_with_unit("phase", "Time a phase took", Unit::Seconds, self.phases.clone());
        registry.register(
            "frames",
            "Frames encoded, decoded and measured, or taken from a cache",
            self.frames.clone(),
        );
        registry.register("heartbeats", "Heartbeats sent, by what became of them", self.heartbeats.clone());
        registry.register_with_unit("uploaded", "Sent to the store", Unit::Bytes, self.uploaded.clone());
        registry.register("clip_lookups", "Clips asked for, by where they were", self.clip_lookups.clone());
        registry.register_with_unit(
            "clips_downloaded",
            "Clips fetched",
            Unit::Bytes,
            self.clip_bytes.clone(),
        );
        self
    }

    pub(crate) fn started(&self) {
        self.running.inc();
    }

    pub(crate) fn ended(&self, outcome: &'static str) {
        self.running.dec();
        self.experiments.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    pub(crate) fn phase(&self, phase: Phase, seconds: f64) {
        self.phases.get_or_create(&PhaseLabel { phase: phase.to_string() }).observe(seconds);
    }

    pub(crate) fn frames(&self, frames: u64) {
        self.frames.inc_by(frames);
    }

    pub(crate) fn heartbeat(&self, outcome: &'static str) {
        self.heartbeats.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    pub(crate) fn uploaded(&self, bytes: u64) {
        self.uploaded.inc_by(bytes);
    }

    pub(crate) fn clip_found(&self) {
        self.clip_lookups.get_or_create(&OutcomeLabel { outcome: "hit" }).inc();
    }

    pub(crate) fn clip_fetched(&self, bytes: u64) {
        self.clip_lookups.get_or_create(&OutcomeLabel { outcome: "miss" }).inc();
        self.clip_bytes.inc_by(bytes);
    }

    /// All of it as text.
    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_is_in_the_text() {
        let metrics = Metrics::default();
        metrics.started();
        metrics.ended("successful");
        metrics.phase(Phase::Execution, 2.0);
        metrics.frames(120);
        metrics.clip_fetched(1000);
        let text = metrics.text().unwrap();
        for line in [
            r#"aiv1_worker_experiments_total{outcome="successful"} 1"#,
            "aiv1_worker_running 0",
            r#"aiv1_worker_phase_seconds_count{phase="execution"} 1"#,
            "aiv1_worker_frames_total 120",
            "aiv1_worker_clips_downloaded_bytes_total 1000",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
