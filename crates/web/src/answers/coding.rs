//! Content codings: which one a client takes (RFC 9110, section 12.5.3), and gzip.

use axum::http::{HeaderMap, header};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use std::io::Write as _;

/// Shorter than this, a body gains nothing by being compressed.
const LEAST_BYTES: usize = 256;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Coding {
    /// As it is.
    Identity,
    /// Compressed.
    Gzip,
}

impl Coding {
    /// What the client would rather have: gzip, unless it does not take it or takes the plain text more gladly.
    pub(super) fn preferred(request: &HeaderMap) -> Self {
        let values = request.get_all(header::ACCEPT_ENCODING);
        let items = values.iter().filter_map(|value| value.to_str().ok()).flat_map(|text| text.split(','));
        let (mut gzip, mut any, mut identity) = (None, None, None);
        for item in items {
            let mut parts = item.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default();
            let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
            let weight = weight.map_or(Some(1.0), |weight| weight.trim().parse::<f32>().ok());
            let named = if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") {
                &mut gzip
            } else if name.eq_ignore_ascii_case("identity") {
                &mut identity
            } else if name == "*" {
                &mut any
            } else {
                continue;
            };
            // A weight that is no number is as good as none at all.
            *named = Some(weight.unwrap_or(0.0));
        }
        let gzip = gzip.or(any).unwrap_or(0.0);
        if gzip > 0.0 && gzip >= identity.unwrap_or(0.0) { Self::Gzip } else { Self::Identity }
    }

    /// What `Content-Encoding` says.
    pub(super) const fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
        }
    }
}

/// The body compressed; `None` where that would not make it smaller.
pub(super) fn gzip(body: &[u8]) -> Option<Bytes> {
    if body.len() < LEAST_BYTES {
        return None;
    }
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).ok()?;
    let packed = encoder.finish().ok()?;
    (packed.len() < body.len()).then(|| Bytes::from(packed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use std::io::Read as _;

    fn preferred(accept: &[&str]) -> Coding {
        let value = |text: &&str| (header::ACCEPT_ENCODING, HeaderValue::from_str(text).unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in accept.iter().map(value) {
            headers.append(name, value);
        }
        Coding::preferred(&headers)
    }

    #[test]
    fn gzip_is_used_where_it_is_taken_and_nowhere_else() {
        for taken in
            ["gzip", "gzip, deflate, br, zstd", "br;q=1.0, GZIP;q=0.4", "*", "x-gzip", "identity;q=0.5, gzip"]
        {
            assert_eq!(preferred(&[taken]), Coding::Gzip, "{taken}");
        }
        assert_eq!(preferred(&["br", "gzip"]), Coding::Gzip);
        for refused in [
            "",
            "identity",
            "br",
            "gzip;q=0",
            "gzip; q=0.0, *",
            "*;q=0",
            "identity, gzip;q=0.5",
            "gzip;q=x",
            "gzipped",
        ] {
            assert_eq!(preferred(&[refused]), Coding::Identity, "{refused}");
        }
    }

    #[test]
    fn what_was_compressed_reads_as_it_was_and_what_gains_nothing_is_left() {
        let text = "a page of a laboratory ".repeat(400);
        let packed = gzip(text.as_bytes()).unwrap();
        let mut back = String::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut back).unwrap();
        assert_eq!(back, text);
        assert!(gzip(b"short").is_none());
    }
}
