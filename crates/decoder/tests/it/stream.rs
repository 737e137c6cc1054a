//! The stream format: what is written is read, and nothing broken passes for whole.

use crate::guests::{hashes, header, limits, pictures, stream};
use aiv1_decoder::stream::{GopRecord, Header, Reader, StreamError, Writer};
use aiv1_model::Limits;
use proptest::prelude::*;
use std::io::Cursor;

const HEADER: usize = 105;
const RECORD: usize = 39 + 2 * 8 + 2 * crate::guests::FRAME_LEN;

fn open(bytes: &[u8]) -> Result<Reader<Cursor<&[u8]>>, StreamError> {
    Reader::open(Cursor::new(bytes), &limits())
}

fn salvage(bytes: &[u8]) -> Result<Reader<Cursor<&[u8]>>, StreamError> {
    Reader::salvage(Cursor::new(bytes), &limits())
}

fn records(reader: &mut Reader<Cursor<&[u8]>>) -> Result<Vec<GopRecord>, StreamError> {
    (0..reader.gop_count()).map(|index| reader.read_gop(index)).collect()
}

/// Strict open, every record, every frame's hash: all that a reader can check (the codec being the identity).
fn all_of(bytes: &[u8]) -> Option<(Header, Vec<GopRecord>)> {
    let mut reader = open(bytes).ok()?;
    let records = records(&mut reader).ok()?;
    let frames_hold = records.iter().all(|record| hashes(&record.payload) == record.frame_hashes);
    frames_hold.then(|| (*reader.header(), records))
}

#[test]
fn what_is_written_is_read() {
    let bytes = stream(5);
    let mut reader = open(&bytes).unwrap();
    assert_eq!(*reader.header(), header());
    assert_eq!((reader.gop_count(), reader.frame_count(), reader.is_truncated()), (3, 5, false));
    let records = records(&mut reader).unwrap();
    assert_eq!(records.iter().map(|record| record.first_frame).collect::<Vec<_>>(), [0, 2, 4]);
    assert_eq!(records.concat_payloads(), pictures(0, 5));
    assert_eq!(reader.payload_bytes(), 5 * crate::guests::FRAME_LEN as u64);
    assert_eq!(
        (0..6).map(|frame| reader.gop_of_frame(frame)).collect::<Vec<_>>(),
        [Some(0), Some(0), Some(1), Some(1), Some(2), None]
    );
    assert!(matches!(reader.read_gop(3), Err(StreamError::NoSuchGop { index: 3, count: 3 })));
}

#[test]
fn the_overhead_is_what_the_format_says() {
    // Header, marker of the index and footer; 45 bytes a GOP; 8 bytes a frame.
    assert_eq!(stream(5).len(), HEADER + 1 + 20 + 3 * (39 + 6) + 5 * 8 + 5 * crate::guests::FRAME_LEN);
}

#[test]
fn every_bit_counts() {
    let good = stream(3);
    assert!(all_of(&good).is_some());
    for bit in 0..good.len() * 8 {
        let mut bytes = good.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(all_of(&bytes).is_none(), "bit {} of byte {}", bit % 8, bit / 8);
    }
}

#[test]
fn every_prefix_is_an_error_or_shorter() {
    let good = stream(6);
    for len in 0..good.len() {
        let prefix = &good[..len];
        assert!(open(prefix).is_err(), "{len}");
        let Ok(mut reader) = salvage(prefix) else {
            assert!(len < HEADER, "{len}");
            continue;
        };
        assert!(reader.is_truncated());
        let whole = ((len - HEADER) / RECORD).min(3);
        assert_eq!(reader.gop_count() as usize, whole, "{len}");
        assert_eq!(records(&mut reader).unwrap().concat_payloads(), pictures(0, 2 * whole));
    }
    assert!(!salvage(&good).unwrap().is_truncated());
}

#[test]
fn what_follows_is_not_ignored() {
    let good = stream(3);
    for more in [&[0_u8][..], &good, &good[HEADER..]] {
        assert!(open(&[&good, more].concat()).is_err());
    }
    let between = [&good[..HEADER + RECORD], &[0], &good[HEADER + RECORD..]].concat();
    assert!(open(&between).is_err());
    assert_eq!(salvage(&between).unwrap().gop_count(), 1);
}

