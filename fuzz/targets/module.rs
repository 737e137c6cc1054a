//! Arbitrary and damaged modules through the checks, and what passes them through compiler and sandbox, bounded: any
//! outcome will do but a crash, a hang or a result of the wrong size.
#![no_main]

use aiv1_decoder::{Decoder, EncodeRequest, Encoder, Module, Role, check_module};
use aiv1_model::{ColorInfo, Fault, FrameRate, Limits, VideoFormat};
use aiv1_video::Gop;
use libfuzzer_sys::fuzz_target;

const RATE: FrameRate = FrameRate { numerator: 25, denominator: 1 };
const FORMAT: VideoFormat =
    VideoFormat { width: 5, height: 3, frame_rate: RATE, color: ColorInfo::UNSPECIFIED };
const FRAME_LEN: usize = 27;

fn limits() -> Limits {
    Limits {
        module_bytes: 16 << 10,
        body_bytes: 4 << 10,
        memory_bytes: 4 << 20,
        deadline_ms: 500,
        ..Limits::default()
    }
}

fn run(role: Role, bytes: &[u8]) -> aiv1_decoder::Result<()> {
    let limits = limits();
    let module = Module::compile_in_process(role, bytes, &limits)?;
    match role {
        Role::Decoder => {
            let decoder = Decoder::new(module, &limits)?;
            let gop = decoder.decode_gop(&[1; 2 * FRAME_LEN], FORMAT.width, FORMAT.height, 2)?;
            assert_eq!((gop.data().len(), gop.frames().count()), (2 * FRAME_LEN, 2));
        }
        Role::Encoder => {
            let encoder = Encoder::new(module, &limits)?;
            let declared = encoder.declaration();
            let numbers =
                declared.numbers(&aiv1_model::Parameters::new()).expect("defaults are always values");
            let gop = Gop::from_data(&FORMAT, vec![1; 2 * FRAME_LEN]).expect("whole frames");
            let request = EncodeRequest { quality: 7, frame_rate: RATE, numbers: &numbers };
            let encoded = encoder.encode_gop(&request, &gop)?;
            assert!(encoded.bytes.len() <= 2 * FRAME_LEN + (64 << 10));
        }
    }
    Ok(())
}

fuzz_target!(|bytes: &[u8]| {
    for role in [Role::Encoder, Role::Decoder] {
        if check_module(role, bytes, &limits()).is_ok()
            && let Err(error) = run(role, bytes)
        {
            let _ = (error.to_string(), error.kind(), error.evidence());
            // What was let in and then fails is the module's failure, never the host's.
            assert_eq!(error.fault(), Fault::Candidate, "{error:?}");
        }
    }
});
