//! When a record was made: seconds as a number or a text, or an ISO time with or without a zone.

use super::nested::{Fields, number};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

/// Attributes that say when, in the order in which they are believed.
const NAMES: [&str; 5] = ["timestamp", "timestamp_iso", "created_at", "started_at", "start_time"];

/// Numbers beyond this are milliseconds.
const MOST_SECONDS: f64 = 1e11;

/// When a record was made; otherwise when its id says. Noted where the record itself does not say.
pub(super) fn recorded_at(item: Fields<'_>, id: &str, notes: &mut Vec<String>) -> Option<Timestamp> {
    let said = NAMES.iter().find_map(|name| read(item.get(name)?));
    said.or_else(|| {
        let seconds = id.rsplit('_').next().filter(|digits| digits.len() >= 9)?;
        let time = of_seconds(seconds.parse().ok()?)?;
        notes.push("it says no time that can be read: the one in its id is taken".to_owned());
        Some(time)
    })
}

fn read(value: &Value) -> Option<Timestamp> {
    if let Some(seconds) = number(value) {
        return of_seconds(seconds);
    }
    let text = value.as_str()?.trim();
    let zoned = text.parse::<Timestamp>().ok();
    // The earlier system ran in UTC and seldom said so.
    let time = zoned.or_else(|| TimeZone::UTC.to_timestamp(text.parse::<DateTime>().ok()?).ok())?;
    truncated(time.as_microsecond())
}

fn of_seconds(seconds: f64) -> Option<Timestamp> {
    let seconds = if seconds > MOST_SECONDS { seconds / 1e3 } else { seconds };
    // Beyond the range of times the conversion of the number would saturate.
    if !(0.0..1e12).contains(&seconds) {
        return None;
    }
    truncated((seconds * 1e6).round() as i64)
}

/// A time after 1970, to the microsecond, which every store keeps.
fn truncated(microseconds: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(microseconds).ok().filter(|time| *time >= Timestamp::UNIX_EPOCH)
}
