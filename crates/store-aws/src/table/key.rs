//! The keys: every partition of the table, and how its items are sorted. No key is made elsewhere.
//!
//! ```text
//! experiment_id (S)                  timestamp (N)                    what
//! exp_0123456789abcdef               0                                an experiment, whole
//! record#ID#SHA256                   0, 1, …                          a record in pieces, gzipped
//! list#number[#status][#codec][#arm] number                           lists by number, one for each combination of filters
//! list#best…, list#cheapest…         ordered value · 10^13 + number   lists by headline BD-rate and decode fuel
//! queue                              queued at (µs) · 10^13 + number  what waits
//! leases                             lease ends (µs) · 10^13 + number what is held, by when it is looked at next
//! state                              0                                counts, submissions, iterations, revision
//!                                    1                                revision of what is not an experiment's status
//!                                    2                                the loop's course: paused, stopped when
//!                                    3                                number of legacy records
//!                                    4                                number of the journal's lines
//!                                    10 to 15                         evaluations and best of each arm
//! worker#NAME                        0                                a worker, and what it holds
//! workers                            indexed at (µs) · 10^20 + hash   workers by when they were heard of, to the hour
//! codec#SHA256                       0                                a codec
//! codecs                             number of its first experiment   codecs by when they were first seen
//! clip#SHA256                        0                                which place a clip has
//! clips                              1, 2, …                          clips in order
//! journal                            1, 2, …                          what was done, line by line
//! milestones                         ended at (µs) · 10^13 + …        milestones in order
//! key#SHA256                         0                                an idempotency key; dies by `expires_at`
//! rebuild#PATH                       0                                a rebuild
//! rebuilds, rebuild-leases           time (µs) · 10^20 + hash         rebuilds that wait, or are held
//! legacy#ID                          0                                a record of the earlier system
//! legacy                             recorded at (µs) · 10^20 + hash  those, by time
//! ```
//!
//! Items of the earlier system lie under its own ids with the time as sort key, which is never 0: nothing here touches
//! them. `DynamoDB` keeps 38 digits of a number exactly: a time has 16, an ordered value 20, a hash 20, a number 13.

use aiv1_model::{Arm, Digest, Experiment, ExperimentId, Status};
use aiv1_store::{Entry, Order, Rebuild};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Room for an experiment's number behind what it is sorted by.
const NUMBERS: u128 = 10_u128.pow(13);

/// Room for a 64-bit hash behind a time.
const HASHES: u128 = 10_u128.pow(20);

/// What `DynamoDB` keeps of a number exactly.
pub(crate) const MAX_SORT: u128 = 10_u128.pow(38) - 1;

/// Names one item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) partition: String,
    pub(crate) sort: u128,
}

/// What waits, the longest-waiting first.
pub(crate) const QUEUE: &str = "queue";
/// What is held.
pub(crate) const LEASES: &str = "leases";
/// Counts and revisions.
pub(crate) const STATE: &str = "state";
/// Workers by time.
pub(crate) const WORKERS: &str = "workers";
/// Codecs by time.
pub(crate) const CODECS: &str = "codecs";
/// Clips in order.
pub(crate) const CLIPS: &str = "clips";
/// Milestones in order.
pub(crate) const MILESTONES: &str = "milestones";
/// The journal's lines.
pub(crate) const JOURNAL: &str = "journal";
/// Rebuilds that wait.
pub(crate) const REBUILDS: &str = "rebuilds";
/// Rebuilds that are held.
pub(crate) const REBUILD_LEASES: &str = "rebuild-leases";
/// Records of the earlier system, by time.
pub(crate) const LEGACY: &str = "legacy";

impl Key {
    pub(crate) fn new(partition: impl Into<String>, sort: u128) -> Self {
        Self { partition: partition.into(), sort }
    }

    fn only(partition: String) -> Self {
        Self { partition, sort: 0 }
    }

    pub(crate) fn experiment(id: &ExperimentId) -> Self {
        Self::only(id.to_string())
    }

    pub(crate) fn counts() -> Self {
        Self::new(STATE, 0)
    }

    pub(crate) fn revision() -> Self {
        Self::new(STATE, 1)
    }

    pub(crate) fn course() -> Self {
        Self::new(STATE, 2)
    }

    pub(crate) fn legacy_count() -> Self {
        Self::new(STATE, 3)
    }

