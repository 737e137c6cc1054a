//! Bundles of a worker that lies with tools: whole, consistent in themselves, accepted as reports; deriving them again
//! from their streams finds the field.

use crate::bench::{Bench, Heard};
use crate::candidates::codec;
use aiv1_decoder::stream::{Reader, Writer};
use aiv1_lab::{Bundle, RECORD, Silent, VerifyOptions};
use aiv1_model::{Canary, Digest, Limits, Manifest, ManifestEntry, Record};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

/// Runs an honest experiment, forges its bundle, and derives it again.
pub(crate) fn differs(bench: &Bench, canary: &Canary) {
    let published = bench.published(&bench.request("raw", codec("raw")), &Heard::default());
    let (folder, mut record) = (published.path, published.record);
    let field = forge(canary.name, &folder, &mut record);
    seal(&folder, &record);
    let bundle = Bundle::open(&folder, &bench.lab.home).unwrap();
    let verdict = bench.lab.verify(&bundle, &VerifyOptions::default(), &Silent).unwrap();
    let fields: Vec<&str> = verdict.differences.iter().map(|one| one.field.as_str()).collect();
    eprintln!("{}: {fields:?}", canary.name);
    assert_eq!(canary.expected, Canary::DIFFERS);
    assert!(fields.iter().any(|one| one.starts_with(field)), "{}: {field} is not in {fields:?}", canary.name);
}

/// Does it; the field that must be found.
fn forge(canary: &str, folder: &Path, record: &mut Record) -> &'static str {
    let format = record.clips[0].format;
    match canary {
        "forged_frames" => {
            let mut frames = record.points[1].quality.frames.clone();
            for frame in &mut frames {
                frame.squared_error[0] += 100;
            }
            let (width, height) = (format.width as usize, format.height as usize);
            record.points[1].quality = aiv1_quality::summarise(width, height, frames).unwrap();
            record.comparisons = aiv1_quality::comparisons(&record.points, &record.anchors);
            record.set = aiv1_quality::compare_set(&record.comparisons);
            "points[1].quality"
        }
        "forged_decode" => {
            record.points[1].stream.decoded_sha256 = Digest::of(b"other frames");
            "points[1].stream.decoded_sha256"
        }
        "lying_header" => {
            let path = folder.join(&record.points[1].stream.path);
            let mut reader =
                Reader::open(BufReader::new(File::open(&path).unwrap()), &Limits::default()).unwrap();
            let header = *reader.header();
            let lie = aiv1_decoder::stream::Header { quality: header.quality + 1, ..header };
            let mut writer = Writer::new(Vec::new(), lie, &Limits::default()).unwrap();
            for index in 0..reader.gops().len() as u32 {
                let gop = reader.read_gop(index).unwrap();
                writer.write_gop(&gop.payload, &gop.frame_hashes).unwrap();
            }
            let (bytes, _) = writer.finish().unwrap();
            record.points[1].stream.sha256 = Digest::of(&bytes);
            fs::write(path, bytes).unwrap();
            "points[1].quality_index"
        }
        other => panic!("nobody forges {other}"),
    }
}

/// Record and manifest, in their canonical texts.
fn seal(folder: &Path, record: &Record) {
    let mut text = serde_json::to_vec(record).unwrap();
    text.push(b'\n');
    fs::write(folder.join(RECORD), text).unwrap();
    let old: Manifest = serde_json::from_slice(&fs::read(folder.join(Manifest::FILE)).unwrap()).unwrap();
    let entry = |ManifestEntry { path, .. }: ManifestEntry| {
        let bytes = fs::read(folder.join(&path)).unwrap();
        ManifestEntry { path, bytes: bytes.len() as u64, sha256: Digest::of(&bytes) }
    };
    let manifest = Manifest { files: old.files.into_iter().map(entry).collect(), ..old };
    fs::write(folder.join(Manifest::FILE), manifest.canonical_text()).unwrap();
}
