//! Keys out of a listing of a bucket: `aws s3 ls --recursive`, or the JSON of `aws s3api list-objects-v2`.

use super::documents::{self, Documents, Place, is_damage};
use serde_json::Value;
use std::io::{self, BufRead, Read as _};
use std::path::Path;

/// Longest line of a listing: a key has 1024 bytes at most.
const MOST_LINE: u64 = 8192;

/// What is read of a listing.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    /// An object's key and size.
    Object(String, Option<u64>),
    /// Something that is none, and why.
    Broken(Place, String),
}

/// The objects of a listing, one at a time.
pub(super) fn open(file: &Path) -> io::Result<Box<dyn Iterator<Item = io::Result<Read>>>> {
    of(documents::text(file)?)
}

fn of(mut text: Box<dyn BufRead>) -> io::Result<Box<dyn Iterator<Item = io::Result<Read>>>> {
    let json = text.fill_buf()?.trim_ascii_start().first().is_some_and(|first| matches!(first, b'{' | b'['));
    if !json {
        return Ok(Box::new(Lines { text, line: 0, ended: false }));
    }
    Ok(Box::new(Documents::of(text).flat_map(|read| match read {
        Err(error) => vec![Err(error)],
        Ok(documents::Read::Broken(place, reason)) => vec![Ok(Read::Broken(place, reason))],
        Ok(documents::Read::Document(place, document)) => {
            objects(place, &document).into_iter().map(Ok).collect()
        }
    })))
}

/// The objects of a `ListObjects` answer, or of a list of them.
fn objects(place: Place, document: &Value) -> Vec<Read> {
    let object = |(index, object): (usize, &Value)| match object["Key"].as_str() {
        Some(key) => Read::Object(key.to_owned(), object["Size"].as_u64()),
        None => Read::Broken(place.item(index), "it has no Key".to_owned()),
    };
    match document.get("Contents").unwrap_or(document) {
        Value::Array(contents) => contents.iter().enumerate().map(object).collect(),
        _ => vec![Read::Broken(place, "it has no Contents".to_owned())],
    }
}

/// Lines of date, time, size and key.
struct Lines {
    text: Box<dyn BufRead>,
    line: u64,
    ended: bool,
}

impl Lines {
    fn read(&mut self) -> io::Result<Option<Read>> {
        loop {
            let mut line = Vec::new();
            self.line += 1;
            let place = Place::line(self.line);
            let read = self.text.by_ref().take(MOST_LINE + 1).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(None);
            }
            if read as u64 > MOST_LINE {
                self.ended = true;
                return Ok(Some(Read::Broken(place, format!("it is longer than {MOST_LINE} bytes"))));
            }
            let Ok(line) = str::from_utf8(&line) else {
                return Ok(Some(Read::Broken(place, "it is not UTF-8".to_owned())));
            };
            // The sums that `--summarize` puts below.
            let line = line.trim();
            if !line.is_empty() && !line.starts_with("Total ") {
                let object = object(line).map(|(key, bytes)| Read::Object(key, Some(bytes)));
                let broken = || Read::Broken(place, "it is not DATE TIME SIZE KEY".to_owned());
                return Ok(Some(object.unwrap_or_else(broken)));
            }
        }
    }
}

/// `2025-10-16 01:16:55   12345 reconstructed/a key.mp4`.
fn object(line: &str) -> Option<(String, u64)> {
    let mut rest = line;
    let mut field = || {
        let (field, more) = rest.split_once(' ')?;
        rest = more.trim_start();
        Some(field)
    };
    let (date, time, bytes) = (field()?, field()?, field()?);
    let sound = date.len() == 10 && time.len() == 8 && !rest.is_empty();
    sound.then_some((rest.to_owned(), bytes.parse().ok()?))
}

impl Iterator for Lines {
    type Item = io::Result<Read>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.read() {
            Err(error) => {
                self.ended = true;
                let damage = is_damage(&error);
                let broken = format!("the file is damaged here: {error}");
                Some(if damage { Ok(Read::Broken(Place::line(self.line), broken)) } else { Err(error) })
            }
            Ok(read) => read.map(Ok),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Vec<Read> {
        of(Box::new(text.as_bytes())).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn both_forms_of_a_listing_give_keys_with_their_sizes() {
        let object = |key: &str, bytes| Read::Object(key.to_owned(), Some(bytes));
        let expected = [object("reconstructed/x.mp4", 12_345), object("a key with spaces", 0)];
        let lines = "2025-10-16 01:16:55      12345 reconstructed/x.mp4\n2025-10-16 01:16:56          0 a key with spaces\n\nTotal Objects: 2\n   Total Size: 12345\n";
        assert_eq!(read(lines), expected);
        let json = r#"{ "Contents": [
            { "Key": "reconstructed/x.mp4", "Size": 12345, "ETag": "\"x\"" },
            { "Key": "a key with spaces", "Size": 0 }
        ] }"#;
        assert_eq!(read(json), expected);
    }

    #[test]
    fn what_is_no_listing_is_refused_by_its_line() {
        let places = |text| {
            let broken = |read| match read {
                Read::Broken(place, _) => Some(place.to_string()),
                Read::Object(..) => None,
            };
            read(text).into_iter().filter_map(broken).collect::<Vec<_>>()
        };
        assert_eq!(
            places("2025-10-16 01:16:55 1 a\nnonsense\n2025-10-16 01:16:55 many b"),
            ["line 2", "line 3"]
        );
        assert_eq!(places(r#"{"Contents":[{"Key":"a"},{"key":"b"}]}"#), ["line 1, item 2"]);
        assert_eq!(places(r#"{"Objects":[]}"#), ["line 1"]);
        assert_eq!(places(""), [""; 0]);
    }
}
