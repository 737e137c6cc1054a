//! The stream reader on arbitrary bytes, on damaged good files, and on damaged files whose checksums were put right
//! again, so that what lies behind the checksums is reached as well. No allocation may be larger than the limits allow.
#![no_main]
#![allow(unsafe_code, reason = "a counting allocator is unsafe by its signature")]

use aiv1_decoder::stream::{GopRecord, Reader, StreamError};
use aiv1_model::{Digest, Hasher, Limits};
use libfuzzer_sys::fuzz_target;
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Cursor;
use std::sync::atomic::{AtomicUsize, Ordering};

const HEADER: usize = 105;
const FOOTER: usize = 20;
/// One group of 256 KiB of pictures, its payload and 64 KiB; the largest vector may have grown to twice that.
const LARGEST_ALLOCATION: usize = 2 * ((256 + 64) << 10);

static BOUND: AtomicUsize = AtomicUsize::new(usize::MAX);

struct Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

// SAFETY: everything is passed on to the system's allocator.
unsafe impl GlobalAlloc for Bounded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.size() > BOUND.load(Ordering::Relaxed) {
            BOUND.store(usize::MAX, Ordering::Relaxed);
            panic!("{} bytes at once", layout.size());
        }
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.size() > BOUND.load(Ordering::Relaxed) {
            BOUND.store(usize::MAX, Ordering::Relaxed);
            panic!("{} bytes at once", layout.size());
        }
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn limits() -> Limits {
    Limits { gop_bytes: 256 << 10, output_bytes: 320 << 10, ..Limits::default() }
}

fn everything(bytes: &[u8]) -> Result<Vec<GopRecord>, StreamError> {
    let mut reader = Reader::open(Cursor::new(bytes), &limits())?;
    (0..reader.gop_count()).map(|index| reader.read_gop(index)).collect()
}

fn look(bytes: &[u8]) {
    let strict = everything(bytes);
    if let Ok(mut reader) = Reader::salvage(Cursor::new(bytes), &limits()) {
        let salvaged: Vec<_> = (0..reader.gop_count())
            .map(|index| reader.read_gop(index).expect("salvaged, so checked"))
            .collect();
        assert!(reader.frame_count() == salvaged.iter().map(|gop| u64::from(gop.frames)).sum::<u64>());
        assert!(reader.gop_of_frame(reader.frame_count()).is_none());
        match strict {
            Ok(records) => assert!(!reader.is_truncated() && records == salvaged),
            Err(_) => assert!(reader.is_truncated()),
        }
    }
}

/// Puts the checksums of header and index right, where a file is long enough to have them.
fn reseal(bytes: &mut [u8]) {
    let len = bytes.len();
    if len < HEADER + FOOTER {
        return;
    }
    let header = Digest::of(&bytes[..HEADER - 8]).short();
    bytes[HEADER - 8..HEADER].copy_from_slice(&header);
    let footer = len - FOOTER;
    let gops =
        u32::from_le_bytes([bytes[footer], bytes[footer + 1], bytes[footer + 2], bytes[footer + 3]]) as usize;
    let Some(index) = gops.checked_mul(6).and_then(|entries| footer.checked_sub(entries + 1)) else { return };
    let mut hasher = Hasher::new();
    hasher.update(&header);
    hasher.update(&bytes[index..footer + 8]);
    bytes[footer + 8..footer + 16].copy_from_slice(&hasher.finish().short());
}

fuzz_target!(|data: &[u8]| {
    let Some((&how, data)) = data.split_first() else { return };
    BOUND.store(LARGEST_ALLOCATION.max(data.len() * 2), Ordering::Relaxed);
    look(data);
    if how & 1 == 1 {
        let mut sealed = data.to_vec();
        reseal(&mut sealed);
        look(&sealed);
    }
    BOUND.store(usize::MAX, Ordering::Relaxed);
});
