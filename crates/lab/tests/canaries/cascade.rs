//! What the cascade spends on whom.

use crate::bench::{ANCHOR, Bench, FRAMES, Heard};
use crate::candidates::codec;
use aiv1_model::{Bar, Digest, KnownModules, Phase, PhaseOutcome, Status};

pub(crate) fn a_codec_that_breaks_on_the_first_frames_costs_no_clip(bench: &Bench) {
    let source = codec("raw").replace(
        "    gop.bytes().to_vec()",
        "    assert!(gop.shape().frames < 4, \"too many\");\n    gop.bytes().to_vec()",
    );
    let heard = Heard::default();
    let record = bench.run(&bench.request("breaks", source), &heard);
    let failure = record.failure.unwrap();
    assert_eq!((failure.kind.as_str(), failure.phase), ("trap", Phase::Validation));
    assert_eq!(failure.evidence[0].text, "trial: the first 8 frames");
    assert_eq!(failure.clip, Some(bench.clips[0].info.id));
    assert_eq!((heard.phases(), heard.frames()), (vec![Phase::Validation], 0));
}

pub(crate) fn below_the_bar_nothing_but_the_first_clip_is_encoded(bench: &Bench) {
    let with_bar = |bd_rate_at_most: f64| {
        let bar = Some(Bar { anchor: ANCHOR.to_owned(), bd_rate_at_most });
        let mut request = bench.request("transform", codec("transform"));
        (request.clips, request.bar) = (&bench.clips, bar);
        let heard = Heard::default();
        (bench.run(&request, &heard), heard)
    };
    let points = bench.request("", String::new()).settings.quality_indices.len();

    let (below, heard) = with_bar(-99.0);
    let failure = below.failure.unwrap();
    assert_eq!(
        (failure.kind.as_str(), failure.phase),
        ("below_the_bar", Phase::Analysis),
        "{}",
        failure.message
    );
    assert!(failure.message.ends_with("the bar is -99.00 % at most"), "{}", failure.message);
    assert_eq!(failure.evidence[0].text.lines().count(), points, "{:?}", failure.evidence);
    assert_eq!(below.points.len(), points, "the first clip's points are kept");
    assert!(below.comparisons.is_empty() && below.set.is_empty(), "a failure claims no saving");
    // Each frame once when it is encoded, once when it is measured.
    assert_eq!(heard.frames(), 2 * FRAMES * points as u64);
    let outcomes: Vec<_> = below.phases.iter().map(|phase| phase.outcome).collect();
    assert_eq!(outcomes[..4], [PhaseOutcome::Completed; 4]);
    assert_eq!(outcomes[4..], [PhaseOutcome::Failed]);

    let (above, heard) = with_bar(1e9);
    assert_eq!((above.status, heard.frames()), (Status::Successful, 4 * FRAMES * points as u64));
    let mut request = bench.request("transform", codec("transform"));
    request.clips = &bench.clips;
    let without = bench.run(&request, &Heard::default());
    let streams = |record: &aiv1_model::Record| -> Vec<_> {
        record.points.iter().map(|point| (point.stream.clone(), point.quality.clone())).collect()
    };
    assert_eq!(streams(&above), streams(&without));
    assert_eq!(
        (above.comparisons, above.set),
        (without.comparisons, without.set),
        "a bar that is passed changes nothing"
    );

    let mut request = bench.request("transform", codec("transform"));
    request.bar = Some(Bar { anchor: "x265-medium".to_owned(), bd_rate_at_most: 0.0 });
    let refused = bench.lab.run(&request, &Heard::default()).unwrap_err().to_string();
    assert!(refused.starts_with("bar is 0 % against \"x265-medium\", but must be"), "{refused}");
}

pub(crate) fn a_codec_that_was_measured_before_is_named(bench: &Bench) {
    let first = bench.clips[0].info.id;
    let record = bench.run(&bench.request("raw", codec("raw")), &Heard::default());
    let known = KnownModules::of(&record, first).unwrap();
    let again = |source: String, known: KnownModules| {
        let mut request = bench.request("again", source);
        request.duplicate_of = vec![known];
        bench.run(&request, &Heard::default())
    };
    let failure = again(codec("raw") + "// Nothing but a remark.\n", known.clone()).failure.unwrap();
    assert_eq!((failure.kind.as_str(), failure.phase), ("duplicate_modules", Phase::Validation));
    assert!(failure.message.contains(record.id.as_str()), "{}", failure.message);

    // Another encoder that writes the same bytes for the same decoder, whose lines stay where they are.
    let wordy = codec("raw").replace("_quality: u8", "quality: u8");
    let wordy = wordy.replace("    gop.bytes().to_vec()", "    assert!(quality < 64); gop.bytes().to_vec()");
    let failure = again(wordy, known.clone()).failure.unwrap();
    assert_eq!(
        (failure.kind.as_str(), failure.phase),
        ("duplicate_streams", Phase::Execution),
        "{}",
        failure.message
    );
    assert!(failure.message.contains(record.id.as_str()), "{}", failure.message);

    let other = KnownModules { decoder: Digest::of(b"another"), streams: Vec::new(), ..known };
    assert_eq!(again(codec("raw") + "// Another remark.\n", other).status, Status::Successful);
}
