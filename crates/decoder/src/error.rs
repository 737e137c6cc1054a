//! Failures, by whose they are.

use crate::stream::StreamError;
use aiv1_model::{Evidence, Fault};

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the guest said when it panicked, if it did: untrusted, bounded, only for showing.
pub type PanicText = Option<String>;

/// What went wrong. The first group is the guest's doing, the second its limits, the third its contract; then the
/// stream's, and last the host's own.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The guest trapped.
    #[error("`{call}` trapped: {trap}")]
    Trap {
        /// The export that was called.
        call: &'static str,
        /// The trap, in wasmtime's words.
        trap: String,
        /// Where, one line a frame.
        backtrace: String,
        /// What it said.
        panic: PanicText,
    },
    /// The guest returned 0.
    #[error("`{call}` returned nothing")]
    ReturnedNothing {
        /// The export that was called.
        call: &'static str,
        /// What it said.
        panic: PanicText,
    },
    /// The guest returned a pointer outside its memory.
    #[error("`{call}` returned {length} bytes at {pointer}, but its memory ends at {memory}")]
    BadPointer {
        /// The export that was called.
        call: &'static str,
        /// Where the bytes would begin.
        pointer: u32,
        /// How many there would be.
        length: u32,
        /// Size of the memory.
        memory: u64,
    },
    /// The guest returned more or fewer bytes than the contract says.
    #[error("`{call}` returned {length} bytes, but must return {expected}")]
    WrongLength {
        /// The export that was called.
        call: &'static str,
        /// How many it returned.
        length: u64,
        /// How many it must.
        expected: u64,
    },
    /// A frame decoded to something else than what the stream says it decodes to.
    #[error("frame {frame} decoded to hash {computed}, but the stream says {stored}")]
    FrameHash {
        /// Its number in the stream.
        frame: u64,
        /// The stream's hash, in hexadecimal.
        stored: String,
        /// The hash of what came out.
        computed: String,
    },

    /// The guest used up its fuel.
    #[error("`{call}` used up its {bound} units of fuel")]
    Fuel {
        /// The export that was called.
        call: &'static str,
        /// The bound.
        bound: u64,
    },
    /// The guest asked for more memory than it may have, and then failed.
    #[error("`{call}` asked for {requested} bytes of memory, at most {bound} are allowed")]
    Memory {
        /// What was being done.
        call: &'static str,
        /// How much it would have had.
        requested: u64,
        /// The bound.
        bound: u64,
    },
    /// The guest was not done in time.
    #[error("`{call}` was not done after {bound_ms} ms")]
    Deadline {
        /// The export that was called.
        call: &'static str,
        /// The bound.
        bound_ms: u64,
    },
    /// The guest returned too much.
    #[error("`{call}` returned {length} bytes, at most {bound} are allowed")]
    OutputSize {
        /// The export that was called.
        call: &'static str,
        /// How many it returned.
        length: u64,
        /// The bound.
        bound: u64,
    },
    /// The module is too large.
    #[error("the module has {bytes} bytes, at most {bound} are allowed")]
    ModuleSize {
        /// Its size.
        bytes: u64,
        /// The bound.
        bound: u64,
    },
    /// A function of the module is too large.
    #[error("function {function} has a body of {bytes} bytes, at most {bound} are allowed")]
    BodySize {
        /// Its index.
        function: u32,
        /// The size of its body.
        bytes: u64,
        /// The bound.
        bound: u64,
    },
    /// The module has too many of something.
    #[error("the module has {count} {what}, at most {bound} are allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        count: u64,
        /// The bound.
        bound: u64,
    },
    /// Compiling the module took more than it may.
    #[error("compiling the module stopped: the compiler {ended}")]
    CompileLimit {
        /// How the compiler ended.
        ended: String,
        /// The last it said.
        stderr: String,
    },

    /// Not a WebAssembly module, or one that uses what is switched off.
    #[error("not a module that runs here: {reason}")]
    InvalidModule {
        /// What is wrong, in the parser's words.
        reason: String,
    },
    /// The module wants something from outside.
    #[error("the module imports `{module}.{name}`, but must import nothing")]
    Import {
        /// From where.
        module: String,
        /// What.
        name: String,
    },
    /// The module lacks an export, or has one that means nothing here.
    #[error("export `{name}`: {reason}")]
    Export {
        /// The export.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An export of another type than the contract's.
    #[error("export `{name}` is {found}, but must be {expected}")]
    Signature {
        /// The export.
        name: String,
        /// What it is.
        found: String,
        /// What it must be.
        expected: &'static str,
    },
    /// The module was built for another version of the contract.
    #[error("the module is of ABI {found}, this host speaks ABI {expected}")]
    Abi {
        /// The module's.
        found: i32,
        /// Ours.
        expected: u32,
    },
    /// What the module says about itself makes no sense.
    #[error("the module's declaration is wrong: {reason}")]
    Declaration {
        /// Why.
        reason: String,
    },

    /// The stream.
    #[error(transparent)]
    Stream(#[from] StreamError),

    /// The caller asked for something that the limits or the contract rule out.
    #[error("cannot be asked for: {reason}")]
    Request {
        /// What and why.
        reason: String,
    },
    /// The confinement of the compiling child.
    #[cfg(feature = "encode")]
    #[error("the compiling child")]
    Confine(#[from] aiv1_confine::Error),
    /// The sandbox itself.
    #[error("the sandbox failed: {what}: {reason}")]
    Host {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        reason: String,
    },
    /// Reading or writing a file of the host's.
    #[error("{what}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl Error {
    /// Whose it is.
    #[must_use]
    pub fn fault(&self) -> Fault {
        match self {
            Self::Stream(error) => error.fault(),
            Self::Request { .. } => Fault::Evaluator,
            #[cfg(feature = "encode")]
            Self::Confine(_) => Fault::Infrastructure,
            Self::Host { .. } | Self::Io { .. } => Fault::Infrastructure,
            _ => Fault::Candidate,
        }
    }

    /// A stable word for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "trap",
            Self::ReturnedNothing { .. } => "returned_nothing",
            Self::BadPointer { .. } => "bad_pointer",
            Self::WrongLength { .. } => "wrong_length",
            Self::FrameHash { .. } => "frame_hash",
            Self::Fuel { .. } => "fuel",
            Self::Memory { .. } => "memory",
            Self::Deadline { .. } => "deadline",
            Self::OutputSize { .. } => "output_size",
            Self::ModuleSize { .. } => "module_size",
            Self::BodySize { .. } => "body_size",
            Self::TooMany { .. } => "too_many",
            Self::CompileLimit { .. } => "compile_limit",
            Self::InvalidModule { .. } => "invalid_module",
            Self::Import { .. } => "import",
            Self::Export { .. } => "export",
            Self::Signature { .. } => "signature",
            Self::Abi { .. } => "abi",
            Self::Declaration { .. } => "declaration",
            Self::Stream(error) => error.kind(),
            Self::Request { .. } => "request",
            #[cfg(feature = "encode")]
            Self::Confine(_) => "confine",
            Self::Host { .. } => "host",
            Self::Io { .. } => "io",
        }
    }

    /// What shows it, beyond the message.
    #[must_use]
    pub fn evidence(&self) -> Vec<Evidence> {
        let mut evidence = Vec::new();
        let mut keep = |name: &str, text: &str| {
            if !text.is_empty() {
                evidence.push(Evidence::new(name, text));
            }
        };
        match self {
            Self::Trap { backtrace, panic, .. } => {
                keep("panic", panic.as_deref().unwrap_or_default());
                keep("backtrace", backtrace);
            }
            Self::ReturnedNothing { panic, .. } => keep("panic", panic.as_deref().unwrap_or_default()),
            Self::CompileLimit { stderr, .. } => keep("compiler", stderr),
            _ => {}
        }
        evidence
    }
}
