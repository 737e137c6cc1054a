//! One table pins path, content type, cache policy and attachment name of everything that is stored.
#![allow(clippy::unwrap_used, reason = "tests report by panicking")]

use aiv1_model::{Digest, ExperimentId};
use aiv1_store::{BlobKey, ObjectKind, Rebuild};
use proptest::prelude::*;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
const PRIVATE: &str = "private, max-age=3600";

fn id() -> ExperimentId {
    ExperimentId::try_from("exp_0123456789abcdef".to_owned()).unwrap()
}

fn object(kind: ObjectKind) -> BlobKey {
    BlobKey::object(kind, A.parse().unwrap())
}

fn video(quality_index: u8) -> BlobKey {
    Rebuild::Video { experiment: id(), clip: A.parse().unwrap(), quality_index }.key()
}

#[test]
fn every_kind_of_object_has_its_path_type_policy_and_name() {
    let octets = "application/octet-stream";
    let text = "text/plain; charset=utf-8";
    let table = [
        (object(ObjectKind::Source), format!("sources/{A}.rs"), text, IMMUTABLE, "codec.rs"),
        (
            object(ObjectKind::Module),
            format!("modules/{A}.wasm"),
            "application/wasm",
            IMMUTABLE,
            "decoder.wasm",
        ),
        (object(ObjectKind::Stream), format!("streams/{A}.aiv1"), octets, IMMUTABLE, "aaaaaaaaaaaa.aiv1"),
        (object(ObjectKind::Anchor), format!("anchors/{A}"), octets, IMMUTABLE, "anchor_aaaaaaaaaaaa"),
        (object(ObjectKind::Clip), format!("clips/{A}"), octets, IMMUTABLE, "clip_aaaaaaaaaaaa"),
        (
            object(ObjectKind::Record),
            format!("records/{A}.json"),
            "application/json",
            IMMUTABLE,
            "record.json",
        ),
        (
            object(ObjectKind::Manifest),
            format!("manifests/{A}.json"),
            "application/json",
            IMMUTABLE,
            "manifest.json",
        ),
        (video(5), format!("reconstructed/{}/{A}-q05.mp4", id()), "video/mp4", PRIVATE, "q05_video.mp4"),
        (video(63), format!("reconstructed/{}/{A}-q63.mp4", id()), "video/mp4", PRIVATE, "q63_video.mp4"),
        (
            Rebuild::Bundle { experiment: id() }.key(),
            format!("reconstructed/{}/bundle.tar", id()),
            "application/x-tar",
            PRIVATE,
            "bundle.tar",
        ),
    ];
    for kind in ObjectKind::ALL {
        assert!(table.iter().any(|(key, ..)| *key == object(kind)), "{kind:?} is missing from the table");
    }
    for (key, path, content_type, cache_control, name) in table {
        assert_eq!(key.path(), path);
        assert_eq!(BlobKey::parse(&path), Ok(key.clone()));
        assert_eq!(key.content_type(), content_type, "{path}");
        assert_eq!(key.cache_control(), cache_control, "{path}");
        assert_eq!(key.attachment(&id()), format!("exp_0123456789abcdef_{name}"));
        assert_eq!(key.expires(), path.starts_with(BlobKey::EXPIRING), "{path}");
    }
}

