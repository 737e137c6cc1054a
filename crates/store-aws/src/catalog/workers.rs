//! Workers: what each holds, and when it was last heard of.
//!
//! They are listed by an index whose entries are moved once an hour, not with every heartbeat: the list reads all of the
//! last day and an hour, and sorts by what the workers' own items say.

use super::DynamoCatalog;
use super::entries::micros;
use crate::TTL_ATTRIBUTE;
use crate::table::item::{number, text, write_document};
use crate::table::{Edit, Item, Key, Stretch, Transaction, key, token};
use aiv1_model::ExperimentId;
use aiv1_model::api::{WorkerInfo, WorkerStatus};
use aiv1_store::{Error, SEEN_GRAIN, WORKER_MEMORY};
use jiff::{SignedDuration, Timestamp};

const INFO: &str = "info";
const SEEN: &str = "last_seen";
const ENDED: &str = "ended";
const HOLDS: &str = "holds";
const INDEXED: &str = "indexed_at";
const ASKED: &str = "asked_at";

/// How much later a worker may have been heard of than the index says.
const INDEX_GRAIN: SignedDuration = SignedDuration::from_hours(1);

/// A worker that was not heard of for so long is removed.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Most workers shown.
const SHOWN: usize = 100;

/// Most workers of a day that are looked at for that; of more, those whose index entries are oldest may be left out.
const LOOKED_AT: usize = 1000;

/// A worker as it is stored.
#[derive(Clone, Debug, Default)]
pub(super) struct Worker {
    info: Option<WorkerInfo>,
    seen: Option<Timestamp>,
    ended: u64,
    pub(super) holds: Option<ExperimentId>,
    indexed: Option<Timestamp>,
    /// When it asked for work last: a request that it made before is not heard any more.
    asked: Option<Timestamp>,
}

impl Worker {
    fn read(item: &Item) -> Result<Self, Error> {
        let time = |name| match item.find_number(name)? {
            Some(at) => Timestamp::from_microsecond(at).map(Some).map_err(|error| item.damaged(name, &error)),
            None => Ok(None),
        };
        let holds = item.find_text(HOLDS)?.map(|id| ExperimentId::try_from(id.to_owned()));
        Ok(Self {
            info: item.find_text(INFO)?.and_then(|_| match item.document(INFO) {
                Ok(info) => Some(info),
                Err(error) => {
                    tracing::error!(%error, "what is known of a worker cannot be read");
                    None
                }
            }),
            seen: time(SEEN)?,
            ended: item.find_number(ENDED)?.unwrap_or(0),
            holds: holds.transpose().map_err(|error| item.damaged(HOLDS, &error))?,
            indexed: time(INDEXED)?,
            asked: time(ASKED)?,
        })
    }

    fn status(self) -> Option<WorkerStatus> {
        let Self { info, seen, ended, holds, .. } = self;
        Some(WorkerStatus { info: info?, last_seen: seen?, experiment: holds, ended })
    }

    /// Whether asking for work is worth noting.
    pub(super) fn is_news(&self, info: &WorkerInfo, asked_at: Timestamp, now: Timestamp) -> bool {
        let fresh = now.checked_sub(SEEN_GRAIN).unwrap_or(Timestamp::MIN);
        let known = self.info.as_ref() == Some(info) && self.asked == Some(asked_at);
        !known || self.seen.is_none_or(|seen| seen <= fresh)
    }

    /// Whether it has asked again after it asked at this time.
    pub(super) fn has_asked_since(&self, asked_at: Timestamp) -> bool {
        self.asked.is_some_and(|latest| latest > asked_at)
    }
}

/// A worker that was heard of.
fn seen(now: Timestamp) -> Edit {
    let forgotten = now.checked_add(FORGOTTEN).unwrap_or(Timestamp::MAX).as_second();
    Edit::default().set(SEEN, micros(now)).set(TTL_ATTRIBUTE, number(forgotten))
}

/// A worker that ends an experiment; `published` ones are counted.
pub(super) fn ends(now: Timestamp, published: bool) -> Edit {
    let edit = seen(now).remove(HOLDS);
    if published { edit.add(ENDED, 1) } else { edit }
}

