//! Figures and texts as people read them. What was not measured is an em dash.

use aiv1_model::{Arm, Decibels, Fault, ParameterKind, ParameterValue, Phase, Saving, Status};
use jiff::Timestamp;
use maud::{Markup, html};

/// What stands where nothing was measured.
pub(crate) const ABSENT: &str = "—";

/// `text` without what could act on a terminal or turn the direction of reading, at most `most` characters of it. Line
/// breaks and tabs stay. Escaping is the template's.
pub(crate) fn plain(text: &str, most: usize) -> String {
    let turns = |letter: char| {
        matches!(letter, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
            | '\u{fffe}' | '\u{ffff}')
    };
    let acts = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\t');
    let clean = |letter: char| if acts(letter) || turns(letter) { '\u{fffd}' } else { letter };
    let mut plain: String = text.chars().take(most).map(clean).collect();
    if text.chars().nth(most).is_some() {
        plain.push('…');
    }
    plain
}

/// A name on one line.
pub(crate) fn name(text: &str) -> String {
    plain(text, 60).replace(['\n', '\t'], " ")
}

/// The text, or the em dash.
pub(crate) fn or_absent<Text: std::fmt::Display>(value: Option<Text>) -> String {
    value.map_or_else(|| ABSENT.to_owned(), |value| value.to_string())
}

/// A signed percentage with a real minus sign.
pub(crate) fn percent(value: f64) -> String {
    format!("{:+.1}\u{a0}%", rounded(value)).replace('-', "−")
}

/// A difference of percentages, in points.
pub(crate) fn points(difference: f64) -> String {
    format!("{:+.1}\u{a0}points", rounded(difference)).replace('-', "−")
}

/// How far apart percentages are, in points, whichever is greater.
pub(crate) fn distance(difference: f64) -> String {
    format!("{:.1}\u{a0}points", rounded(difference).abs())
}

/// An amount of money, from millionths of a dollar: small ones to a hundredth of a cent.
pub(crate) fn dollars(microdollars: u64) -> String {
    let dollars = microdollars as f64 / 1e6;
    match microdollars {
        0 => "$0".to_owned(),
        1..100 => "under $0.0001".to_owned(),
        100..1_000_000 => format!("${dollars:.4}"),
        _ => format!("${dollars:.2}"),
    }
}

/// To one decimal, and never a negative zero.
fn rounded(value: f64) -> f64 {
    let rounded = (value * 10.0).round() / 10.0;
    if rounded == 0.0 { 0.0 } else { rounded }
}

/// How much a BD-rate is, without its direction: `12.3 %`.
pub(crate) fn amount(bd_rate: f64) -> String {
    format!("{:.1}\u{a0}%", rounded(bd_rate).abs())
}

/// The direction of a BD-rate: `fewer bits`.
pub(crate) fn direction(bd_rate: f64) -> &'static str {
    match rounded(bd_rate) {
        value if value < 0.0 => "fewer bits",
        value if value > 0.0 => "more bits",
        _ => "difference",
    }
}

/// `12.3 % fewer bits than x265-slow at equal PSNR-Y`.
pub(crate) fn saving(saving: &Saving) -> String {
    format!(
        "{} {} than {} at equal {}",
        amount(saving.bd_rate),
        if rounded(saving.bd_rate) == 0.0 { "more or fewer bits" } else { direction(saving.bd_rate) },
        name(&saving.anchor),
        saving.metric
    )
}

/// A rate in the unit people read.
pub(crate) fn bitrate(bits_per_second: f64) -> String {
    match bits_per_second {
        rate if rate >= 1e6 => format!("{:.2} Mbit/s", rate / 1e6),
        rate => format!("{:.1} kbit/s", rate / 1e3),
    }
}

/// A size in the unit people read.
pub(crate) fn bytes(count: u64) -> String {
    match count as f64 {
        count if count >= 1e9 => format!("{:.2} GB", count / 1e9),
        count if count >= 1e6 => format!("{:.1} MB", count / 1e6),
        count if count >= 1e4 => format!("{:.1} kB", count / 1e3),
        count => format!("{} B", grouped(count as u64)),
    }
}

/// A whole number in groups of three, by narrow spaces.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// Fuel a pixel: three digits that count.
pub(crate) fn fuel(value: f64) -> String {
    if value >= 100.0 { grouped(value.round() as u64) } else { format!("{value:.1}") }
}

/// Fuel a pixel with its unit, or the em dash.
pub(crate) fn fuel_per_pixel(value: Option<f64>) -> String {
    or_absent(value.map(|value| format!("{} fuel/px", fuel(value))))
}

/// Decibels, to two decimals; `lossless` as it is.
pub(crate) fn decibels(value: Decibels) -> String {
    match value {
        Decibels::Finite(value) => format!("{value:.2} dB").replace('-', "−"),
        Decibels::Lossless => "lossless".to_owned(),
    }
}

