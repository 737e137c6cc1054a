//! From who makes an object to the store that takes it, piece by piece: nothing is on a disk, and little in memory.

use crate::Error;
use crate::rebuilder::{Rebuilder, until};
use aiv1_store::Rebuild;
use bytes::{Bytes, BytesMut};
use std::io::{self, Write};
use std::time::Duration;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Bytes handed over at a time.
const PIECE: usize = 1 << 20;
/// Pieces that wait at most; who makes more waits for the store.
const WAITING: usize = 4;
/// Longest that removing an unfinished object may take: the job is still to be given back.
const REMOVING: Duration = Duration::from_secs(5);

/// The maker's end. It may only be written to where a thread may wait.
#[derive(Debug)]
pub(crate) struct Pipe {
    sender: Sender<Bytes>,
    piece: BytesMut,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        // Nobody takes it any more once the store has failed or the job was stopped.
        self.sender.blocking_send(self.piece.split().freeze()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Puts what `make` writes, and the head that it gives in the end before all that, in the target's place in one step; its
/// size. Whatever fails, and when `stop` is cancelled, nothing is left of it.
pub(crate) async fn put<F, T>(
    rebuilder: &Rebuilder,
    target: &Rebuild,
    stop: &CancellationToken,
    make: impl FnOnce(Pipe) -> F,
) -> Result<(u64, T), Error>
where
    F: Future<Output = Result<(Bytes, T), Error>>,
{
    let mut upload = until(stop, async { Ok(rebuilder.blobs.begin(target).await?) }).await?;
    let (sender, pieces) = channel(WAITING);
    let made = make(Pipe { sender, piece: BytesMut::new() });
    let whole = async {
        // Once an append has failed, this end is closed, and the maker stops.
        let append = async {
            let mut pieces = pieces;
            while let Some(piece) = pieces.recv().await {
                upload.append(piece).await?;
            }
            Ok::<_, Error>(())
        };
        let (appended, made) = tokio::join!(append, made);
        appended.and(made)
    };
    match until(stop, whole).await {
        Ok((head, value)) => {
            let bytes = until(stop, async { Ok(upload.finish(head).await?) }).await?;
            Ok((bytes, value))
        }
        Err(error) => {
            let left = match timeout(REMOVING, upload.abort()).await {
                Ok(Ok(())) => None,
                Ok(Err(failed)) => Some(aiv1_model::chain(&failed)),
                Err(_) => Some(format!("no answer within {REMOVING:?}")),
            };
            if let Some(error) = left {
                tracing::warn!(key = %target.key(), error, "an unfinished object was left to the store's own sweep");
            }
            Err(error)
        }
    }
}
