//! Recorded replies: a whole evolution, replayed without a network.
//!
//! One file an answer, `SHA-256 OF THE REQUEST'S BODY.json`:
//!
//! ```json
//! {"format": "aiv1-reply/1", "request": "SHA-256", "provider": "anthropic", "answer": {"content": []}}
//! ```
//!
//! `answer` is the provider's document as it came. The key is in no request's body and in no record. A request is a function
//! of the brief, so a loop that starts from the same catalog asks the same and is told the same.

use super::DesignError;
use super::Provider;
use super::call::MAX_ANSWER;
use aiv1_model::Digest;
use serde::{Deserialize, Serialize};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

const FORMAT: &str = "aiv1-reply/1";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    format: String,
    request: Digest,
    provider: String,
    answer: serde_json::Value,
}

/// The answer that was recorded for `request`.
pub(crate) fn read(folder: &Path, provider: Provider, request: &[u8]) -> Result<Vec<u8>, DesignError> {
    let digest = Digest::of(request);
    let path = path(folder, digest);
    let file = match std::fs::File::open(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(DesignError::NotRecorded { request: digest, folder: folder.to_owned() });
        }
        other => other.map_err(DesignError::file("open the record", &path))?,
    };
    let damaged = |reason: String| DesignError::Damaged { path: path.clone(), reason };
    // What is written again may have other blanks than what came.
    let most = 2 * MAX_ANSWER;
    let mut text = Vec::new();
    file.take(most + 1).read_to_end(&mut text).map_err(DesignError::file("read the record", &path))?;
    if text.len() as u64 > most {
        return Err(damaged(format!("it has more than the {most} bytes that are read")));
    }
    let recorded: Recorded = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
    let Recorded { format, request, provider: by, answer } = recorded;
    if format != FORMAT {
        return Err(damaged(format!("its format is {format:.40?}, {FORMAT:?} is read here")));
    }
    if request != digest || by != provider.as_str() {
        return Err(damaged(format!("it answers {request} of {by:.40?}, not what its name says")));
    }
    Ok(answer.to_string().into_bytes())
}

/// Keeps the answer to `request`; what is no JSON is kept by nobody, since it is no answer.
pub(crate) fn write(
    folder: &Path,
    provider: Provider,
    request: &[u8],
    answer: &[u8],
) -> Result<(), DesignError> {
    let Ok(answer) = serde_json::from_slice(answer) else { return Ok(()) };
    let request = Digest::of(request);
    let path = path(folder, request);
    let recorded =
        Recorded { format: FORMAT.to_owned(), request, provider: provider.as_str().to_owned(), answer };
    let failed = |error| DesignError::file("write the record", &path)(error);
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    writeln!(file, "{:#}", serde_json::json!(recorded)).map_err(failed)?;
    file.persist(&path).map(drop).map_err(|error| failed(error.error))
}

fn path(folder: &Path, request: Digest) -> PathBuf {
    folder.join(format!("{request}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_recorded_is_found_by_its_request_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let folder = &folder.path().join("new");
        write(folder, Provider::OpenAi, b"request", br#"{"choices": []}"#).unwrap();
        write(folder, Provider::OpenAi, b"broken", b"<html>").unwrap();
        assert_eq!(read(folder, Provider::OpenAi, b"request").unwrap(), br#"{"choices":[]}"#);
        for other in [&b"request "[..], b"broken"] {
            let error = read(folder, Provider::OpenAi, other).unwrap_err();
            assert!(matches!(error, DesignError::NotRecorded { .. }), "{error}");
        }
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), 1, "nothing else is left behind");
    }

    #[test]
    fn a_damaged_record_is_named_with_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let path = path(folder, Digest::of(b"request"));
        let digest = Digest::of(b"other");
        let other =
            format!(r#"{{"format":"aiv1-reply/1","request":"{digest}","provider":"openai","answer":{{}}}}"#);
        for (text, reason) in [
            ("{", "EOF"),
            (&other, "not what its name says"),
            (&other.replace("reply/1", "reply/2"), "its format is"),
            (&" ".repeat(5 << 20), "more than the"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(folder, Provider::OpenAi, b"request").unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains(".json"), "{error}");
        }
    }
}
