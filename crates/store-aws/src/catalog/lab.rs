//! Counts, revision, codecs, clips, milestones, the loop's state: what is read whole.

use super::DynamoCatalog;
use super::ended;
use crate::table::item::write_document;
use crate::table::{Condition, Edit, Item, Key, REVISION, Stretch, Transaction, Turns, key, token};
use aiv1_model::api::ClipEntry;
use aiv1_model::{Arm, Counts, Digest, Status};
use aiv1_store::{Codec, Error, LoopState, Milestone};
use std::str::FromStr;

const PAUSED: &str = "paused";
const STOPPED_AT: &str = "stopped_at";
const CLIP: &str = "clip";
const PLACE: &str = "place";

/// Most codecs listed.
const CODECS: usize = 200;
/// Most milestones read.
const MILESTONES: usize = 500;

impl DynamoCatalog {
    pub(super) async fn read_counts(&self) -> Result<Counts, Error> {
        let Some(item) = self.table.get("count experiments", &Key::counts()).await? else {
            return Ok(Counts::default());
        };
        let of = |status: Status| Ok::<u64, Error>(item.find_number(status.as_str())?.unwrap_or(0));
        let counts = Counts {
            successful: of(Status::Successful)?,
            in_progress: of(Status::InProgress)?,
            failed: of(Status::Failed)?,
            queued: of(Status::Queued)?,
            other: of(Status::Other)?,
            total: 0,
        };
        let parts = [counts.successful, counts.in_progress, counts.failed, counts.queued, counts.other];
        Ok(Counts { total: parts.iter().sum(), ..counts })
    }

    /// The sum of two counters, so that what workers report meets no transaction. Both only ever grow: a sum that was
    /// read while they changed lies between that of before and that of after, and comes from no other state.
    pub(super) async fn read_revision(&self) -> Result<u64, Error> {
        let stretch = Stretch::until(key::STATE, Key::revision().sort, 2);
        let counters = self.table.query("read the revision", stretch).await?;
        let mut revision = 0_u64;
        for counter in &counters {
            revision += counter.find_number::<u64>(REVISION)?.unwrap_or(0);
        }
        Ok(revision)
    }

    pub(super) async fn read_loop_state(&self) -> Result<LoopState, Error> {
        loop_state(&self.table.query("read the loop's state", Stretch::whole(key::STATE, usize::MAX)).await?)
    }

    pub(super) async fn find_codec(&self, source: &Digest) -> Result<Option<Codec>, Error> {
        let found = self.table.get("read a codec", &Key::codec(source)).await?;
        found.map(|item| read_codec(*source, &item)).transpose()
    }

    pub(super) async fn list_codecs(&self) -> Result<Vec<Codec>, Error> {
        let action = "list codecs";
        let places = self.table.query(action, Stretch::whole(key::CODECS, CODECS).backwards()).await?;
        let sources = places.iter().map(|place| place.parse("source")).collect::<Result<Vec<Digest>, _>>()?;
        let found = self.table.get_all(action, sources.iter().map(Key::codec).collect()).await?;
        let known = sources.iter().filter_map(|source| Some((*source, found.get(&Key::codec(source))?)));
        known.map(|(source, item)| read_codec(source, item)).collect()
    }

    pub(super) async fn keep_clip(&self, clip: &ClipEntry) -> Result<(), Error> {
        let mut turns = Turns::new("keep a clip");
        let id = clip.info.id;
        let document = write_document(&format!("clip {id}"), clip)?;
        loop {
            let known = self.table.get(turns.action(), &Key::clip(&id)).await?;
            let (place, is_new) = match &known {
                Some(known) => (known.get_number(PLACE)?, false),
                None => (self.next_clip_place(turns.action()).await?, true),
            };
            let place = Key::new(key::CLIPS, place);
            let entry = Item::new(&place).text(CLIP, document.as_str());
            let mut transaction = Transaction::default();
            if is_new {
                transaction.put_if(Item::new(&Key::clip(&id)).number(PLACE, place.sort), Condition::Absent);
                transaction.put_if(entry, Condition::Absent);
            } else {
                let now = self.table.get(turns.action(), &place).await?;
                if now.is_some_and(|now| now == entry) {
                    return Ok(());
                }
                transaction.put(entry);
            }
            transaction.update(Key::revision(), Edit::default().add(REVISION, 1));
            if self.table.commit(turns.action(), &token(), transaction).await? {
                return Ok(());
            }
            turns.next().await?;
        }
    }

    async fn next_clip_place(&self, action: &'static str) -> Result<u128, Error> {
        let last = self.table.query(action, Stretch::whole(key::CLIPS, 1).backwards()).await?;
        let last = last.first().map(Item::key).transpose()?;
        Ok(last.map_or(1, |last| last.sort + 1))
    }

    pub(super) async fn list_clips(&self) -> Result<Vec<ClipEntry>, Error> {
        let found = self.table.query("list clips", Stretch::whole(key::CLIPS, usize::MAX)).await?;
        found.iter().map(|item| item.document(CLIP)).collect()
    }

    pub(super) async fn list_milestones(&self) -> Result<Vec<Milestone>, Error> {
        let latest = Stretch::whole(key::MILESTONES, MILESTONES).backwards();
        let found = self.table.query("list milestones", latest).await?;
        let mut milestones = found
            .iter()
            .rev()
            .map(|item| item.document::<Milestone>(ended::MILESTONE))
            .collect::<Result<Vec<_>, _>>()?;
        // Stable: within an arm they stay in order.
        milestones.sort_by_key(|milestone| milestone.arm);
        Ok(milestones)
    }
}

/// The item under a key, of those of a partition.
pub(super) fn at<'a>(items: &'a [Item], key: &Key) -> Option<&'a Item> {
    items.iter().find(|item| item.key().is_ok_and(|known| known == *key))
}

/// Where the loop stands, by everything in the partition of states.
pub(super) fn loop_state(items: &[Item]) -> Result<LoopState, Error> {
    let iterations =
        at(items, &Key::counts()).map(|item| item.find_number("iterations")).transpose()?.flatten();
    let mut state = LoopState { iterations: iterations.unwrap_or(0), ..LoopState::default() };
    for arm in Arm::ALL {
        let progress = at(items, &Key::arm(arm)).map(ended::progress).transpose()?.unwrap_or_default();
        state.evaluations.push((arm, progress.evaluations));
        if arm == Arm::Llm {
            state.spent_microdollars = progress.spent_microdollars;
        }
    }
    if let Some(course) = at(items, &Key::course()) {
        state.paused = course.is_on(PAUSED);
        state.stopped_at = course.find_text(STOPPED_AT)?.map(|_| course.parse(STOPPED_AT)).transpose()?;
    }
    Ok(state)
}

/// What operators decide of the loop's course.
pub(super) fn course(state: &LoopState) -> Item {
    let course = Item::new(&Key::course()).switch(PAUSED, state.paused);
    match state.stopped_at {
        Some(at) => course.text(STOPPED_AT, at.to_string()),
        None => course,
    }
}

fn read_codec(source: Digest, item: &Item) -> Result<Codec, Error> {
    Ok(Codec {
        source,
        name: item.get_text("name")?.to_owned(),
        first_seen: item.parse("first_seen")?,
        declaration: item.find_text("declaration")?.map(|_| item.document("declaration")).transpose()?,
        decoder: item
            .find_text("decoder")?
            .map(Digest::from_str)
            .transpose()
            .map_err(|error| item.damaged("decoder", &error))?,
        experiments: item.get_number("experiments")?,
    })
}
