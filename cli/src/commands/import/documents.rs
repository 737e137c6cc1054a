//! JSON documents out of a file, one after another: a line each, or spread over many; packed by gzip or not.

use flate2::bufread::MultiGzDecoder;
use serde_json::Value;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind, Read as _};
use std::path::Path;

/// Most bytes of one line, or of one document over several lines: a whole scan of a table may be one.
const MOST_BYTES: u64 = 256 << 20;

/// The first bytes of what gzip packed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What is read of a file.
#[derive(Debug)]
pub(super) enum Read {
    /// A document, and where it began.
    Document(Place, Value),
    /// Something that is none, and why.
    Broken(Place, String),
}

/// Where in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    line: u64,
    item: Option<usize>,
}

impl Place {
    pub(super) const fn line(line: u64) -> Self {
        Self { line, item: None }
    }

    /// An item of the document that is here.
    pub(super) const fn item(self, index: usize) -> Self {
        Self { item: Some(index + 1), ..self }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.item {
            None => write!(formatter, "line {}", self.line),
            Some(item) => write!(formatter, "line {}, item {item}", self.line),
        }
    }
}

/// A file's text, unpacked.
pub(super) fn text(file: &Path) -> io::Result<Box<dyn BufRead>> {
    let mut reader = BufReader::new(File::open(file)?);
    let packed = reader.fill_buf()?.starts_with(&GZIP);
    Ok(if packed { Box::new(BufReader::new(MultiGzDecoder::new(reader))) } else { Box::new(reader) })
}

/// The documents of a file, one at a time: memory holds one of them, however long the file is.
pub(super) struct Documents {
    text: Box<dyn BufRead>,
    line: u64,
    ended: bool,
}

impl Documents {
    pub(super) fn open(file: &Path) -> io::Result<Self> {
        Ok(Self::of(text(file)?))
    }

    pub(super) fn of(text: Box<dyn BufRead>) -> Self {
        Self { text, line: 0, ended: false }
    }

    /// Reads on: a line, and where a document begins in it but does not end, all that follows.
    fn read(&mut self) -> io::Result<Option<Read>> {
        loop {
            let mut line = Vec::new();
            self.line += 1;
            let place = Place::line(self.line);
            let read = self.text.by_ref().take(MOST_BYTES + 1).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(None);
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            if read as u64 > MOST_BYTES {
                self.ended = true;
                return Ok(Some(Read::Broken(place, format!("it is longer than {MOST_BYTES} bytes"))));
            }
            return Ok(Some(match serde_json::from_slice(&line) {
                Ok(document) => Read::Document(place, document),
                Err(error) if error.is_eof() && line.ends_with(b"\n") => self.spread(place, line)?,
                Err(error) => Read::Broken(place, format!("it is not JSON: {error}")),
            }));
        }
    }

    /// A document over several lines, the first of which has been read.
    fn spread(&mut self, place: Place, mut document: Vec<u8>) -> io::Result<Read> {
        loop {
            let read = self.text.by_ref().take(MOST_BYTES + 1).read_until(b'\n', &mut document)?;
            self.line += 1;
            if document.len() as u64 > MOST_BYTES {
                self.ended = true;
                return Ok(Read::Broken(place, format!("it is longer than {MOST_BYTES} bytes")));
            }
            // A document ends where its first line's indentation comes back: only there it is worth asking.
            let last = document[document.len() - read..].trim_ascii_end();
            let may_end = last.first().is_some_and(|first| matches!(first, b'}' | b']'));
            if read > 0 && !may_end {
                continue;
            }
            match serde_json::from_slice(&document) {
                Ok(document) => return Ok(Read::Document(place, document)),
                Err(error) if read > 0 && error.is_eof() => {}
                Err(error) => {
                    self.ended = true;
                    return Ok(Read::Broken(place, format!("it is not JSON: {error}")));
                }
            }
        }
    }
}

impl Iterator for Documents {
    type Item = io::Result<Read>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.read() {
            // What gzip packed is damaged: what was read before is kept.
            Err(error) if is_damage(&error) => {
                self.ended = true;
                Some(Ok(Read::Broken(Place::line(self.line), format!("the file is damaged here: {error}"))))
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
            }
            Ok(read) => read.map(Ok),
        }
    }
}

/// Whether the file's content is at fault, and not the machine.
pub(super) fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::InvalidData | ErrorKind::UnexpectedEof)
}
