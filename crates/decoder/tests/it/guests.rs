//! Guests in WebAssembly text: a good identity codec, and what can be wrong with one.

use aiv1_decoder::stream::{Header, Writer};
use aiv1_decoder::{Decoder, Module, Role};
use aiv1_model::{ColorInfo, Digest, FrameRate, Limits, VideoFormat};
use aiv1_video::Gop;

/// The identity on whatever was handed over: its pointer and length, packed.
pub(crate) const IDENTITY: &str = "(i64.or (i64.shl (i64.extend_i32_u (local.get 2)) (i64.const 32))
    (i64.extend_i32_u (local.get 3)))";

/// A guest in parts, each of which a test may replace.
#[derive(Clone)]
pub(crate) struct Guest {
    pub(crate) role: Role,
    /// Body of `encode` or `decode`: parameters 0 to 3, result i64.
    pub(crate) body: String,
    /// Body of `alloc`; parameter 0 is the length.
    pub(crate) alloc: String,
    /// More fields of the module.
    pub(crate) fields: String,
    pub(crate) memory: String,
    pub(crate) abi: i32,
    pub(crate) declaration: String,
    pub(crate) panic: String,
}

impl Guest {
    pub(crate) fn new(role: Role) -> Self {
        Self {
            role,
            body: IDENTITY.into(),
            alloc: "
                (local $at i32)
                (local.set $at (global.get $top))
                (global.set $top (i32.and (i32.add (i32.add (global.get $top) (local.get 0)) (i32.const 16))
                    (i32.const -16)))
                (block $enough (loop $more
                    (br_if $enough (i32.ge_u (i32.shl (memory.size) (i32.const 16)) (global.get $top)))
                    (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (return (i32.const 0))))
                    (br $more)))
                (local.get $at)"
                .into(),
            fields: String::new(),
            memory: "(memory (export \"memory\") 2)".into(),
            abi: 1,
            declaration: r#"{"abi":1,"about":"identity","parameters":[
                {"name":"radius","help":"h","type":"int","min":1,"max":64,"default":16}]}"#
                .into(),
            panic: String::new(),
        }
    }

    pub(crate) fn encoder() -> Self {
        Self::new(Role::Encoder)
    }

    pub(crate) fn decoder() -> Self {
        Self::new(Role::Decoder)
    }

    pub(crate) fn body(mut self, body: &str) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn fields(mut self, fields: &str) -> Self {
        self.fields = fields.into();
        self
    }

    pub(crate) fn text(&self) -> String {
        let Self { role, body, alloc, fields, memory, abi, declaration, panic } = self;
        let quoted =
            |text: &str| text.bytes().map(|byte| format!("\\{byte:02x}")).collect::<Vec<_>>().concat();
        let packed = |pointer: usize, text: &str| (pointer as u64) << 32 | text.len() as u64;
        let (description, last_panic) = (packed(1024, declaration), packed(4096, panic));
        format!(
            "(module {fields} {memory}
            (global $top (mut i32) (i32.const 8192))
            (global (export \"__data_end\") i32 (i32.const 8192))
            (data (i32.const 1024) \"{}\") (data (i32.const 4096) \"{}\")
            (func (export \"abi\") (result i32) (i32.const {abi}))
            (func (export \"describe\") (result i64) (i64.const {description}))
            (func (export \"last_panic\") (result i64) (i64.const {last_panic}))
            (func $alloc (export \"alloc\") (param i32) (result i32) {alloc})
            (func $work (export \"{}\") (param i32 i32 i32 i32) (result i64) {body}))",
            quoted(declaration),
            quoted(panic),
            role.entry(),
        )
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        wat::parse_str(self.text()).unwrap()
    }

    pub(crate) fn module(&self) -> aiv1_decoder::Result<Module> {
        Module::compile_in_process(self.role, &self.bytes(), &limits())
    }
}

/// Small enough that every limit can be met in a test.
pub(crate) fn limits() -> Limits {
    Limits { memory_bytes: 16 << 20, deadline_ms: 60_000, ..Limits::default() }
}

pub(crate) fn decoder(guest: &Guest) -> Decoder {
    Decoder::new(guest.module().unwrap(), &limits()).unwrap()
}

pub(crate) const FORMAT: VideoFormat = VideoFormat {
    width: 5,
    height: 3,
    frame_rate: FrameRate { numerator: 30_000, denominator: 1001 },
    color: ColorInfo::UNSPECIFIED,
};

pub(crate) const FRAME_LEN: usize = 15 + 2 * 6;

pub(crate) fn header() -> Header {
    Header {
        format: FORMAT,
        gop_frames: 2,
        quality: 7,
        decoder: Digest::of(b"decoder"),
        clip: Digest::of(b"clip"),
    }
}

/// `frames` frames, each of another grey.
pub(crate) fn pictures(first: usize, frames: usize) -> Vec<u8> {
    (first..first + frames).flat_map(|frame| vec![frame as u8; FRAME_LEN]).collect()
}

pub(crate) fn gop(frames: usize) -> Gop {
    Gop::from_data(&FORMAT, pictures(0, frames)).unwrap()
}

pub(crate) fn hashes(payload: &[u8]) -> Vec<[u8; 8]> {
    payload.chunks_exact(FRAME_LEN).map(|frame| Digest::of(frame).short()).collect()
}

/// An identity stream of `frames` frames in groups of two.
pub(crate) fn stream(frames: usize) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), header(), &limits()).unwrap();
    for first in (0..frames).step_by(2) {
        let payload = pictures(first, (frames - first).min(2));
        writer.write_gop(&payload, &hashes(&payload)).unwrap();
    }
    let (bytes, finished) = writer.finish().unwrap();
    assert_eq!(finished.bytes, bytes.len() as u64);
    assert_eq!(finished.sha256, Digest::of(&bytes));
    bytes
}
