//! Whole imports into a store of their own.

use super::*;
use crate::arguments::Import;
use aiv1_model::legacy::ArtefactKind;
use aiv1_store::SystemClock;
use aiv1_store_embedded::EmbeddedStore;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write as _;
use std::path::PathBuf;
use std::slice::from_ref;
use std::sync::Arc;
use tempfile::TempDir;

const ITEMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/model/tests/legacy/items");

/// A folder with files to import and a lab.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        EmbeddedStore::open(&folder.path().join("lab"), Arc::new(SystemClock)).unwrap();
        Self(folder)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn import(&self, files: &[PathBuf], keys: &[PathBuf]) -> Imported {
        let data = Some(self.0.path().join("lab"));
        run(&Import { files: files.to_vec(), keys: keys.to_vec(), data }).unwrap()
    }

    fn record(&self, id: &str) -> LegacyExperiment {
        let store = EmbeddedStore::open(&self.0.path().join("lab"), Arc::new(SystemClock)).unwrap();
        operate::runtime().unwrap().block_on(store.catalog().legacy(id)).unwrap().unwrap()
    }
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn counts(imported: &Imported) -> [u64; 4] {
    [imported.new, imported.changed, imported.unchanged, imported.refused]
}

#[test]
fn every_file_of_the_earlier_system_is_imported_and_again_changes_nothing() {
    let bench = Bench::new();
    let files: Vec<PathBuf> = std::fs::read_dir(ITEMS).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 13);
    // Two ids have two files each; which comes first is the folder's affair.
    let first = bench.import(&files, &[]);
    assert_eq!((first.new, first.new + first.changed + first.unchanged, first.refused), (11, 13, 0));
    assert_eq!(counts(&bench.import(&files, &[])), [0, 0, 13, 0]);
    let reversed: Vec<PathBuf> = files.into_iter().rev().collect();
    assert_eq!(counts(&bench.import(&reversed, &[])), [0, 0, 13, 0]);
}

#[test]
fn an_export_s_lines_are_taken_one_by_one_and_a_broken_one_is_refused_by_its_number() {
    let line = |n: u32| {
        format!(
            "{{\"Item\":{{\"experiment_id\":{{\"S\":\"exp_iter{n}_1\"}},\"timestamp\":{{\"N\":\"{n}\"}}}}}}\n"
        )
    };
    let text =
        [&line(1), "\n", "{\"Item\":\n", "[7]\n", "{\"Item\":{\"timestamp\":{\"N\":\"1\"}}}\n", &line(2)]
            .concat();
    // A line that is cut short might begin a document over several lines; it swallows none of those behind it.
    for (name, cut, last) in [
        ("wrong", "{\"Item\":}\n", ""),
        ("short", "{\"Item\":\n", ""),
        ("shorter", "{\n", ""),
        ("within", "{\"Item\":{\"experiment_id\":{\"S\":\"exp_it\n", ""),
        ("last", "{\"Item\":\n", "{\"Item\":\n"),
    ] {
        let bench = Bench::new();
        let broken = text.replace("{\"Item\":\n", cut) + last;
        let imported = bench.import(&[bench.file("export.json.gz", packed(&broken))], &[]);
        let places: Vec<&str> = imported.refusals.iter().map(|refusal| refusal.place.as_str()).collect();
        let refused = ["line 3", "line 4", "line 5", "line 7"];
        assert_eq!(places, refused[..if last.is_empty() { 3 } else { 4 }], "{name}");
        assert_eq!(counts(&imported), [2, 0, 0, places.len() as u64], "{name}");
        assert_eq!(imported.refusals[2].reason, "it has no experiment_id");
        assert_eq!(imported.code(), ExitCode::from(exit::INCOMPLETE));
    }
}

