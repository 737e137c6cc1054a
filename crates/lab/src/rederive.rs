//! Re-deriving a bundle: every figure of its record made again from its stored bytes, and compared field by field.

use crate::bundle::{Bundle, digest_of_file};
use crate::error::{CANCELLED, Error, Failed};
use crate::execution::{Codec, Stage};
use crate::experiment::{Deadline, Lab, Request};
use crate::measure::measure;
use crate::observer::{Event, Observer};
use crate::verification::{decode_and_measure, decode_pass};
use aiv1_model::{AnchorPoint, ClipInfo, Digest, Fault, RatePoint, Record, Status};
use aiv1_video::{Clip, ClipOptions};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Figures may differ by this share: `log10` is not the same to the last bit on every platform.
const TOLERANCE: f64 = 1e-9;

/// A field that came out different.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where, as in `points[3].quality.psnr_y`.
    pub field: String,
    /// What the record says.
    pub recorded: String,
    /// What came out now.
    pub derived: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            formatter,
            "{}: the record says {}, derived again it is {}",
            self.field, self.recorded, self.derived
        )
    }
}

/// What re-deriving showed.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// Fields that differ.
    pub differences: Vec<Difference>,
    /// What could not be checked here, and why.
    pub unchecked: Vec<String>,
    /// Streams decoded.
    pub streams: usize,
    /// Streams measured against their clip, of candidates and anchors.
    pub measured: usize,
    /// Modules were compiled from source again and compared.
    pub rebuilt: bool,
    /// Streams encoded again and compared, byte for byte.
    pub encoded: usize,
}

/// What to do beyond decoding and measuring.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Where to find clips that the bundle does not carry.
    pub clips: Vec<PathBuf>,
    /// Encode everything again, too: the streams must come out byte for byte, and with the same fuel.
    pub encode: bool,
}

impl Lab {
    /// Re-derives a bundle. Clips are taken from the bundle, or from `options` by the hash of their frames.
    ///
    /// Wall times and peak memory are the only figures taken on trust; the fuel of encoding is, unless it is done again.
    pub fn verify(
        &self,
        bundle: &Bundle,
        options: &VerifyOptions,
        observer: &dyn Observer,
    ) -> Result<Verdict, Error> {
        let recorded = bundle.record();
        let mut verdict = Verdict::default();
        let mut derived = recorded.clone();
        let sources = self.sources(bundle, &options.clips, &mut derived, &mut verdict)?;
        self.derive_codec(bundle, &mut derived, &mut verdict)?;
        if recorded.status == Status::Successful {
            let codec = load_codec(self, bundle, &mut derived)?;
            self.derive_points(bundle, &codec, &mut derived, &sources, &mut verdict, observer)?;
            if options.encode {
                self.encode_again(&codec, &mut derived, &sources, &mut verdict, observer)?;
            }
            self.derive_anchors(bundle, &mut derived, &sources, &mut verdict, observer)?;
            derived.comparisons = aiv1_quality::comparisons(&derived.points, &derived.anchors);
            derived.set = aiv1_quality::compare_set(&derived.comparisons);
        } else {
            let reason =
                "the experiment did not succeed: its files are whole, but it has no figures to derive again";
            verdict.unchecked.push(reason.to_owned());
        }
        let (before, after) = (to_json(recorded), to_json(&derived));
        compare(&before, &after, &mut String::new(), &mut verdict.differences);
        Ok(verdict)
    }

    fn sources(
        &self,
        bundle: &Bundle,
        given: &[PathBuf],
        derived: &mut Record,
        verdict: &mut Verdict,
    ) -> Result<BTreeMap<Digest, Clip>, Error> {
        let mut found = BTreeMap::new();
        for info in &mut derived.clips {
            let mut candidates = Vec::new();
            if let Some(path) = &info.source.bundled {
                candidates.push(bundle.file(path)?);
            }
            candidates.extend_from_slice(given);
            let options = ClipOptions { frame_limit: info.frame_limit, class: info.class };
            for path in candidates {
                let clip = Clip::open(&self.ffmpeg, &path, &options)?;
                if clip.info.id == info.id {
                    info.format = clip.info.format;
                    info.frames = clip.info.frames;
                    info.conversions.clone_from(&clip.info.conversions);
                    if info.source.bundled.is_some() {
                        (info.source.sha256, info.source.bytes) =
                            (clip.info.source.sha256, clip.info.source.bytes);
                    }
                    found.insert(info.id, clip);
                    break;
                }
            }
            if !found.contains_key(&info.id) {
                let ClipInfo { name, id, .. } = info;
                verdict.unchecked.push(format!(
                    "clip {name} ({id}) is not at hand: nothing was measured on it; give it with --clip"
                ));
            }
        }
        Ok(found)
    }

