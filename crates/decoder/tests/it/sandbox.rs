//! Good guests run; every kind of bad one is stopped or refused, and named.

use crate::guests::{FRAME_LEN, Guest, gop, limits, pictures};
use aiv1_decoder::{
    DecodedGop, Decoder, EncodeRequest, Encoded, Encoder, Error, FUEL_ALLOWANCE, Module, Role, check_module,
};
use aiv1_model::{Fault, FrameRate, Limits};

const RATE: FrameRate = FrameRate { numerator: 25, denominator: 1 };

fn encode_under(guest: &Guest, limits: &Limits) -> Result<Encoded, Error> {
    let encoder = Encoder::new(guest.module()?, limits)?;
    encoder.encode_gop(&EncodeRequest { quality: 7, frame_rate: RATE, numbers: &[16.0] }, &gop(3))
}

fn encode(guest: &Guest) -> Result<Encoded, Error> {
    encode_under(guest, &limits())
}

fn decode(guest: &Guest) -> Result<DecodedGop, Error> {
    Decoder::new(guest.module()?, &limits())?.decode_gop(&pictures(0, 3), 5, 3, 3)
}

fn is_the_guests(error: &Error, kind: &str) {
    assert_eq!((error.fault(), error.kind()), (Fault::Candidate, kind), "{error}");
}