    /// How many lines the journal has.
    pub(crate) fn journal() -> Self {
        Self::new(STATE, 4)
    }

    pub(crate) fn arm(arm: Arm) -> Self {
        Self::new(STATE, 10 + arm_code(arm))
    }

    pub(crate) fn worker(name: &str) -> Self {
        Self::only(format!("worker#{name}"))
    }

    pub(crate) fn worker_seen(name: &str, at: Timestamp) -> Self {
        Self::new(WORKERS, after(at) + hash(name))
    }

    pub(crate) fn codec(source: &Digest) -> Self {
        Self::only(format!("codec#{source}"))
    }

    pub(crate) fn clip(id: &Digest) -> Self {
        Self::only(format!("clip#{id}"))
    }

    /// The `nth` milestone of its arm: within a microsecond, arms do not overwrite each other's.
    pub(crate) fn milestone(arm: Arm, ended_at: Timestamp, nth: u64) -> Self {
        let nth = u128::from(nth).min(NUMBERS / 10 - 1);
        Self::new(MILESTONES, micros(ended_at) * NUMBERS + nth * 10 + arm_code(arm))
    }

    pub(crate) fn idempotency(key: &str) -> Self {
        Self::only(format!("key#{}", Digest::of(key.as_bytes())))
    }

    pub(crate) fn rebuild(target: &Rebuild) -> Self {
        Self::only(format!("rebuild#{}", target.key().path()))
    }

    pub(crate) fn rebuild_waiting(target: &Rebuild, since: Timestamp) -> Self {
        Self::new(REBUILDS, after(since) + hash(&target.key().path()))
    }

    pub(crate) fn rebuild_held(target: &Rebuild, until: Timestamp) -> Self {
        Self::new(REBUILD_LEASES, after(until) + hash(&target.key().path()))
    }

    pub(crate) fn legacy(id: &str) -> Self {
        Self::only(format!("legacy#{id}"))
    }

    pub(crate) fn legacy_at(id: &str, recorded_at: Timestamp) -> Self {
        Self::new(LEGACY, after(recorded_at) + hash(id))
    }

    /// Where a lease that is held until then lies in the index.
    pub(crate) fn lease(number: u64, until: Timestamp) -> Self {
        Self::new(LEASES, micros(until) * NUMBERS + numbered(number))
    }
}

/// Pieces of a record with this digest.
pub(crate) fn record(id: &ExperimentId, digest: &Digest) -> String {
    format!("record#{id}#{digest}")
}

/// The greatest sort key of a lease, rebuild or other thing of this time or before, where `room` follows the time.
pub(crate) fn leases_until(time: Timestamp) -> u128 {
    (micros(time) + 1) * NUMBERS - 1
}

/// The same for what is sorted by time and hash.
pub(crate) fn hashed_until(time: Timestamp) -> u128 {
    after(time) + (HASHES - 1)
}

/// The least sort key of what is sorted by time and hash, of this time or after.
pub(crate) fn hashed_from(time: Timestamp) -> u128 {
    after(time)
}

/// Where an experiment is listed as it stands: the lists, and the queue if it waits. A change of it moves the difference.
pub(crate) fn listed(entry: &Entry) -> BTreeSet<Key> {
    let Experiment { number, status, submission, origin, .. } = &entry.experiment;
    let mut keys = BTreeSet::new();
    for base in [Base::Number, Base::Best, Base::Cheapest] {
        let Some(sort) = base.place(entry) else { continue };
        for filters in 0..8_u8 {
            let partition = list(
                base,
                (filters & 1 != 0).then_some(*status),
                (filters & 2 != 0).then_some(&submission.source),
                (filters & 4 != 0).then_some(origin.arm),
            );
            keys.insert(Key { partition, sort });
        }
    }
    if *status == Status::Queued {
        keys.insert(Key::new(QUEUE, micros(entry.queued_at) * NUMBERS + numbered(*number)));
    }
    keys
}

/// What a list is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    Number,
    Best,
    Cheapest,
}

impl Base {
    /// What an order goes along; newest and oldest go along the same list, in both directions.
    pub(crate) const fn of(order: Order) -> Self {
        match order {
            Order::Newest | Order::Oldest => Self::Number,
            Order::Best => Self::Best,
            Order::Cheapest => Self::Cheapest,
        }
    }