/// A span of time.
pub(crate) fn span(from: Timestamp, to: Timestamp) -> String {
    let ms = (to.as_millisecond() - from.as_millisecond()).max(0);
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{:.1} s", ms as f64 / 1e3),
        60_000..3_600_000 => format!("{} min {:02} s", ms / 60_000, ms / 1_000 % 60),
        _ => format!("{} h {:02} min", ms / 3_600_000, ms / 60_000 % 60),
    }
}

/// A point in time, to the minute.
pub(crate) fn when(at: Timestamp) -> Markup {
    html! { time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ")) { (at.strftime("%Y-%m-%d\u{a0}%H:%M")) "\u{a0}UTC" } }
}

/// The same, or the em dash.
pub(crate) fn when_or_absent(at: Option<Timestamp>) -> Markup {
    at.map_or_else(|| html! { (ABSENT) }, when)
}

/// A parameter's value.
pub(crate) fn value(value: &ParameterValue) -> String {
    match value {
        ParameterValue::Float(number) => {
            // Searches propose many digits: people read four, the record has them all.
            let short = format!("{number:.4}");
            short.trim_end_matches('0').trim_end_matches('.').replace('-', "−")
        }
        ParameterValue::Int(number) => number.to_string().replace('-', "−"),
        other => name(&other.to_string()),
    }
}

/// What a parameter may be.
pub(crate) fn bound(kind: &ParameterKind) -> String {
    plain(&kind.bound(), 200).replace("..=", " to ")
}

/// A status, as a tab and a badge call it.
pub(crate) const fn status(status: Status) -> &'static str {
    match status {
        Status::Queued => "Queued",
        Status::InProgress => "In progress",
        Status::Successful => "Successful",
        Status::Failed => "Failed",
        Status::Other => "Cancelled",
    }
}

/// What an arm is, in a word or two.
pub(crate) const fn arm(arm: Arm) -> &'static str {
    match arm {
        Arm::Person => "a person",
        Arm::Start => "starting codec",
        Arm::Search => "search",
        Arm::Random => "random control",
        Arm::Llm => "language model",
        Arm::HeldOut => "held-out check",
    }
}

/// Whose a failure is, as a sentence begins.
pub(crate) const fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::Candidate => "The codec’s own fault",
        Fault::Infrastructure => "The infrastructure’s fault",
        Fault::Evaluator => "The lab’s own fault",
    }
}

/// A phase, with a capital letter.
pub(crate) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Design => "Design",
        Phase::Validation => "Validation",
        Phase::Deployment => "Deployment",
        Phase::Execution => "Execution",
        Phase::Verification => "Verification",
        Phase::Analysis => "Analysis",
    }
}

/// What a phase does, in a few words.
pub(crate) const fn phase_does(phase: Phase) -> &'static str {
    match phase {
        Phase::Design => "codec and parameters are proposed",
        Phase::Validation => "source is policed and compiled",
        Phase::Deployment => "clips and anchors are made ready",
        Phase::Execution => "clips are encoded",
        Phase::Verification => "stored bytes are decoded and measured",
        Phase::Analysis => "rates are compared, the record is sealed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aiv1_model::Metric;

    #[test]
    fn a_saving_reads_as_a_sentence_and_never_as_a_negative_zero() {
        let stated = |bd_rate| {
            let anchor = "x265-slow".to_owned();
            saving(&Saving { anchor, metric: Metric::PsnrY, bd_rate, clips: 3, refused: 0 })
        };
        assert_eq!(stated(-12.34), "12.3\u{a0}% fewer bits than x265-slow at equal PSNR-Y");
        assert_eq!(stated(4.06), "4.1\u{a0}% more bits than x265-slow at equal PSNR-Y");
        assert_eq!(stated(-0.04), "0.0\u{a0}% more or fewer bits than x265-slow at equal PSNR-Y");
        assert_eq!(percent(-0.04), "+0.0\u{a0}%");
        assert_eq!(percent(-3.0), "−3.0\u{a0}%");
    }

    #[test]
    fn figures_are_grouped_and_have_their_unit() {
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(999), "999");
        assert_eq!(bitrate(999_949.0), "999.9 kbit/s");
        assert_eq!(bitrate(1_500_000.0), "1.50 Mbit/s");
        let priced = [0, 3, 3_760, 1_234_567].map(dollars);
        assert_eq!(priced, ["$0", "under $0.0001", "$0.0038", "$1.23"]);
        assert_eq!(points(-1.26), "−1.3\u{a0}points");
        assert_eq!(bytes(49_815), "49.8 kB");
        assert_eq!(value(&ParameterValue::Float(1.230_000_1)), "1.23");
        assert_eq!(value(&ParameterValue::Float(-2.0)), "−2");
        assert_eq!(value(&ParameterValue::Int(-4)), "−4");
    }

    #[test]
    fn text_from_outside_can_neither_turn_the_page_nor_drive_a_terminal() {
        assert_eq!(plain("a\u{202e}b\u{1b}[31mc\0\nd", 80), "a\u{fffd}b\u{fffd}[31mc\u{fffd}\nd");
        assert_eq!(plain("abcdef", 3), "abc…");
        assert_eq!(name("a\nb"), "a b");
    }
}