    fn derive_codec(
        &self,
        bundle: &Bundle,
        derived: &mut Record,
        verdict: &mut Verdict,
    ) -> Result<(), Error> {
        let codec = &mut derived.codec;
        let path = bundle.file(&format!("codec/{}.rs", codec.name))?;
        let source = fs::read(&path).map_err(Error::file("read", &path))?;
        codec.source_sha256 = Digest::of(&source);
        codec.source_bytes = source.len() as u64;
        for (name, module) in [("encoder.wasm", &mut codec.encoder), ("decoder.wasm", &mut codec.decoder)] {
            if module.is_some() {
                let path = bundle.file(&format!("codec/{name}"))?;
                *module = Some(crate::experiment::module_info(
                    &fs::read(&path).map_err(Error::file("read", &path))?,
                ));
            }
        }
        if codec.encoder.is_none() {
            return Ok(());
        }
        let same_toolchain = codec.toolchain.as_deref() == Some(self.builder.toolchain().version.as_str())
            && codec.kit_sha256 == self.builder.kit_sha256();
        if !same_toolchain {
            let recorded = codec.toolchain.as_deref().unwrap_or("unknown");
            let here = &self.builder.toolchain().version;
            verdict
                .unchecked
                .push(format!("the modules were not compiled again: built with {recorded}, here is {here}"));
            return Ok(());
        }
        let built = self.builder.build(&codec.name, &String::from_utf8_lossy(&source))?;
        codec.encoder = Some(crate::experiment::module_info(&built.encoder));
        codec.decoder = Some(crate::experiment::module_info(&built.decoder));
        verdict.rebuilt = true;
        Ok(())
    }

    fn derive_points(
        &self,
        bundle: &Bundle,
        codec: &Codec,
        derived: &mut Record,
        sources: &BTreeMap<Digest, Clip>,
        verdict: &mut Verdict,
        observer: &dyn Observer,
    ) -> Result<(), Error> {
        let clips = derived.clips.clone();
        for (index, point) in derived.points.iter_mut().enumerate() {
            let Some(info) = clips.iter().find(|info| info.id == point.clip) else { continue };
            observer.event(&Event::Working(&format!("decoding {}", point.stream.path)));
            let done = self.derive_point(bundle, codec, point, info, sources.get(&info.id), observer);
            match done {
                Ok(measured) => {
                    verdict.streams += 1;
                    verdict.measured += usize::from(measured);
                }
                Err(failed) if failed.kind == CANCELLED => return Err(Error::Cancelled),
                Err(failed) if failed.fault == Fault::Infrastructure => {
                    return Err(Error::bundle(&bundle.file(&point.stream.path)?, failed.message));
                }
                Err(failed) => verdict.differences.push(Difference {
                    field: format!("points[{index}].stream"),
                    recorded: "a stream that decodes".to_owned(),
                    derived: failed.message,
                }),
            }
        }
        Ok(())
    }

    fn derive_point(
        &self,
        bundle: &Bundle,
        codec: &Codec,
        point: &mut RatePoint,
        info: &ClipInfo,
        source: Option<&Clip>,
        observer: &dyn Observer,
    ) -> Result<bool, Failed> {
        let file = bundle.file(&point.stream.path)?;
        let go_on = || if observer.cancelled() { Err(Error::Cancelled.into()) } else { Ok(()) };
        let ((header, pass), measured) = match source {
            Some(clip) => {
                let (header, pass, quality) =
                    decode_and_measure(&codec.decoder, &file, clip, &self.ffmpeg, self.threads, go_on)?;
                point.quality = quality;
                ((header, pass), true)
            }
            None => (decode_pass(&codec.decoder, &file, self.threads, |_| go_on())?, false),
        };
        point.clip = header.clip;
        point.quality_index = header.quality;
        point.stream.bytes = fs::metadata(&file).map_err(Error::file("read", &file))?.len();
        point.stream.sha256 = digest_of_file(&file)?;
        point.stream.payload_bytes = pass.payload_bytes;
        point.stream.decoded_sha256 = pass.decoded_sha256;
        point.bitrate = info.bitrate(point.stream.bytes);
        point.cost.decode_fuel = pass.fuel;
        point.cost.decode_fuel_per_pixel = info.per_pixel(pass.fuel);
        point.cost.encode_fuel_per_pixel = info.per_pixel(point.cost.encode_fuel);
        if header.decoder != codec.decoder_sha256
            || header.format != info.format
            || pass.frames != info.frames
        {
            let message = format!(
                "{} names decoder {}, {} and {} frames; the record has {}, {} and {}",
                point.stream.path,
                header.decoder,
                header.format,
                pass.frames,
                codec.decoder_sha256,
                info.format,
                info.frames
            );
            return Err(Failed::new(Fault::Evaluator, "header", message));
        }
        Ok(measured)
    }

