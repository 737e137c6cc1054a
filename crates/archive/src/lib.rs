//! A bundle as one `.tar` file: the same files always give the same bytes.
//!
//! A crate of its own, because two write such files that share nothing else: the lab from a folder, and the function that
//! rebuilds an archive from stored objects, one at a time. Whoever packs puts `manifest.json` first and then the files in
//! the order in which the manifest lists them.

use std::io::{self, Read, Write};

/// An archive in the making.
pub struct Packer<W: Write>(tar::Builder<W>);

impl<W: Write> Packer<W> {
    /// Nothing in it yet.
    pub fn new(writer: W) -> Self {
        Self(tar::Builder::new(writer))
    }

    /// Adds a file of exactly `bytes` bytes. Nothing of where it came from goes in: no date, no owner, no mode.
    pub fn add(&mut self, path: &str, bytes: u64, content: impl Read) -> io::Result<()> {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes);
        header.set_mode(0o644);
        header.set_mtime(0);
        let mut content = Exactly { content, left: bytes };
        self.0.append_data(&mut header, path, &mut content)?;
        match content.left {
            0 => Ok(()),
            left => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("{path} ends {left} bytes before the {bytes} that its header says"),
            )),
        }
    }

    /// Writes the end of the archive.
    pub fn finish(self) -> io::Result<W> {
        let mut writer = self.0.into_inner()?;
        writer.flush()?;
        Ok(writer)
    }
}

/// Passes on so many bytes and counts what is missing; what comes after them is not read.
struct Exactly<R> {
    content: R,
    left: u64,
}

impl<R: Read> Read for Exactly<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.content.read(&mut buffer[..most])?;
        self.left -= read as u64;
        Ok(read)
    }
}

impl<W: Write> std::fmt::Debug for Packer<W> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Packer(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_holds_what_went_in_and_nothing_of_where_it_came_from() {
        let mut packer = Packer::new(Vec::new());
        packer.add("manifest.json", 2, &b"{}"[..]).unwrap();
        packer.add("streams/a/q01.aiv1", 3, &b"abc and more"[..]).unwrap();
        let bytes = packer.finish().unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let read = |entry: io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.mtime().unwrap(), header.mode().unwrap()), (0, 0o644));
            assert_eq!((header.as_old().uid, header.as_old().gid), ([0; 8], [0; 8]));
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.path().unwrap().to_string_lossy().into_owned(), text)
        };
        let entries: Vec<_> = archive.entries().unwrap().map(read).collect();
        let expected = [("manifest.json", "{}"), ("streams/a/q01.aiv1", "abc")];
        assert_eq!(entries, expected.map(|(path, text)| (path.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_file_shorter_than_said_is_an_error() {
        let mut packer = Packer::new(Vec::new());
        let error = packer.add("record.json", 5, &b"abc"[..]).unwrap_err();
        assert_eq!(error.to_string(), "record.json ends 2 bytes before the 5 that its header says");
    }
}
