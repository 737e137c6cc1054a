//! What was made, per address and coding: bounded in bytes.

use super::Version;
use super::coding::Coding;
use bytes::Bytes;
use std::collections::HashMap;
use tokio::sync::watch;

/// Most bytes that are kept.
const MOST_BYTES: usize = 32 << 20;

/// What an entry takes beside its name and its answer, about: many short answers are much memory, too.
const ENTRY_BYTES: usize = 256;

/// Largest answer that is kept.
const LARGEST: usize = 1 << 20;

/// So many milliseconds an answer counts as recent after it was last known to be the current one.
const RECENT_MS: i64 = 1_000;

/// An answer as it was made.
#[derive(Clone, Debug)]
pub(super) struct Made {
    /// Of which version it is.
    pub(super) version: Version,
    /// Plain where compressing gains nothing.
    pub(super) coding: Coding,
    pub(super) body: Bytes,
}

/// Where who makes an answer tells of it.
pub(super) type Waiting = watch::Receiver<Option<Made>>;

/// What is there under an address.
#[derive(Debug)]
pub(super) enum Found {
    /// The answer as of the version that was asked for, or of a later one.
    Current(Made),
    /// None; maybe one that was current a moment ago, and somebody who makes the current one.
    Behind { recent: Option<Made>, underway: Option<Waiting> },
}

#[derive(Debug)]
struct Entry {
    made: Made,
    /// When it was last known to be the current one, in milliseconds.
    current_at: i64,
}

impl Entry {
    /// A clock that was set back makes nothing recent.
    fn is_recent(&self, now: i64) -> bool {
        (0..=RECENT_MS).contains(&(now - self.current_at))
    }
}

/// All that is kept, and all that is being made.
#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: usize,
    entries: HashMap<String, [Option<Entry>; 2]>,
    underway: HashMap<(String, Coding), (Version, Waiting)>,
}

impl Kept {
    /// What is there at `now`, in milliseconds.
    pub(super) fn find(&mut self, name: &str, coding: Coding, version: Version, now: i64) -> Found {
        let mut recent = None;
        if let Some(entry) = self.entries.get_mut(name).and_then(|entries| entries[coding as usize].as_mut())
        {
            if entry.made.version == version {
                entry.current_at = now;
                return Found::Current(entry.made.clone());
            }
            if entry.is_recent(now) {
                // Who asks has the revision of a moment ago; the answer is of a later one.
                if entry.made.version > version {
                    return Found::Current(entry.made.clone());
                }
                recent = Some(entry.made.clone());
            }
        }
        let underway = self.underway.get(&(name.to_owned(), coding));
        let underway = underway.filter(|(of, _)| *of == version).map(|(_, waiting)| waiting.clone());
        Found::Behind { recent, underway }
    }

    /// Notes that an answer is being made.
    pub(super) fn begin(&mut self, name: &str, coding: Coding, version: Version, waiting: Waiting) {
        self.underway.insert((name.to_owned(), coding), (version, waiting));
    }

    /// It no longer is, for whatever reason.
    pub(super) fn end(&mut self, name: &str, coding: Coding, version: Version) {
        let key = (name.to_owned(), coding);
        // Another may have begun a later version.
        if self.underway.get(&key).is_some_and(|(of, _)| *of == version) {
            self.underway.remove(&key);
        }
    }

    /// Keeps an answer to what was asked for in `coding`.
    pub(super) fn keep(&mut self, name: &str, coding: Coding, made: &Made, now: i64) {
        let size = size(name, made);
        if size > LARGEST {
            return;
        }
        if self.bytes + size > MOST_BYTES {
            // What nobody asks for goes first; if that is not enough, everything.
            self.entries.retain(|_, entries| entries.iter().flatten().any(|entry| entry.is_recent(now)));
            self.bytes = self.entries.iter().map(|(name, entries)| weight(name, entries)).sum();
            if self.bytes + size > MOST_BYTES {
                self.entries.clear();
                self.bytes = 0;
            }
        }
        let entries = self.entries.entry(name.to_owned()).or_default();
        let before = weight(name, entries);
        entries[coding as usize] = Some(Entry { made: made.clone(), current_at: now });
        self.bytes = self.bytes + weight(name, entries) - before;
    }
}

/// Bytes of the answers under an address.
fn weight(name: &str, entries: &[Option<Entry>; 2]) -> usize {
    entries.iter().flatten().map(|entry| size(name, &entry.made)).sum()
}

/// Bytes of one answer.
fn size(name: &str, made: &Made) -> usize {
    ENTRY_BYTES + name.len() + made.body.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(revision: u64, bytes: usize) -> Made {
        let body = Bytes::from(vec![b'x'; bytes]);
        Made { version: Version { revision, tick: 0 }, coding: Coding::Identity, body }
    }

    #[test]
    fn what_is_kept_is_bounded_whatever_is_asked_for() {
        let mut kept = Kept::default();
        for number in 0..200 {
            kept.keep(&format!("/{number}"), Coding::Identity, &made(1, LARGEST / 2), 0);
            assert!(kept.bytes <= MOST_BYTES, "{} bytes after {number}", kept.bytes);
            let weights: usize = kept.entries.iter().map(|(name, entries)| weight(name, entries)).sum();
            assert_eq!(kept.bytes, weights);
        }
        kept.keep("/large", Coding::Identity, &made(1, LARGEST + 1), 0);
        assert!(!kept.entries.contains_key("/large"));
        for revision in 0..200 {
            kept.keep("/same", Coding::Gzip, &made(revision, LARGEST / 2), 0);
        }
        assert!(kept.bytes <= MOST_BYTES);
    }

    #[test]
    fn short_answers_are_bounded_in_number() {
        let mut kept = Kept::default();
        let most = MOST_BYTES / ENTRY_BYTES;
        for number in 0..=most {
            kept.keep(&format!("/{number}"), Coding::Identity, &made(1, 0), 0);
        }
        assert!(kept.entries.len() < most, "{} entries", kept.entries.len());
    }

    #[test]
    fn an_answer_is_current_for_its_version_and_recent_for_the_next() {
        let mut kept = Kept::default();
        let version = |revision| Version { revision, tick: 0 };
        let is = |found: Found| match found {
            Found::Current(made) => (Some(made.version.revision), None),
            Found::Behind { recent, .. } => (None, recent.map(|made| made.version.revision)),
        };
        kept.keep("/", Coding::Identity, &made(5, 10), 9_000);
        assert_eq!(is(kept.find("/", Coding::Identity, version(5), 9_000)), (Some(5), None));
        assert_eq!(is(kept.find("/", Coding::Identity, version(4), 10_000)), (Some(5), None));
        assert_eq!(is(kept.find("/", Coding::Identity, version(6), 10_000)), (None, Some(5)));
        assert_eq!(is(kept.find("/", Coding::Identity, version(6), 10_001)), (None, None));
        assert_eq!(is(kept.find("/", Coding::Identity, version(6), 8_999)), (None, None));
        assert_eq!(is(kept.find("/", Coding::Gzip, version(5), 9_000)), (None, None));
        assert_eq!(is(kept.find("/other", Coding::Identity, version(5), 9_000)), (None, None));
    }
}
