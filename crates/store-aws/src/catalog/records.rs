//! Records: gzipped, in pieces, under the digest of their text.
//!
//! Pieces are written before the transaction that names them, so a record that is named is there; one that nobody names,
//! because its transaction failed, is harmless.

use super::DynamoCatalog;
use super::entries::RecordPieces;
use crate::table::{Item, Stretch, key};
use aiv1_model::{Digest, ExperimentId, Record};
use aiv1_store::Error;
use flate2::Compression;
use flate2::read::{GzDecoder, GzEncoder};
use std::io::Read as _;

const ACTION: &str = "keep a record";
const PIECE: &str = "piece";

/// Bytes of a piece: an item may have 400 KiB.
const PIECE_BYTES: usize = 350 << 10;

/// Most bytes of a record's text, without its per-frame series.
const MAX_BYTES: u64 = 16 << 20;

impl DynamoCatalog {
    /// Keeps a record, without its per-frame series.
    pub(super) async fn keep_record(
        &self,
        id: &ExperimentId,
        record: &Record,
    ) -> Result<RecordPieces, Error> {
        let what = format!("the record of {id}");
        let text =
            serde_json::to_vec(&record.clone().without_series()).map_err(|error| damaged(&what, &error))?;
        if text.len() as u64 > MAX_BYTES {
            return Err(Error::TooLarge { key: what, bytes: text.len() as u64, most: MAX_BYTES });
        }
        let digest = Digest::of(&text);
        let mut packed = Vec::new();
        GzEncoder::new(&*text, Compression::default())
            .read_to_end(&mut packed)
            .map_err(|error| damaged(&what, &error))?;
        let pieces = packed.chunks(PIECE_BYTES);
        let kept = RecordPieces { digest, pieces: u32::try_from(pieces.len()).unwrap_or(u32::MAX) };
        for (place, piece) in kept.keys(id).zip(pieces) {
            self.table.put(ACTION, Item::new(&place).bytes(PIECE, piece.to_vec())).await?;
        }
        Ok(kept)
    }

    pub(super) async fn find_record(&self, id: &ExperimentId) -> Result<Option<Record>, Error> {
        let action = "read a record";
        let named = async || Ok::<_, Error>(self.find(action, id).await?.and_then(|known| known.record));
        let Some(mut record) = named().await? else { return Ok(None) };
        let what = format!("the record of {id}");
        let found = loop {
            let RecordPieces { digest, pieces } = record;
            let partition = key::record(id, &digest);
            let found = self.table.query(action, Stretch::whole(&partition, pieces as usize)).await?;
            if found.len() == pieces as usize {
                break found;
            }
            // It may have been purged, or measured again, between the two reads.
            match named().await? {
                Some(now) if now == record => {
                    return Err(damaged(&what, &format!("{} of {pieces} pieces are there", found.len())));
                }
                Some(now) => record = now,
                None => return Ok(None),
            }
        };
        let digest = record.digest;
        let mut packed = Vec::new();
        for piece in &found {
            packed.extend_from_slice(piece.get_bytes(PIECE)?);
        }
        let mut text = Vec::new();
        GzDecoder::new(&*packed)
            .take(MAX_BYTES + 1)
            .read_to_end(&mut text)
            .map_err(|error| damaged(&what, &error))?;
        if Digest::of(&text) != digest {
            return Err(damaged(
                &what,
                &format!("its SHA-256 is {}, but should be {digest}", Digest::of(&text)),
            ));
        }
        serde_json::from_slice(&text).map(Some).map_err(|error| damaged(&what, &error))
    }
}

fn damaged(what: &str, reason: &dyn std::fmt::Display) -> Error {
    Error::Damaged { what: what.to_owned(), reason: reason.to_string() }
}
