//! What a codec's source may not say.
//!
//! A source is untrusted, and compiling it expands its macros and computes its constants on this machine. So it is read
//! as *tokens* before any compiler sees it, and whatever reaches outside at compile time is refused by name, with its
//! place: reading files or the environment, assembler, linking, modules in other files, compiler plug-ins, `unsafe`.
//!
//! Tokens, not syntax, because a macro's body is no syntax until it is expanded, and `macro_rules!` could put a refused
//! call together out of harmless pieces. The rule that makes expansion uninteresting: a refused *word* may not occur
//! anywhere, neither in a body, nor as an argument, nor in a `use … as`. What cannot be spelled without the word cannot
//! be reconstructed, since `macro_rules!` cannot join identifiers. Comments and strings are free.
//! For the same reason there is no syntax tree here: it would add a recursive parser to what hostile text can reach,
//! and catch nothing more. A source that is no Rust is the compiler's to explain, in its confinement.
//!
//! Paths into `std::fs`, `std::net`, `std::process` and the like are *not* refused: on `wasm32-unknown-unknown` they
//! are stubs that return an error, and a module has no imports. `docs/CODEC-ABI.md` lists what is refused. The
//! compiler runs confined all the same ([`crate::build`]).

mod text;
mod tokens;
mod words;

#[cfg(test)]
mod tests;

pub use text::MAX_BYTES;
pub use tokens::MAX_NESTING;

/// Something a source may not say, and where it says it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at {line}:{column} is refused: {why}")]
pub struct Refusal {
    /// The word, attribute or construct, as it would be written.
    pub what: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Why it is refused.
    pub why: &'static str,
}

/// Reads a source as [`crate::build`] does before compiling it; the first thing that it may not say is the error.
pub fn check(source: &str) -> Result<(), Refusal> {
    text::check(source)?;
    tokens::check(source)
}
