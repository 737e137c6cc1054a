//! `aiv1 decode`: a stream as Y4M, which every tool reads.

use super::{Context, OK, code, home};
use crate::arguments::{Decode, StreamArguments};
use crate::exit;
use aiv1_decoder::stream::Reader;
use aiv1_decoder::{DecodeRange, Decoder, Delivery, Role, decode_stream};
use aiv1_lab::{Error, Event, Observer as _, machine};
use aiv1_model::{Digest, Limits, Phase};
use aiv1_video::{Y4mError, Y4mWriter};
use std::fs::{self, File, Permissions};
use std::io::{BufReader, BufWriter};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// A stream and the decoder that its header names.
pub(crate) struct Opened {
    pub(crate) reader: Reader<BufReader<File>>,
    pub(crate) decoder: Decoder,
}

/// Opens a stream and finds and checks its decoder.
pub(crate) fn open(arguments: &StreamArguments, salvage: bool) -> Result<Opened, Error> {
    let limits = Limits::default();
    let stream = File::open(&arguments.stream).map_err(Error::file("read", &arguments.stream))?;
    let stream = BufReader::new(stream);
    let opened = if salvage { Reader::salvage(stream, &limits) } else { Reader::open(stream, &limits) };
    let reader = opened.map_err(aiv1_decoder::Error::from)?;
    let path = match &arguments.decoder {
        Some(path) => path.clone(),
        None => beside(&arguments.stream)?,
    };
    let wasm = super::read_bounded(&path, "decoder", limits.module_bytes)?;
    let (found, wanted) = (Digest::of(&wasm), reader.header().decoder);
    if found != wanted {
        return Err(Error::Request {
            what: "decoder",
            value: format!("{} with SHA-256 {found}", path.display()),
            bound: format!("the one that the stream names: {wanted}"),
        });
    }
    let module = machine::module_compiler(&home()?)?.compile(Role::Decoder, &wasm, &limits)?;
    Ok(Opened { reader, decoder: Decoder::new(module, &limits)? })
}

/// `codec/decoder.wasm` of the bundle around `streams/CLIP/qNN.aiv1`.
fn beside(stream: &Path) -> Result<PathBuf, Error> {
    let stream = fs::canonicalize(stream).map_err(Error::file("find", stream))?;
    let found = stream
        .ancestors()
        .skip(1)
        .take(4)
        .map(|folder| folder.join("codec/decoder.wasm"))
        .find(|path| path.is_file());
    found.ok_or_else(|| Error::Request {
        what: "decoder",
        value: "not given".to_owned(),
        bound: format!("given with --decoder, since {} lies in no bundle", stream.display()),
    })
}

/// Writes the frames; a file that could not be finished is removed.
pub(crate) fn decode(context: &Context, arguments: &Decode) -> Result<ExitCode, Error> {
    super::check_output(&arguments.stream.out)?;
    let Opened { mut reader, decoder } = open(&arguments.stream, arguments.salvage)?;
    let count = reader.gop_count();
    let from = arguments.from_gop;
    if count == 0 {
        let value = arguments.stream.stream.display().to_string();
        return Err(Error::Request {
            what: "stream",
            value,
            bound: "one with a whole GOP: it has none".to_owned(),
        });
    }
    if from >= count {
        let bound = format!("less than the {count} GOPs of the stream");
        return Err(Error::Request { what: "first GOP", value: from.to_string(), bound });
    }
    let range = DecodeRange { first_gop: from, gops: arguments.gops.unwrap_or(u32::MAX) };
    let progress = context.progress();
    progress.event(&Event::PhaseStarted { phase: Phase::Verification, frames: Some(reader.frame_count()) });
    let out = &arguments.stream.out;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // As any new file: what the umask leaves.
    let partial = tempfile::Builder::new().permissions(Permissions::from_mode(0o666)).tempfile_in(folder);
    let partial = partial.map_err(Error::file("create a file in", folder))?;
    let writing = |error: Y4mError| match error {
        Y4mError::Io { source, .. } => Error::file("write", out)(source),
        other => Error::Request { what: "Y4M", value: out.display().to_string(), bound: other.to_string() },
    };
    let format = reader.header().format;
    let mut writer = Y4mWriter::new(BufWriter::new(partial), &format).map_err(writing)?;
    let mut frames = 0_u64;
    decode_stream(&mut reader, &decoder, range, context.threads, |Delivery { gop, .. }| {
        if progress.cancelled() {
            return Err(Error::Cancelled);
        }
        for frame in gop.frames() {
            writer.write(frame).map_err(writing)?;
            frames += 1;
        }
        progress.event(&Event::Advanced { frames: gop.frame_count() as u64 });
        Ok(())
    })?;
    let buffered = writer.finish().map_err(writing)?;
    let partial = buffered.into_inner().map_err(|error| Error::file("write", out)(error.into_error()))?;
    partial.persist(out).map_err(|error| Error::file("write", out)(error.error))?;
    drop(progress);
    let value = serde_json::json!({ "file": out.display().to_string(), "frames": frames, "gops": count, "truncated": reader.is_truncated() });
    let mut lines =
        vec![format!("{}: {frames} frames of {format}, every frame hash as stored", out.display())];
    if reader.is_truncated() {
        lines.push(format!(
            "salvaged: {count} whole GOPs; the stream breaks off after them, and what followed is lost"
        ));
    }
    context.result(&value, &lines)?;
    if reader.is_truncated() { Ok(code(exit::INCOMPLETE)) } else { Ok(OK) }
}
