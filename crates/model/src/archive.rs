//! The archive: the best experiment of each cell of rate and decode cost, so that a codec which is good at something else
//! than the best one is kept in sight. Bands are fixed and documented here; both the site and the loop read them here.

use crate::{Arm, Findings, Status, Summary};
use std::collections::BTreeMap;

/// Defines bands of a quantity by where each but the first begins; a quantity that is no positive number has none.
macro_rules! bands {
    ($(#[$about:meta])* $name:ident, $unit:literal, $($begin:literal)*) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u8);

        impl $name {
            /// Where each band but the first begins.
            pub const BEGINS: &[f64] = &[$($begin),*];

            /// All of them, in ascending order.
            pub fn all() -> impl Iterator<Item = Self> {
                (0..=Self::BEGINS.len()).filter_map(|index| u8::try_from(index).ok()).map(Self)
            }

            /// The band that `value` lies in.
            #[must_use]
            pub fn of(value: f64) -> Option<Self> {
                let index = Self::BEGINS.iter().take_while(|begin| value >= **begin).count();
                u8::try_from(index).ok().filter(|_| value.is_finite() && value > 0.0).map(Self)
            }

            /// From where, inclusive, to where, exclusive; absent where it has no end.
            #[must_use]
            pub fn range(self) -> (Option<f64>, Option<f64>) {
                let index = usize::from(self.0);
                let begin = index.checked_sub(1).and_then(|before| Self::BEGINS.get(before));
                (begin.copied(), Self::BEGINS.get(index).copied())
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                match self.range() {
                    (None, None) => write!(formatter, "any {}", $unit),
                    (None, Some(end)) => write!(formatter, "under {end} {}", $unit),
                    (Some(begin), None) => write!(formatter, "{begin} {} and more", $unit),
                    (Some(begin), Some(end)) => write!(formatter, "{begin} to {end} {}", $unit),
                }
            }
        }
    };
}

bands! {
    /// Bits a luma pixel, the geometric mean over all points ([`Findings::bits_per_pixel`]): doubling from band to band
    /// around what the quality indices of the starting codecs give.
    RateBand, "bit/px", 0.05 0.1 0.2 0.4 0.8
}

bands! {
    /// Most decode fuel a luma pixel ([`Findings::decode_fuel_per_pixel`]): doubling from band to band; the limit in force is
    /// 1000.
    CostBand, "fuel/px", 50.0 100.0 200.0 400.0
}

/// A cell of the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// At which rates it works.
    pub rate: RateBand,
    /// What its decoder costs.
    pub cost: CostBand,
}

impl Cell {
    /// The cell of what an experiment showed; `None` where one of the two was not measured.
    #[must_use]
    pub fn of(findings: &Findings) -> Option<Self> {
        let (rate, cost) = (findings.bits_per_pixel?, findings.decode_fuel_per_pixel?);
        Some(Self { rate: RateBand::of(rate)?, cost: CostBand::of(cost)? })
    }
}

/// The best of each cell, by headline BD-rate; of two alike the earlier one. What was retracted, failed, or was measured on
/// held-out clips has no place.
pub fn archive<'a>(experiments: impl IntoIterator<Item = &'a Summary>) -> BTreeMap<Cell, &'a Summary> {
    let mut best: BTreeMap<Cell, (f64, &Summary)> = BTreeMap::new();
    for one in experiments {
        if one.status != Status::Successful || one.retraction.is_some() || one.arm == Arm::HeldOut {
            continue;
        }
        let Some(findings) = &one.findings else { continue };
        let (Some(cell), Some(headline)) = (Cell::of(findings), &findings.headline) else { continue };
        let better = |(bd_rate, held): &(f64, &Summary)| {
            headline.bd_rate.total_cmp(bd_rate).then(one.number.cmp(&held.number)).is_lt()
        };
        if best.get(&cell).is_none_or(better) {
            best.insert(cell, (headline.bd_rate, one));
        }
    }
    best.into_iter().map(|(cell, (_, one))| (cell, one)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Digest, ExperimentId, Metric, Parameters, Retraction, Saving};
    use jiff::Timestamp;

    fn measured(number: u64, bd_rate: f64, bits_per_pixel: f64, fuel: f64) -> Summary {
        let headline =
            Saving { anchor: "x265-medium".to_owned(), metric: Metric::PsnrY, bd_rate, clips: 1, refused: 0 };
        Summary {
            id: ExperimentId::of(&Digest::of(&number.to_le_bytes())),
            number,
            status: Status::Successful,
            codec: "transform".to_owned(),
            source: Digest::of(b"source"),
            parameters: Parameters::new(),
            arm: Arm::Search,
            parent: None,
            prediction: None,
            cost: None,
            submitted_at: Timestamp::UNIX_EPOCH,
            started_at: None,
            ended_at: None,
            attempt: 1,
            work: None,
            failure: None,
            findings: Some(Findings {
                headline: Some(headline),
                savings: Vec::new(),
                decode_fuel_per_pixel: Some(fuel),
                encode_fuel_per_pixel: None,
                bits_per_pixel: Some(bits_per_pixel),
                decoder_gzip_bytes: None,
                under_megabit: None,
            }),
            attention: None,
            verified: None,
            retraction: None,
            purged_at: None,
        }
    }

    #[test]
    fn a_band_holds_where_it_begins_and_not_where_it_ends() {
        assert_eq!(RateBand::of(0.2), RateBand::of(0.39));
        assert!(RateBand::of(0.2) > RateBand::of(0.19));
        assert_eq!(RateBand::of(1e-9).unwrap().to_string(), "under 0.05 bit/px");
        assert_eq!(CostBand::of(120.0).unwrap().to_string(), "100 to 200 fuel/px");
        assert_eq!(CostBand::of(1e9).unwrap().to_string(), "400 fuel/px and more");
        assert_eq!(RateBand::all().count(), RateBand::BEGINS.len() + 1);
        for none in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(RateBand::of(none), None, "{none}");
        }
    }

    #[test]
    fn each_cell_keeps_its_best_that_stands() {
        let mut retracted = measured(4, -90.0, 0.3, 150.0);
        retracted.retraction = Some(Retraction {
            at: Timestamp::UNIX_EPOCH,
            by: "bench".to_owned(),
            reason: "differs".to_owned(),
        });
        let mut held_out = measured(5, -80.0, 0.3, 150.0);
        held_out.arm = Arm::HeldOut;
        let all = [
            measured(1, 20.0, 0.3, 150.0),
            measured(2, 10.0, 0.3, 160.0),
            measured(3, 10.0, 0.25, 199.0),
            measured(6, 70.0, 0.3, 40.0),
            retracted,
            held_out,
        ];
        let numbers: Vec<u64> = archive(&all).values().map(|one| one.number).collect();
        assert_eq!(
            numbers,
            [6, 2],
            "cheaper decoding has a cell of its own; of two alike the earlier one stays"
        );
    }
}