#[test]
fn groups_cannot_change_places_or_streams() {
    let good = stream(4);
    let (first, second) = (&good[HEADER..HEADER + RECORD], &good[HEADER + RECORD..HEADER + 2 * RECORD]);
    let rest = &good[HEADER + 2 * RECORD..];
    let swapped = [&good[..HEADER], second, first, rest].concat();
    assert!(open(&swapped).is_ok(), "the index is the same");
    assert!(all_of(&swapped).is_none());

    let other = Header { quality: 8, ..header() };
    let mut writer = Writer::new(Vec::new(), other, &limits()).unwrap();
    for first in [0, 2] {
        writer.write_gop(&pictures(first, 2), &hashes(&pictures(first, 2))).unwrap();
    }
    let other = writer.finish().unwrap().0;
    assert!(all_of(&[&other[..HEADER], &good[HEADER..]].concat()).is_none());
}

#[test]
fn a_salvaged_stream_stops_at_the_first_broken_group() {
    let mut bytes = stream(6);
    bytes[HEADER + RECORD + 60] ^= 1;
    let reader = salvage(&bytes).unwrap();
    assert_eq!((reader.gop_count(), reader.is_truncated()), (1, true));
}

#[test]
fn a_header_out_of_bounds_is_named() {
    let check = |header: Header, limits: &Limits| header.check(limits).unwrap_err().to_string();
    let wide =
        Header { format: aiv1_model::VideoFormat { width: 16_385, ..crate::guests::FORMAT }, ..header() };
    assert_eq!(check(wide, &limits()), "width is 16385, but must be 1 to 16384");
    let quality = Header { quality: 64, ..header() };
    assert_eq!(check(quality, &limits()), "quality index is 64, but must be 0 to 63");
    let tight = Limits { gop_bytes: 53, ..limits() };
    assert_eq!(check(header(), &tight), "raw bytes of a GOP is 54, but must be 1 to 53");
    assert!(Reader::open(Cursor::new(stream(2)), &tight).is_err());
    assert!(Writer::new(Vec::new(), quality, &limits()).is_err());
}

#[test]
fn the_writer_holds_the_same_bounds() {
    let mut writer = Writer::new(Vec::new(), header(), &limits()).unwrap();
    assert!(writer.write_gop(&[], &[]).is_err());
    assert!(writer.write_gop(&[], &[[0; 8]; 3]).is_err());
    assert!(writer.write_gop(&vec![0; 54 + (64 << 10) + 1], &[[0; 8]; 2]).is_err());
    assert!(writer.finish().is_err(), "a stream without frames is none");
}

trait ConcatPayloads {
    fn concat_payloads(&self) -> Vec<u8>;
}

impl ConcatPayloads for [GopRecord] {
    fn concat_payloads(&self) -> Vec<u8> {
        self.iter().flat_map(|record| record.payload.clone()).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn any_payloads_come_back(
        gops in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..200), 1_usize..=2), 1..20)
    ) {
        let mut writer = Writer::new(Vec::new(), header(), &limits()).unwrap();
        for (payload, frames) in &gops {
            writer.write_gop(payload, &vec![[payload.len() as u8; 8]; *frames]).unwrap();
        }
        let bytes = writer.finish().unwrap().0;
        let mut reader = open(&bytes).unwrap();
        let records = records(&mut reader).unwrap();
        prop_assert_eq!(records.len(), gops.len());
        for (record, (payload, frames)) in records.iter().zip(&gops) {
            prop_assert_eq!(&record.payload, payload);
            prop_assert_eq!(record.frame_hashes.len(), *frames);
        }
        prop_assert!(!salvage(&bytes).unwrap().is_truncated());
    }

    #[test]
    fn any_damage_is_seen_and_no_panic(
        cut in 0_usize..700, at in 0_usize..700, put in prop::collection::vec(any::<u8>(), 0..40)
    ) {
        let good = stream(7);
        let at = at.min(good.len());
        let end = (at + cut).min(good.len());
        let bytes = [&good[..at], &put, &good[end..]].concat();
        if bytes == good {
            prop_assert!(all_of(&bytes).is_some());
        } else {
            prop_assert!(all_of(&bytes).is_none());
            if let Ok(mut reader) = salvage(&bytes) {
                let whole = reader.gop_count() as usize;
                let payloads = records(&mut reader).unwrap().concat_payloads();
                prop_assert_eq!(&payloads[..], &pictures(0, 7)[..payloads.len()]);
                prop_assert!(whole <= 4);
            }
        }
    }

    #[test]
    fn any_bytes_are_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(all_of(&bytes).is_none());
        let _ = salvage(&bytes);
    }
}