/// Notes a worker that asked for work, and what it is given, in a transaction of which this is a part. It fails if the
/// worker has asked again or was given something since it was read.
pub(super) fn ask(
    transaction: &mut Transaction,
    known: &Worker,
    info: &WorkerInfo,
    given: Option<&ExperimentId>,
    (asked_at, now): (Timestamp, Timestamp),
) -> Result<(), Error> {
    let mut edit = seen(now).set(INFO, text(write_document("a worker", info)?));
    edit = edit.set(ASKED, micros(asked_at)).only_if(ASKED, known.asked.map(micros)).only_if(HOLDS, None);
    if let Some(id) = given {
        edit = edit.set(HOLDS, text(id.as_str()));
    }
    if known.indexed.is_none_or(|indexed| is_old(indexed, now)) {
        edit = edit.set(INDEXED, micros(now)).only_if(INDEXED, known.indexed.map(micros));
        move_index(transaction, &info.name, known.indexed, now);
    }
    transaction.update(Key::worker(&info.name), edit);
    Ok(())
}

fn is_old(indexed: Timestamp, now: Timestamp) -> bool {
    now.duration_since(indexed) >= INDEX_GRAIN
}

fn move_index(transaction: &mut Transaction, name: &str, from: Option<Timestamp>, to: Timestamp) {
    if let Some(from) = from {
        transaction.delete(Key::worker_seen(name, from));
    }
    let dies = to.checked_add(FORGOTTEN).unwrap_or(Timestamp::MAX).as_second();
    let entry = Item::new(&Key::worker_seen(name, to)).text("name", name);
    transaction.put(entry.number(TTL_ATTRIBUTE, dies));
}

impl DynamoCatalog {
    /// What is known of a worker.
    pub(super) async fn worker(&self, action: &'static str, name: &str) -> Result<Worker, Error> {
        let item = self.table.get(action, &Key::worker(name)).await?;
        Ok(item.as_ref().map(Worker::read).transpose()?.unwrap_or_default())
    }

    /// Notes a worker that reports.
    pub(super) async fn hear_of(
        &self,
        action: &'static str,
        name: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let heard = self.table.update(action, &Key::worker(name), seen(now).only_if_there()).await?;
        let Some(indexed) = heard.as_ref().map(Worker::read).transpose()?.and_then(|worker| worker.indexed)
        else {
            return Ok(());
        };
        if is_old(indexed, now) {
            let mut transaction = Transaction::default();
            let edit = Edit::default().set(INDEXED, micros(now)).only_if(INDEXED, Some(micros(indexed)));
            transaction.update(Key::worker(name), edit);
            move_index(&mut transaction, name, Some(indexed), now);
            // If another was first, it has been moved.
            self.table.commit(action, &token(), transaction).await?;
        }
        Ok(())
    }

    pub(super) async fn list_workers(&self) -> Result<Vec<WorkerStatus>, Error> {
        let (action, now) = ("list workers", self.clock.now());
        let since = now.checked_sub(WORKER_MEMORY).unwrap_or(Timestamp::MIN);
        let indexed = since.checked_sub(INDEX_GRAIN).unwrap_or(Timestamp::MIN);
        let mut stretch = Stretch::whole(key::WORKERS, LOOKED_AT).backwards();
        stretch.from = key::hashed_from(indexed);
        let entries = self.table.query(action, stretch).await?;
        let keys = entries.iter().map(|entry| Ok(Key::worker(entry.get_text("name")?)));
        let found = self.table.get_all(action, keys.collect::<Result<_, Error>>()?).await?;
        let workers = found.values().map(Worker::read).collect::<Result<Vec<_>, _>>()?;
        let mut workers: Vec<_> = workers.into_iter().filter_map(Worker::status).collect();
        workers.retain(|worker| worker.last_seen > since);
        workers.sort_by(|one, other| {
            other.last_seen.cmp(&one.last_seen).then_with(|| one.info.name.cmp(&other.info.name))
        });
        workers.truncate(SHOWN);
        Ok(workers)
    }
}
