//! An object whose beginning is known last: S3 orders parts by number, so part 1 is sent last. It holds the head and the
//! first bytes that were added, which are kept until then because a part may not be smaller than 5 MiB.
//!
//! S3 dates an object that was sent in parts by the first of them: its week begins minutes before it is finished.

use super::S3Blobs;
use super::multipart::{Multipart, PART_BYTES};
use aiv1_store::{BlobKey, Blobs as _, Error, Upload};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};

/// Smallest part that is not the last.
const FIRST_BYTES: usize = 5 << 20;

/// An object on its way; at most two parts of it in memory.
#[derive(Debug)]
pub(super) struct S3Upload {
    blobs: S3Blobs,
    key: BlobKey,
    /// What follows the head in part 1.
    first: BytesMut,
    /// The part that is being filled.
    part: BytesMut,
    /// Number of that part.
    number: i32,
    /// Begun when the first part is full: a small object is put in one request.
    sent: Option<Multipart>,
}

impl S3Upload {
    pub(super) fn new(blobs: S3Blobs, key: BlobKey) -> Self {
        Self { blobs, key, first: BytesMut::new(), part: BytesMut::new(), number: 2, sent: None }
    }

    async fn send_part(&mut self) -> Result<(), Error> {
        let sent = match &mut self.sent {
            Some(sent) => sent,
            none => none.insert(Multipart::begin(&self.blobs, &self.key).await?),
        };
        sent.part(self.number, self.part.split().freeze()).await?;
        self.number += 1;
        Ok(())
    }
}

#[async_trait]
impl Upload for S3Upload {
    async fn append(&mut self, mut bytes: Bytes) -> Result<(), Error> {
        let first = bytes.split_to(bytes.len().min(FIRST_BYTES - self.first.len()));
        self.first.extend_from_slice(&first);
        while !bytes.is_empty() {
            let next = bytes.split_to(bytes.len().min(PART_BYTES - self.part.len()));
            self.part.extend_from_slice(&next);
            if self.part.len() == PART_BYTES {
                self.send_part().await?;
            }
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>, head: Bytes) -> Result<u64, Error> {
        let mut begin = BytesMut::with_capacity(head.len() + self.first.len());
        begin.extend_from_slice(&head);
        begin.extend_from_slice(&self.first);
        let Some(mut sent) = self.sent.take() else {
            begin.extend_from_slice(&self.part);
            let bytes = begin.len() as u64;
            return self.blobs.put(&self.key, begin.freeze()).await.map(|()| bytes);
        };
        let rest = async {
            if !self.part.is_empty() {
                sent.part(self.number, self.part.freeze()).await?;
            }
            sent.part(1, begin.freeze()).await
        };
        match rest.await {
            Ok(()) => sent.complete().await,
            Err(error) => {
                sent.give_up().await;
                Err(error)
            }
        }
    }

    async fn abort(mut self: Box<Self>) -> Result<(), Error> {
        match self.sent.take() {
            Some(sent) => sent.abort().await,
            None => Ok(()),
        }
    }
}
