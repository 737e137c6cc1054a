//! JSON documents out of a file, one after another: a line each, or spread over many; packed by gzip or not.

use flate2::bufread::MultiGzDecoder;
use serde_json::Value;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read as _};
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
    /// Lines that were read as part of a document that is none, and are read again.
    again: Cursor<Vec<u8>>,
    line: u64,
    ended: bool,
}

impl Documents {
    pub(super) fn open(file: &Path) -> io::Result<Self> {
        Ok(Self::of(text(file)?))
    }

    pub(super) fn of(text: Box<dyn BufRead>) -> Self {
        Self { text, again: Cursor::default(), line: 0, ended: false }
    }

    /// The next line, with what ends it; empty at the end of the file.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        self.line += 1;
        if self.again.read_until(b'\n', &mut line)? == 0 {
            self.text.by_ref().take(MOST_BYTES + 1).read_until(b'\n', &mut line)?;
        }
        Ok(line)
    }

    /// Reads on: a line, and where a document begins in it but does not end, those that follow.
    fn read(&mut self) -> io::Result<Option<Read>> {
        loop {
            let line = self.line()?;
            let place = Place::line(self.line);
            if line.is_empty() {
                return Ok(None);
            }
            if line.trim_ascii().is_empty() {
                continue;
            }
            if line.len() as u64 > MOST_BYTES {
                return Ok(Some(self.too_long(place)));
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
        let first = document.len();
        let (mut lines, mut look_at) = (1_u64, 2);
        loop {
            let line = self.line()?;
            let ended = line.is_empty();
            lines += 1;
            document.extend_from_slice(&line);
            if document.len() as u64 > MOST_BYTES {
                return Ok(self.too_long(place));
            }
            // A document ends where its first line's indentation comes back. Whether it can still become one is asked
            // each time its lines have doubled, so that it costs little and one that was cut short is soon known.
            let may_end = matches!(line.first(), Some(b'}' | b']'));
            if !ended && !may_end && lines < look_at {
                continue;
            }
            look_at = look_at.max(2 * lines);
            match serde_json::from_slice(&document) {
                Ok(document) => return Ok(Read::Document(place, document)),
                Err(error) if error.is_eof() && !ended => {}
                Err(error) => {
                    self.take_up_again(place, &document[first..])?;
                    return Ok(Read::Broken(place, format!("it is not JSON: {error}")));
                }
            }
        }
    }

    /// Goes back to the first of the lines behind a broken one that may begin a document.
    fn take_up_again(&mut self, broken: Place, behind: &[u8]) -> io::Result<()> {
        let mut at = 0;
        for (index, line) in behind.split_inclusive(|byte| *byte == b'\n').enumerate() {
            if matches!(line.first(), Some(b'{' | b'[')) {
                let mut again = behind[at..].to_vec();
                self.again.read_to_end(&mut again)?;
                self.again = Cursor::new(again);
                self.line = broken.line + index as u64;
                return Ok(());
            }
            at += line.len();
        }
        Ok(())
    }

    fn too_long(&mut self, place: Place) -> Read {
        self.ended = true;
        Read::Broken(place, format!("it is longer than {MOST_BYTES} bytes; nothing behind it is read"))
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
