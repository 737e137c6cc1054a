//! The index of the file: sample tables while it is written, the `moov` atom at the end.

use crate::h264::ParameterSets;
use aiv1_model::{ColorInfo, FrameRate};
use mp4_atom::{
    Avc1, Avcc, Co64, Codec, Colr, Dinf, Dref, DrefEntry, Encode, FourCC, Ftyp, Hdlr, Matrix, Mdhd, Mdia,
    Minf, Moov, Mvhd, Pasp, Stbl, Stco, Stsc, StscEntry, Stsd, Stss, Stsz, StszSamples, Stts, SttsEntry,
    Tkhd, Trak, Url, Visual, Vmhd,
};

/// Samples of a chunk: what a player fetches and the index names at once.
const CHUNK: usize = 32;

/// The only track.
const TRACK: u32 = 1;

/// What grows with the video: 4 bytes a frame and 4 a key frame, twice that while a list is being moved.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    sizes: Vec<u32>,
    /// Numbers of the key frames, from 1.
    keys: Vec<u32>,
    pub(crate) bytes: u64,
}

/// What does not.
pub(crate) struct Track<'a> {
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) frame_rate: FrameRate,
    pub(crate) color: ColorInfo,
    pub(crate) parameter_sets: &'a ParameterSets,
}

impl Tables {
    /// Notes a sample; `None` if the file would have more than MP4 can count.
    pub(crate) fn push(&mut self, size: usize, key: bool) -> Option<()> {
        let number = u32::try_from(self.sizes.len()).ok()?.checked_add(1)?;
        self.sizes.push(u32::try_from(size).ok()?);
        if key {
            self.keys.push(number);
        }
        self.bytes += size as u64;
        Some(())
    }

    pub(crate) fn frames(&self) -> u64 {
        self.sizes.len() as u64
    }

    /// Bytes held.
    pub(crate) fn memory(&self) -> usize {
        (self.sizes.capacity() + self.keys.capacity()) * size_of::<u32>()
    }

    /// Everything before the samples: `ftyp`, `moov` and the header of `mdat`.
    pub(crate) fn head(mut self, track: &Track<'_>) -> mp4_atom::Result<Vec<u8>> {
        let mut head = Vec::new();
        let brands = [b"isom", b"iso2", b"avc1", b"mp41"];
        let compatible_brands = brands.map(FourCC::new).to_vec();
        Ftyp { major_brand: FourCC::new(b"isom"), minor_version: 512, compatible_brands }
            .encode(&mut head)?;
        let mdat = mdat_header(self.bytes);
        let chunks = self.chunks();
        let sizes = std::mem::take(&mut self.sizes);
        let mut moov = moov(track, sizes, std::mem::take(&mut self.keys));
        let start = head.len();
        // The offsets depend on the length of the index, and that on whether an offset needs 8 bytes.
        for long in [false, true] {
            head.truncate(start);
            set_offsets(&mut moov, &chunks, long);
            moov.encode(&mut head)?;
            let first = (head.len() + mdat.len()) as u64;
            if long || chunks.last().is_none_or(|last| u32::try_from(first + last).is_ok()) {
                head.truncate(start);
                let offsets: Vec<u64> = chunks.iter().map(|chunk| first + chunk).collect();
                set_offsets(&mut moov, &offsets, long);
                moov.encode(&mut head)?;
                break;
            }
        }
        head.extend_from_slice(&mdat);
        Ok(head)
    }

    /// Where the chunks begin, from the first sample.
    fn chunks(&self) -> Vec<u64> {
        let mut next = 0;
        let chunk = |sizes: &[u32]| {
            let start = next;
            next += sizes.iter().map(|&size| u64::from(size)).sum::<u64>();
            start
        };
        self.sizes.chunks(CHUNK).map(chunk).collect()
    }
}

fn mdat_header(bytes: u64) -> Vec<u8> {
    let kind = b"mdat";
    match u32::try_from(bytes + 8) {
        Ok(size) => [&size.to_be_bytes()[..], kind].concat(),
        Err(_) => [&1_u32.to_be_bytes()[..], kind, &(bytes + 16).to_be_bytes()].concat(),
    }
}

fn set_offsets(moov: &mut Moov, offsets: &[u64], long: bool) {
    for track in &mut moov.trak {
        let table = &mut track.mdia.minf.stbl;
        if long {
            (table.stco, table.co64) = (None, Some(Co64 { entries: offsets.to_vec() }));
        } else {
            let entries = offsets.iter().map(|&offset| offset as u32).collect();
            (table.stco, table.co64) = (Some(Stco { entries }), None);
        }
    }
}