    /// Encodes every clip at hand once more and compares the streams with the stored ones.
    fn encode_again(
        &self,
        codec: &Codec,
        derived: &mut Record,
        sources: &BTreeMap<Digest, Clip>,
        verdict: &mut Verdict,
        observer: &dyn Observer,
    ) -> Result<(), Error> {
        let scratch = tempfile::tempdir_in(self.home.root()).map_err(Error::file("use", self.home.root()))?;
        let request = Request {
            name: derived.codec.name.clone(),
            source: String::new(),
            parameters: derived.parameters.clone(),
            clips: &[],
            settings: derived.settings.clone(),
            results: scratch.path().to_owned(),
            again: true,
        };
        let deadline = Deadline::NONE;
        let stage = Stage { lab: self, codec, request: &request, folder: scratch.path(), observer, deadline };
        for clip in sources.values() {
            let streams = stage.encode_clip(clip).map_err(|failed| match failed.kind.as_str() {
                CANCELLED => Error::Cancelled,
                _ => Error::request("a second encode", failed.message, "like the first"),
            })?;
            for stream in streams {
                let stored = |point: &&mut RatePoint| point.stream.path == stream.path;
                let Some(point) = derived.points.iter_mut().find(stored) else { continue };
                point.cost.encode_fuel = stream.encode_fuel;
                point.cost.encode_fuel_per_pixel = clip.info.per_pixel(stream.encode_fuel);
                point.stream.sha256 = digest_of_file(&scratch.path().join(&stream.path))?;
                verdict.encoded += 1;
            }
        }
        Ok(())
    }

    fn derive_anchors(
        &self,
        bundle: &Bundle,
        derived: &mut Record,
        sources: &BTreeMap<Digest, Clip>,
        verdict: &mut Verdict,
        observer: &dyn Observer,
    ) -> Result<(), Error> {
        let clips = derived.clips.clone();
        let derive = |point: &AnchorPoint| -> Result<(AnchorPoint, bool), Error> {
            if observer.cancelled() {
                return Err(Error::Cancelled);
            }
            observer.event(&Event::Working(&format!("decoding {}", point.path)));
            let mut point = point.clone();
            let file = bundle.file(&point.path)?;
            point.stream_bytes = fs::metadata(&file).map_err(Error::file("read", &file))?.len();
            point.stream_sha256 = digest_of_file(&file)?;
            if let Some(info) = clips.iter().find(|info| info.id == point.clip) {
                point.bitrate = info.bitrate(point.stream_bytes);
            }
            let Some(clip) = sources.get(&point.clip) else { return Ok((point, false)) };
            let mut decoded = aiv1_video::decode_stream(&self.ffmpeg, &file, &clip.info.format)?;
            point.quality = measure(&clip.info.format, &mut clip.reader(&self.ffmpeg)?, &mut decoded)?;
            Ok((point, true))
        };
        let points = crate::parallel::map(self.threads, &derived.anchors, derive)?;
        verdict.measured += points.iter().filter(|(_, measured)| *measured).count();
        derived.anchors = points.into_iter().map(|(point, _)| point).collect();
        Ok(())
    }
}

fn load_codec(lab: &Lab, bundle: &Bundle, derived: &mut Record) -> Result<Codec, Error> {
    let read = |name: &str| {
        let path = bundle.file(name)?;
        fs::read(&path).map_err(Error::file("read", &path))
    };
    let (encoder, decoder) = (read("codec/encoder.wasm")?, read("codec/decoder.wasm")?);
    let codec = Codec::load(&lab.compiler, &encoder, &decoder, &derived.settings.limits)?;
    let declaration = codec.encoder.declaration().clone();
    let resolved = declaration.resolve(&derived.parameters);
    derived.parameters =
        resolved.map_err(|error| Error::request("recorded parameters", error, "as declared"))?;
    derived.codec.declaration = Some(declaration);
    Ok(codec)
}

fn to_json(record: &Record) -> Value {
    serde_json::to_value(record).expect("a record is made of what JSON has")
}

/// Collects the leaves in which two JSON values differ by more than the tolerance.
fn compare(recorded: &Value, derived: &Value, path: &mut String, differences: &mut Vec<Difference>) {
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
