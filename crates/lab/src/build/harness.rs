//! What stands around the author's text: the crate root that declares the boundary with the host.
//!
//! The author's source is a module in a file of its own, so no text of theirs can close a bracket of ours, and what is
//! `unsafe` or exported stands here alone. The functions are in a private module: the codec cannot name them.

/// One of the two modules that a codec becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// `--cfg encoder`.
    Encoder,
    /// `--cfg decoder`.
    Decoder,
}

impl Side {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Encoder, Self::Decoder];

    /// The name as `--cfg` takes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Encoder => "encoder",
            Self::Decoder => "decoder",
        }
    }
}

/// The smallest codec there is: what a toolchain must be able to make before any candidate is blamed.
pub(super) const PROBE: &str = "\
pub const ABOUT: &str = \"probe\";
#[cfg(encoder)]
pub const PARAMETERS: &[aiv1_kit::Parameter] = &[];
#[cfg(encoder)]
pub fn encode(_: &aiv1_kit::Settings, _: u8, gop: &aiv1_kit::Gop<'_>) -> Vec<u8> {
    gop.bytes().to_vec()
}
#[cfg(decoder)]
pub fn decode(bytes: &[u8], gop: &mut aiv1_kit::GopMut<'_>) {
    gop.bytes_mut().copy_from_slice(bytes);
}
";

/// The crate root.
pub(super) const HARNESS: &str = r#"//! The boundary between a codec and its host. Generated; the codec is in `codec.rs`.

mod codec;

mod boundary {
    use aiv1_kit::{ABI_VERSION, guest};

    #[unsafe(no_mangle)]
    extern "C" fn abi() -> i32 {
        ABI_VERSION as i32
    }

    #[unsafe(no_mangle)]
    extern "C" fn alloc(len: i32) -> i32 {
        guest::alloc(len as u32 as usize) as i32
    }

    #[unsafe(no_mangle)]
    extern "C" fn last_panic() -> i64 {
        guest::last_panic()
    }

    #[cfg(encoder)]
    #[unsafe(no_mangle)]
    extern "C" fn describe() -> i64 {
        guest::describe(crate::codec::ABOUT, crate::codec::PARAMETERS)
    }

    #[cfg(encoder)]
    #[unsafe(no_mangle)]
    unsafe extern "C" fn encode(head: i32, head_len: i32, frames: i32, frames_len: i32) -> i64 {
        let (head, frames) = (pair(head, head_len), pair(frames, frames_len));
        unsafe { guest::encode(crate::codec::PARAMETERS, crate::codec::encode, head, frames) }
    }

    #[cfg(decoder)]
    #[unsafe(no_mangle)]
    unsafe extern "C" fn decode(head: i32, head_len: i32, bytes: i32, bytes_len: i32) -> i64 {
        let (head, bytes) = (pair(head, head_len), pair(bytes, bytes_len));
        unsafe { guest::decode(crate::codec::decode, head, bytes) }
    }

    fn pair(address: i32, len: i32) -> (usize, usize) {
        (address as u32 as usize, len as u32 as usize)
    }
}
"#;
