//! `aiv1 import`: the earlier system's records, and the keys of its bucket, into a lab's catalog. Doing it again changes
//! nothing.

mod documents;
mod listing;

use super::Context;
use super::operate::{self, OperateError};
use crate::arguments::Import;
use crate::exit::{self, printable};
use crate::store;
use aiv1_lab::Error;
use aiv1_model::legacy::{self, LegacyObject};
use aiv1_model::{LegacyExperiment, LegacyId};
use aiv1_store::Catalog;
use documents::{Documents, Place, Read};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;

/// Most refusals that are told one by one.
const TOLD: usize = 200;

/// What came of an import.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Imported {
    /// Records that were not there.
    new: u64,
    /// Records that say more, or other, than they did.
    changed: u64,
    /// Records that were there as they are.
    unchanged: u64,
    /// Items that are no records.
    refused: u64,
    /// The first of them.
    refusals: Vec<Refusal>,
    /// Objects of the bucket.
    keys: Keys,
}

/// What came of a listing of the bucket.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Keys {
    /// Put to their records.
    attached: u64,
    /// There already.
    unchanged: u64,
    /// By their names of a record, but there is none.
    without_record: u64,
    /// Of no record: reference clips, packages.
    passed_over: u64,
}

#[derive(Debug, PartialEq, Serialize)]
struct Refusal {
    file: String,
    place: String,
    reason: String,
}

/// Imports, tells what came of it, and says by the exit code whether all of it could be taken.
pub(crate) fn import(context: &Context, arguments: &Import) -> ExitCode {
    match run(arguments).and_then(|imported| {
        context.result(&imported, &imported.lines())?;
        Ok(imported.code())
    }) {
        Ok(code) => code,
        Err(error) => operate::code(Err(error)),
    }
}

fn run(arguments: &Import) -> Result<Imported, OperateError> {
    operate::runtime()?.block_on(async {
        let store = store::open(arguments.data.as_deref()).await?;
        let mut imported = Imported::default();
        for file in &arguments.files {
            imported.items(&*store.catalog, file).await?;
        }
        for file in &arguments.keys {
            imported.objects(&*store.catalog, file).await?;
        }
        Ok(imported)
    })
}

impl Imported {
    /// The items of a file.
    async fn items(&mut self, catalog: &dyn Catalog, file: &Path) -> Result<(), OperateError> {
        for read in Documents::open(file).map_err(Error::file("open", file))? {
            match read.map_err(Error::file("read", file))? {
                Read::Document(place, document) => {
                    let items = legacy::items(document);
                    let many = items.len() > 1;
                    for (index, item) in items.into_iter().enumerate() {
                        let place = if many { place.item(index) } else { place };
                        self.item(catalog, file, place, item).await?;
                    }
                }
                Read::Broken(place, reason) => self.refuse(file, place, reason),
            }
        }
        Ok(())
    }

    async fn item(
        &mut self,
        catalog: &dyn Catalog,
        file: &Path,
        place: Place,
        item: Value,
    ) -> Result<(), OperateError> {
        let record = match legacy::read(item) {
            Ok(record) => record,
            Err(error) => {
                self.refuse(file, place, error.to_string());
                return Ok(());
            }
        };
        let known = catalog.legacy(record.id.as_str()).await?.is_some();
        let counted = match (catalog.put_legacy(&record).await?, known) {
            (false, _) => &mut self.unchanged,
            (true, true) => &mut self.changed,
            (true, false) => &mut self.new,
        };
        *counted += 1;
        Ok(())
    }

    /// The objects of a listing.
    async fn objects(&mut self, catalog: &dyn Catalog, file: &Path) -> Result<(), OperateError> {
        for read in listing::open(file).map_err(Error::file("open", file))? {
            match read.map_err(Error::file("read", file))? {
                listing::Read::Object(key, bytes) => match LegacyObject::of(&key, bytes) {
                    Some(object) => self.object(catalog, object).await?,
                    None => self.keys.passed_over += 1,
                },
                listing::Read::Broken(place, reason) => self.refuse(file, place, reason),
            }
        }
        Ok(())
    }

    async fn object(&mut self, catalog: &dyn Catalog, object: LegacyObject) -> Result<(), OperateError> {
        let Some(known) = owner(catalog, &object.ids).await? else {
            self.keys.without_record += 1;
            return Ok(());
        };
        let attached = catalog.put_legacy(&known.with_artefacts([object.artefact])).await?;
        *if attached { &mut self.keys.attached } else { &mut self.keys.unchanged } += 1;
        Ok(())
    }

    fn refuse(&mut self, file: &Path, place: Place, reason: String) {
        self.refused += 1;
        if self.refusals.len() < TOLD {
            self.refusals.push(Refusal {
                file: file.display().to_string(),
                place: place.to_string(),
                reason,
            });
        }
    }

    fn lines(&self) -> Vec<String> {
        let Self { new, changed, unchanged, refused, refusals, keys } = self;
        let mut lines =
            vec![format!("records: {new} new, {changed} changed, {unchanged} unchanged, {refused} refused")];
        if *keys != Keys::default() {
            let Keys { attached, unchanged, without_record, passed_over } = keys;
            lines.push(format!(
                "keys: {attached} attached, {unchanged} unchanged, {without_record} without a record, {passed_over} of no record"
            ));
        }
        lines.extend(refusals.iter().map(|Refusal { file, place, reason }| {
            printable(&format!("refused: {file}, {place}: {reason}"))
        }));
        let more = refused - refusals.len() as u64;
        if more > 0 {
            lines.push(format!("and {more} more were refused"));
        }
        lines
    }

    fn code(&self) -> ExitCode {
        let taken = self.new + self.changed + self.unchanged + self.keys.attached + self.keys.unchanged;
        match (self.refused, taken) {
            (0, _) => ExitCode::SUCCESS,
            (_, 0) => ExitCode::from(exit::USAGE),
            _ => ExitCode::from(exit::INCOMPLETE),
        }
    }
}

/// The first of these records that there is.
async fn owner(catalog: &dyn Catalog, ids: &[LegacyId]) -> Result<Option<LegacyExperiment>, OperateError> {
    for id in ids {
        if let Some(known) = catalog.legacy(id.as_str()).await? {
            return Ok(Some(known));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