#[test]
fn a_scan_s_answer_that_was_cut_off_is_one_refusal_and_what_follows_it_is_read() {
    let bench = Bench::new();
    let item = "{\"experiment_id\":\"exp_iter1_1\",\"timestamp\":1}\n";
    let scan = serde_json::json!({ "Items": [{ "experiment_id": { "S": "exp_iter2_1" } }] });
    let cut = serde_json::to_string_pretty(&scan).unwrap().replace("\n}", "\n");
    let imported = bench.import(&[bench.file("scan.json", format!("{cut}{item}{item}"))], &[]);
    assert_eq!((counts(&imported), imported.refusals[0].place.as_str()), ([1, 0, 1, 1], "line 1"));
}

#[test]
fn a_scan_s_answer_is_one_document_over_many_lines() {
    let bench = Bench::new();
    let scan = serde_json::json!({ "Items": [
        { "experiment_id": { "S": "exp_iter1_1760806591" }, "timestamp": { "N": "1760806591" } },
        { "timestamp": { "N": "1760806591" } },
        { "experiment_id": { "S": "exp_iter2_1760806592" }, "timestamp": { "N": "1760806592" } },
    ], "Count": 3, "ScannedCount": 3, "ConsumedCapacity": null });
    let pretty = serde_json::to_string_pretty(&scan).unwrap();
    // Several answers may stand in one file.
    let imported = bench.import(&[bench.file("scan.json", format!("{pretty}\n{pretty}"))], &[]);
    assert_eq!(counts(&imported), [2, 0, 2, 2]);
    assert_eq!(imported.refusals[0].place, "line 1, item 2");
}

#[test]
fn keys_are_put_to_their_records() {
    let bench = Bench::new();
    let item = r#"{"experiment_id":"exp_1760758391","timestamp":1760758391,"status":"completed"}"#;
    let keys = "2025-10-18 03:33:11 120 reconstructed/exp_1760758391_1760758400.mp4\n\
        2025-10-18 03:33:11 7 decoders/exp_1760758391_decoder.py\n\
        2025-10-18 03:33:11 7 videos/exp_iter9_1/reconstructed.mp4\n\
        2025-10-18 03:33:11 7 source/SOURCE_HD_RAW.mp4\n";
    let (item, keys) = (bench.file("item.json", item), bench.file("keys.txt", keys));
    let first = bench.import(from_ref(&item), from_ref(&keys));
    assert_eq!(first.keys, Keys { attached: 2, unchanged: 0, without_record: 1, passed_over: 1 });
    let again = bench.import(&[item], &[keys]);
    assert_eq!(
        (counts(&again), again.keys.unchanged),
        ([0, 0, 1, 0], 2),
        "importing the item keeps its keys"
    );
    let record = bench.record("exp_1760758391");
    let known: Vec<_> = record.artefacts.iter().map(|one| (one.kind, one.bytes)).collect();
    assert_eq!(known, [(ArtefactKind::Video, Some(120)), (ArtefactKind::Decoder, Some(7))]);
}

#[test]
fn what_holds_no_record_is_the_caller_s_mistake_and_damage_keeps_what_was_before_it() {
    let bench = Bench::new();
    let imported = bench.import(&[bench.file("notes.txt", "not JSON\n")], &[]);
    assert_eq!((counts(&imported), imported.code()), ([0, 0, 0, 1], ExitCode::from(exit::USAGE)));
    let missing = Import {
        files: vec!["missing.json".into()],
        keys: Vec::new(),
        data: Some(bench.0.path().join("lab")),
    };
    let error = run(&missing).unwrap_err().to_string();
    assert!(error.contains("missing.json"), "{error}");
    // Lines that do not pack well, so that the first of them lie before the cut.
    let lines: String = (0..20_000_u64)
        .map(|n| {
            format!(
                "{{\"experiment_id\":\"x{n}\",\"timestamp\":1,\"error\":\"{}\"}}\n",
                n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
            )
        })
        .take(300)
        .collect();
    let whole = packed(&lines);
    let imported = bench.import(&[bench.file("cut.json.gz", &whole[..whole.len() - 12])], &[]);
    assert!(imported.new > 0 && imported.refused == 1, "{:?}", counts(&imported));
    assert!(imported.refusals[0].reason.contains("damaged"), "{:?}", imported.refusals);
}
