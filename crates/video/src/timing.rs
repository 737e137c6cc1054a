//! When the pictures are shown: counted and judged from every timestamp of the file, never from its header alone.

use crate::limits::{MAX_FRAME_RATE, MAX_PICTURES, MIN_FRAME_RATE};
use crate::probe::{Probe, input_argument, restrict};
use crate::process::Process;
use crate::{Error, Ffmpeg};
use aiv1_model::{Conversion, FrameRate};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Rates that have names; a file in milliseconds that fits one of these has it.
const COMMON_RATES: [(u32, u32); 9] =
    [(24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (50, 1), (60000, 1001), (60, 1), (15, 1)];

/// The coded pictures of a stream.
#[derive(Debug, Default)]
pub(crate) struct Pictures {
    /// Those to be shown: all but what an edit list cuts off.
    pub(crate) shown: u64,
    /// All of them.
    pub(crate) coded: u64,
    /// Timestamps of those shown, in ticks, in order of display; empty where the container has none.
    timestamps: Vec<i64>,
    /// The file's end as the last packet implies it.
    end: Option<u64>,
}

/// Lists the packets of the stream; nothing is decoded. A file that ends early or a damaged packet is an error.
pub(crate) fn pictures(
    ffmpeg: &Ffmpeg,
    path: &Path,
    probe: &Probe,
    file_bytes: u64,
) -> Result<Pictures, Error> {
    let mut command = ffmpeg.probe_command();
    restrict(&mut command);
    command.args(["-of", "csv=p=0", "-show_entries", "packet=pts,size,pos,flags", "-select_streams"]);
    command.arg(probe.stream.index.to_string()).arg(input_argument(path));
    let mut process = Process::start(command, path)?;
    let mut pictures = Pictures::default();
    let mut complete = true;
    let mut lines = BufReader::new(&mut process);
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = lines.by_ref().take(1024).read_until(b'\n', &mut line);
        if read.map_err(Error::io(path, "read the list of its packets"))? == 0 {
            break;
        }
        complete &= pictures.add(path, &String::from_utf8_lossy(&line))?;
    }
    drop(lines);
    let ended = process.finish().map_err(Error::io(path, "wait for ffprobe"))?;
    if !ended.status.success() || !ended.message.is_empty() || !complete {
        let message =
            if ended.message.is_empty() { "a packet is incomplete".to_owned() } else { ended.message };
        let status = format!("reading its packets: {}", ended.status);
        return Err(Error::Decode { path: path.to_owned(), frames: 0, status, message });
    }
    pictures.check(path, probe, file_bytes)?;
    pictures.timestamps.sort_unstable();
    Ok(pictures)
}

impl Pictures {
    /// Takes a line `pts,size,pos,flags`; whether the packet is whole.
    fn add(&mut self, path: &Path, line: &str) -> Result<bool, Error> {
        let mut fields = line.trim_end().split(',');
        let mut field = || fields.next().unwrap_or_default();
        let (pts, size, position, flags) = (field(), field(), field(), field());
        if size.is_empty() {
            return Ok(true);
        }
        self.coded += 1;
        if self.coded > MAX_PICTURES as u64 {
            let reason = format!("at most {MAX_PICTURES} coded pictures are read");
            let fix = "cut it first: ffmpeg -i INPUT -t SECONDS -c copy OUTPUT";
            return Err(Error::refused(path, "number of pictures", self.coded.to_string(), reason, fix));
        }
        self.end = position
            .parse()
            .ok()
            .zip(size.parse().ok())
            .and_then(|(at, size): (u64, u64)| at.checked_add(size));
        if !flags.contains('D') {
            self.shown += 1;
            self.timestamps.extend(pts.parse::<i64>());
        }
        Ok(!flags.contains('C'))
    }

    fn check(&self, path: &Path, probe: &Probe, file_bytes: u64) -> Result<(), Error> {
        let truncated = |declared: String, found: String| {
            Err(Error::Truncated { path: path.to_owned(), declared, found })
        };
        let declared =
            probe.stream.nb_frames.as_deref().and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
        if self.coded < declared {
            return truncated(format!("{declared} pictures"), format!("{}", self.coded));
        }
        if self.shown == 0 {
            return Err(Error::NoFrames { path: path.to_owned() });
        }
        // ffmpeg drops the incomplete last frame of a Y4M without a word.
        if let Some(end) = self.end.filter(|&end| probe.container == "yuv4mpegpipe" && end != file_bytes) {
            let found = format!("{} bytes of another", file_bytes.saturating_sub(end));
            return truncated(format!("{} whole frames and no more", self.coded), found);
        }
        Ok(())
    }
}