#[test]
fn the_identity_gives_back_what_it_was_given() {
    let encoded = encode(&Guest::encoder()).unwrap();
    assert_eq!(encoded.bytes, pictures(0, 3));
    assert!(encoded.fuel > 0 && encoded.peak_memory_bytes == 2 << 16, "{encoded:?}");
    let decoded = decode(&Guest::decoder()).unwrap();
    assert_eq!(decoded.data(), pictures(0, 3));
    assert_eq!(decoded.frames().map(|frame| frame.data()[0]).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((decoded.frame_count(), decoded.frames().len()), (3, 3));
}

#[test]
fn fuel_is_the_same_every_time() {
    let fuel = || (encode(&Guest::encoder()).unwrap().fuel, decode(&Guest::decoder()).unwrap().fuel());
    assert_eq!(fuel(), fuel());
}

#[test]
fn the_encoder_sees_the_head_it_was_promised() {
    // The head's 24 bytes and one f64 come back.
    let guest = Guest::encoder().body(
        "(i64.or (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32)) (i64.extend_i32_u (local.get 1)))",
    );
    let mut head: Vec<u8> = [5_u32, 3, 3, 7, 25, 1].into_iter().flat_map(u32::to_le_bytes).collect();
    head.extend(16.0_f64.to_le_bytes());
    assert_eq!(encode(&guest).unwrap().bytes, head);
}

#[test]
fn the_declaration_is_read_and_checked() {
    let encoder = Encoder::new(Guest::encoder().module().unwrap(), &limits()).unwrap();
    assert_eq!(encoder.declaration().parameters[0].name, "radius");
    for wrong in
        ["", "{", r#"{"abi":2,"about":"","parameters":[]}"#, r#"{"abi":1,"about":1,"parameters":[]}"#]
    {
        let guest = Guest { declaration: wrong.into(), ..Guest::encoder() };
        let error = Encoder::new(guest.module().unwrap(), &limits()).unwrap_err();
        is_the_guests(&error, "declaration");
    }
}

#[test]
fn an_infinite_loop_runs_out_of_fuel() {
    let error = encode(&Guest::encoder().body("(loop (br 0)) unreachable")).unwrap_err();
    is_the_guests(&error, "fuel");
    let bound = FUEL_ALLOWANCE + limits().encode_fuel_per_pixel * 45;
    assert!(error.to_string().contains(&format!("{bound} units")), "{error}");
}

#[test]
fn an_infinite_loop_with_all_the_fuel_there_is_meets_the_deadline() {
    let limits = Limits { encode_fuel_per_pixel: u64::MAX, deadline_ms: 100, ..limits() };
    let error = encode_under(&Guest::encoder().body("(loop (br 0)) unreachable"), &limits).unwrap_err();
    is_the_guests(&error, "deadline");
    assert!(error.to_string().contains("100 ms"), "{error}");
}

#[test]
fn a_start_function_pays_for_itself() {
    let guest = Guest::encoder().fields("(func $loop (loop (br 0))) (start $loop)");
    is_the_guests(&encode(&guest).unwrap_err(), "fuel");
}

#[test]
fn a_guest_that_gives_up_when_refused_memory_ran_out_of_memory() {
    let bomb = "(loop (br_if 0 (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    let error = encode(&Guest::encoder().body(bomb)).unwrap_err();
    is_the_guests(&error, "memory");
    assert!(error.to_string().contains("at most 16777216"), "{error}");
    let nothing = "(drop (memory.grow (i32.const 65000))) (i64.const 0)";
    is_the_guests(&encode(&Guest::encoder().body(nothing)).unwrap_err(), "memory");
    let absurd = "(drop (memory.grow (i32.const 4))) (drop (memory.grow (i32.const -1))) unreachable";
    is_the_guests(&encode(&Guest::encoder().body(absurd)).unwrap_err(), "memory");
    let limits = Limits { memory_bytes: 1 << 16, ..limits() };
    let bytes = Guest::encoder().bytes();
    is_the_guests(&check_module(Role::Encoder, &bytes, &limits).unwrap_err(), "memory");
}

#[test]
fn a_refusal_that_the_guest_lives_with_is_no_failure() {
    for pages in [65_000, -1] {
        let body = format!("(drop (memory.grow (i32.const {pages}))) {}", crate::guests::IDENTITY);
        assert!(encode(&Guest::encoder().body(&body)).is_ok());
    }
}

#[test]
fn deep_recursion_is_a_trap() {
    let body = "(i64.add (call $work (local.get 0) (local.get 1) (local.get 2) (local.get 3)) (i64.const 1))";
    let error = encode(&Guest::encoder().body(body)).unwrap_err();
    is_the_guests(&error, "trap");
    assert!(error.to_string().contains("stack"), "{error}");
}

#[test]
fn a_panic_is_quoted() {
    let guest = Guest { panic: "at the disco".into(), ..Guest::encoder().body("unreachable") };
    let error = encode(&guest).unwrap_err();
    is_the_guests(&error, "trap");
    let evidence = error.evidence();
    assert_eq!((evidence[0].name.as_str(), evidence[0].text.as_str()), ("panic", "at the disco"));
    assert!(evidence[1].text.contains("work (function"), "{evidence:?}");
}

#[test]
fn a_trap_in_the_arithmetic_is_named() {
    let error = decode(&Guest::decoder().body("(i64.div_u (i64.const 1) (i64.const 0))")).unwrap_err();
    is_the_guests(&error, "trap");
    assert!(error.to_string().contains("divide by zero"), "{error}");
}

#[test]
fn pointers_outside_memory_are_refused() {
    let end = 2_i64 << 16;
    for (pointer, length) in
        [(end - 80, 81), (end, 81), (0xffff_ffff, 81), (0xffff_0000, 0xffff_ffff), (end + 1, 0)]
    {
        let body = format!("(i64.const {})", pointer << 32 | length);
        is_the_guests(&decode(&Guest::decoder().body(&body)).unwrap_err(), "bad_pointer");
        is_the_guests(&encode(&Guest::encoder().body(&body)).unwrap_err(), "bad_pointer");
    }
    let guest = Guest { alloc: "(i32.const -16)".into(), ..Guest::decoder() };
    is_the_guests(&decode(&guest).unwrap_err(), "bad_pointer");
}

#[test]
fn nothing_and_the_wrong_length_are_refused() {
    is_the_guests(&decode(&Guest::decoder().body("(i64.const 0)")).unwrap_err(), "returned_nothing");
    let guest = Guest { alloc: "(i32.const 0)".into(), ..Guest::decoder() };
    is_the_guests(&decode(&guest).unwrap_err(), "returned_nothing");
    for length in [0, 3 * FRAME_LEN as i64 - 1, 3 * FRAME_LEN as i64 + 1] {
        let body = format!("(i64.const {})", 1_i64 << 32 | length);
        let error = decode(&Guest::decoder().body(&body)).unwrap_err();
        is_the_guests(&error, "wrong_length");
        assert!(error.to_string().contains("81"), "{error}");
    }
}

#[test]
fn an_encoder_may_not_return_more_than_the_pictures_and_a_little() {
    let body = format!("(i64.const {})", 1_i64 << 32 | (3 * FRAME_LEN as i64 + (64 << 10) + 1));
    is_the_guests(&encode(&Guest::encoder().body(&body)).unwrap_err(), "output_size");
    let empty = encode(&Guest::encoder().body(&format!("(i64.const {})", 1_i64 << 32))).unwrap();
    assert!(empty.bytes.is_empty());
}

#[test]
fn what_is_not_of_the_contract_is_refused_before_it_is_compiled() {
    let swap = |from: &str, to: &str| wat::parse_str(Guest::decoder().text().replacen(from, to, 1)).unwrap();
    let checked = |bytes: &[u8]| check_module(Role::Decoder, bytes, &limits());
    assert!(checked(&Guest::decoder().bytes()).is_ok());
    assert!(checked(&swap("(export \"describe\")", "")).is_ok());
    for (kind, bytes) in [
        ("import", swap("(module", "(module (import \"env\" \"clock\" (func))")),
        ("import", swap("(module", "(module (import \"env\" \"memory\" (memory 1))")),
        ("export", swap("(export \"abi\")", "")),
        ("export", swap("(export \"memory\")", "")),
        ("export", swap("(export \"decode\")", "(export \"encode\")")),
        ("export", swap("(module", "(module (func (export \"reset\"))")),
        ("export", swap("(module", "(module (table (export \"table\") 1 funcref)")),
        ("signature", swap("\"abi\") (result i32) (i32.const 1)", "\"abi\") (result i64) (i64.const 1)")),
        ("signature", swap("(param i32 i32 i32 i32)", "(param i32 i32 i32 i32 i32)")),
        ("invalid_module", swap("(module", "(module (memory 1)")),
        ("too_many", swap("(module", "(module (table 100000 funcref)")),
        ("invalid_module", b"MZ".to_vec()),
        ("invalid_module", Vec::new()),
        ("invalid_module", Guest::decoder().bytes()[..300].to_vec()),
    ] {
        is_the_guests(&checked(&bytes).unwrap_err(), kind);
    }
    let text = Guest::encoder().text().replacen("(export \"describe\")", "", 1);
    is_the_guests(
        &check_module(Role::Encoder, &wat::parse_str(text).unwrap(), &limits()).unwrap_err(),
        "export",
    );
}

#[test]
fn what_is_switched_off_is_refused() {
    let with = |fields: &str| Guest::decoder().fields(fields);
    let memory = |memory: &str| Guest { memory: memory.into(), ..Guest::decoder() };
    for guest in [
        memory("(memory (export \"memory\") 2 4 shared)"),
        with("(func (drop (i32.atomic.load (i32.const 0))))"),
        with("(func (drop (i32x4.relaxed_trunc_f32x4_s (v128.const i64x2 0 0))))"),
        with("(func (return_call 0))"),
        with("(tag)"),
        with("(type (struct))"),
        with("(func (param externref))"),
        with("(func (drop (memory.grow 1 (i32.const 0)))) (memory 1)"),
    ] {
        let Ok(bytes) = wat::parse_str(guest.text()) else { panic!("{}", guest.fields) };
        is_the_guests(&check_module(Role::Decoder, &bytes, &limits()).unwrap_err(), "invalid_module");
    }
    let wide = "(module (memory (export \"memory\") i64 2))";
    let bytes = wat::parse_str(wide).unwrap();
    is_the_guests(&check_module(Role::Decoder, &bytes, &limits()).unwrap_err(), "invalid_module");
}

#[test]
fn sizes_are_bounded_before_anything_is_compiled() {
    let bytes = Guest::decoder().bytes();
    let tight = Limits { module_bytes: bytes.len() as u64 - 1, ..limits() };
    is_the_guests(&check_module(Role::Decoder, &bytes, &tight).unwrap_err(), "module_size");

    let huge = Guest::decoder().fields(&format!("(func {})", "nop ".repeat(128 << 10)));
    let error = huge.module().unwrap_err();
    is_the_guests(&error, "body_size");
    assert!(error.to_string().contains("at most 131072"), "{error}");

    let locals = Guest::decoder().fields(&format!("(func (local {}))", "i32 ".repeat(20_001)));
    is_the_guests(&locals.module().unwrap_err(), "too_many");
}

#[test]
fn another_abi_and_the_wrong_half_are_refused() {
    let guest = Guest { abi: 2, ..Guest::decoder() };
    is_the_guests(&decode(&guest).unwrap_err(), "abi");
    let module = Guest::encoder().module().unwrap();
    assert_eq!(Decoder::new(module, &limits()).unwrap_err().fault(), Fault::Evaluator);
    let bytes = Guest::encoder().bytes();
    let error = Module::compile_in_process(Role::Decoder, &bytes, &limits()).unwrap_err();
    is_the_guests(&error, "export");
}

#[test]
fn requests_out_of_bounds_are_the_callers_mistake() {
    let encoder = Encoder::new(Guest::encoder().module().unwrap(), &limits()).unwrap();
    let good = EncodeRequest { quality: 63, frame_rate: RATE, numbers: &[1.0] };
    assert!(encoder.encode_gop(&good, &gop(1)).is_ok());
    for (request, frames) in
        [(EncodeRequest { quality: 64, ..good }, 1), (EncodeRequest { numbers: &[], ..good }, 1), (good, 0)]
    {
        assert_eq!(encoder.encode_gop(&request, &gop(frames)).unwrap_err().fault(), Fault::Evaluator);
    }
    let decoder = crate::guests::decoder(&Guest::decoder());
    for (width, height, frames) in [(0, 3, 1), (5, 16_385, 1), (5, 3, 0), (16_384, 16_384, 1)] {
        assert_eq!(decoder.decode_gop(&[], width, height, frames).unwrap_err().fault(), Fault::Evaluator);
    }
}

#[test]
fn nothing_survives_from_one_call_to_the_next() {
    // Counts its calls at address 0, and returns the four bytes there; a fresh instance always starts at 0.
    let body = "(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))) (i64.const 4)";
    let encoder = Encoder::new(Guest::encoder().body(body).module().unwrap(), &limits()).unwrap();
    let request = EncodeRequest { quality: 0, frame_rate: RATE, numbers: &[1.0] };
    for _ in 0..2 {
        assert_eq!(encoder.encode_gop(&request, &gop(1)).unwrap().bytes, [1, 0, 0, 0]);
    }
}