    /// Where an experiment lies in lists along this, if it is in them.
    pub(crate) fn place(self, entry: &Entry) -> Option<u128> {
        let number = numbered(entry.experiment.number);
        let value = match self {
            Self::Number => return Some(number),
            Self::Best => entry.bd_rate()?,
            Self::Cheapest => entry.decode_fuel()?,
        };
        Some(ordered(value) * NUMBERS + number)
    }
}

/// The partition of a list.
pub(crate) fn list(base: Base, status: Option<Status>, codec: Option<&Digest>, arm: Option<Arm>) -> String {
    let mut name = String::from(match base {
        Base::Number => "list#number",
        Base::Best => "list#best",
        Base::Cheapest => "list#cheapest",
    });
    for part in [
        status.map(|status| status.as_str().to_owned()),
        codec.map(Digest::to_string),
        arm.map(|arm| arm.to_string()),
    ] {
        name.push('#');
        name.push_str(part.as_deref().unwrap_or("*"));
    }
    name
}

/// A time as it is sorted by; what was before 1970 is sorted as 1970.
pub(crate) fn micros(time: Timestamp) -> u128 {
    u128::try_from(time.as_microsecond()).unwrap_or(0)
}

fn after(time: Timestamp) -> u128 {
    micros(time) * HASHES
}

fn numbered(number: u64) -> u128 {
    u128::from(number).min(NUMBERS - 1)
}

const fn arm_code(arm: Arm) -> u128 {
    match arm {
        Arm::Person => 0,
        Arm::Start => 1,
        Arm::Search => 2,
        Arm::Random => 3,
        Arm::Llm => 4,
        Arm::HeldOut => 5,
    }
}

/// Tells apart what has the same time.
fn hash(text: &str) -> u128 {
    let digest = Digest::of(text.as_bytes());
    digest.as_bytes().iter().take(8).fold(0, |hash, byte| hash << 8 | u128::from(*byte))
}

/// An integer that sorts as the value does: of a positive number the sign is set, of a negative one everything is flipped.
fn ordered(value: f64) -> u128 {
    // Both zeros are one.
    let bits = (value + 0.0).to_bits();
    u128::from(if bits >> 63 == 0 { bits | 1 << 63 } else { !bits })
}

/// The value that a place in a list is sorted by.
pub(crate) fn value(place: u128) -> f64 {
    // What is divided by the room for numbers has 64 bits left.
    let bits = (place / NUMBERS) as u64;
    f64::from_bits(if bits >> 63 == 1 { bits & !(1 << 63) } else { !bits })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_sort_as_integers_as_they_do_as_numbers() {
        let values =
            [f64::MIN, -40.0, -12.5, -12.499_999, -f64::MIN_POSITIVE, 0.0, 5e-324, 3.25, 1e300, f64::MAX];
        assert!(values.is_sorted_by(|one, other| ordered(*one) < ordered(*other)));
        assert_eq!(ordered(-0.0), ordered(0.0));
        let read = |value: f64| super::value(ordered(value) * NUMBERS + numbered(u64::MAX));
        assert!(values.iter().all(|value| read(*value).to_bits() == value.to_bits()), "and are read back");
    }

    #[test]
    fn no_sort_key_has_more_digits_than_are_kept_exactly() {
        let far = Timestamp::MAX;
        assert!(micros(far) < 10_u128.pow(18), "{far} has {} microseconds", micros(far));
        let keys = [
            Key::lease(u64::MAX, far).sort,
            Key::worker_seen("name", far).sort,
            Key::milestone(Arm::Random, far, u64::MAX).sort,
            ordered(f64::MAX) * NUMBERS + numbered(u64::MAX),
            leases_until(far),
            hashed_until(far),
        ];
        for key in keys {
            assert!(key <= MAX_SORT, "{key}");
        }
    }

    #[test]
    fn every_combination_of_filters_has_a_list_of_its_own() {
        let codec = Digest::of(b"codec");
        let mut names = BTreeSet::new();
        for filters in 0..8 {
            let status = (filters & 1 != 0).then_some(Status::Queued);
            let arm = (filters & 4 != 0).then_some(Arm::Search);
            names.insert(list(Base::Number, status, (filters & 2 != 0).then_some(&codec), arm));
        }
        assert_eq!(names.len(), 8);
        assert!(
            names.contains("list#number#*#*#*") && names.contains("list#number#queued#*#search"),
            "{names:?}"
        );
    }
}