/// The rate of the clip, and what was done to the timestamps where they had another.
///
/// The declared rate is believed where every timestamp lies within a tick of it, so that the milliseconds of Matroska
/// and FLV still give 30000/1001. Otherwise the rate is variable: every frame is kept once, in order, at the average.
pub(crate) fn frame_rate(
    path: &Path,
    probe: &Probe,
    pictures: &Pictures,
) -> Result<(FrameRate, Option<Conversion>), Error> {
    let declared = [&probe.stream.r_frame_rate, &probe.stream.avg_frame_rate].map(|text| fraction(text));
    let tick = fraction(&probe.stream.time_base);
    let conversion = |from: String, to: FrameRate, how: &str| Conversion {
        what: "frame_rate".to_owned(),
        from,
        to: format!("{to} fps"),
        how: how.to_owned(),
    };
    let timed = pictures.timestamps.len() as u64 == pictures.shown && pictures.shown > 1;
    let (rate, said) = match tick.filter(|_| timed) {
        Some(tick) => {
            let common =
                COMMON_RATES.iter().map(|&(numerator, denominator)| FrameRate { numerator, denominator });
            let mut candidates = declared.into_iter().flatten().chain(common);
            match candidates.find(|&rate| is_constant(&pictures.timestamps, tick, rate)) {
                Some(rate) => (rate, None),
                None => average(path, pictures, tick, conversion)?,
            }
        }
        None => match declared.into_iter().flatten().next() {
            Some(rate) if pictures.shown == 1 => (rate, None),
            Some(rate) => (
                rate,
                Some(conversion("no timestamps".to_owned(), rate, "the rate that the stream declares")),
            ),
            None => {
                let reason = "the file says nothing of it, and a clip needs one";
                let fix = "say it: ffmpeg -r RATE -i INPUT -c copy OUTPUT.mkv";
                return Err(Error::refused(path, "frame rate", "unknown", reason, fix));
            }
        },
    };
    if (MIN_FRAME_RATE..=MAX_FRAME_RATE).contains(&rate.per_second()) {
        return Ok((rate, said));
    }
    let reason = format!("between {MIN_FRAME_RATE} and {MAX_FRAME_RATE} fps are read");
    Err(Error::refused(
        path,
        "frame rate",
        format!("{rate} fps"),
        reason,
        "ffmpeg -i INPUT -vf fps=RATE OUTPUT.mkv",
    ))
}

type Said = (FrameRate, Option<Conversion>);

fn average(
    path: &Path,
    pictures: &Pictures,
    tick: FrameRate,
    conversion: impl Fn(String, FrameRate, &str) -> Conversion,
) -> Result<Said, Error> {
    let gaps = || pictures.timestamps.windows(2).map(|pair| pair[1].saturating_sub(pair[0]).max(0));
    let seconds = |ticks: i64| ticks as f64 * tick.per_second();
    let (total, shortest, longest) =
        (gaps().sum::<i64>(), gaps().min().unwrap_or(0), gaps().max().unwrap_or(0));
    let per_second = gaps().count() as f64 / seconds(total);
    let thousandths = (per_second * 1000.0).round();
    if !(1.0..=f64::from(u32::MAX)).contains(&thousandths) {
        let reason = "its timestamps give no average rate";
        let fix = "say one: ffmpeg -i INPUT -vf fps=RATE OUTPUT.mkv";
        return Err(Error::refused(path, "frame rate", per_second.to_string(), reason, fix));
    }
    let rate = reduced(thousandths as u64, 1000)
        .unwrap_or(FrameRate { numerator: thousandths as u32, denominator: 1000 });
    let from =
        format!("variable: {:.1} to {:.1} ms a frame", seconds(shortest) * 1e3, seconds(longest) * 1e3);
    let how = "-fps_mode passthrough: every frame once, in order, at the average rate to a thousandth";
    Ok((rate, Some(conversion(from, rate, how))))
}

/// Whether every timestamp is where `rate` puts it, to the tick that containers round to.
fn is_constant(timestamps: &[i64], tick: FrameRate, rate: FrameRate) -> bool {
    let Some(&first) = timestamps.first() else { return false };
    let [numerator, denominator] = [rate.numerator, rate.denominator].map(i128::from);
    let [tick_numerator, tick_denominator] = [tick.numerator, tick.denominator].map(i128::from);
    // Exactly: |timestamp * tick - index / rate| <= tick, multiplied out.
    timestamps.iter().enumerate().all(|(index, &timestamp)| {
        let elapsed = i128::from(timestamp) - i128::from(first);
        let unit = tick_numerator * numerator;
        (elapsed * unit - index as i128 * denominator * tick_denominator).abs() <= unit
    })
}

/// `30000/1001`; nothing where a part is zero or missing.
fn fraction(text: &str) -> Option<FrameRate> {
    let (numerator, denominator) = text.split_once('/')?;
    reduced(numerator.parse().ok()?, denominator.parse().ok()?)
}

fn reduced(numerator: u64, denominator: u64) -> Option<FrameRate> {
    let (mut a, mut b) = (numerator, denominator);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    if numerator == 0 || denominator == 0 {
        return None;
    }
    Some(FrameRate {
        numerator: (numerator / a).try_into().ok()?,
        denominator: (denominator / a).try_into().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLISECONDS: FrameRate = FrameRate { numerator: 1, denominator: 1000 };

    fn rounded(numerator: u64, denominator: u64, frames: u64) -> Vec<i64> {
        (0..frames)
            .map(|frame| ((frame * denominator * 1000) as f64 / numerator as f64).round() as i64)
            .collect()
    }

    #[test]
    fn milliseconds_still_give_the_exact_rate() {
        let ntsc = FrameRate { numerator: 30000, denominator: 1001 };
        let thirty = FrameRate { numerator: 30, denominator: 1 };
        let timestamps = rounded(30000, 1001, 300);
        assert!(is_constant(&timestamps, MILLISECONDS, ntsc));
        assert!(!is_constant(&timestamps, MILLISECONDS, thirty));
    }

    #[test]
    fn a_dropped_frame_makes_the_rate_variable() {
        let mut timestamps = rounded(25, 1, 50);
        timestamps.remove(20);
        assert!(!is_constant(&timestamps, MILLISECONDS, FrameRate { numerator: 25, denominator: 1 }));
    }

    #[test]
    fn fractions_are_reduced_and_zero_is_none() {
        assert_eq!(fraction("60000/2002"), Some(FrameRate { numerator: 30000, denominator: 1001 }));
        assert_eq!(fraction("0/0"), None);
        assert_eq!(fraction("25"), None);
        assert_eq!(fraction("18446744073709551615/1"), None);
    }
}
