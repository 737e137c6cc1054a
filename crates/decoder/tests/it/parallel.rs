//! A stream on several threads: in order, bounded, and the first error is the one that is told.

use crate::guests::{Guest, decoder, hashes, header, limits, pictures, stream};
use aiv1_decoder::stream::{Reader, Writer};
use aiv1_decoder::{DecodeRange, Delivery, Error, decode_stream};
use std::io::Cursor;
use std::num::NonZeroUsize;

fn threads(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

#[test]
fn frames_arrive_in_order_whatever_the_number_of_threads() {
    let bytes = stream(41);
    let decoder = decoder(&Guest::decoder());
    for count in [1, 2, 3, 8, 64] {
        let mut reader = Reader::open(Cursor::new(&bytes), &limits()).unwrap();
        let (mut frames, mut indices) = (Vec::new(), Vec::new());
        let collect = |delivery: Delivery| {
            assert_eq!(delivery.first_frame, u64::from(delivery.index) * 2);
            indices.push(delivery.index);
            frames.extend_from_slice(delivery.gop.data());
            Ok::<_, Error>(())
        };
        decode_stream(&mut reader, &decoder, DecodeRange::ALL, threads(count), collect).unwrap();
        assert_eq!(frames, pictures(0, 41));
        assert_eq!(indices, (0..21).collect::<Vec<_>>());
    }
}

#[test]
fn any_range_can_be_decoded() {
    let bytes = stream(10);
    let decoder = decoder(&Guest::decoder());
    let mut reader = Reader::open(Cursor::new(&bytes), &limits()).unwrap();
    for (range, expected) in [
        (DecodeRange { first_gop: 1, gops: 2 }, vec![1, 2]),
        (DecodeRange::from(3), vec![3, 4]),
        (DecodeRange { first_gop: 4, gops: 9 }, vec![4]),
        (DecodeRange::from(5), vec![]),
        (DecodeRange { first_gop: 0, gops: 0 }, vec![]),
    ] {
        let mut seen = Vec::new();
        let collect = |delivery: Delivery| {
            seen.push(delivery.index);
            Ok::<_, Error>(())
        };
        decode_stream(&mut reader, &decoder, range, threads(2), collect).unwrap();
        assert_eq!(seen, expected);
    }
}

#[test]
fn the_first_error_of_the_consumer_stops_it() {
    let bytes = stream(200);
    let mut reader = Reader::open(Cursor::new(&bytes), &limits()).unwrap();
    let mut seen = 0;
    let stop = |delivery: Delivery| {
        seen += 1;
        if delivery.index == 3 { Err(Error::Request { reason: "enough".into() }) } else { Ok(()) }
    };
    let error = decode_stream(&mut reader, &decoder(&Guest::decoder()), DecodeRange::ALL, threads(4), stop);
    assert_eq!(error.unwrap_err().to_string(), "cannot be asked for: enough");
    assert_eq!(seen, 4);
}

#[test]
fn a_frame_that_decodes_to_something_else_is_named() {
    let mut writer = Writer::new(Vec::new(), header(), &limits()).unwrap();
    for first in (0..20).step_by(2) {
        let mut hashes = hashes(&pictures(first, 2));
        if first >= 10 {
            hashes[1] = [0xab; 8];
        }
        writer.write_gop(&pictures(first, 2), &hashes).unwrap();
    }
    let bytes = writer.finish().unwrap().0;
    let mut reader = Reader::open(Cursor::new(&bytes), &limits()).unwrap();
    let mut seen = 0;
    let count = |_: Delivery| {
        seen += 1;
        Ok::<_, Error>(())
    };
    let error = decode_stream(&mut reader, &decoder(&Guest::decoder()), DecodeRange::ALL, threads(3), count)
        .unwrap_err();
    assert_eq!((error.kind(), seen), ("frame_hash", 5));
    let message = error.to_string();
    assert!(message.contains("frame 11") && message.contains("abababababababab"), "{message}");
}

#[test]
fn a_decoder_that_fails_or_a_stream_that_is_broken_is_told() {
    let bytes = stream(20);
    let mut reader = Reader::open(Cursor::new(&bytes), &limits()).unwrap();
    let ignore = |_: Delivery| Ok::<_, Error>(());
    let trapping = decoder(&Guest::decoder().body("unreachable"));
    let error = decode_stream(&mut reader, &trapping, DecodeRange::ALL, threads(2), ignore).unwrap_err();
    assert_eq!(error.kind(), "trap");

    let mut broken = bytes.clone();
    broken[400] ^= 1;
    let mut reader = Reader::open(Cursor::new(&broken), &limits()).unwrap();
    let error = decode_stream(&mut reader, &decoder(&Guest::decoder()), DecodeRange::ALL, threads(2), ignore);
    assert_eq!(error.unwrap_err().kind(), "stream_checksum");
}
