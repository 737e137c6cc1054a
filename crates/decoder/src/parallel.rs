//! A whole stream on several threads: results in order, memory bounded, the first error wins.

use crate::stream::Reader;
use crate::{DecodedGop, Decoder, Error};
use std::collections::BTreeMap;
use std::io::{Read, Seek};
use std::num::NonZeroUsize;
use std::sync::mpsc::{self, Sender};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Which groups of pictures to decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeRange {
    /// The first.
    pub first_gop: u32,
    /// How many; fewer if the stream ends before.
    pub gops: u32,
}

impl DecodeRange {
    /// All of a stream.
    pub const ALL: Self = Self::from(0);

    /// From one on to the end.
    #[must_use]
    pub const fn from(first_gop: u32) -> Self {
        Self { first_gop, gops: u32::MAX }
    }
}

/// One group of pictures, in its turn.
#[derive(Debug)]
pub struct Delivery {
    /// Its number in the stream.
    pub index: u32,
    /// Number of its first frame in the stream.
    pub first_frame: u64,
    /// Bytes of its payload.
    pub payload_len: u32,
    /// The frames.
    pub gop: DecodedGop,
}

/// Decodes a range of a stream on `threads` threads and delivers it in order, on the calling thread.
///
/// At most `threads + 1` groups of pictures are in memory at a time, those waiting for their turn and the one being
/// delivered included. Every record's hash and every frame's is checked before delivery. The first error, in the order
/// of the stream, ends it; so does the first of `deliver`.
pub fn decode_stream<R, E>(
    reader: &mut Reader<R>,
    decoder: &Decoder,
    range: DecodeRange,
    threads: NonZeroUsize,
    mut deliver: impl FnMut(Delivery) -> Result<(), E>,
) -> Result<(), E>
where
    R: Read + Seek + Send,
    E: From<Error>,
{
    let end = range.first_gop.saturating_add(range.gops).min(reader.gop_count());
    let shared = Shared {
        queue: Mutex::new(Queue { reader, next: range.first_gop, in_flight: 0, stopped: false }),
        room: Condvar::new(),
        end,
        most: threads.get() + 1,
    };
    let (sender, results) = mpsc::channel();
    let workers = threads.get().min(end.saturating_sub(range.first_gop) as usize);
    std::thread::scope(|scope| {
        let stop = StopOnDrop(&shared);
        for _ in 0..workers {
            let (sender, shared) = (sender.clone(), &shared);
            scope.spawn(move || work(shared, decoder, &sender));
        }
        drop(sender);
        let mut waiting = BTreeMap::new();
        for wanted in range.first_gop..end {
            let result = loop {
                if let Some(result) = waiting.remove(&wanted) {
                    break result;
                }
                // Only if a worker panicked; the scope passes the panic on.
                let Ok((index, result)) = results.recv() else { return Ok(()) };
                waiting.insert(index, result);
            };
            deliver(result?)?;
            shared.queue().in_flight -= 1;
            shared.room.notify_one();
        }
        drop(stop);
        Ok(())
    })
}

struct Shared<'a, R> {
    queue: Mutex<Queue<'a, R>>,
    room: Condvar,
    end: u32,
    most: usize,
}

struct Queue<'a, R> {
    reader: &'a mut Reader<R>,
    next: u32,
    in_flight: usize,
    stopped: bool,
}

impl<'a, R> Shared<'a, R> {
    fn queue(&self) -> MutexGuard<'_, Queue<'a, R>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.queue().stopped = true;
        self.room.notify_all();
    }
}

/// Whoever leaves, by an error or a panic, lets the others leave too.
struct StopOnDrop<'s, 'a, R>(&'s Shared<'a, R>);

impl<R> Drop for StopOnDrop<'_, '_, R> {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Takes records in order, as long as there is room, and decodes them.
fn work<R: Read + Seek>(
    shared: &Shared<'_, R>,
    decoder: &Decoder,
    sender: &Sender<(u32, Result<Delivery, Error>)>,
) {
    let stop = StopOnDrop(shared);
    loop {
        let mut queue = shared.queue();
        while queue.in_flight >= shared.most && !queue.stopped && queue.next < shared.end {
            queue = shared.room.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        if queue.stopped {
            break;
        }
        if queue.next >= shared.end {
            // The others still have work; only the last one to leave could stop them, and then there are none.
            drop(queue);
            std::mem::forget(stop);
            return;
        }
        let index = queue.next;
        queue.next += 1;
        queue.in_flight += 1;
        let header = *queue.reader.header();
        let record = queue.reader.read_gop(index);
        drop(queue);
        let result = record.map_err(Error::from).and_then(|record| {
            let gop = decoder.decode_record(&header, &record)?;
            let payload_len = record.payload.len() as u32;
            Ok(Delivery { index, first_frame: record.first_frame, payload_len, gop })
        });
        // Nobody listens any more once an earlier one has failed.
        if sender.send((index, result)).is_err() {
            break;
        }
    }
}
