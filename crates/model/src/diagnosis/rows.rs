//! One row for each kind of failure: what sort of mistake, how much hangs on it, what to do.

use super::Category::{
    self, ImportError, LogicError, ResourceError, RuntimeError, SyntaxError, Timeout, ValidationError,
};
use super::Severity::{self, Critical, High, Low, Medium};

pub(super) type Row = (&'static str, Category, Severity, &'static str);

/// Kinds whose meaning is the same whoever reports them.
pub(super) const ROWS: &[Row] = &[
    // The source and its modules.
    (
        "source_refused",
        ImportError,
        High,
        "Take out what the refusal names: a source may use core, std and the guest kit, and reach for nothing else.",
    ),
    (
        "compile_error",
        SyntaxError,
        High,
        "Mend what the compiler's first complaint names; the evidence has them all.",
    ),
    (
        "compile_limit",
        ResourceError,
        High,
        "Make the source cheaper to compile: smaller tables, fewer generics and macros, no computing in constants.",
    ),
    ("invalid_module", ValidationError, High, "Use no feature of WebAssembly that the sandbox switches off."),
    (
        "import",
        ImportError,
        High,
        "Call nothing outside the module: it has no clock, no randomness and no files.",
    ),
    (
        "export",
        ValidationError,
        High,
        "Define encode, decode, ABOUT and PARAMETERS as the codec's contract has them.",
    ),
    ("signature", ValidationError, High, "Give encode and decode the types that the codec's contract has."),
    ("abi", ValidationError, High, "Build it with the guest kit of this lab."),
    (
        "declaration",
        ValidationError,
        High,
        "Declare parameters with names of their own, and each default inside its range.",
    ),
    ("parameters", ValidationError, Medium, "Ask for declared parameters only, each inside its range."),
    (
        "module_size",
        ResourceError,
        High,
        "Make the module smaller: compute tables when it runs; a decoder may not carry the video.",
    ),
    (
        "body_size",
        ResourceError,
        High,
        "Split the function that is too large, or keep it from being inlined.",
    ),
    (
        "too_many",
        ResourceError,
        High,
        "Have fewer functions, types or data segments: share code between them.",
    ),
    // Its calls.
    (
        "trap",
        RuntimeError,
        High,
        "Find the panic, overflow or index that the evidence names; sizes may be odd and groups short.",
    ),
    ("returned_nothing", RuntimeError, High, "Return bytes from every path through encode and decode."),
    (
        "bad_pointer",
        RuntimeError,
        High,
        "Return only memory that the module owns; the guest kit does so by itself.",
    ),
    (
        "wrong_length",
        ValidationError,
        High,
        "Return every frame that the header names, whole, and nothing after the last.",
    ),
    (
        "fuel",
        Timeout,
        Medium,
        "Do less work for each pixel: bound searches, and end loops that wait for exact agreement.",
    ),
    ("deadline", Timeout, Medium, "Do less work for each call; the fuel it used shows where the time goes."),
    (
        "memory",
        ResourceError,
        Medium,
        "Hold fewer copies of the pictures, and allocate by the size of the group at hand.",
    ),
    (
        "output_size",
        ResourceError,
        Medium,
        "Write fewer bytes than the raw pictures: store a block raw where coding it costs more.",
    ),
    // What they came to.
    (
        "not_deterministic",
        LogicError,
        High,
        "Make encode and decode depend on their arguments only: no state between calls, no order of hashes or addresses.",
    ),
    (
        "frame_hash",
        LogicError,
        High,
        "Make the decoder give the same frames for the same bytes, whatever was decoded before.",
    ),
    (
        "below_the_bar",
        LogicError,
        Low,
        "The codec works and saves too little on the first clip: start from the champion's source, or try another idea.",
    ),
    (
        "duplicate_modules",
        LogicError,
        Low,
        "Change what the codec does: it compiles to a codec that was measured before.",
    ),
    (
        "duplicate_streams",
        LogicError,
        Low,
        "Change what the encoder writes: every stream is one that was measured before.",
    ),
    // The infrastructure's.
    (
        "toolchain_missing",
        ImportError,
        Critical,
        "Set the compiler up on the worker: `aiv1 doctor` says what is missing.",
    ),
    (
        "confine",
        ResourceError,
        Critical,
        "See to the worker's confinement: `aiv1 doctor` says what its kernel lacks.",
    ),
    ("host", ResourceError, Critical, "See to the worker's disk, memory and permissions."),
    ("io", ResourceError, Critical, "See to the worker's disk."),
    (
        "infrastructure",
        ResourceError,
        Critical,
        "See to what the message names on the worker: its disk, or ffmpeg.",
    ),
    (
        "phase_limit",
        Timeout,
        Medium,
        "Try again on a worker that is faster or has less to do; if it fails there, too, cut the codec's work.",
    ),
    (
        "worker_lost",
        Timeout,
        Medium,
        "See why its workers fell silent: memory, network or a stopped machine.",
    ),
    ("source_missing", ResourceError, Critical, "Submit it again: the source is not in the store any more."),
    ("clip_missing", ResourceError, Critical, "Add the clip again, then run the experiment again."),
    (
        "claim",
        ValidationError,
        Critical,
        "Bring worker and API to the same version: they disagree about what was asked.",
    ),
    ("bundle", ResourceError, Critical, "See to the worker's disk: it cannot read the bundle that it wrote."),
    (
        "report_refused",
        ValidationError,
        Critical,
        "Bring worker and API to the same version; the message says what was refused.",
    ),
    ("cancelled", RuntimeError, Low, "Nothing is to be done: the run was told to stop."),
    ("stream_io", ResourceError, Critical, "See to the disk or store that holds the stream."),
    ("not_a_stream", ResourceError, High, "Run the experiment again: what is stored is no stream."),
    ("stream_version", ValidationError, High, "Read the stream with a lab that knows its version."),
    ("stream_truncated", ResourceError, High, "Run the experiment again: the stored stream lacks its end."),
    (
        "stream_field",
        ValidationError,
        High,
        "Run the experiment again: the stored stream says what none can say.",
    ),
    ("stream_checksum", ResourceError, High, "Run the experiment again: the stored stream is damaged."),
    (
        "stream_inconsistent",
        ResourceError,
        High,
        "Run the experiment again: the stored stream disagrees with itself.",
    ),
    // The lab's own.
    ("request", LogicError, Critical, "Report it: the lab asked its own sandbox for what cannot be asked."),
    (
        "stream_no_such_gop",
        LogicError,
        Critical,
        "Report it: the lab asked for a group of pictures that is not there.",
    ),
    (
        "measuring",
        LogicError,
        Critical,
        "Report it: the lab could not compare frames that it decoded itself.",
    ),
    ("header", LogicError, Critical, "Report it: a stream's header is not what the lab wrote."),
    ("panic", RuntimeError, Critical, "Report it with the message: the lab's own code gave way."),
];