#[test]
fn hostile_and_careless_paths_are_no_keys() {
    let upper = A.to_uppercase();
    let id = id();
    let wrong = [
        String::new(),
        "/".to_owned(),
        "..".to_owned(),
        "../secret".to_owned(),
        "catalog.sqlite".to_owned(),
        format!("/streams/{A}.aiv1"),
        format!("streams/{A}.aiv1/"),
        format!("streams//{A}.aiv1"),
        format!("./streams/{A}.aiv1"),
        format!("streams/../streams/{A}.aiv1"),
        format!("streams/{A}"),
        format!("streams/{A}.aiv1\0"),
        format!("streams/{A}.aiv1 "),
        format!("streams/{upper}.aiv1"),
        format!("streams/{}.aiv1", &A[1..]),
        format!("streams/a{A}.aiv1"),
        format!("streams/{}é.aiv1", &A[2..]),
        format!("Streams/{A}.aiv1"),
        format!("sources/{A}.wasm"),
        format!("records\\{A}.json"),
        format!("secrets/{A}"),
        format!("reconstructed/{A}"),
        format!("reconstructed/{id}/"),
        format!("reconstructed/{id}/../../secret"),
        format!("reconstructed/../{id}/bundle.tar"),
        format!("reconstructed/{id}/bundle.tar.gz"),
        "reconstructed/exp_0123456789ABCDEF/bundle.tar".to_owned(),
        format!("reconstructed/{id}/{A}.mp4"),
        format!("reconstructed/{id}/{A}-q5.mp4"),
        format!("reconstructed/{id}/{A}-q064.mp4"),
        format!("reconstructed/{id}/{A}-q64.mp4"),
        format!("reconstructed/{id}/{A}-q+5.mp4"),
        format!("reconstructed/{id}/{A}-q-1.mp4"),
        format!("reconstructed/{id}/{A}-q05.mp4.mp4"),
        format!("reconstructed/{id}/{upper}-q05.mp4"),
        format!("reconstructed/{id}/{A}-q0\u{0665}.mp4"),
        "a".repeat(1 << 20),
    ];
    for path in wrong {
        let refused = BlobKey::parse(&path).expect_err(&path);
        assert!(refused.to_string().len() < 1_500, "what is named is bounded");
    }
}

#[test]
fn files_of_a_bundle_have_their_kinds_and_nothing_else_has() {
    let known = [
        ("record.json", ObjectKind::Record),
        ("manifest.json", ObjectKind::Manifest),
        ("codec/sample.rs", ObjectKind::Source),
        ("codec/encoder.wasm", ObjectKind::Module),
        ("codec/decoder.wasm", ObjectKind::Module),
        ("streams/clip-q16.aiv1", ObjectKind::Stream),
        ("anchors/x265.hevc", ObjectKind::Anchor),
        ("clips/clip.y4m", ObjectKind::Clip),
    ];
    for (path, kind) in known {
        assert_eq!(ObjectKind::of_bundle_path(path), Some(kind), "{path}");
    }
    for path in [
        "",
        "record.json/",
        "/record.json",
        "other.json",
        "codec/other.wasm",
        "codec/sample.c",
        "streams/x.mp4",
        "../clips/x",
    ] {
        assert_eq!(ObjectKind::of_bundle_path(path), None, "{path}");
    }
}

proptest! {
    #[test]
    fn a_path_that_is_a_key_is_written_in_one_way_and_leaves_no_folder(
        path in "(reconstructed|streams|clips|sources)/[./\\\\a-f0-9_-]{0,8}(exp_)?[0-9a-fA-F]{0,64}(/bundle|-q[0-9]{1,3})?(\\.mp4|\\.tar|\\.aiv1|\\.rs|)"
    ) {
        if let Ok(key) = BlobKey::parse(&path) {
            prop_assert_eq!(key.path(), path.clone());
            prop_assert!(path.split('/').all(|part| !part.is_empty() && part != "." && part != ".."));
        }
    }

    #[test]
    fn every_key_is_read_from_its_own_path(bytes in any::<[u8; 32]>(), kind in 0..7_usize, quality_index in 0..64_u8) {
        let digest = Digest::from_bytes(bytes);
        let experiment = ExperimentId::of(&digest);
        let keys = [
            BlobKey::object(ObjectKind::ALL[kind], digest),
            Rebuild::Video { experiment: experiment.clone(), clip: digest, quality_index }.key(),
            Rebuild::Bundle { experiment }.key(),
        ];
        for key in keys {
            prop_assert_eq!(BlobKey::parse(&key.path()), Ok(key));
        }
    }
}