fn moov(track: &Track<'_>, sizes: Vec<u32>, keys: Vec<u32>) -> Moov {
    let FrameRate { numerator: timescale, denominator: sample_delta } = track.frame_rate;
    let samples = sizes.len();
    let sample_count = samples as u32;
    let duration = samples as u64 * u64::from(sample_delta);
    let stbl = Stbl {
        stsd: Stsd { codecs: vec![Codec::Avc1(sample_entry(track))] },
        stts: Stts { entries: vec![SttsEntry { sample_count, sample_delta }] },
        stss: Some(Stss { entries: keys }),
        stsc: Stsc { entries: chunk_runs(samples) },
        stsz: Stsz { samples: StszSamples::Different { sizes } },
        ..Stbl::default()
    };
    let mdia = Mdia {
        mdhd: Mdhd { timescale, duration, language: "und".to_owned(), ..Mdhd::default() },
        hdlr: Hdlr { handler: FourCC::new(b"vide"), name: "video".to_owned() },
        minf: Minf {
            vmhd: Some(Vmhd::default()),
            dinf: Dinf { dref: Dref { entries: vec![DrefEntry::Url(Url::default())] } },
            stbl,
            ..Minf::default()
        },
    };
    let tkhd = Tkhd {
        track_id: TRACK,
        duration,
        enabled: true,
        in_movie: true,
        width: track.width.into(),
        height: track.height.into(),
        ..Tkhd::default()
    };
    let mvhd = Mvhd {
        creation_time: 0,
        modification_time: 0,
        timescale,
        duration,
        rate: 1.into(),
        volume: 1.into(),
        matrix: Matrix::default(),
        next_track_id: TRACK + 1,
    };
    Moov { mvhd, trak: vec![Trak { tkhd, mdia, ..Trak::default() }], ..Moov::default() }
}

/// Full chunks, and a last one with the rest.
fn chunk_runs(samples: usize) -> Vec<StscEntry> {
    let run = |first: usize, samples: usize| StscEntry {
        first_chunk: first as u32,
        samples_per_chunk: samples as u32,
        sample_description_index: 1,
    };
    let (full, rest) = (samples / CHUNK, samples % CHUNK);
    let mut runs = Vec::new();
    if full > 0 {
        runs.push(run(1, CHUNK));
    }
    if rest > 0 {
        runs.push(run(full + 1, rest));
    }
    runs
}

fn sample_entry(track: &Track<'_>) -> Avc1 {
    let ParameterSets { sequence, picture } = track.parameter_sets;
    // The encoder writes constrained baseline, whose three identifying bytes follow the header of the sequence set.
    let identifying = |index: usize| sequence.get(index).copied().unwrap_or_default();
    let color = track.color;
    Avc1 {
        visual: Visual {
            data_reference_index: 1,
            width: track.width,
            height: track.height,
            compressor: "AiV1 preview".into(),
            ..Visual::default()
        },
        avcc: Avcc {
            configuration_version: 1,
            avc_profile_indication: identifying(1),
            profile_compatibility: identifying(2),
            avc_level_indication: identifying(3),
            length_size: 4,
            sequence_parameter_sets: vec![sequence.clone()],
            picture_parameter_sets: vec![picture.clone()],
            ext: None,
        },
        colr: Some(Colr::Nclx {
            colour_primaries: color.primaries.into(),
            transfer_characteristics: color.transfer.into(),
            matrix_coefficients: color.matrix.into(),
            full_range_flag: color.full_range,
        }),
        pasp: Some(Pasp { h_spacing: 1, v_spacing: 1 }),
        ..Avc1::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mp4_atom::{Decode, Header};

    fn head(count: usize, size: usize) -> Vec<u8> {
        let mut tables = Tables::default();
        (0..count).for_each(|index| tables.push(size, index % 16 == 0).unwrap());
        let parameter_sets = &ParameterSets { sequence: vec![0x67, 66, 0xc0, 31, 0], picture: vec![0x68, 0] };
        let frame_rate = FrameRate { numerator: 30000, denominator: 1001 };
        let color = ColorInfo::UNSPECIFIED;
        tables.head(&Track { width: 64, height: 48, frame_rate, color, parameter_sets }).unwrap()
    }

    /// The tables of the only track, and where the samples begin.
    fn read(head: &[u8]) -> (Stbl, u64) {
        let mut rest = head;
        Ftyp::decode(&mut rest).unwrap();
        let moov = Moov::decode(&mut rest).unwrap();
        Header::decode(&mut rest).unwrap();
        assert!(rest.is_empty());
        (moov.trak[0].mdia.minf.stbl.clone(), head.len() as u64)
    }

    #[test]
    fn offsets_point_behind_the_index() {
        let (table, start) = read(&head(70, 1000));
        let offsets = table.stco.unwrap().entries;
        assert_eq!(
            offsets.iter().map(|&offset| u64::from(offset) - start).collect::<Vec<_>>(),
            [0, 32_000, 64_000]
        );
        assert_eq!(table.stss.unwrap().entries, [1, 17, 33, 49, 65]);
        assert!(table.co64.is_none());
        let runs: Vec<_> =
            table.stsc.entries.iter().map(|run| (run.first_chunk, run.samples_per_chunk)).collect();
        assert_eq!(runs, [(1, 32), (3, 6)]);
    }

    #[test]
    fn past_four_gibibytes_offsets_take_eight_bytes() {
        let (table, start) = read(&head(5000, 1 << 20));
        assert!(table.stco.is_none());
        let offsets = table.co64.unwrap().entries;
        assert_eq!(offsets.last().unwrap() - start, 4992 << 20);
    }

    #[test]
    fn memory_is_a_few_bytes_a_frame() {
        let mut tables = Tables::default();
        let frames = 1_000_000;
        (0..frames).for_each(|index| tables.push(1000, index % 32 == 0).unwrap());
        assert!(tables.memory() <= frames * 9, "{} bytes for {frames} frames", tables.memory());
    }
}
